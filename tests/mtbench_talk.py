"""A model for MT-Bench that answers at once, tells lm_eval's cache each answer, and fails where it is told to."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval.api.model import LM

from longismore.mtbench import Question

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["QUESTIONS", "Call", "TalkLM", "said"]

QUESTIONS = [
    Question(id=81, category="writing", turns=("Write about a boat.", "Make it shorter.")),
    Question(id=101, category="reasoning", turns=("Which one is heavier?", "And if both float?")),
    Question(id=111, category="math", turns=("Add one and one.", "Double it.")),
    Question(id=141, category="stem", turns=("What is tin?", "Where is it found?")),
]


def said(prompt: str) -> str:
    """What the model says to a prompt."""
    return f"word {sha256(prompt.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Call:
    """One call of ``generate_until``."""

    prompts: list[str]
    settings: list[dict[str, Any]]


class TalkLM(LM):  # type: ignore[misc]  # lm_eval has no types
    """Answers from the prompt alone.

    Args:
        pretrained: What it is called.
        fails_after: After so many answers it raises an error; 0: never.
        dies_after: After so many answers its process is killed; 0: never.
        context: The longest text it can hold, in words; 0: it does not know.
        silent: Says nothing where the prompt has this word.
    """

    calls: ClassVar[list[Call]] = []
    """Of all models of this process."""
    built: ClassVar[list[dict[str, Any]]] = []

    def __init__(
        self,
        pretrained: str = "",
        *,
        fails_after: int = 0,
        dies_after: int = 0,
        context: int = 0,
        silent: str = "",
        **more: Any,
    ) -> None:
        super().__init__()
        self.built.append(more)
        self._fails_after, self._dies_after, self._silent, self._count = fails_after, dies_after, silent, 0
        if context:
            self.max_length = context

    def tok_encode(self, text: str) -> list[str]:
        """Words."""
        return text.split()

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Roles in angle brackets."""
        return " ".join(f"<{each['role']}> {each['content']}" for each in chat_history)

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """One answer a request."""
        print("a model that prints")  # noqa: T201
        self.calls.append(Call([each.args[0] for each in requests], [dict(each.args[1]) for each in requests]))
        found = []
        for request in requests:
            prompt = request.args[0]
            text = "" if self._silent and self._silent in prompt else f"  {said(prompt)}\n"
            self.cache_hook.add_partial("generate_until", request.args, text)
            found.append(text)
            self._count += 1
            if self._count == self._dies_after:
                os.kill(os.getpid(), signal.SIGKILL)
            if self._count == self._fails_after:
                raise RuntimeError("out of memory")
        return found

    def loglikelihood(self, requests: Any) -> Any:
        """Not needed."""
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood
