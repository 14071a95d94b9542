"""What models are asked in MT-Bench: messages for servers, templates of fastchat, and what a template ends at."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval.api.registry import model_registry

from judge_server import Body, JudgeServer, Reply, chat_reply
from longismore.errors import ConfigError, LongismoreError, MissingDependencyError, UnknownNameError, UsageError
from longismore.harness._mtbench_prompts import check_conversation, prompts_for
from longismore.harness._mtbench_turn import Ask, ask_turn
from longismore.harness.mtbench_generate import Generated, Place, generate_answers
from longismore.mtbench import read_answers
from mtbench_talk import QUESTIONS, TalkLM, said

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["airoboros_v3", "alpaca", "falcon", "llama-2", "mistral", "one_shot", "raw", "vicuna_v1.1", "zephyr"]


def answer(body: Body) -> Reply:
    """What the model says, from all messages."""
    return chat_reply(body, said(json.dumps(body["messages"])))


def generate(server: JudgeServer, folder: Path, more: str = "", **changes: Any) -> Generated:
    """Ask the model behind a server all questions."""
    model_args = f"model=org/tuned,base_url={server.base_url}/chat/completions,max_retries=1{more}"
    given: dict[str, Any] = {"model": "local-chat-completions", "model_args": model_args, "folder": folder}
    return generate_answers(QUESTIONS, **(given | changes))


@pytest.mark.parametrize("concurrent", [1, 4])
def test_a_server_gets_the_conversation_in_messages(tmp_path: Path, concurrent: int) -> None:
    """The second request of a question has its first answer, in the middle of three messages."""
    with JudgeServer(reply=answer) as server:
        found = generate(server, tmp_path, f",num_concurrent={concurrent}", seed=7, max_new_tokens=9)
    assert "the chat template of its server" == found.prompts
    by_text = {json.dumps(body["messages"]): body for body in server.requests}
    assert 8 == len(by_text)
    temperatures = {"writing": 0.7, "reasoning": 0.0, "math": 0.0, "stem": 0.1}
    answers = {each.question: each.turns for each in read_answers(found.path)}
    for question in QUESTIONS:
        chat = [{"role": "user", "content": question.turns[0]}]
        first = by_text[json.dumps(chat)]
        chat += [
            {"role": "assistant", "content": answers[question.id][0]},
            {"role": "user", "content": question.turns[1]},
        ]
        second = by_text[json.dumps(chat)]
        assert answers[question.id] == (said(json.dumps(first["messages"])), said(json.dumps(chat)))
        for body in (first, second):
            assert (temperatures[question.category], 9, 7) == (body["temperature"], body["max_tokens"], body["seed"])


def test_a_server_that_says_nothing_is_named(tmp_path: Path) -> None:
    """Content that is null is an empty answer."""

    def reply(body: Body) -> Reply:
        return chat_reply(body, None if "tin" in body["messages"][-1]["content"] else "word")

    with JudgeServer(reply=reply) as server:
        assert (Place(141, 1),) == generate(server, tmp_path).empty


def test_a_server_that_fails_loses_no_answer(tmp_path: Path) -> None:
    """What arrived before is saved; the same command asks for the rest alone."""
    with JudgeServer(reply=answer, script=[None, None, "500"]) as server:
        with pytest.raises(LongismoreError, match=r"in turn 1, answers saved: 2 of 4; .*500"):
            generate(server, tmp_path)
        before = len(server.requests)
        assert (2, 6) == (generate(server, tmp_path).kept, len(server.requests) - before)


def test_messages_have_no_template_of_fastchat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server applies its own; a template of texts is refused before anything is sent."""
    fake = SimpleNamespace(conv_templates={"x": 1}, get_conv_template=lambda name: _template())
    monkeypatch.setitem(sys.modules, "fastchat.conversation", fake)
    with JudgeServer() as server:
        with pytest.raises(ConfigError, match='conversation "x" writes a text, and this model takes messages'):
            generate(server, tmp_path, conversation="x")
        assert [] == server.requests


def test_a_client_of_texts_needs_a_tokenizer(tmp_path: Path) -> None:
    """A server that continues texts applies no chat template; the message names the three ways out."""
    model_args = "model=org/tuned,base_url=http://127.0.0.1:1/v1/completions,tokenizer_backend=None"
    with pytest.raises(UsageError, match="without a tokenizer") as caught:
        generate_answers(QUESTIONS, model="local-completions", model_args=model_args, folder=tmp_path)
    assert all(way in str(caught.value) for way in ("tokenizer=", "local-chat-completions", "--conversation NAME"))


def test_fastchat_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it; the model's own chat template needs none."""
    monkeypatch.setitem(sys.modules, "fastchat.conversation", None)
    check_conversation(None)
    check_conversation("chat")
    with pytest.raises(MissingDependencyError, match=r"longismore\[fastchat\]"):
        check_conversation("vicuna_v1.1")


def test_vllm_gets_the_seed_with_each_request() -> None:
    """Others know it as a setting of the model, or of PyTorch."""
    kind = type("VLLM", (TalkLM,), {"__module__": "lm_eval.models.vllm_causallms"})
    TalkLM.calls.clear()
    for lm in (kind(), TalkLM()):
        prompts = prompts_for(lm, QUESTIONS[0], "chat", "", speaks=False)
        ask = Ask(question=QUESTIONS[0], answers=(), temperature=0.7)
        ask_turn(lm, prompts, [ask], max_new_tokens=4, seed=3, keep=lambda ask, output, *, shortened: None)
    assert [3, None] == [call.settings[0].get("seed") for call in TalkLM.calls]


def _template(**changes: Any) -> Any:
    """A template of fastchat, as far as it is read."""
    told: dict[str, Any] = {"stop_str": None, "stop_token_ids": None, "roles": ("A", "B"), "sep": "", "sep2": ""}
    return SimpleNamespace(**(told | {"system_template": "", "append_message": print, "get_prompt": str} | changes))


class TestFastchat:
    """With the package itself."""

    @pytest.fixture(autouse=True)
    def _fastchat(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fastchat = pytest.importorskip("fastchat.conversation")
        import lm_eval.models  # noqa: F401  its own come first

        monkeypatch.setitem(model_registry._objs, "talk", TalkLM)
        TalkLM.calls.clear()

    def test_every_template_of_texts_writes_what_fastchat_writes(self) -> None:
        """As its own generation does it: the answer takes the place that was left open for it."""
        turns, answers = ("What is tin?", "Where is it found?"), ["A metal."]
        refused = []
        for name, template in self.fastchat.conv_templates.items():
            conversation = template.copy()
            try:
                check_conversation(name)
            except ConfigError:
                refused.append(name)
                assert conversation.sep_style is None
                continue
            conversation.append_message(conversation.roles[0], turns[0])
            conversation.append_message(conversation.roles[1], None)
            first = conversation.get_prompt()
            conversation.update_last_message(answers[0])
            conversation.append_message(conversation.roles[0], turns[1])
            conversation.append_message(conversation.roles[1], None)
            lm = SimpleNamespace(tokenizer=SimpleNamespace(decode=lambda ids: f"<{ids[0]}>"))
            prompts = prompts_for(lm, QUESTIONS[0], name, "", speaks=False)
            assert (first, conversation.get_prompt()) == (prompts.write(turns[:1], ()), prompts.write(turns, answers))
        assert {"bard", "chatgpt", "gemini"} <= set(refused)
        assert set(TEXTS).isdisjoint(refused)

    @pytest.mark.parametrize(
        ("name", "stops"),
        [
            ("vicuna_v1.1", ()),
            ("one_shot", ("###",)),
            ("aquila-chat", ("###", "</s>", "[UNK]")),
            ("zephyr", ("</s>", "<2>")),
            ("chatglm3", ("<2>",)),
        ],
    )
    def test_an_answer_ends_where_the_template_says(self, name: str, stops: tuple[str, ...]) -> None:
        """At its texts, and at the texts of its tokens, as far as the tokenizer has them."""

        class Tokenizer:
            def __len__(self) -> int:
                return 32000

            def decode(self, ids: list[int]) -> str:
                return f"<{ids[0]}>"

        lm = SimpleNamespace(tokenizer=Tokenizer())
        assert stops == prompts_for(lm, QUESTIONS[0], name, "", speaks=False).stops

    def test_tokens_without_a_tokenizer_are_refused(self) -> None:
        """Their texts are not known then."""
        with pytest.raises(ConfigError, match="ends answers at the tokens 2, and without a tokenizer"):
            prompts_for(SimpleNamespace(), QUESTIONS[0], "zephyr", "", speaks=False)

    def test_a_model_is_asked_with_a_template(self, tmp_path: Path) -> None:
        """The prompts have its words, the requests its ends; another template is another model."""
        model_args = "pretrained=org/tuned"
        found = generate_answers(
            QUESTIONS[:1], model="talk", model_args=model_args, folder=tmp_path, conversation="one_shot"
        )
        assert "the conversation template one_shot of fastchat" == found.prompts
        assert TalkLM.calls[0].prompts[0].endswith("### Human: Write about a boat.\n### Assistant:")
        assert ["###"] == TalkLM.calls[0].settings[0]["until"]
        with pytest.raises(UsageError, match=r"conversation one_shot \(now alpaca\)"):
            generate_answers(QUESTIONS, model="talk", model_args=model_args, folder=tmp_path, conversation="alpaca")

    def test_an_unknown_template_is_refused(self, tmp_path: Path) -> None:
        """With near names, and before a model is loaded."""
        TalkLM.built.clear()
        with pytest.raises(UnknownNameError, match=r"vicuna_v1\.1"):
            generate_answers(QUESTIONS, model="talk", folder=tmp_path, conversation="vicuna_v1.0")
        assert [] == TalkLM.built

    def test_two_templates_differ(self) -> None:
        """So that answers to one are never taken for answers to the other."""
        lm = SimpleNamespace(tokenizer=SimpleNamespace(decode=str))
        assert len(TEXTS) == len({prompts_for(lm, QUESTIONS[0], name, "", speaks=False).digest for name in TEXTS})
