from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, chat_reply
from longismore.errors import ConfigError, CostLimitError, JudgeError, UnknownNameError
from longismore.judges import JudgeOptions, Usage, is_model, make_generator
from longismore.records import Answer, Example

if TYPE_CHECKING:
    from pathlib import Path

    from judge_server import Body, Reply
    from longismore.store import Store


def example(name: str, prompt: str = "") -> Example:
    """An instruction."""
    prompt = prompt or f"Explain {name}."
    return Example(id=name, testset="mini", instruction=prompt, prompt=prompt, question=prompt)


def echo(body: Body) -> Reply:
    """Answers with what was asked."""
    return chat_reply(body, f"On {body['messages'][-1]['content']}")


def generator(server: JudgeServer, options: JudgeOptions | None = None, **settings: Any) -> Any:
    """The model behind a server."""
    return make_generator("openai/writer", {"base_url": server.base_url, **settings}, options or JudgeOptions())


@pytest.mark.parametrize("source", ["openai/gpt-4.1", "hf/models/mine", "gemini", "mine.yaml", "google/g", "echo.yml"])
def test_models_are_told_from_files(source: str) -> None:
    """A provider with a model, or a judge file, is a model."""
    assert is_model(source)


@pytest.mark.parametrize(
    "source",
    ["answers.json", "mini:better", "runs/one", "lexical", "replay:x.jsonl", "replay/x", "length", "", "C:\\x"],
)
def test_files_are_no_models(source: str) -> None:
    """Whatever else is given is a file, a folder or answers that come along."""
    assert not is_model(source)


def test_path_wins_over_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of answers that is called like a provider's model is read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "openai" / "mine").mkdir(parents=True)
    assert not is_model("openai/mine")
    assert is_model("openai/other")


def test_every_example_is_answered_once(store: Store) -> None:
    """Answers come by test set and id; a second run asks nothing."""
    examples = [example("a"), example("b")]
    with JudgeServer(reply=echo) as server:
        first = generator(server).answer(examples, store)
        second = generator(server).answer(examples, store)
    expected = {("mini", name): Answer("openai/writer", f"On Explain {name}.") for name in "ab"}
    assert (expected, expected, 2) == (first, second, len(server.requests))


def test_equal_prompts_are_asked_once(store: Store) -> None:
    """LIMA and Vicuna share questions: a model is asked each of them once."""
    examples = [example("a", "Why?"), example("b", "Why?")]
    with JudgeServer(reply=echo) as server:
        answers = generator(server).answer(examples, store)
    assert (1, {"On Why?"}) == (len(server.requests), {answer.output for answer in answers.values()})


def test_request_is_the_prompt_alone(store: Store) -> None:
    """No system message, 1,024 tokens, temperature 0: as lm_eval's tasks of longismore ask a candidate."""
    with JudgeServer(reply=echo) as server:
        generator(server).answer([example("a")], store)
    (body,) = server.requests
    assert [{"role": "user", "content": "Explain a."}] == body["messages"]
    assert (1024, 0.0) == (body["max_tokens"], body["temperature"])


def test_settings_are_its_own(store: Store) -> None:
    """What the judge is told about tokens and temperature is not the reference's; how often to try is shared."""
    options = JudgeOptions.from_mapping({"max_tokens": 5, "temperature": 1.0, "retries": 0, "concurrency": 3}, {})
    with JudgeServer(reply=echo) as server:
        made = generator(server, options, max_tokens=77)
        made.answer([example("a")], store)
    assert (77, 0.0) == (server.requests[0]["max_tokens"], server.requests[0]["temperature"])
    assert (0, 3) == (made.options.retries, made.client.concurrency)


def test_judge_file_names_a_model_not_a_judging(store: Store, tmp_path: Path) -> None:
    """A file that gives a judge 16 tokens gives a writer 1,024."""
    path = tmp_path / "short.yaml"
    with JudgeServer(reply=echo) as server:
        path.write_text(f"judge: openai/writer\nbase_url: {server.base_url}\nmax_tokens: 16\nprotocol: logprob\n")
        make_generator(str(path), {}, JudgeOptions()).answer([example("a")], store)
    assert 1024 == server.requests[0]["max_tokens"]
    assert "logprobs" not in server.requests[0]


def test_missing_answers_are_an_error_and_the_others_kept(store: Store) -> None:
    """A comparison with holes in the reference would be about other questions; what was answered is not paid again."""
    with JudgeServer(reply=echo, script=["400"]) as server:
        with pytest.raises(JudgeError, match="1 of 2 answers of openai/writer could not be had"):
            generator(server).answer([example("a"), example("b")], store)
        answers = generator(server).answer([example("a"), example("b")], store)
    assert (2, 3) == (len(answers), len(server.requests))


def test_refusal_is_the_answer(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """What a model says when it refuses is its answer, and the number of refusals is told."""
    with JudgeServer(reply="refusal") as server, caplog.at_level("WARNING"):
        answers = generator(server).answer([example("a")], store)
    assert {"I cannot help with that."} == {answer.output for answer in answers.values()}
    assert "refused 1 of 1" in caplog.text


def test_limit_on_the_cost_is_shared_with_the_judge(store: Store) -> None:
    """What the judge has spent before counts."""
    usage = Usage(cost_usd=0.99)
    options = JudgeOptions.from_mapping({"max_cost_usd": 1.0}, {})
    with JudgeServer(reply=echo) as server:
        settings = {"base_url": server.base_url, "price_input": 1000, "price_output": 1000}
        made = make_generator("openai/writer", settings, options, usage)
        with pytest.raises(CostLimitError):
            made.answer([example("a")], store)
    assert [] == server.requests


@pytest.mark.parametrize("spec", ["lexical", "length"])
def test_offline_judges_cannot_write(spec: str) -> None:
    """A judge that is no model has no answers."""
    with pytest.raises(ConfigError, match="cannot write answers"):
        make_generator(spec, {}, JudgeOptions())


def test_unknown_provider_is_named() -> None:
    """The message is that of a judge."""
    with pytest.raises(UnknownNameError):
        make_generator("opnai/x", {}, JudgeOptions())
