"""Who judges turns: a chat model by the published prompts, a judge of pairs, a word counter, or a recorded file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from longismore.errors import ConfigError
from longismore.judges import JudgeOptions, make_judge
from longismore.judges._asker import WITHOUT_CHAT, make_asker
from longismore.judges._chat import ChatJudge
from longismore.mtbench._chat_judge import ChatTurnJudge
from longismore.mtbench._pair_judge import PairTurnJudge
from longismore.mtbench._prompts import load_prompts
from longismore.mtbench._replay import replay_judge
from longismore.mtbench._word_judge import WordTurnJudge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from longismore.judges import Estimate, Usage
    from longismore.mtbench._matches import Match
    from longismore.store import Store

__all__ = ["TurnJudge", "make_turn_judge"]

_MAX_TOKENS = 2048
"""As FastChat gives."""
_USUAL_TOKENS = 200
"""The published judgments of GPT-4 have some 175 on average."""


class TurnJudge(Protocol):
    """Judges matches, and gives each as a row of FastChat's files."""

    @property
    def name(self) -> str:
        """What people read, e.g. ``openai/gpt-4``."""

    @property
    def fingerprint(self) -> str | None:
        """Hash of prompts, model, settings and parser; ``None`` where a recorded file does not tell."""

    @property
    def note(self) -> str | None:
        """A caveat that must stand wherever the numbers show, or nothing."""

    @property
    def usage(self) -> Usage:
        """What its calls have taken so far in this process."""

    def check(self, matches: Sequence[Match], store: Store) -> None:
        """Find out, without spending, whether judging can work.

        Raises:
            UsageError: It cannot.
        """

    def estimate(self, matches: Sequence[Match], store: Store) -> Estimate | None:
        """What judging these takes; ``None``: no calls."""

    def judge(
        self, matches: Sequence[Match], *, name: str, store: Store, on_progress: Callable[[int, int], None]
    ) -> list[dict[str, Any]]:
        """A row for each match, in their order; a recorded file may have none for some.

        Args:
            matches: All of one mode.
            name: The judge's in files.
            store: Where answers are kept.
            on_progress: Gets judgments made and wanted.

        Raises:
            JudgeError: No further call can succeed; what was answered is in the store.
        """


def make_turn_judge(
    spec: str,
    settings: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    pairwise: bool,
    folder: Path | None = None,
) -> TurnJudge:
    """Make the judge that *spec* names.

    Args:
        spec: As everywhere: ``openai/MODEL``, ``hf/PATH``, a judge file, ``lexical``, ``length``,
            ``alpaca_eval:CONFIG``, or ``replay:FILE`` with a judgment file of FastChat or of this package.
        settings: Of the judge.
        environ: Where keys are looked up.
        pairwise: Whether it shall compare, and not grade.
        folder: Of published files, for the prompts.

    Raises:
        UsageError: There is no such judge, or it cannot do what it shall.
    """
    kind, _, argument = re.sub("[:/]", ":", spec.strip(), count=1).partition(":")
    if kind == "replay":
        return replay_judge(argument, pairwise=pairwise)
    may_chat = kind not in WITHOUT_CHAT
    if may_chat:
        # The prompts are those of MT-Bench, whatever protocol is set for other commands.
        settings = {name: value for name, value in settings.items() if name != "protocol"}
    judge = make_judge(spec, JudgeOptions.from_mapping(settings, environ))
    if may_chat and isinstance(judge, ChatJudge):
        asker = make_asker(
            spec,
            settings,
            environ,
            purpose={"mt_bench": 1},
            max_tokens=_MAX_TOKENS,
            usual_output_tokens=_USUAL_TOKENS,
        )
        return ChatTurnJudge(asker=asker, prompts=load_prompts(folder), pairwise=pairwise)
    if pairwise:
        return PairTurnJudge(judged_by=judge)
    if judge.name == "lexical":
        return WordTurnJudge()
    raise ConfigError(
        f'"{judge.name}" compares two answers and cannot grade one: take --mode pairwise-baseline or pairwise-all, or '
        "another judge, e.g. openai/gpt-4.1"
    )
