"""The stages of a study one after the other: each is made if it is not there, or only looked for.

    selections/SELECTION/          rows and their manifest
    cells/CELL/train/model/        the model
    cells/CELL/generate/           its answers
    judgments/MATCH/               a run folder

A stage's fingerprint has that of what it is made of, so a changed setting changes what depends on it and nothing else.
Several processes may run one study: a stage is made by one of them, and the others wait for it or do something else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore._jsonl import write_json
from longismore.errors import UsageError
from longismore.instructions import open_data
from longismore.instructions._templates import TEMPLATES, load_template
from longismore.study._cells import Cell, Match, cells_of, excluded_by
from longismore.study._judging import Answers, Judging
from longismore.study._selecting import Selected, Selecting
from longismore.study._stage import Stage, digest_of, file_digest
from longismore.study._work import TrainJob, Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.instructions import InstructionData
    from longismore.records import Answer, Example, Verdict
    from longismore.study._file import Study

__all__ = ["Pipeline"]

_NO_LABEL = {"preset", "save_steps", "keep_checkpoints", "logging_steps", "report_to"}
"""Settings of a training that decide nothing about the weights."""


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """A study with everything that its stages need."""

    study: Study
    output: Path
    work: Work
    selecting: Selecting
    judging: Judging
    cells: Sequence[Cell] = field(init=False)
    _data: dict[str, InstructionData] = field(default_factory=dict, init=False)
    _selected: dict[str, Selected] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.cells = cells_of(self.study)

    @property
    def examples(self) -> Sequence[Example]:
        """What every model is asked."""
        return self.judging.examples

    def data(self, name: str) -> InstructionData:
        """A data set, opened once."""
        if name not in self._data:
            found = next(each for each in self.study.data if each.name == name)
            self._data[name] = open_data(found.paths, format=found.format)
        return self._data[name]

    def folder(self, cell: Cell, stage: str) -> Path:
        """Of a stage of a cell."""
        return self.output / "cells" / cell.name / stage

    def selected(self, cell: Cell, *, make: bool, wait: bool = True) -> Selected | None:
        """The rows of a cell; ``None`` where they are not there and not to be made.

        Args:
            cell: Any.
            make: Whether to make what is not there.
            wait: Whether to wait where another process is making it.

        Raises:
            BusyError: Another process is making them, and is not to be waited for.
            UsageError: They cannot be selected.
        """
        if cell.selection in self._selected:
            return self._selected[cell.selection]
        data = self.data(cell.data)
        if cell.budget is None:
            return Selected(
                paths=data.paths,
                format=data.format,
                digest=digest_of(sorted(data.checksums().values())),
                rows=data.size,
                pool=data.size,
                cost={"scored": 0, "from_store": 0, "calls": 0, "cost_usd": 0.0, "seconds": 0.0},
            )
        strategy = next(each for each in self.study.strategies if each.name == cell.strategy)
        excluded = []
        if strategy.kind == "strict_random":
            excluded = [self.selected(each, make=make, wait=wait) for each in excluded_by(self.study, cell, self.cells)]
        if None in excluded:
            return None
        folder = self.output / "selections" / cell.selection
        exclude = [path for each in excluded if each is not None for path in each.paths]
        stage, select = self.selecting.stage(strategy, cell.trial, data, cell.budget, folder=folder, exclude=exclude)
        marker = stage.made(select, wait=wait) if make else stage.found()
        if marker is None:
            return None
        found = Selected(
            paths=tuple(folder / name for name in marker["files"]),
            format=data.format,
            digest=marker["digest"],
            rows=marker["selected"],
            pool=marker["pool"],
            cost={**marker["cost"], "seconds": marker["seconds"]},
        )
        return self._selected.setdefault(cell.selection, found)

    def job(self, cell: Cell, paths: Sequence[Path], form: str) -> TrainJob:
        """What is trained for a cell."""
        seed = {"seed": cell.seed}
        return TrainJob(
            settings=self.study.settings.changed(seed),
            preset=self.study.preset,
            overrides={**self.study.overrides, **seed},
            data=paths,
            format=form,
            model=self.study.model,
            output=self.folder(cell, "train") / "model",
        )

    def trained(self, cell: Cell, *, make: bool, wait: bool = True) -> Mapping[str, Any] | None:
        """What is known of a cell's training; arguments, ``None`` and errors as for :meth:`selected`.

        Raises:
            UsageError: It cannot be trained.
        """
        selected = self.selected(cell, make=make, wait=wait)
        if selected is None:
            return None
        job = self.job(cell, selected.paths, selected.format)
        settings = {name: value for name, value in job.settings.to_mapping().items() if name not in _NO_LABEL}
        if job.settings.template not in TEMPLATES:  # a file: its text counts, wherever it lies
            settings["template"] = load_template(job.settings.template).digest
        inputs = {
            "settings": settings,
            "model": self.work.model_digest(job.model),
            "data": selected.digest,
            "format": selected.format,
        }
        stage = Stage(self.folder(cell, "train"), inputs)

        def train() -> dict[str, Any]:
            facts = self.work.train(job)
            files = [path for path in sorted(job.output.iterdir()) if path.is_file()]
            return stage.end(files, {"training": dict(facts)})

        return stage.made(train, wait=wait) if make else stage.found()

    def answered(self, cell: Cell, *, make: bool, wait: bool = True) -> Answers | None:
        """A cell's answers; arguments, ``None`` and errors as for :meth:`selected`.

        Raises:
            UsageError: The model cannot be asked.
        """
        trained = self.trained(cell, make=make, wait=wait)
        if trained is None:
            return None
        stage = Stage(
            self.folder(cell, "generate"),
            {
                # Another training of the same rows is another model.
                "model": [trained["fingerprint"], trained["at"]],
                "max_new_tokens": self.study.max_new_tokens,
                "asked": digest_of([[each.testset, each.id, each.instruction, each.input] for each in self.examples]),
            },
        )
        path = stage.folder / "answers.json"

        def generate() -> dict[str, Any]:
            answers = self.work.generate(
                self.folder(cell, "train") / "model",
                self.examples,
                max_new_tokens=self.study.max_new_tokens,
                checkpoint=stage.folder / "answers.jsonl",
            )
            write_json(path, _rows(self.examples, answers, cell.label))
            return stage.end([path], {"digest": file_digest(path), "answers": len(answers)})

        marker = stage.made(generate, wait=wait) if make else stage.found()
        return None if marker is None else Answers(label=cell.label, path=path, digest=marker["digest"])

    def judged(self, match: Match, *, make: bool, wait: bool = True) -> list[Verdict] | None:
        """The verdicts of a match, ``None`` where its answers or judgments are not there.

        Answers are never made here.

        Raises:
            BusyError: As for :meth:`selected`.
            JudgeError: The judge could not go on.
        """
        candidate, reference = (self.answered(cell, make=False) for cell in (match.candidate, match.reference))
        if candidate is None or reference is None:
            return None
        stage = self.judging.stage(self.output / "judgments" / match.name, candidate, reference)
        if make:
            stage.made(lambda: self.judging.make(stage, candidate, reference), wait=wait)
        return self.judging.verdicts(stage)


def _rows(examples: Sequence[Example], answers: Mapping[tuple[str, str], Answer], label: str) -> list[dict[str, str]]:
    missing = [example.id for example in examples if (example.testset, example.id) not in answers]
    if missing:
        raise UsageError(f"{len(missing)} of {len(examples)} instructions have no answer, the first is {missing[0]}")
    return [
        {
            "id": example.id,
            "instruction": example.question,
            "output": answers[example.testset, example.id].output,
            "generator": label,
            "dataset": example.testset,
        }
        for example in examples
    ]
