"""What was judged, read from whatever file holds it: the input of everything that analyses without a call.

A run folder, ``judgments.jsonl``, the samples that lm_eval logs for our tasks, and alpaca_eval's ``annotations.json``
all become `Judged`: one for each judge (its settings included), reference and candidate.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json, read_jsonl
from longismore.comparison import pair_of
from longismore.errors import DataError, SchemaError
from longismore.judges import (
    combine,
    is_annotations,
    is_sample,
    read_annotations,
    read_judgments,
    read_samples,
)
from longismore.records import Judged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.judges import Comparands
    from longismore.records import Judgment, Pair, Verdict

__all__ = ["read_judged"]

logger = logging.getLogger(__name__)

_KINDS = (
    "a run folder, judgments.jsonl, samples_longismore_*.jsonl of lm_eval --log_samples, or annotations.json of "
    "alpaca_eval"
)


@dataclass(slots=True)
class _Group:
    """What belongs to one judge, reference and candidate."""

    judge: str
    fingerprint: str | None
    reference: str
    candidate: str
    judgments: list[Judgment] = field(default_factory=list)
    one_order: bool = False
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def finished(self) -> Judged:
        """The value; where a call was recorded more than once, its first record makes the verdict."""
        pairs: dict[tuple[str, str], Pair] = {}
        first: dict[tuple[str, str, str], Judgment] = {}
        for judgment in self.judgments:
            pair = pair_of(judgment)
            known = pairs.setdefault((pair.testset, pair.id), pair)
            if known != pair:
                raise DataError(
                    f"{', '.join(self.files)}: {pair.testset} {pair.id} was judged with different answers under the "
                    f"same names ({self.reference} and {self.candidate}): give the files one by one, or name the "
                    "models apart"
                )
            first.setdefault((pair.testset, pair.id, judgment.order), judgment)
        verdicts = dict(self.verdicts)
        for verdict in combine(list(pairs.values()), first.values(), one_order=self.one_order):
            verdicts[verdict.testset, verdict.id] = verdict
        return Judged(
            judge=self.judge,
            fingerprint=self.fingerprint,
            reference=self.reference,
            candidate=self.candidate,
            verdicts=tuple(verdicts.values()),
            judgments=tuple(self.judgments),
            run=self.run,
            files=tuple(self.files),
        )


def read_judged(paths: Sequence[str | Path]) -> list[Judged]:
    """Read all files together, in the order given.

    Several files of the same judge, reference and candidate are one `Judged`: test sets add up, and a call that is
    recorded twice is kept twice among the judgments, while its first record makes the verdict. A pair whose calls were
    never made (a run that stopped early) is there without an outcome, as far as ``run.json`` or the run's outputs name
    it.

    Args:
        paths: Run folders, or files.

    Raises:
        DataError: A file cannot be read, or two files contradict each other.
        SchemaError: A file is none of the kinds, or a row of it is not as it should be.
    """
    groups: dict[tuple[str | None, str, str, str], _Group] = {}

    def group(judge: str, fingerprint: str | None, reference: str, candidate: str, file: str) -> _Group:
        found = groups.setdefault(
            (fingerprint, judge, reference, candidate), _Group(judge, fingerprint, reference, candidate)
        )
        if file not in found.files:
            found.files.append(file)
        return found

    for given in paths:
        path = Path(given)
        for file in _files(path):
            judgments, verdicts, one_order = _read(file)
            run = _run_of(path)
            for judgment in judgments:
                known = group(
                    judgment.judge,
                    None if one_order else judgment.fingerprint,
                    judgment.reference.model,
                    judgment.candidate.model,
                    str(file),
                )
                known.judgments.append(judgment)
                known.one_order |= one_order
                known.run = known.run or run
            for said, verdict in verdicts:
                known = group(said.judge, said.fingerprint, said.reference, said.candidate, str(file))
                known.verdicts.setdefault((verdict.testset, verdict.id), verdict)
    return [each.finished() for each in groups.values()]


def _files(path: Path) -> list[Path]:
    """The files that *path* stands for."""
    if not path.is_dir():
        return [path]
    for name in ("judgments.jsonl", "annotations.json"):
        if (path / name).is_file():
            return [path / name]
    samples = sorted(path.rglob("samples_longismore_*.jsonl"))
    if samples:
        return samples
    raise DataError(f"{path}: nothing that was judged is in this folder; expected {_KINDS}")


def _run_of(path: Path) -> dict[str, Any]:
    """What the run folder says of itself."""
    folder = path if path.is_dir() else path.parent
    if path.is_file() and path.name != "judgments.jsonl":
        return {}
    file = folder / "run.json"
    if not file.is_file():
        return {}
    run = read_json(file)
    if not isinstance(run, dict):
        raise SchemaError(str(file), f"an object was expected, found {type(run).__name__}")
    return run


def _read(path: Path) -> tuple[list[Judgment], list[tuple[Comparands, Verdict]], bool]:
    """The judgments or the verdicts of one file, and whether each pair was to be seen in one order only."""
    if path.suffix == ".json":
        if not is_annotations(read_json(path)):
            raise SchemaError(str(path), f"holds nothing that was judged; expected {_KINDS}")
        judgments, one_order = read_annotations(path)
        return judgments, [], one_order
    row = next((row for _, row in read_jsonl(path)), None)
    if row is not None and is_sample(row):
        return [], read_samples(path), False
    if row is not None and not {"order", "fingerprint"} <= row.keys():
        raise SchemaError(f"{path}:1", f"no line of judgments ({', '.join(row)}); expected {_KINDS}")
    return read_judgments(path), [], False
