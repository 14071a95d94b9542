"""A gate: on answers, judged look by look, or on judgments that were made before. Library and command share it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from longismore.api._comparing import prepare, read_request
from longismore.api._gated import Gated
from longismore.api._given import check_number, check_seed, check_whole
from longismore.api._judged_sources import judged_in
from longismore.api._sources import JudgeSettings
from longismore.errors import ConfigError, near_names
from longismore.gating import choose_judged, gate_judged, gate_pairs
from longismore.reports.gate import GateRule
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.api._comparing import OnProgress, Request, Run
    from longismore.api._judged_sources import JudgedSource
    from longismore.judges import Judge

__all__ = ["Recorded", "gate_answers", "gate_recorded", "gate_run", "rule_of", "split_options"]

_WORDS = ("audit", "metric", "mode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Which judgments decide; ``None``: there is only one."""

    judged: JudgedSource
    testsets: Sequence[str] = ()
    judge: str | None = None
    reference: str | None = None
    candidate: str | None = None


def gate_answers(request: Request, rule: GateRule, store: Path, on_progress: OnProgress | None = None) -> Gated:
    """Read both sides' answers, judge them look by look, and decide.

    Raises:
        UsageError: Something in the request will not do, or the judge is refused.
        JudgeError: A model that writes answers could not go on.
    """
    ready = read_request(request)
    with Store(store) as opened:
        return gate_run(prepare(request, ready, opened), ready.judge, rule, opened, on_progress)


def gate_run(run: Run, judge: Judge, rule: GateRule, store: Store, on_progress: OnProgress | None = None) -> Gated:
    """Judge pairs look by look, and decide.

    Raises:
        ConfigError: The judge is refused.
    """
    result = gate_pairs(run.pairs, judge, rule, store=store, folder=run.folder, on_progress=on_progress)
    return Gated(result=result, folder=None if run.folder is None else run.folder.path)


def gate_recorded(recorded: Recorded, rule: GateRule) -> Gated:
    """Decide on judgments that were made before.

    Raises:
        UsageError: They cannot be read, are not of one comparison, or the judge is refused.
    """
    judged = choose_judged(
        judged_in(recorded.judged),
        judge=recorded.judge,
        reference=recorded.reference,
        candidate=recorded.candidate,
    )
    return Gated(result=gate_judged(judged, rule, testsets=recorded.testsets), folder=None)


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell the options of the gate from those of the judge.

    Raises:
        ConfigError: An option is of neither.
    """
    own = {field.name for field in fields(GateRule)}
    known = [*sorted(own), *sorted(JudgeSettings.__annotations__)]
    if unknown := [name for name in options if name not in known]:
        raise ConfigError(
            [
                f'"{name}" is no option of a gate or a judge{near_names(name, known)}; known: {", ".join(known)}'
                for name in unknown
            ]
        )
    return (
        {name: value for name, value in options.items() if name in own},
        {name: value for name, value in options.items() if name not in own},
    )


def rule_of(options: Mapping[str, Any], margin: float) -> GateRule:
    """The rule of a gate.

    Raises:
        ConfigError: An option is not known, or will not do.
    """
    known = [field.name for field in fields(GateRule)]
    if unknown := [name for name in options if name not in known]:
        raise ConfigError([f'unknown option of a gate "{name}"{near_names(name, known)}' for name in unknown])
    given = {**options, "margin": margin}
    for name, value in given.items():
        _check_option(name, value)
    return GateRule(**given)


def _check_option(name: str, value: object) -> None:
    """Refuse what is of another kind; which values are allowed is the rule's business."""
    if name == "looks":
        check_whole(name, value)
    elif name == "seed":
        check_seed(value)
    elif name in _WORDS:
        if not isinstance(value, str) and not (name == "mode" and value is None):
            raise ConfigError(f"{name} must be a word, found {value!r:.80}")
    else:
        check_number(name, value)
