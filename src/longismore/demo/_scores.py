"""The fourth part: every model is asked and judged by lm_eval's own command, in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from statistics import fmean
from typing import TYPE_CHECKING

from longismore._jsonl import read_json, write_json
from longismore.demo._settings import EXAMPLE, SCORINGS, TESTSET
from longismore.errors import LongismoreError
from longismore.study._stage import Stage, file_digest
from longismore.testsets import TESTSETS, match_outputs, read_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from longismore.demo._models import Models
    from longismore.demo._settings import Scoring

__all__ = ["OFFLINE", "Scores"]

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUDA_VISIBLE_DEVICES": "",
}
"""Variables under which nothing is fetched, and no GPU is seen."""

_LAST_WORDS = 600
_ANSWERS = "answers.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What lm_eval leaves in the demonstration's folder; what is there already is kept."""

    models: Models
    environ: Mapping[str, str]
    """Of the processes that are started; :data:`OFFLINE` and one thread are added, settings of ours removed."""

    def make(self) -> list[Path]:
        """Ask and judge; returns the judgments of every comparison."""
        return [path for each in SCORINGS if (path := self._score(each)) is not None]

    def answers(self, model: str) -> Path:
        """What a model has answered."""
        return self._folder(next(each.name for each in SCORINGS if each.candidate == model)) / _ANSWERS

    def _folder(self, name: str) -> Path:
        return self.models.folder / "scores" / name

    def _score(self, scoring: Scoring) -> Path | None:
        weights = self.models.trained(scoring.candidate) / "model.safetensors"
        known = {} if scoring.reference is None else {"reference": file_digest(self.answers(scoring.reference))}
        inputs = {
            "candidate": file_digest(weights if scoring.is_asked else self.answers(scoring.candidate)),
            "arguments": self._arguments(scoring),
            "versions": {name: version(name) for name in ("longismore", "lm_eval")},
            **known,
        }
        stage = Stage(self._folder(scoring.name), inputs)
        is_example = scoring.is_asked and scoring.candidate == EXAMPLE
        self.models.teller.command(["longismore", "eval", *self._arguments(scoring)], is_example=is_example)
        marker, seconds = stage.found(), None
        if marker is None:
            stage.begin()
            with self.models.teller.doing(scoring.name.replace("-", " ")):
                self._run(scoring, stage.folder)
            judgments = sorted((stage.folder / "lm_eval").rglob("judgments.jsonl"))
            if scoring.is_asked:
                self._keep_answers(scoring, stage.folder)
            files = [*judgments, *([stage.folder / _ANSWERS] if scoring.is_asked else [])]
            marker = stage.end(files, {"judgments": [str(path.relative_to(stage.folder)) for path in judgments]})
            seconds = marker["seconds"]
        self.models.teller.done(self._told(scoring), seconds=seconds)
        return stage.folder / marker["judgments"][0] if marker["judgments"] else None

    def _arguments(self, scoring: Scoring) -> list[str]:
        """Of lm_eval, seen from the demonstration's folder."""
        sizes, output = self.models.sizes, f"scores/{scoring.name}/lm_eval"
        if scoring.is_asked:
            model = ["hf", "--model_args", f"pretrained=models/{scoring.candidate},dtype=float32", "--device", "cpu"]
            model += ["--batch_size", "20", "--gen_kwargs", f"max_gen_toks={sizes.answer_tokens}"]
        else:
            answers = self.answers(scoring.candidate).relative_to(self.models.folder)
            model = ["longismore_outputs", "--model_args", f"path={answers.as_posix()}"]
        arguments = ["--model", *model, "--tasks", f"longismore_{TESTSET}", "--output_path", output, "--log_samples"]
        arguments += [] if sizes.questions is None else ["--limit", str(sizes.questions)]
        if scoring.reference is None:
            return [*arguments, "--predict_only"]
        reference = self.answers(scoring.reference).relative_to(self.models.folder)
        told = {
            "judge": scoring.judge,
            "judge_reference": reference.as_posix(),
            "judge_candidate": scoring.candidate,
        }
        return [*arguments, "--metadata", json.dumps(told)]

    def _run(self, scoring: Scoring, folder: Path) -> None:
        shutil.rmtree(folder / "lm_eval", ignore_errors=True)  # of a run that was interrupted
        own = {name: value for name, value in self.environ.items() if not name.startswith("LONGISMORE_")}
        environ = {**own, **OFFLINE, "OMP_NUM_THREADS": "1", "LONGISMORE_STORE": "scores/store.sqlite"}
        log = folder / "lm_eval.log"
        with log.open("w", encoding="utf-8") as file:
            ended = subprocess.run(
                [sys.executable, "-m", "longismore", "eval", *self._arguments(scoring)],
                cwd=self.models.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if ended.returncode:
            last = log.read_text(encoding="utf-8", errors="replace")[-_LAST_WORDS:].strip()
            raise LongismoreError(
                f"lm_eval ended with status {ended.returncode} ({scoring.name}); all it said is in {log}, its end is:\n"
                f"{last}"
            )

    def _keep_answers(self, scoring: Scoring, folder: Path) -> None:
        """What lm_eval has logged, as a file of answers under the model's own name."""
        examples = TESTSETS.get(TESTSET).load()[: self.models.sizes.questions]
        found = match_outputs(examples, read_outputs(folder / "lm_eval"), role="candidate")
        rows = [
            {
                "id": example.id,
                "instruction": example.question,
                "output": found[example.testset, example.id].output,
                "generator": scoring.candidate,
                "dataset": example.testset,
            }
            for example in examples
        ]
        write_json(folder / _ANSWERS, rows)

    def _told(self, scoring: Scoring) -> str:
        compared = "" if scoring.judge is None else f" against {scoring.reference} by {scoring.judge}"
        if not scoring.is_asked:
            return f"{scoring.candidate}{compared}"
        rows = read_json(self.answers(scoring.candidate))
        mean = fmean(len(row["output"]) for row in rows)
        told = f"{scoring.candidate}: {len(rows)} answers of {mean:,.0f} characters"
        return f"{told};{compared}" if compared else told
