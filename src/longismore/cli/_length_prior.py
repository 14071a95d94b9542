"""The prior of the length slope, from the command line: two numbers, or what a length probe measured."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json
from longismore.errors import ConfigError, SchemaError
from longismore.reports.length_control import DEFAULT_PRIOR, LengthPrior

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.records import Judged

__all__ = ["PriorChoice"]

logger = logging.getLogger(__name__)

_LEAST_SD = 0.3
"""A probe's padding is not how models write more, so its standard error alone would claim too much."""


class PriorChoice:
    """What ``--length-prior`` says: ``MEAN,SD`` for every judge, or a file for the judges that it names.

    Args:
        given: The option; ``None`` is the default prior.

    Raises:
        ConfigError: It is neither two numbers nor a file.
        SchemaError: The file has no result of a length probe.
    """

    def __init__(self, given: str | None) -> None:
        self._fixed = None if given is None else _numbers(given)
        self._measured = {} if given is None or self._fixed is not None else dict(_probes(Path(given)))

    def of(self, judged: Judged) -> LengthPrior:
        """The prior for one judge; one that the file does not name has the default, and a warning."""
        if self._fixed is not None:
            return self._fixed
        measured = self._measured.get(judged.judge)
        if measured is None:
            if self._measured:
                logger.warning(
                    "no length probe of %s is in the file (it has %s): the default prior is used",
                    judged.judge, ", ".join(self._measured),
                )  # fmt: skip
            return DEFAULT_PRIOR
        return measured


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
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0):
        raise ConfigError(f'--length-prior takes a mean and a standard deviation above 0, found "{given}"')
    return LengthPrior(mean=mean, sd=sd, source="given by --length-prior")


def _probes(path: Path) -> Iterator[tuple[str, LengthPrior]]:
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
        yield judge, LengthPrior(mean=slope, sd=max(error, _LEAST_SD), source=source)


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None
