"""A model and a judge for evaluations with lm_eval in this process: both answer at once, and remember."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import LM

from longismore.judges import Usage
from longismore.records import Judgment, Order, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.judges._judge import OnJudgment
    from longismore.records import Example, Pair
    from longismore.store import Store

__all__ = ["EchoLM", "ProbeJudge", "words"]


def words(text: str, salt: str = "") -> str:
    """One to seven words, as many as a hash of the text says: the `length` judge finds all three outcomes."""
    return "word " * (1 + sha256((salt + text).encode()).digest()[0] % 7)


class EchoLM(LM):  # type: ignore[misc]  # lm_eval has no types
    """Answers from the prompt alone, and remembers all that it was asked."""

    tokenizer_name = "echo"

    def __init__(self, pretrained: str = "", *, salt: str = "", fails: bool = False, **_: Any) -> None:
        super().__init__()
        self.pretrained, self.salt, self.fails = pretrained, salt, fails
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """One answer a request."""
        if self.fails:
            raise RuntimeError("out of memory")
        self.asked += [(request.args[0], dict(request.args[1])) for request in requests]
        return [words(request.args[0], self.salt) for request in requests]

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Roles in angle brackets."""
        return "".join(f"<{message['role']}>{message['content']}" for message in chat_history)

    def chat_template(self, name: bool | str = False) -> str:
        """What lm_eval logs."""
        return "<role>content"

    def loglikelihood(self, requests: Any) -> Any:
        """Not needed."""
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood

    @property
    def prompts(self) -> list[str]:
        """The prompts of all requests."""
        return [prompt for prompt, _ in self.asked]


@dataclass
class ProbeJudge:
    """Prefers the longer answer; leaves chosen calls unparsed, and remembers what it was asked."""

    name: str = "probe"
    fingerprint: str = "probe"
    note: str | None = None
    settings: dict[str, object] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    unparsed: set[tuple[str, Order]] = field(default_factory=set)
    """Ids and orders; `"*"` is every id."""
    runs: list[list[Pair]] = field(default_factory=list)

    def check(self, examples: Sequence[Example], store: Store) -> None:
        """Nothing can fail."""

    def judge(self, pairs: Sequence[Pair], *, store: Store, on_judgment: OnJudgment) -> None:
        """Judge on the spot."""
        self.runs.append(list(pairs))
        for pair in pairs:
            lengths = len(pair.candidate.output), len(pair.reference.output)
            for order in Order:
                lost = not self.unparsed.isdisjoint({(pair.id, order), ("*", order)})
                on_judgment(
                    Judgment(
                        id=pair.id,
                        testset=pair.testset,
                        prompt=pair.prompt,
                        reference=pair.reference,
                        candidate=pair.candidate,
                        order=order,
                        judge=self.name,
                        fingerprint=self.fingerprint,
                        status=Status.UNPARSED if lost else Status.JUDGED,
                        preference=None if lost else 0.5 + ((lengths[0] > lengths[1]) - (lengths[0] < lengths[1])) / 2,
                    )
                )
