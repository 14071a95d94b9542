"""MT-Bench from end to end: a real model of Hugging Face, FastChat's own reader, a judge, and the means."""

from __future__ import annotations

import ast
import glob
import json
import os
import subprocess
import sys
import threading
import warnings
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from judge_server import Body, JudgeServer, Reply, chat_reply
from longismore.cli._mtbench import app
from longismore.errors import UsageError
from longismore.harness.mtbench_generate import Generated, generate_answers
from longismore.instructions import Row, Turn
from longismore.mtbench import Question, read_answers
from longismore.train._tokens import encode
from longismore.train.settings import load_preset
from mtbench_talk import QUESTIONS, TalkLM, said
from tiny_models import make_tiny_llama
from trained_models import make_trained

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING = [name for name in ("torch", "transformers") if find_spec(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

CHAT = "{{ bos_token }}{% for m in messages %}{{ '[' + m['role'] + '] ' + m['content'] + '\n' }}{% endfor %}[assistant]"

ENDED = (
    "{{ bos_token }}{% for m in messages %}{{ '[' + m['role'] + ']' + m['content'] }}"
    "{{ eos_token if m['role'] == 'assistant' else '\n' }}{% endfor %}[assistant]"
)
"""It writes the end of an answer, as chat templates of today do."""


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Offline, with one thread, and what reaches the weights written down."""
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The tokens of every prompt that reaches the weights of a tiny model."""
    from transformers import LlamaForCausalLM

    found: list[list[int]] = []
    generate = LlamaForCausalLM.generate

    def spying(self: Any, **given: Any) -> Any:
        pairs = zip(given["input_ids"], given["attention_mask"], strict=True)
        found.extend(ids[mask.bool()].tolist() for ids, mask in pairs)
        return generate(self, **given)

    monkeypatch.setattr(LlamaForCausalLM, "generate", spying)
    return found


def generate(model: Path, questions: list[Question] = QUESTIONS, **changes: Any) -> Generated:
    """Ask a model on the processor for short answers."""
    given: dict[str, Any] = {"model": "hf", "model_args": f"pretrained={model},dtype=float32", "batch_size": 4}
    return generate_answers(questions, device="cpu", **(given | {"max_new_tokens": 6} | changes))


def fastchat_reader() -> Any:
    """The function with which FastChat reads answers; the rest of its module takes ten seconds to load."""
    spec = find_spec("fastchat.llm_judge.common")
    assert spec is not None
    assert spec.origin is not None
    with warnings.catch_warnings(action="ignore"):  # of its own text
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    tree.body = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "load_model_answers"]
    names: dict[str, Any] = {"glob": glob, "json": json, "os": os}
    exec(compile(tree, spec.origin, "exec"), names)  # noqa: S102  the code of an installed package
    return names["load_model_answers"]


def tokenizer_of(model: Path) -> Any:
    """The tokenizer in a folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model)


def mark(body: Body) -> Reply:
    """A judge that gives 7 of 10 where the word travel is in what it is shown, and else 4."""
    text = body["messages"][-1]["content"]
    return chat_reply(body, f"It says why. Rating: [[{7 if 'travel' in text else 4}]]")


def run(*arguments: str) -> str:
    """The command, in this process; returns stdout."""
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert 0 == result.exit_code, result.output
    return result.stdout


def test_from_the_questions_to_the_means(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generate, judge and show, each by its command; FastChat reads the answers, and nothing is paid twice."""
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(data / "testsets"))
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    model = make_tiny_llama(tmp_path / "tiny")
    asked = ("--model", "hf", "--model_args", f"pretrained={model},dtype=float32", "--device", "cpu")
    short = ("--batch_size", "4", "--max-new-tokens", "6", "--questions", "81-82,101,111,131")
    told = json.loads(run("generate", "mt", *asked, *short, "--json"))
    assert (5, 10, 0) == (told["questions"], told["asked"], told["kept"])
    assert "10 had before" in run("generate", "mt", *asked, *short)
    once = run("generate", "mt", *asked, *short[:-1], "81")
    assert once.startswith("tiny: 1 question, 0 turns generated now, 2 had before\n")
    assert [81, 82, 101, 111, 131] == [each.question for each in read_answers(tmp_path / "mt/model_answer/tiny.jsonl")]
    with JudgeServer(reply=mark) as server:
        judged = ("judge", "mt", "--judge", "openai/test-judge", "--base-url", server.base_url, "--questions")
        run(*judged, "81-82,101,111,131")
        assert 10 == len(server.requests)
        run(*judged, "81-82,101,111,131")
        assert 10 == len(server.requests)
    shown = json.loads(run("show", "mt", "--json"))
    assert "tiny" in json.dumps(shown)


def test_fastchat_reads_the_answers(tmp_path: Path) -> None:
    """Its own reader, as its judge uses it, finds every question and both turns."""
    pytest.importorskip("fastchat")
    path = generate(make_tiny_llama(tmp_path / "tiny")).path
    [(model, answers)] = fastchat_reader()(str(path.parent)).items()
    assert ("tiny", [81, 101, 111, 141]) == (model, list(answers))
    expected = {each.question: list(each.turns) for each in read_answers(path)}
    assert expected == {number: row["choices"][0]["turns"] for number, row in answers.items()}


def test_a_chat_model_is_asked_with_its_chat_template(tmp_path: Path, seen: list[list[int]]) -> None:
    """Both turns, as tokens, begin once and have the first answer between them."""
    model = make_tiny_llama(tmp_path / "tiny")
    tokenizer = tokenizer_of(model)
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(model)
    answers = {each.question: each.turns for each in read_answers(generate(model).path)}
    texts = [f"{tokenizer.bos_token}[user] {question.turns[0]}\n[assistant]" for question in QUESTIONS]
    texts += [
        f"{tokenizer.bos_token}[user] {question.turns[0]}\n[assistant] {answers[question.id][0]}\n"
        f"[user] {question.turns[1]}\n[assistant]"
        for question in QUESTIONS
    ]
    assert sorted(encode(tokenizer, texts, special=False)) == sorted(seen)


def test_a_conversation_template_reaches_the_model(tmp_path: Path, seen: list[list[int]]) -> None:
    """With the tokenizer's own beginning, as FastChat encodes it; a token at which it ends is cut off."""
    fastchat = pytest.importorskip("fastchat.conversation")
    model = make_tiny_llama(tmp_path / "tiny")
    tokenizer = tokenizer_of(model)
    answers = {each.question: each.turns for each in read_answers(generate(model, conversation="vicuna_v1.1").path)}
    conversation = fastchat.get_conv_template("vicuna_v1.1")
    for question in QUESTIONS[:1]:
        for turn in range(2):
            conversation.append_message(conversation.roles[0], question.turns[turn])
            conversation.append_message(conversation.roles[1], None)
            assert tokenizer([conversation.get_prompt()]).input_ids[0] in seen
            conversation.update_last_message(answers[question.id][turn])
    assert 8 == len(seen)


@pytest.mark.parametrize(("template", "chat"), [("plain", None), ("none", None), ("chat", ENDED)])
@pytest.mark.parametrize("bos", [True, False], ids=["begin", "nothing"])
def test_a_trained_model_is_asked_as_it_was_trained(
    tmp_path: Path, seen: list[list[int]], template: str, chat: str | None, *, bos: bool
) -> None:
    """The tokens of both turns are those before the last answer of such a training row."""
    from longismore.train._encode import encode_prompts
    from longismore.train._model_size import load_tokenizer

    model = make_trained(tmp_path / "tuned", template, chat_template=chat, bos=bos)
    found = generate(model)
    assert f"the template of its training, {template} (" in str(found.prompts)
    rows = []
    for question, answer in zip(QUESTIONS, read_answers(found.path), strict=True):
        one = Turn(question.turns[0], answer.turns[0])
        rows.append(Row(number=0, place="x", turns=(Turn(question.turns[0], ""),)))
        rows.append(Row(number=0, place="x", turns=(one, Turn(question.turns[1], ""))))
    settings = load_preset("tiny-cpu", {"template": template})
    assert sorted(encode_prompts(rows, load_tokenizer(str(model)), settings)) == sorted(seen)


@contextmanager
def completions() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that continues texts: its address, and the list of what it is asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = json.dumps({"choices": [{"index": 0, "text": " so it is"}]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name in the base
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/completions", asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("tokens", [True, False], ids=["tokens", "texts"])
def test_a_server_of_texts_is_asked_with_the_chat_template_of_its_tokenizer(tmp_path: Path, *, tokens: bool) -> None:
    """As tokens or as texts, never as messages; what no longer fits into its context is not cut off."""
    model = make_tiny_llama(tmp_path / "tiny", bos=False)
    tokenizer = tokenizer_of(model)
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(model)
    first = f"{tokenizer.bos_token}[user] Write about a boat.\n[assistant]"
    second = f"{first} so it is\n[user] Make it shorter.\n[assistant]"
    written = encode(tokenizer, [first, second], special=False)
    length = len(written[1]) + 8
    with completions() as (address, asked):
        # lm_eval takes one off the length.
        common = f"model=tuned,tokenizer={model},tokenizer_backend=huggingface,base_url={address}"
        found = generate_answers(
            QUESTIONS[:1],
            model="local-completions",
            model_args=f"{common},max_length={length + 1},tokenized_requests={tokens}",
            max_new_tokens=20,
            seed=5,
        )
    assert ([[each] for each in written] if tokens else [first, second]) == [body["prompt"] for body in asked]
    assert [5, 5] == [body["seed"] for body in asked]
    assert ([20, 8] if tokens else [20, 20]) == [body["max_tokens"] for body in asked]
    assert tokens == bool(found.shortened)
    assert ("so it is", "so it is") == read_answers(found.path)[0].turns


def test_the_record_of_a_training_wins(tmp_path: Path, seen: list[list[int]]) -> None:
    """Over a chat template that its tokenizer was given since."""
    model = make_trained(tmp_path / "tuned", "plain")
    tokenizer = tokenizer_of(model)
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(model)
    generate(model)
    texts = [tokenizer.decode(each) for each in seen]
    assert 8 == sum("### Instruction:\n" in text and "[user]" not in text for text in texts)


def test_the_template_of_a_training_can_be_left_aside(tmp_path: Path) -> None:
    """``chat`` is the model's own chat template, whatever the record says."""
    model = make_trained(tmp_path / "tuned", "plain")
    assert "the model's chat template" == generate(model, conversation="chat").prompts


def test_a_model_without_chat_template_is_refused(tmp_path: Path, seen: list[list[int]]) -> None:
    """Before anything is generated; the message names the way out."""
    model = make_tiny_llama(tmp_path / "tiny")
    tokenizer = tokenizer_of(model)
    tokenizer.chat_template = None
    (model / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(model)
    with pytest.raises(UsageError, match=r"chat_template is not set.*--conversation NAME"):
        generate(model)
    assert [] == seen


def test_a_machine_without_a_gpu_is_told_of(tmp_path: Path) -> None:
    """One that is named must be there, and the message says what else to name; without a name it is not needed."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    model = make_tiny_llama(tmp_path / "tiny")
    with pytest.raises(UsageError, match="add --device cpu"):
        generate_answers(QUESTIONS, model="hf", model_args={"pretrained": str(model)}, device="cuda")


def test_the_same_seed_samples_the_same(tmp_path: Path) -> None:
    """Another one does not; greedy answers do not depend on it."""
    model = make_tiny_llama(tmp_path / "tiny")
    one, two, three = (
        read_answers(generate(model, seed=seed, name=name, max_new_tokens=12).path)
        for seed, name in ((1, "one"), (1, "two"), (2, "three"))
    )
    assert [each.turns for each in one] == [each.turns for each in two]
    assert one[0].turns[0] != three[0].turns[0]
    assert one[1].turns == three[1].turns


def test_two_processes_share_the_questions(tmp_path: Path) -> None:
    """Each asks half of them, and the first writes all; a run with one process finds nothing left to ask."""
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    launched = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path), str(rank)], env=environment, stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    told = [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in launched]
    assert [0, 0] == [process.returncode for process in launched]
    assert [[True, 4], [False, 4]] == told
    first = [f"<user> {question.turns[0]}" for question in QUESTIONS]
    answers = read_answers(tmp_path / "model_answer" / "talk.jsonl")
    assert [said(prompt) for prompt in first] == [each.turns[0] for each in answers]
    assert ["turns-0.jsonl", "turns-1.jsonl"] == sorted(
        path.name for path in (tmp_path / "model_generation" / "talk").glob("turns*")
    )


def _work(folder: str, rank: int) -> None:
    """Generate as one of two processes."""
    import lm_eval.models  # noqa: F401  its own come first
    import torch.distributed as dist
    from lm_eval.api.registry import model_registry

    class RankLM(TalkLM):
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self._rank, self._world_size = rank, 2

    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model_registry.register("talk", target=RankLM)
    found = generate_answers(QUESTIONS, model="talk", folder=folder)
    dist.destroy_process_group()
    sys.stdout.write("\n" + json.dumps([found.speaks, sum(len(call.prompts) for call in TalkLM.calls)]) + "\n")


if __name__ == "__main__":
    _work(sys.argv[1], int(sys.argv[2]))
