"""What a judge is: prompt, model, parser and settings, with a fingerprint of all four."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from longismore.judges._options import JudgeOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.judges._usage import Usage
    from longismore.records import Example, Judgment, Pair
    from longismore.store import Store

__all__ = ["Judge", "JudgeFactory", "OnJudgment"]

OnJudgment = Callable[["Judgment"], None]
"""Called once for every judgment, when it is made."""


class Judge(Protocol):
    """Compares two answers, in both orders."""

    @property
    def name(self) -> str:
        """What people read, e.g. ``openai/gpt-4.1``."""

    @property
    def fingerprint(self) -> str:
        """Hash of prompt, model, parser and settings: equal means that judgments may be mixed."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What changes its answers, as far as it has settings; for ``run.json``, so never a key."""

    @property
    def note(self) -> str | None:
        """A caveat that must stand wherever the numbers show, or nothing."""

    @property
    def usage(self) -> Usage:
        """What its calls have taken so far in this process; stays empty where there are none."""

    def check(self, examples: Sequence[Example], store: Store) -> None:
        """Find out, without spending, whether judging these *examples* can work.

        Raises:
            UsageError: It cannot; the message says what to do.
        """

    def judge(self, pairs: Sequence[Pair], *, store: Store, on_judgment: OnJudgment) -> None:
        """Make the two judgments of every pair and hand each to *on_judgment* when it is made.

        Raises:
            JudgeError: The judge cannot go on; what was answered has been handed over and stored.
        """


JudgeFactory = Callable[[str, JudgeOptions], Judge]
"""Makes a judge from what follows the provider in its spec, and the options."""
