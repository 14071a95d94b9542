"""Judges of vLLM that run in this process, without a server.

Spec: ``vllm/PATH``, a folder with a model (``vllm:/data/model`` or ``vllm/./model``), or the id of one that the
Hugging Face cache has. Extra: ``vllm``. Nothing is downloaded, and nothing is billed.

The engine is started with the first call. It gets up to 512 chats at once, or as many as ``concurrency`` says; a run
that is stopped waits for those. The likeliest token is taken where the temperature is 0 or not given; else each chat
has a seed that depends on the chat alone. ``timeout_s`` has no meaning here. The model needs a chat template;
instructions that it leaves out, or refuses, are put at the head of the user's message, and control tokens in the
texts are broken by a zero-width space.

``parameters`` are those of ``SamplingParams``; besides, ``chat_template_kwargs``, and ``engine`` with the arguments of
``LLM``, e.g. ``{"engine": {"tensor_parallel_size": 2, "max_model_len": 8192}}``.

This module was written after vLLM's documentation (0.32) and is tested with a stand-in for its classes; it was not run
with vLLM itself, which needs a GPU. A vLLM server is used as ``openai/MODEL`` with its ``base_url``.

Source: https://docs.vllm.ai/en/stable/serving/offline_inference.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore._checkpoint import checkpoint_sha256
from longismore._optional import require
from longismore.errors import ConfigError, JudgeError, JudgeRejectedError
from longismore.judges import JUDGES
from longismore.judges._batched import BatchedCalls
from longismore.judges._chat import chat_judge
from longismore.judges._client import Completion
from longismore.judges._local import (
    find_checkpoint,
    keeps_system,
    local_price,
    seed_of,
    token_logprobs,
    without_control_tokens,
    without_system,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from longismore.judges._chat import ChatJudge
    from longismore.judges._client import BatchClient, Messages, TokenLogprobs
    from longismore.judges._options import JudgeOptions
    from longismore.judges._prices import Price

__all__ = ["VllmClient", "vllm_judge"]

_AT_ONCE = 512
_LONGEST_QUOTE = 300
_OURS = ("chat_template_kwargs", "engine", "seed")
"""Parameters that are not handed to ``SamplingParams`` as they are."""
_SET_ELSEWHERE = {
    "temperature": "judge_temperature",
    "max_tokens": "judge_max_tokens",
    "logprobs": "judge_protocol=logprob",
    "n": "nothing: a judge answers once",
}


@dataclass(slots=True, kw_only=True)
class VllmClient:
    """One vLLM engine in this process.

    Args:
        path: As it stands in the judge's spec.
        options: Temperature, length of the answer, parameters, chats at once.
    """

    path: str
    options: JudgeOptions
    _sha256: str | None = field(default=None, init=False)
    _llm: Any = field(default=None, init=False, repr=False)
    _keeps_system: bool = field(default=True, init=False)
    _calls: BatchedCalls | None = field(default=None, init=False, repr=False)

    @property
    def settings(self) -> dict[str, object]:
        """Path and hash of the model, temperature, length of the answer, parameters."""
        if self._sha256 is None:
            self._sha256 = checkpoint_sha256(find_checkpoint(self.path, provider="vllm"))
        return {
            "provider": "vllm",
            "model": self.path,
            "checkpoint_sha256": self._sha256,
            **self.options.of_request(),
        }

    @property
    def concurrency(self) -> int:
        """512, unless the user says otherwise: vLLM orders them by itself."""
        return self.options.concurrency or _AT_ONCE

    @property
    def price(self) -> Price:
        """Nothing, unless the user says otherwise."""
        return local_price("vllm", self.path, self.options)

    def check(self) -> None:
        """The package is there, takes the parameters, and the folder has a model; the engine is not started."""
        require("vllm", extra="vllm")
        find_checkpoint(self.path, provider="vllm")
        self._sampling([{"role": "user", "content": ""}])

    async def complete(self, messages: Messages) -> Completion:
        """One chat, answered together with those that are asked at the same time."""
        if self._calls is None:
            self._calls = BatchedCalls(self._answer, self.concurrency)
        try:
            return await self._calls.ask(messages)
        except JudgeError as error:
            raise type(error)(f"vllm/{self.path}: {error}") from error

    async def close(self) -> None:
        """End the thread when its batch is done; the engine stays in memory."""
        calls, self._calls = self._calls, None
        if calls is not None:
            await calls.close()

    def batches(self) -> BatchClient | None:
        """There is no such thing here."""
        return None

    def _answer(self, chats: Sequence[Messages], stop: threading.Event) -> list[Completion | Exception]:
        if self._llm is None:
            self._llm = self._start()
        chats = [without_control_tokens(messages, self._llm.get_tokenizer()) for messages in chats]
        if not self._keeps_system:
            chats = [without_system(messages) for messages in chats]
        return self._chat(chats, stop)

    def _start(self) -> Any:
        vllm = require("vllm", extra="vllm")
        folder = find_checkpoint(self.path, provider="vllm")
        try:
            llm = vllm.LLM(model=str(folder), **self.options.parameters.get("engine", {}))
        except Exception as error:  # whatever an engine may not find: memory, a kernel, an architecture, ...
            raise ConfigError(f"vllm/{self.path}: the engine does not start: {_said(error)}") from error
        template = getattr(llm.get_tokenizer(), "chat_template", "")
        if template is None:
            raise ConfigError(f"vllm/{self.path} has no chat template; take a model that chats, or hf/{self.path}")
        if template:  # else it is a tokenizer of another kind, which writes chats in its own way
            self._keeps_system = keeps_system(
                llm.get_tokenizer(), self.options.parameters.get("chat_template_kwargs", {})
            )
        return llm

    def _chat(self, chats: Sequence[Messages], stop: threading.Event) -> list[Completion | Exception]:
        """Answer chats; where vLLM refuses them together, find the one that is the reason."""
        if stop.is_set():
            return [JudgeError("the run was stopped") for _ in chats]
        more = {
            name: self.options.parameters[name] for name in ("chat_template_kwargs",) if name in self.options.parameters
        }
        try:
            outputs = self._llm.chat(
                list(chats), [self._sampling(messages) for messages in chats], use_tqdm=False, **more
            )
        except Exception as error:
            if not _is_of_one_chat(error):
                raise JudgeRejectedError(f"the engine failed: {_said(error)}") from error
            if len(chats) == 1:
                return [JudgeError(f"vLLM does not take the chat: {_said(error)}")]
            half = len(chats) // 2
            return [*self._chat(chats[:half], stop), *self._chat(chats[half:], stop)]
        return [_completion(output) for output in outputs]

    def _sampling(self, messages: Messages) -> Any:
        """The ``SamplingParams`` of one chat.

        Raises:
            ConfigError: vLLM does not take the parameters.
        """
        vllm = require("vllm", extra="vllm")
        parameters, temperature = self.options.parameters, self.options.temperature or 0.0
        values = {name: value for name, value in parameters.items() if name not in _OURS}
        if temperature:
            values["seed"] = seed_of(messages, parameters.get("seed", 0))
        try:
            return vllm.SamplingParams(
                temperature=temperature,
                max_tokens=self.options.max_tokens,
                logprobs=self.options.top_logprobs,
                **values,
            )
        except (TypeError, ValueError) as error:
            raise ConfigError(f"vllm/{self.path}: vLLM does not take the parameters: {_said(error)}") from error


def _is_of_one_chat(error: Exception) -> bool:
    """Whether vLLM refuses what was asked, e.g. a prompt that is too long, and is not broken itself."""
    return isinstance(error, ValueError) or any(kind.__name__ == "VLLMValidationError" for kind in type(error).__mro__)


def _completion(output: Any) -> Completion | Exception:
    """Read a ``RequestOutput``."""
    answer = output.outputs[0]
    if answer.finish_reason not in {"stop", "length"}:
        return JudgeError(f"vLLM ended the answer for the reason {answer.finish_reason!r}")
    return Completion(
        text=answer.text,
        input_tokens=None if output.prompt_token_ids is None else len(output.prompt_token_ids),
        output_tokens=len(answer.token_ids),
        logprobs=None if answer.logprobs is None else tuple(_logprobs(answer)),
    )


def _logprobs(answer: Any) -> list[TokenLogprobs]:
    found = []
    for token, place in zip(answer.token_ids, answer.logprobs, strict=False):  # by token
        named = [(other.decoded_token or "", float(other.logprob)) for other in place.values()]
        found.append(token_logprobs(place[token].decoded_token or "", float(place[token].logprob), named))
    return found


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST_QUOTE] or type(error).__name__


def vllm_judge(argument: str, options: JudgeOptions) -> ChatJudge:
    """The judge ``vllm/PATH``.

    Raises:
        ConfigError: The path is missing from the spec, or has no model; or a parameter has a setting of its own.
    """
    if not argument:
        raise ConfigError(
            '"vllm" needs a model: vllm/PATH, the folder of a model or an id that the Hugging Face cache has'
        )
    problems = [f'"{name}" is set by {_SET_ELSEWHERE[name]}' for name in options.parameters if name in _SET_ELSEWHERE]
    problems += [
        f"the parameter {name} must be a JSON object, found {options.parameters[name]!r}"
        for name in ("chat_template_kwargs", "engine")
        if not isinstance(options.parameters.get(name, {}), dict)
    ]
    if not isinstance(options.parameters.get("seed", 0), int):
        problems.append(f"the parameter seed must be a whole number, found {options.parameters['seed']!r}")
    if problems:
        raise ConfigError(problems)
    find_checkpoint(argument, provider="vllm")
    return chat_judge(f"vllm/{argument}", options, lambda settled: VllmClient(path=argument, options=settled))


JUDGES.register("vllm", vllm_judge)
