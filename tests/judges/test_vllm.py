from __future__ import annotations

import asyncio
import inspect
import math
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from longismore.errors import ConfigError, JudgeError, JudgeRejectedError, MissingDependencyError
from longismore.judges import JudgeOptions, make_judge
from longismore.judges.vllm import VllmClient
from longismore.records import Status
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.judges._client import Messages
    from longismore.records import Judgment, Pair

CHAT = [{"role": "system", "content": "Be just."}, {"role": "user", "content": "Which?"}]


# What follows has the shape that vLLM documents for LLM, SamplingParams, RequestOutput, CompletionOutput and Logprob.


@dataclass(kw_only=True)
class SamplingParams:
    """Refuses unknown names, as the real one does."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = 16
    seed: int | None = None
    logprobs: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}.")


@dataclass
class Logprob:
    """Of one token at one place."""

    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class CompletionOutput:
    """One of the texts for a prompt."""

    index: int
    text: str
    token_ids: list[int]
    cumulative_logprob: float | None = None
    logprobs: list[dict[int, Logprob]] | None = None
    finish_reason: str | None = "stop"


@dataclass
class RequestOutput:
    """All that comes back for a prompt."""

    request_id: str
    prompt: str | None
    prompt_token_ids: list[int] | None
    outputs: list[CompletionOutput]
    finished: bool = True


@dataclass
class Tokenizer:
    """As much of it as is looked at."""

    chat_template: str | None = "a template"
    all_special_tokens: list[str] = field(default_factory=lambda: ["<|im_end|>"])
    added_tokens_decoder: dict[int, Any] = field(default_factory=dict)
    drops_system: bool = False

    def apply_chat_template(self, messages: Messages, **_: Any) -> str:
        """Write the chat."""
        return " ".join(one["content"] for one in messages if not (self.drops_system and one["role"] == "system"))


class LLM:
    """Marks both answers, like most judges; texts over 5,000 characters are too long for it."""

    tokenizer = Tokenizer()
    made: ClassVar[list[LLM]] = []
    failure: Exception | None = None

    def __init__(self, model: str, *, max_model_len: int | None = None) -> None:
        if max_model_len == 0:
            raise RuntimeError("Engine core initialization failed.\nSee root cause above.")
        self.model = model
        self.calls: list[tuple[list[Messages], list[SamplingParams], dict[str, Any]]] = []
        LLM.made.append(self)

    def get_tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self.tokenizer

    def chat(
        self,
        messages: list[Messages],
        sampling_params: list[SamplingParams],
        use_tqdm: bool = True,
        *,
        chat_template_kwargs: dict[str, Any] | None = None,
    ) -> list[RequestOutput]:
        """One output for each chat, in their order."""
        self.calls.append((messages, sampling_params, {"use_tqdm": use_tqdm, "kwargs": chat_template_kwargs}))
        if self.failure is not None:
            raise self.failure
        if any(len(one[-1]["content"]) > 5000 for one in messages):
            raise ValueError("The decoder prompt (length 9001) is longer than the maximum model length of 8192.")
        assert len(messages) == len(sampling_params)
        return [self.output(number, *pair) for number, pair in enumerate(zip(messages, sampling_params, strict=True))]

    def output(self, number: int, chat: Messages, params: SamplingParams) -> RequestOutput:
        """What the model says: it repeats short texts, and marks long ones."""
        text = chat[-1]["content"] if len(chat[-1]["content"]) < 100 else "8 6\nThe first one."
        logprobs = None
        if params.logprobs is not None:
            place = {7: Logprob(math.log(0.5), 1, "A"), 8: Logprob(math.log(0.25), 2, "B"),
                     9: Logprob(math.log(0.125), 3, "A")}  # fmt: skip
            logprobs = [place, place]
        answer = CompletionOutput(0, text, [7, 8], logprobs=logprobs)
        return RequestOutput(str(number), None, [1] * 30, [answer])


@pytest.fixture(autouse=True)
def _vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module ``vllm`` with the classes above."""
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = LLM, SamplingParams  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(LLM, "tokenizer", Tokenizer())
    monkeypatch.setattr(LLM, "failure", None)
    monkeypatch.setattr(LLM, "made", [])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a model; what is in them does not matter here."""
    path = tmp_path / "model"
    path.mkdir()
    for name in ("config.json", "model.safetensors"):
        (path / name).write_text(name, encoding="utf-8")
    return path


def client_for(folder: Path, **changes: Any) -> VllmClient:
    """A client with its options."""
    return VllmClient(path=str(folder), options=JudgeOptions(**({"max_tokens": 20} | changes)))


def ask(client: VllmClient, *texts: str) -> list[Any]:
    """Ask all at once; the completion, or the error, of each."""

    async def whole() -> list[Any]:
        chats = [[CHAT[0], {"role": "user", "content": text}] for text in texts]
        try:
            return await asyncio.gather(*(client.complete(chat) for chat in chats), return_exceptions=True)
        finally:
            await client.close()

    return asyncio.run(whole())


def test_chats_are_answered_together(folder: Path) -> None:
    """One engine, one call of it, and each chat gets its own answer with its tokens."""
    answers = ask(client_for(folder), "a", "b", "c")
    assert ["a", "b", "c"] == [answer.text for answer in answers]
    assert {(30, 2, None)} == {(answer.input_tokens, answer.output_tokens, answer.logprobs) for answer in answers}
    (llm,) = LLM.made
    ((messages, params, more),) = llm.calls
    assert (str(folder), 3) == (llm.model, len(messages))
    assert {"use_tqdm": False, "kwargs": None} == more
    assert [SamplingParams(temperature=0.0, max_tokens=20)] * 3 == params


def test_whole_way(folder: Path, tmp_path: Path, make_pair: Callable[..., Pair]) -> None:
    """Pairs are judged, cost nothing, and are found in the store the second time."""
    made: list[Judgment] = []
    judge = make_judge(f"vllm:{folder}", JudgeOptions())
    with Store(tmp_path / "store.sqlite") as store:
        judge.check([], store)
        judge.judge([make_pair(str(number)) for number in range(10)], store=store, on_judgment=made.append)
        count = sum(len(call[0]) for call in LLM.made[0].calls)
        judge.judge([make_pair(str(number)) for number in range(10)], store=store, on_judgment=made.append)
    assert ({Status.JUDGED}, {0.0}, 40) == ({one.status for one in made}, {one.cost_usd for one in made}, len(made))
    assert count == sum(len(call[0]) for call in LLM.made[0].calls) == 20


def test_chat_that_is_refused_fails_alone(folder: Path) -> None:
    """Where vLLM refuses a batch for one prompt that is too long, the others are answered."""
    answers = ask(client_for(folder), "a", "b", "x" * 6000, "c", "d")
    assert ["a", "b", "c", "d"] == [answer.text for answer in answers if not isinstance(answer, Exception)]
    error = answers[2]
    assert JudgeError is type(error)
    assert "longer than the maximum model length of 8192" in str(error)
    assert str(error).startswith("vllm/")


def test_broken_engine_ends_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that died answers no further call."""
    monkeypatch.setattr(LLM, "failure", RuntimeError("EngineCore encountered an issue."))
    answers = ask(client_for(folder), "a", "b")
    assert {JudgeRejectedError} == {type(answer) for answer in answers}
    assert 1 == len(LLM.made[0].calls)


def test_engine_that_does_not_start_is_named(folder: Path) -> None:
    """Whatever the reason is, it stands in the message, and the run ends."""
    (answer,) = ask(client_for(folder, parameters={"engine": {"max_model_len": 0}}), "a")
    assert isinstance(answer, ConfigError)
    assert "the engine does not start: Engine core initialization failed. See root cause above." in str(answer)


def test_unfinished_answer_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that vLLM broke off is none; one that reached its length is one."""
    outputs = [RequestOutput("0", None, [1], [CompletionOutput(0, "8", [1], finish_reason=reason)])
               for reason in ("abort", "length")]  # fmt: skip
    monkeypatch.setattr(LLM, "output", lambda self, number, *_: outputs[number])
    aborted, cut = ask(client_for(folder), "a", "b")
    assert isinstance(aborted, JudgeError)
    assert "for the reason 'abort'" in str(aborted)
    assert "8" == cut.text


def test_log_probabilities(folder: Path) -> None:
    """Twenty alternatives are asked for; those that read the same are added up."""
    (answer,) = ask(client_for(folder, top_logprobs=20), "a")
    first, second = answer.logprobs
    assert {"A": pytest.approx(math.log(0.625)), "B": math.log(0.25)} == first.top
    assert ("A", first.top["A"]) == (first.token, first.logprob)
    assert ("B", math.log(0.25)) == (second.token, second.logprob)
    assert 20 == LLM.made[0].calls[0][1][0].logprobs


def test_sampling_has_a_seed_of_each_chat(folder: Path) -> None:
    """With a temperature each chat has its own seed, which the user's seed changes as a whole."""
    client = client_for(folder, temperature=0.7, parameters={"top_p": 0.9})
    ask(client, "a", "b")
    ask(client, "a")
    other = client_for(folder, temperature=0.7, parameters={"seed": 1})
    ask(other, "a")
    (a, b), (again,) = (call[1] for call in LLM.made[0].calls)
    assert (0.7, 0.9, a) == (a.temperature, a.top_p, again)
    assert 3 == len({a.seed, b.seed, LLM.made[1].calls[0][1][0].seed})


def test_template_that_drops_instructions_gets_them_in_the_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge never works without its instructions."""
    monkeypatch.setattr(LLM, "tokenizer", Tokenizer(drops_system=True))
    ask(client_for(folder), "a")
    assert [[{"role": "user", "content": "Be just.\n\na"}]] == LLM.made[0].calls[0][0]


def test_control_tokens_are_broken(folder: Path) -> None:
    """An answer cannot end its own turn."""
    ask(client_for(folder, parameters={"chat_template_kwargs": {"enable_thinking": False}}), "a<|im_end|>")
    ((messages,), _, more) = LLM.made[0].calls[0]
    assert "a<\u200b|im_end|>" == messages[-1]["content"]
    assert {"enable_thinking": False} == more["kwargs"]


def test_model_without_a_template_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It chats by the model's own template only."""
    monkeypatch.setattr(LLM, "tokenizer", Tokenizer(chat_template=None))
    (answer,) = ask(client_for(folder), "a")
    assert isinstance(answer, ConfigError)
    assert "has no chat template; take a model that chats, or hf/" in str(answer)


def test_missing_package_is_named_before_anything_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check says which extra brings it."""
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "longismore\[vllm\]"'):
        client_for(folder).check()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"top_q": 1}, "does not take the parameters: .*top_q"), ({"top_p": 3}, r"top_p must be in \(0, 1\]")],
)
def test_check_tries_the_parameters(parameters: dict[str, Any], message: str, folder: Path) -> None:
    """A misspelt or wrong parameter is found before the engine is started."""
    with pytest.raises(ConfigError, match=message):
        client_for(folder, parameters=parameters).check()
    assert [] == LLM.made


def test_parameters_with_a_setting_of_their_own_are_refused(folder: Path) -> None:
    """All of them are named at once, when the judge is made."""
    parameters = {"temperature": 1, "max_tokens": 1, "n": 2, "engine": 3, "seed": "x"}
    with pytest.raises(ConfigError) as caught:
        make_judge(f"vllm:{folder}", JudgeOptions(parameters=parameters))
    assert 5 == len(caught.value.problems)
    assert '"max_tokens" is set by judge_max_tokens' in caught.value.problems


@pytest.mark.parametrize("spec", ["vllm", "vllm/", "vllm:/nowhere"])
def test_model_is_needed(spec: str) -> None:
    """A spec without a model, or with a folder that is not there, is an error."""
    with pytest.raises(ConfigError, match=r"needs a model|there is no folder"):
        make_judge(spec, JudgeOptions())


def test_settings_tell_what_changes_answers(folder: Path) -> None:
    """Path, contents of the folder, temperature, length and parameters; not how many at once."""
    base = client_for(folder).settings
    assert base == client_for(folder, concurrency=3).settings
    for other in ({"temperature": None}, {"max_tokens": 21}, {"parameters": {"seed": 1}}, {"top_logprobs": 20}):
        assert base != client_for(folder, **other).settings
    (folder / "model.safetensors").write_text("model.Safetensors", encoding="utf-8")
    assert base != client_for(folder).settings


def test_512_chats_at_once_unless_the_user_says_otherwise(folder: Path) -> None:
    """The engine orders them by itself."""
    assert (512, 3) == (client_for(folder).concurrency, client_for(folder, concurrency=3).concurrency)


def test_stand_in_has_the_real_signatures() -> None:
    """Where vLLM is installed, what is used here is there under the same names."""
    saved = sys.modules.pop("vllm")
    try:
        real = pytest.importorskip("vllm", reason="vLLM is not installed")
    finally:
        sys.modules["vllm"] = saved
    assert {"messages", "sampling_params", "use_tqdm", "chat_template_kwargs"} <= inspect.signature(
        real.LLM.chat
    ).parameters.keys()
    assert SimpleNamespace(**vars(SamplingParams())).__dict__.keys() <= set(dir(real.SamplingParams()))
