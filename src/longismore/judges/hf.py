"""Judges of Hugging Face Transformers that run in this process.

Spec: ``hf/PATH``, a folder with a model (``hf:/data/model`` or ``hf/./model``), or the id of one that the Hugging
Face cache has. Extra: ``hf``. Nothing is downloaded, and nothing is billed.

The model is loaded once, with the first call, in the precision of its weights, onto the GPU if there is one. Calls are
answered in batches of 8, or as many as ``concurrency`` says. The likeliest token is taken where the temperature is
0 or not given; else tokens are sampled, with a seed that depends on the chat alone, so that the same chat gets the
same answer in every batch, as far as the arithmetic of the device allows. ``timeout_s`` has no meaning here.

A chat is written as the tokenizer's chat template says; instructions that the template leaves out, or refuses, are
put at the head of the user's message. A tokenizer without a template gets ``role: text`` for each message, with an
empty line between them, and ``assistant:`` at the end. Control tokens in the texts are broken by a zero-width space.

``parameters``: ``chat_template_kwargs`` (e.g. ``{"enable_thinking": false}``), ``seed``, ``top_k`` and ``top_p``.

Source: https://huggingface.co/docs/transformers/main_classes/text_generation
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longismore._checkpoint import checkpoint_sha256
from longismore._optional import require
from longismore.errors import ConfigError, JudgeError
from longismore.judges import JUDGES
from longismore.judges._batched import BatchedCalls
from longismore.judges._chat import chat_judge
from longismore.judges._local import find_checkpoint, local_price
from longismore.judges._transformers import load_model, parameter_problems

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.judges._chat import ChatJudge
    from longismore.judges._client import BatchClient, Completion, Messages
    from longismore.judges._options import JudgeOptions
    from longismore.judges._prices import Price
    from longismore.judges._transformers import TransformersModel

__all__ = ["HfClient", "hf_judge"]

_BATCH = 8


@dataclass(slots=True, kw_only=True)
class HfClient:
    """One model in this process.

    Args:
        path: As it stands in the judge's spec.
        options: Temperature, length of the answer, parameters, size of a batch.
    """

    path: str
    options: JudgeOptions
    _sha256: str | None = field(default=None, init=False)
    _model: TransformersModel | None = field(default=None, init=False, repr=False)
    _calls: BatchedCalls | None = field(default=None, init=False, repr=False)

    @property
    def folder(self) -> Path:
        """Where the model is.

        Raises:
            ConfigError: It is not on this machine.
        """
        return find_checkpoint(self.path, provider="hf")

    @property
    def settings(self) -> dict[str, object]:
        """Path and hash of the model, temperature, length of the answer, parameters."""
        if self._sha256 is None:
            self._sha256 = checkpoint_sha256(self.folder)
        return {
            "provider": "hf",
            "model": self.path,
            "checkpoint_sha256": self._sha256,
            **self.options.of_request(),
        }

    @property
    def concurrency(self) -> int:
        """The size of a batch: 8, unless the user says otherwise."""
        return self.options.concurrency or _BATCH

    @property
    def price(self) -> Price:
        """Nothing, unless the user says otherwise."""
        return local_price("hf", self.path, self.options)

    def check(self) -> None:
        """The packages are there, and the folder has a model; weights are not loaded."""
        for package in ("torch", "transformers"):
            require(package, extra="hf")
        folder = self.folder
        transformers = require("transformers", extra="hf")
        try:
            transformers.AutoConfig.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            problem = " ".join(str(error).split())[:300]
            raise ConfigError(f"hf/{self.path}: {folder}/config.json cannot be used: {problem}") from error

    async def complete(self, messages: Messages) -> Completion:
        """One chat, answered in a batch with those that are asked at the same time."""
        if self._calls is None:
            self._calls = BatchedCalls(self._answer, self.concurrency)
        try:
            return await self._calls.ask(messages)
        except JudgeError as error:
            raise type(error)(f"hf/{self.path}: {error}") from error

    def _answer(self, chats: Sequence[Messages], stop: threading.Event) -> Sequence[Completion | Exception]:
        if self._model is None:
            self._model = load_model(self.folder, self.options)
        return self._model.answer(chats, stop)

    async def close(self) -> None:
        """End the thread; the model stays in memory."""
        calls, self._calls = self._calls, None
        if calls is not None:
            await calls.close()

    def batches(self) -> BatchClient | None:
        """There is no such thing here."""
        return None


def hf_judge(argument: str, options: JudgeOptions) -> ChatJudge:
    """The judge ``hf/PATH``.

    Raises:
        ConfigError: The path is missing from the spec, or has no model; or a parameter is unknown or wrong.
    """
    if not argument:
        raise ConfigError('"hf" needs a model: hf/PATH, the folder of a model or an id that the Hugging Face cache has')
    if problems := parameter_problems(options.parameters):
        raise ConfigError(problems)
    find_checkpoint(argument, provider="hf")
    return chat_judge(f"hf/{argument}", options, lambda settled: HfClient(path=argument, options=settled))


JUDGES.register("hf", hf_judge)
