"""What the task of AlpacaEval writes, in the layout and the formats of alpaca_eval itself.

``model_outputs.json`` and ``reference_outputs.json`` as soon as the answers are there, and beside them a folder with
the annotator's name (:mod:`longismore.harness._alpaca_files` writes into it).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._annotator_names import annotator_name
from longismore._joined_outputs import JoinedOutputs
from longismore._jsonl import read_json, write_json
from longismore.errors import DataError
from longismore.harness._alpaca_annotations import ORDER_COLUMNS, annotation_rows
from longismore.harness._host import output_folder
from longismore.records import ModelOutput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.harness._settings import PairwiseSettings
    from longismore.records import Answer, Example, Judgment, Pair, Verdict

__all__ = ["annotations_of", "annotator_of", "answers_parent", "save_answers"]

_OUTPUTS, _REFERENCE = "model_outputs.json", "reference_outputs.json"


def answers_parent(settings: PairwiseSettings, model: str) -> Path:
    """Where the folder of a run is made: beside lm_eval's own files, else in a folder named after the model."""
    given = output_folder(settings)
    if given is not None and settings.output is None:
        return given
    return (given or Path("runs")) / (re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.")[-60:] or "model")


def save_answers(
    parent: Path, examples: Sequence[Example], model: Mapping[str, Answer], reference: Mapping[str, Answer]
) -> Path:
    """Write the answers of both models.

    Args:
        parent: Folder in which ``alpaca_eval`` is made; where that has other answers, ``alpaca_eval-2``, ...
        examples: All that were answered, in AlpacaEval's order.
        model: The model's answers, by id.
        reference: The reference's.

    Returns:
        The folder.
    """
    rows = _rows(examples, model)
    folder, number = parent / "alpaca_eval", 2
    while _has_others(folder / _OUTPUTS, rows):
        folder = parent / f"alpaca_eval-{number}"
        number += 1
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _REFERENCE, _rows(examples, reference))
    write_json(folder / _OUTPUTS, rows)
    return folder


def _rows(examples: Sequence[Example], answers: Mapping[str, Answer]) -> list[dict[str, str]]:
    return [
        {
            "instruction": example.instruction,
            "dataset": example.category,
            "output": answers[example.id].output,
            "generator": answers[example.id].model,
        }
        for example in examples
    ]


def _has_others(path: Path, rows: list[dict[str, str]]) -> bool:
    """Whether a file is there with other answers than these."""
    if not path.exists():
        return False
    try:
        return bool(read_json(path) != rows)
    except DataError:
        return True


def annotator_of(spec: str, *, one_order: bool) -> str:
    """The name of the folder: alpaca_eval's own where one of its evaluators was asked as it asks."""
    config = spec.strip().partition(":")[2]
    return config if one_order and not {"@", "/"} & set(config) else annotator_name(spec)


def annotations_of(
    pairs: Sequence[Pair],
    verdicts: Sequence[Verdict],
    categories: Mapping[str, str],
    *,
    annotator: str,
    judgments: Sequence[Judgment],
    made: Mapping[str, str],
) -> list[dict[str, Any]]:
    """The rows of ``annotations.json``.

    Args:
        pairs: What was judged.
        verdicts: One a pair.
        categories: The data set of each instruction, by id.
        annotator: Its name.
        judgments: One a pair where one order was asked; then the columns are those of alpaca_eval.
        made: Further columns, the same in every row.
    """
    matches = tuple(
        (
            _output(pair.reference, pair, categories),
            _output(pair.candidate, pair, categories),
        )
        for pair in pairs
    )
    joined = JoinedOutputs(matches=matches, pairs=tuple(pairs))
    rows = annotation_rows(joined, verdicts, annotator=annotator, made=made)
    if not verdicts or not verdicts[0].one_order:
        return rows
    for row, verdict, judgment in zip(rows, verdicts, judgments, strict=True):
        row["preference"] = next((row[name] for name in ORDER_COLUMNS if row[name] is not None), None)
        for name in ORDER_COLUMNS:
            del row[name]
        row["preference_raw_completion"] = judgment.completion
        row["preference_price_per_example"] = judgment.cost_usd
        row["preference_time_per_example"] = judgment.latency_s
        row["preference_status"] = next(status for status in verdict.statuses if status is not None)
    return rows


def _output(answer: Answer, pair: Pair, categories: Mapping[str, str]) -> ModelOutput:
    return ModelOutput(
        output=answer.output,
        where=pair.id,
        instruction=pair.prompt,
        dataset=categories[pair.id],
        generator=answer.model,
    )
