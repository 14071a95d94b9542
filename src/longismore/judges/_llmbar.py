"""LLMBar: instructions with two outputs each, of which it is known which is better, and what evaluators said of them.

``dataset.json`` is a list of objects with ``input``, ``output_1``, ``output_2`` and ``label``, the number of the
better output. An evaluator's ``result.json`` has the same rows with ``results``. Output 1 is the reference and output
2 the candidate; ids are the numbers of the rows, counted from 0.

``swap = False`` showed output 1 first. ``winner`` is the number of the output in both orders, not of its place;
``null`` means that none could be read. Of several ``results`` the last is the evaluator's verdict, as in the published
statistics, and those before it are its steps.

An evaluator that marks each output by itself records ``score_1`` and ``score_2``, and as ``winner`` one of the two
also where the marks are equal or unreadable. There the marks are read: equal ones are a tie, unreadable ones unparsed.

Source: https://github.com/princeton-nlp/LLMBar (``Dataset/LLMBar``, ``LLMEvaluator/evaluate.py``)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json
from longismore.errors import ConfigError, SchemaError
from longismore.judges._chat import digest
from longismore.judges._order import make_judgment
from longismore.records import Answer, Judgment, Order, Pair, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from longismore.judges._reviews import ReviewNames

__all__ = ["LLMBar", "labels_of_dataset", "read_llmbar"]

_ROOT, _EVALUATORS, _TWO_PARTS = "LLMBar", "evaluators", "Adversarial"
_SWAPS = {Order.REFERENCE_FIRST: "swap = False", Order.CANDIDATE_FIRST: "swap = True"}
_FILTERED = "content management policy"
"""What is recorded as the reason for the end where the provider would not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMBar:
    """What one file holds."""

    testset: str
    pairs: list[Pair]
    labels: dict[tuple[str, str], float]
    """By test set and id: 1 where the candidate is better, 0 where the reference is."""
    judgments: list[Judgment]
    """Two a pair; none in a data set."""


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    fields: Mapping[str, Any]

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a string", value)
        return value

    def texts(self) -> tuple[str, str, str]:
        return self.text("input"), self.text("output_1"), self.text("output_2")

    def label(self) -> float:
        number = _number(self.fields.get("label"))
        if number is None:
            remedy = "" if "label" in self.fields else "; give the labels by --gold dataset.json"
            raise self.wrong("label", "1 or 2, the number of the better output", self.fields.get("label"), remedy)
        return float(number - 1)

    def wrong(self, name: str, expected: str, found: object, remedy: str = "") -> SchemaError:
        return SchemaError(self.where, f'field "{name}" must be {expected}, found {found!r:.80}{remedy}')


def read_llmbar(path: Path, names: ReviewNames, *, gold: Path | None = None) -> LLMBar:
    """Read ``dataset.json``, or an evaluator's ``result.json``.

    Args:
        path: The file.
        names: What shall stand in the place of what the folders say: ``LLMBar/Natural/evaluators/GPT-4/Vanilla`` is
            the test set ``llmbar_natural`` and the judge ``GPT-4/Vanilla``.
        gold: The ``dataset.json`` with the labels, where the file has none, or other ones shall hold.

    Raises:
        ConfigError: The folders do not tell the test set, and it was not named.
        SchemaError: A row is not as the format says, or the two files are not about the same pairs.
    """
    found, evaluator = _place(path)
    testset, judge = names.testset or found, names.judge or evaluator or "unknown"
    if testset is None:
        raise ConfigError(f"{path}: the folders do not say which part of LLMBar this is; name it by --testset")
    rows = _rows(path)
    labelled = rows if gold is None else _same_pairs(rows, _rows(gold))
    models = names.reference or "output_1", names.candidate or "output_2"
    pairs = [_pair(row, testset, str(number), models) for number, row in enumerate(rows)]
    keys = [(pair.testset, pair.id) for pair in pairs]
    return LLMBar(
        testset=testset,
        pairs=pairs,
        labels=dict(zip(keys, [row.label() for row in labelled], strict=True)),
        judgments=[each for row, pair in zip(rows, pairs, strict=True) for each in _judgments(row, pair, judge)]
        if any("results" in row.fields for row in rows)
        else [],
    )


def labels_of_dataset(path: Path) -> dict[tuple[str, str], float]:
    """The labels of a ``dataset.json`` or ``result.json`` in its place below ``LLMBar``, by test set and id.

    Raises:
        ConfigError: The folders do not tell the test set.
        SchemaError: A row is not as the format says.
    """
    testset, _ = _place(path)
    if testset is None:
        raise ConfigError(
            f"{path}: the folders do not say which part of LLMBar this is; import it under a name, and take the "
            f"gold.jsonl: longismore import {path} --format llmbar --testset NAME --output FOLDER"
        )
    return {(testset, str(number)): row.label() for number, row in enumerate(_rows(path))}


def _place(path: Path) -> tuple[str | None, str | None]:
    """Test set and evaluator, as far as the folders tell."""
    folders = list(path.absolute().parts[:-1])
    subset: list[str] = []
    if _ROOT in folders:
        below = folders[len(folders) - folders[::-1].index(_ROOT) :]
        size = 2 if below[:1] == [_TWO_PARTS] else 1
        subset, folders = below[:size], below[size:]
    elif _EVALUATORS in folders:
        folders = folders[folders.index(_EVALUATORS) :]
    else:
        folders = []
    evaluator = "/".join(folders[1:] if folders[:1] == [_EVALUATORS] else folders)
    if not subset or subset[0] == "Dataset":  # the repository, which bears the same name, and not its data
        return None, evaluator or None
    return re.sub(r"[^a-z0-9]+", "_", "_".join([_ROOT, *subset]).lower()), evaluator or None


def _rows(path: Path) -> list[_Row]:
    document = read_json(path)
    if not isinstance(document, list) or not document:
        raise SchemaError(
            str(path), "a list of objects with input, output_1, output_2 and label was expected; is it LLMBar's?"
        )
    rows = []
    for number, fields in enumerate(document):
        where = f"{path}: row {number}"
        if not isinstance(fields, dict):
            raise SchemaError(where, f"an object was expected, found {fields!r:.80}")
        rows.append(_Row(where, fields))
    return rows


def _same_pairs(rows: list[_Row], labelled: list[_Row]) -> list[_Row]:
    """The rows with the labels, once it is sure that they are about the same pairs."""
    for row, other in zip(rows, labelled, strict=False):
        if row.texts() != other.texts():
            raise SchemaError(other.where, f"is not the pair of {row.where}; give the dataset.json of these results")
    if len(rows) != len(labelled):
        raise SchemaError(labelled[-1].where, f"is the last of {len(labelled)} labels, for {len(rows)} pairs")
    return labelled


def _pair(row: _Row, testset: str, name: str, models: tuple[str, str]) -> Pair:
    prompt, first, second = row.texts()
    return Pair(
        id=name, testset=testset, prompt=prompt, reference=Answer(models[0], first), candidate=Answer(models[1], second)
    )


def _judgments(row: _Row, pair: Pair, judge: str) -> list[Judgment]:
    results = row.fields.get("results")
    if not isinstance(results, list) or not results or not isinstance(results[-1], dict):
        raise row.wrong("results", f'a list that ends with an object with "{_SWAPS[Order.REFERENCE_FIRST]}"', results)
    result, fingerprint = results[-1], digest(["import", "llmbar", judge])
    marked = _marked(result, row)
    made = []
    for order, name in _SWAPS.items():
        status, scores, preference, completion = marked or _chosen(result.get(name), row, name)
        judgment = make_judgment(
            pair,
            order,
            judge=judge,
            fingerprint=fingerprint,
            status=status,
            scores=scores,
            preference=preference,
        )
        made.append(replace(judgment, completion=completion))
    return made


_Said = tuple[Status, tuple[float, float] | None, float | None, str | None]
"""Status, scores, preference and text of one call."""


def _chosen(said: object, row: _Row, name: str) -> _Said:
    """What an evaluator said that was shown both outputs."""
    if not isinstance(said, dict) or "winner" not in said:
        raise row.wrong(f"results: {name}", 'an object with "completion" and "winner"', said)
    completion, ended = _text(said.get("completion"), row, f"results: {name}: completion")
    if said["winner"] is None:
        return Status.REFUSED if ended == _FILTERED else Status.UNPARSED, None, None, completion
    number = _number(said["winner"])
    if number is None:
        raise row.wrong(f"results: {name}: winner", '"1", "2" or null', said["winner"])
    return Status.JUDGED, None, float(number - 1), completion


def _marked(result: Mapping[str, Any], row: _Row) -> _Said | None:
    """What an evaluator said that marked each output by itself, so the same in both orders; else nothing."""
    if "score_1" not in result and "score_2" not in result:
        return None
    texts = [_text(result.get(name), row, f"results: {name}")[0] or "" for name in ("score_1", "score_2")]
    completion = "\n".join(texts)
    try:
        reference, candidate = (float(int(text)) for text in texts)
    except ValueError:
        return Status.UNPARSED, None, None, completion
    return Status.JUDGED, (reference, candidate), None, completion


def _text(value: object, row: _Row, name: str) -> tuple[str | None, str | None]:
    """A completion and the reason for its end; both are recorded as a list."""
    parts = (value if isinstance(value, list) else [value])[:2]
    texts = [part for part in parts if part is None or isinstance(part, str)]
    if not parts or len(texts) < len(parts):
        raise row.wrong(name, "a text, or a list of a text and the reason for its end", value)
    return texts[0], texts[-1] if len(texts) > 1 else None


def _number(value: object) -> int | None:
    """1 or 2, which stand as numbers or as strings."""
    return {"1": 1, "2": 2}.get(str(value)) if isinstance(value, int | str) else None
