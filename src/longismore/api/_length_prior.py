"""The prior of the length slope, as it is given: two numbers, or what a length probe measured."""

from __future__ import annotations

import logging
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING, Any, TypeAlias

from longismore._jsonl import read_json
from longismore.errors import ConfigError, SchemaError
from longismore.reports import DEFAULT_PRIOR, LengthPrior, summarize_together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.records import Judged
    from longismore.reports import Results

__all__ = ["GivenPrior", "PriorChoice"]

logger = logging.getLogger(__name__)

_WIDEST = 100.0
"""A slope at which length decides everything."""
_NARROWEST = 0.001
_ALIKE = 1.5
_LEAST_SD = 0.3
"""A probe's padding is not how models write more, so its standard error alone would claim too much."""


GivenPrior: TypeAlias = LengthPrior | tuple[float, float] | str | Path | None
"""A prior, its mean and standard deviation, the file of a length probe, or ``MEAN,SD`` as the option has it."""


class PriorChoice:
    """What is given as prior: one for every judge, or a file for the judges that it names.

    Args:
        given: See `GivenPrior`; ``None`` is the default prior.

    Raises:
        ConfigError: It is neither two numbers nor a file.
        SchemaError: The file has no result of a length probe.
    """

    def __init__(self, given: GivenPrior) -> None:
        self._fixed = given if isinstance(given, LengthPrior) else None
        self._measured: dict[str, tuple[LengthPrior, float | None]] = {}
        if given is not None and self._fixed is None:
            text = ",".join(map(str, given)) if isinstance(given, tuple | list) else str(given)
            self._fixed = _numbers(text)
            self._measured = {} if self._fixed is not None else dict(_probes(Path(text)))
        self._missing: set[str] = set()

    def of(self, judge: str) -> LengthPrior:
        """The prior for one judge; one that the file does not name has the default, and one warning."""
        if self._fixed is not None:
            return self._fixed
        if self._measured and judge not in self._measured and judge not in self._missing:
            self._missing.add(judge)
            logger.warning(
                "no length probe of %s is in the file (it has %s): the default prior is used",
                judge, ", ".join(self._measured),
            )  # fmt: skip
        return self._measured[judge][0] if judge in self._measured else DEFAULT_PRIOR

    def results(self, judged: Sequence[Judged], *, seed: int, draws: int) -> list[Results]:
        """Summarize, each judge with its prior; candidates of one judge and reference are fitted together."""
        found: dict[int, Results] = {}
        for judge in dict.fromkeys(each.judge for each in judged):
            places = [place for place, each in enumerate(judged) if each.judge == judge]
            members = [judged[place] for place in places]
            self._compare_units(judge, members)
            together = summarize_together(members, prior=self.of(judge), seed=seed, draws=draws)
            found |= dict(zip(places, together, strict=True))
        return [found[place] for place in range(len(judged))]

    def _compare_units(self, judge: str, judged: Sequence[Judged]) -> None:
        """Warn where a slope was measured in another unit than that of the run."""
        _, measured = self._measured.get(judge, (None, None))
        for each in judged:
            known = [verdict for verdict in each.verdicts if verdict.outcome is not None]
            deltas = [verdict.candidate_chars - verdict.reference_chars for verdict in known]
            unit = stdev(deltas) if len(deltas) > 1 else 0.0
            if measured and unit and not 1 / _ALIKE < unit / measured < _ALIKE:
                logger.warning(
                    "the length probe of %s was made on runs whose length differences spread by %.0f characters, those "
                    "against %s of %s by %.0f: its slope is in another unit; probe on this run",
                    judge, measured, each.reference, each.candidate, unit,
                )  # fmt: skip


def _numbers(given: str) -> LengthPrior | None:
    try:
        mean, sd = (float(part) for part in given.split(","))
    except ValueError:
        if Path(given).is_file():
            return None
        raise ConfigError(
            "--length-prior takes MEAN,SD, e.g. 1.2,0.3, or a file of longismore audit --probe length --json; "
            f'"{given}" is neither'
        ) from None
    if not (abs(mean) <= _WIDEST and _NARROWEST <= sd <= _WIDEST):
        raise ConfigError(
            f"--length-prior takes a mean from -{_WIDEST:g} to {_WIDEST:g} and a standard deviation from "
            f'{_NARROWEST:g} to {_WIDEST:g}, found "{given}"'
        )
    return LengthPrior(mean=mean, sd=sd, source="given by --length-prior")


def _probes(path: Path) -> Iterator[tuple[str, tuple[LengthPrior, float | None]]]:
    """The judges that were probed, with the prior that follows and the unit of its slope in characters."""
    document = read_json(path)
    results = document.get("probes", [document]) if isinstance(document, dict) else document
    found = [each for each in results if isinstance(each, dict) and each.get("probe") == "length"] if results else []
    if not found:
        raise SchemaError(
            str(path), "no result of a length probe; make one: longismore audit RUN --probe length --judge SPEC --json"
        )
    for each in found:
        judge, slope, error = each.get("judge"), _number(each.get("slope")), _number(each.get("slope_se"))
        if not isinstance(judge, str) or slope is None or error is None:
            raise SchemaError(
                str(path), f"the probe of {judge!r:.80} measured no slope: slope or slope_se is no number"
            )
        source = f"a length probe of this judge ({path.name})"
        unit = each.get("scale_chars")
        known = isinstance(unit, int | float) and not isinstance(unit, bool) and unit > 0
        yield judge, (LengthPrior(mean=slope, sd=max(error, _LEAST_SD), source=source), unit if known else None)


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _WIDEST
    return float(value) if known else None
