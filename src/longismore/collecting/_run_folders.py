"""The run folders of longismore as numbers: win rates with their own intervals, clustered by prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json
from longismore.collecting._reading import Read, Without, checksum, moment, number_of, section
from longismore.collecting._walk import RUN
from longismore.errors import SchemaError
from longismore.reports.collection import Number, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["RATES", "SPEC", "read_run_folder"]

SPEC = "judge as given"

_MAIN = ("win_rate", "lc_win_rate", "length_ratio")
RATES = (*_MAIN, "winning_score", "preference", "tie_rate", "swap_consistency", "unjudged", "mean_chars_candidate")
"""Fields of the results that become metrics; those of `_MAIN` stand in the table unless metrics are chosen."""
_PERCENT = {"win_rate", "lc_win_rate", "preference", "tie_rate", "swap_consistency", "unjudged"}
_LOWER = {"unjudged"}
_RESAMPLED = "refits on resampled prompts"
_CLUSTERED = "clustered by prompt"


def read_run_folder(folder: Path) -> Read:
    """Read ``run.json``, ``results.json``, and the checksums of what was asked and of the reference's answers.

    Raises:
        DataError: A file cannot be read.
        SchemaError: It is no run folder, or the run did not end.
    """
    run = read_json(folder / "run.json")
    if not isinstance(run, dict) or not isinstance(run.get("judge"), dict):
        raise SchemaError(str(folder / "run.json"), 'an object with "judge" was expected, as longismore writes it')
    if run.get("status") != "done":
        reason = f": {run['reason']}" if run.get("reason") else ""
        raise SchemaError(str(folder), f'the run is not finished (status "{run.get("status")}"{reason}); repeat it')
    results = read_json(folder / "results.json")
    if not isinstance(results, dict) or not {"pooled", "testsets"} <= results.keys():
        raise SchemaError(str(folder / "results.json"), 'an object with "pooled" and "testsets" was expected')
    read = Read()
    gate = section(run, "gate")
    if gate:
        read.notes.append(_verdict(gate))
        if _stopped_early(gate):
            return read
    _add(read, run, results, folder)
    return read


def _verdict(gate: Mapping[str, Any]) -> str:
    looked = section(gate, "pairs")
    stopped = (
        f"; it stopped after {looked.get('asked')} of {looked.get('planned')} pairs, so its rates stand in no column"
        if _stopped_early(gate)
        else ""
    )
    return (
        f"gate of {gate.get('candidate')} against {gate.get('reference')} by {gate.get('judge')}: "
        f"{gate.get('verdict')}, {gate.get('reason')}{stopped}"
    )


def _stopped_early(gate: Mapping[str, Any]) -> bool:
    """Whether it stopped when it had seen enough: a plain interval of what it saw would be too narrow."""
    pairs = section(gate, "pairs")
    return pairs.get("asked") != pairs.get("planned")


def _add(read: Read, run: Mapping[str, Any], results: Mapping[str, Any], folder: Path) -> None:
    usage = section(run, "usage")
    source = Source(
        path=str(folder),
        kind=RUN,
        created=moment(run.get("created")),
        versions={
            name: str(section(run, "versions")[name]) for name in ("longismore",) if name in section(run, "versions")
        },
        is_paid=True,
        cost_usd=number_of(usage.get("cost_usd")),
    )
    if number_of(usage.get("from_store")):
        read.notes.append(
            f"{folder}: {usage['from_store']} of its answers came from the store; what they cost is in the run that "
            "asked for them"
        )
    scopes = {str(name): rates for name, rates in section(results, "testsets").items() if isinstance(rates, dict)}
    texts = _Texts.read(folder)
    pooled = section(results, "pooled")
    for name, rates in scopes.items():
        read.numbers += _numbers(
            rates, read, run=run, source=source, sets=[name], texts=texts, is_whole=len(scopes) == 1
        )
    if len(scopes) > 1:
        read.numbers += _numbers(pooled, read, run=run, source=source, sets=list(scopes), texts=texts, is_whole=True)


def _numbers(
    rates: Mapping[str, Any],
    read: Read,
    *,
    run: Mapping[str, Any],
    source: Source,
    sets: Sequence[str],
    texts: _Texts,
    is_whole: bool,
) -> Iterator[Number]:
    benchmark = _benchmark(sets)
    model = str(section(run, "candidate").get("model") or "unnamed")
    judge, n = section(run, "judge"), number_of(rates.get("n"))
    settings = {
        "judge": str(judge.get("name") or judge.get("spec") or "unnamed"),
        "reference": str(section(run, "reference").get("model") or "unnamed"),
        **_limit(run, rates, sets),
    }
    versions = {
        "judge fingerprint": str(judge["fingerprint"]) if judge.get("fingerprint") else None,
        "test set version": _set_version(run, sets),
        "instructions": texts.instructions(sets),
        "reference answers": texts.answers(sets),
    }
    for metric in RATES:
        value = number_of(rates.get(metric))
        if value is None:
            read.without_value.append(Without(model, f"{benchmark}/{metric}"))
            continue
        interval = _interval(rates.get(f"{metric}_ci"))
        yield Number(
            model=model,
            benchmark=benchmark,
            metric=metric,
            value=value,
            source=source,
            interval=interval,
            interval_kind=None if interval is None else _RESAMPLED if metric.startswith("lc_") else _CLUSTERED,
            n=None if n is None else int(n),
            is_rate=metric in _PERCENT,
            is_shown=is_whole and metric in _MAIN,
            lower_is_better=metric in _LOWER,
            settings=settings,
            versions=versions,
            remarks={"longismore": source.versions.get("longismore"), SPEC: str(judge.get("spec") or "") or None},
        )


def _benchmark(sets: Sequence[str]) -> str:
    """Name several sets together; the parts of one (``alpaca_eval/koala``, ``alpaca_eval/oasst``, ...) are it."""
    (whole, *others) = {name.rpartition("/")[0] for name in sets}
    return whole if whole and not others and len(sets) > 1 else "+".join(sets)


def _interval(given: object) -> tuple[float, float] | None:
    if not isinstance(given, list) or len(given) != 2:  # noqa: PLR2004  a lower and an upper limit
        return None
    low, high = map(number_of, given)
    return None if low is None or high is None else (low, high)


def _limit(run: Mapping[str, Any], rates: Mapping[str, Any], sets: Sequence[str]) -> dict[str, str]:
    """Say so where fewer pairs were compared than the test sets have, as far as their sizes are known."""
    sizes = [number_of(section(section(run, "testsets"), name).get("size")) for name in sets]
    pairs, whole = number_of(rates.get("pairs")), sum(size or 0 for size in sizes)
    return {} if pairs is None or None in sizes or pairs == whole else {"pairs": f"{pairs:g} of {whole:g}"}


def _set_version(run: Mapping[str, Any], sets: Sequence[str]) -> str | None:
    versions = [section(section(run, "testsets"), name).get("version") for name in sets]
    return None if None in versions else "+".join(map(str, versions))


@dataclass(frozen=True, slots=True)
class _Texts:
    """Checksums of the instructions and of the reference's answers, whatever their order."""

    rows: Sequence[tuple[str, str, str]]
    """Test set, instruction and answer."""

    @classmethod
    def read(cls, folder: Path) -> _Texts:
        """Read them from the copy of the answers that a run keeps; older ones may have none."""
        path = folder / "reference.json"
        rows = read_json(path) if path.is_file() else []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise SchemaError(str(path), "a list of objects was expected, as longismore writes it")
        return cls([(str(row.get("dataset")), str(row.get("instruction")), str(row.get("output"))) for row in rows])

    def instructions(self, sets: Sequence[str]) -> str | None:
        """Of what was asked."""
        return checksum((instruction, "") for name, instruction, _ in self.rows if name in sets)

    def answers(self, sets: Sequence[str]) -> str | None:
        """Of what the reference answered."""
        return checksum((instruction, output) for name, instruction, output in self.rows if name in sets)
