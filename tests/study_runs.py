"""Studies whose models are a rule: they answer at the length of what they were trained on. Also as a program to kill.

python tests/study_runs.py STUDY.YAML OUTPUT LOG HANGS_AT
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json, write_json
from longismore.instructions import open_data
from longismore.judges import JudgeOptions, make_judge
from longismore.records import Answer
from longismore.selectors import LocalEngine, ScoreStore
from longismore.store import Store
from longismore.study import Judging, Pipeline, Selecting, read_study, run_study
from longismore.testsets import TESTSETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.comparison import Progress
    from longismore.records import Example
    from longismore.study import StudyRun, TrainJob

__all__ = ["RuleWork", "pipeline_of", "run_rules", "write_pool", "write_study"]

_WORDS = ["river", "salt", "amber", "quiet", "lantern", "seven", "walk", "bright", "stone", "under"]
STUDY: dict[str, Any] = {
    "data": {"pool": "pool.json"},
    "strategies": {
        "longest": "longest:measure=chars",
        "score": "score:ratings=ratings.jsonl,threshold=none",
        "strict": "strict_random",
        "random": "random",
    },
    "budgets": [40],
    "trials": 2,
    "seeds": [0],
    "model": "a rule",
    "preset": "tiny-cpu",
    "testsets": ["mini"],
    "judge": "length",
    "max_new_tokens": 64,
}
"""What a test does not change."""


def words(key: str, count: int) -> str:
    """So many words, the same for the same key."""
    numbers = hashlib.sha256(key.encode()).digest()
    return " ".join(_WORDS[(numbers[place % 32] + place) % len(_WORDS)] for place in range(count))


def noise(key: str, most: int) -> int:
    """A number from 0 to *most* that is as good as random, and the same for the same key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % (most + 1)


def write_pool(folder: Path, rows: int = 400) -> None:
    """Rows of instruction data of very different lengths, and ratings that have nothing to do with them."""
    pool = [
        {
            "instruction": f"Describe thing {number}.",
            "input": "",
            "output": words(f"{number}", 3 + noise(f"n{number}", 60)),
        }
        for number in range(rows)
    ]
    write_json(folder / "pool.json", pool)
    keys = [row.key for row in open_data(folder / "pool.json").rows()]
    ratings = [{"row": number, "key": key, "score": float(noise(f"r{key}", 5))} for number, key in enumerate(keys)]
    (folder / "ratings.jsonl").write_text("".join(json.dumps(each) + "\n" for each in ratings), encoding="utf-8")


def write_study(folder: Path, **changes: Any) -> Path:
    """A study's file; a field that is given as ``None`` is left out."""
    import yaml

    fields = {name: value for name, value in (STUDY | changes).items() if value is not None}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
    return path


@dataclass(frozen=True)
class RuleWork:
    """Models that answer as long as they were trained, give or take; every call is logged."""

    log: Path
    hangs_at: str = ""
    """A line of the log after which the process waits to be killed."""
    fails_at: str = ""
    """One at which it raises."""

    def _note(self, line: str) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if line == self.hangs_at:
            print("hanging", flush=True)  # noqa: T201
            time.sleep(600)
        if self.fails_at and self.fails_at in line:
            raise RuntimeError(f"{line}: the machine is on fire")

    def model_digest(self, model: str) -> str:
        """There is one model only."""
        return f"digest of {model}"

    def train(self, job: TrainJob) -> Mapping[str, Any]:
        """Note the mean length of the answers in the data."""
        cell = job.output.parents[1].name
        job.output.mkdir(exist_ok=True)
        (job.output / "half.txt").write_text("half", encoding="utf-8")
        self._note(f"train {cell}")
        lengths = [len(row.response.split()) for row in open_data(list(job.data)).rows()]
        write_json(job.output / "model.json", {"words": sum(lengths) / len(lengths), "seed": job.settings.seed})
        return {"tokens": sum(lengths), "steps": 1, "losses": [[1, 2.5]]}

    def generate(
        self, model: Path, examples: Sequence[Example], *, max_new_tokens: int, checkpoint: Path
    ) -> Mapping[tuple[str, str], Answer]:
        """Answers of about the length that the model knows."""
        cell = model.parents[1].name
        self._note(f"generate {cell}")
        told = read_json(model / "model.json")
        found = {}
        for example in examples:
            length = round(told["words"]) + noise(f"{cell} {told['seed']} {example.id}", 16) - 8
            found[example.testset, example.id] = Answer("model", words(f"{cell}{example.id}", max(1, length)))
        return found


def pipeline_of(file: Path, output: Path, work: Any, store: Store, *, on_progress: Any = None) -> Pipeline:
    """The pipeline of a study's file."""
    environ = {"OPENAI_API_KEY": "sk-test-0123456789abcdef"}
    study = read_study(file, environ=environ)
    options = JudgeOptions.from_mapping(study.judge_settings, environ)
    testsets = [TESTSETS.get(name) for name in study.testsets]
    return Pipeline(
        study=study,
        output=output,
        work=work,
        selecting=Selecting(
            engine=LocalEngine(ScoreStore(file.parent / "scores")),
            folder=file.parent / "scores",
            drop_duplicates=study.drop_duplicates,
            allow_fewer=study.allow_fewer,
        ),
        judging=Judging(
            judge=make_judge(study.judge, options),
            spec=study.judge,
            store=store,
            examples=[each for testset in testsets for each in testset.load()[: study.limit]],
            testsets=testsets,
            on_progress=on_progress,
        ),
    )


def run_rules(file: Path, output: Path, work: Any, *, only: Sequence[str] = (), **more: Any) -> StudyRun:
    """Run a study with models that are a rule."""
    with Store(file.parent / "store.sqlite") as store:
        return run_study(pipeline_of(file, output, work, store, **more), only=only, draws=200)


def main() -> None:
    """Run a study, and wait at some place to be killed."""
    file, output, log, hangs_at = sys.argv[1:]
    after = int(hangs_at.removeprefix("judgment ")) if hangs_at.startswith("judgment ") else None
    made = 0

    def count(_: Progress) -> None:
        nonlocal made
        made += 1
        if made == after:
            print("hanging", flush=True)  # noqa: T201
            time.sleep(600)

    work = RuleWork(Path(log), hangs_at="" if after else hangs_at)
    run_rules(Path(file), Path(output), work, on_progress=count)


if __name__ == "__main__":
    main()
