"""The last stage: the answers of two cells, judged in both orders."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json
from longismore.comparison import compare_pairs, make_pairs, pair_of
from longismore.errors import JudgeError
from longismore.judges import combine, read_judgments
from longismore.records import Answer, Status
from longismore.run_folder import RunFolder, describe_run
from longismore.study._stage import Stage, digest_of, read_marker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from longismore.comparison import Progress
    from longismore.judges import Judge
    from longismore.records import Example, Verdict
    from longismore.store import Store
    from longismore.testsets import TestSet

__all__ = ["Answers", "Judging"]

_JUDGMENTS = "judgments.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the model of a cell has answered."""

    label: str
    path: Path
    digest: str

    def read(self) -> dict[tuple[str, str], Answer]:
        """By test set and id."""
        return {(row["dataset"], row["id"]): Answer(self.label, row["output"]) for row in read_json(self.path)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Who judges, and what was asked."""

    judge: Judge
    spec: str
    store: Store
    examples: Sequence[Example]
    testsets: Sequence[TestSet]
    on_progress: Callable[[Progress], None] | None = None

    def stage(self, folder: Path, candidate: Answers, reference: Answers) -> Stage:
        """The stage of a match."""
        return Stage(
            folder,
            {
                "judge": self.judge.fingerprint,
                "candidate": candidate.digest,
                "reference": reference.digest,
                "questions": digest_of([example.question for example in self.examples]),
            },
        )

    def make(self, stage: Stage, candidate: Answers, reference: Answers) -> dict[str, Any]:
        """Judge every pair in the stage's folder; paid answers come from the store where it has them.

        Returns:
            What the stage's marker says.

        Raises:
            JudgeError: The judge could not go on, or calls failed that are asked again next time.
        """
        pairs = make_pairs(self.examples, reference.read(), candidate.read())
        run = describe_run(
            judge=self.judge,
            spec=self.spec,
            sources={"reference": reference.path, "candidate": candidate.path},
            testsets=self.testsets,
            command=sys.argv,
        )
        folder = RunFolder(stage.folder, run | {"name": stage.folder.name})
        compare_pairs(pairs, self.judge, store=self.store, folder=folder, on_progress=self.on_progress)
        judgments = read_judgments(stage.folder / _JUDGMENTS)
        failed = sum(judgment.status is Status.FAILED for judgment in judgments)
        if failed:
            raise JudgeError(f"{failed} of {len(judgments)} judge calls failed; the same command asks them again")
        return stage.end([stage.folder / _JUDGMENTS], {"judgments": len(judgments)})

    def verdicts(self, stage: Stage) -> list[Verdict] | None:
        """What a match has come to, also where calls failed; ``None`` where it was not judged to its end."""
        marker = read_marker(stage.folder) or {}
        run = stage.folder / "run.json"
        if marker.get("fingerprint") != stage.fingerprint or not run.is_file():
            return None
        told: Mapping[str, Any] = read_json(run)
        if told.get("status") != "done":
            return None
        judgments = read_judgments(stage.folder / _JUDGMENTS)
        pairs = {(each.testset, each.id): pair_of(each) for each in judgments}
        ordered = [pairs[key] for example in self.examples if (key := (example.testset, example.id)) in pairs]
        return combine(ordered, judgments)
