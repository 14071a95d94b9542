"""The model ``longismore_outputs``: answers from a file instead of a model.

    lm_eval run --model longismore_outputs --model_args path=FILE --tasks longismore_koala ...

The file may have any format that :func:`longismore.testsets.read_outputs` reads: model_outputs.json, JSONL,
lm_eval's samples (a file or the output folder), published generation files, ``mini:better`` and ``mini:longer``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from lm_eval.api.model import LM

from longismore.errors import ConfigError, UsageError
from longismore.harness._documents import example_of
from longismore.testsets import TESTSETS, match_outputs, read_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval.api.instance import Instance

__all__ = ["OutputsLM"]


class OutputsLM(LM):  # type: ignore[misc]  # lm_eval has no types
    """Answers a task of longismore from saved outputs; knows no other tasks.

    Args:
        path: File, lm_eval output folder, or embedded answers.
        batch_size: Accepted and ignored, as are the other arguments that lm_eval hands to every model.

    Raises:
        UsageError: The file is missing from the arguments, or cannot be read.
    """

    tokenizer_name = "longismore_outputs"

    def __init__(
        self, path: str | None = None, batch_size: Any = None, max_batch_size: Any = None, device: Any = None
    ) -> None:
        super().__init__()
        if not path:
            raise ConfigError(
                "longismore_outputs needs the file with the answers: --model_args path=FILE (or path=mini:better)"
            )
        self.outputs = read_outputs(str(path))

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """The saved answer to each request, found by the document's test set, id and instruction."""
        if any("testset" not in request.doc for request in requests):
            raise UsageError(f"longismore_outputs answers tasks of longismore only: {', '.join(TESTSETS.names())}")
        examples = [example_of(request.doc) for request in requests]
        # lm_eval repeats requests to fill up ranks.
        distinct = list({(example.testset, example.id): example for example in examples}.values())
        answers = match_outputs(distinct, self.outputs, role="candidate")
        found = [answers[example.testset, example.id].output for example in examples]
        for request, answer in zip(requests, found, strict=True):
            self.cache_hook.add_partial("generate_until", request.args, answer)
        return found

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The messages as plain text: the answers were made before."""
        return "\n\n".join(message["content"] for message in chat_history)

    def loglikelihood(self, requests: Any) -> NoReturn:
        """Not possible: saved answers have no likelihoods."""
        self._refuse()

    def loglikelihood_rolling(self, requests: Any) -> NoReturn:
        """Not possible: saved answers have no likelihoods."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise UsageError("longismore_outputs has answers only, no likelihoods; run this task with a real model")
