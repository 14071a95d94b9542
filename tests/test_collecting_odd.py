"""`longismore.collecting` on files that are not as their programs write them: an error of ours, or a table."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from longismore.collecting import collect
from longismore.errors import LongismoreError
from longismore.reports.collection import collection_json
from result_files import OLD, annotation, grade, harness, put, put_lines, put_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ODD = (None, [], {}, "odd", -1, True, [["a"], {"b": 1}], {"a": [1]}, 1e400, 1e308, 10**400)


def variants(document: Any) -> Iterator[Any]:
    """The document with each of its parts, one after the other, replaced by each odd value."""
    for path in _paths(document):
        for odd in ODD:
            changed = copy.deepcopy(document)
            place = changed
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = odd
            yield changed


def _paths(document: Any) -> Iterator[tuple[Any, ...]]:
    keys: Any = ()
    if isinstance(document, dict):
        keys = list(document)
    elif isinstance(document, list):
        keys = range(len(document))
    for key in keys:
        yield (key,)
        yield from ((key, *rest) for rest in _paths(document[key]))


def _group() -> dict[str, Any]:
    document = harness(task="part", metadata={"judge": "lexical"})
    document["results"]["whole"] = {"acc,none": 0.5, "acc_stderr,none": 0.02, "sample_count": {"acc,none": 40}}
    document["group_subtasks"] = {"whole": ["part"]}
    document["task_hashes"] = {"part": "c0ffee"}
    return document


def _run(folder: Path) -> dict[str, Any]:
    put_run(folder)
    names = ("run", "results", "reference")
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names}


def _put_parts(folder: Path, parts: Any) -> None:
    for name, document in parts.items():
        put(folder / f"{name}.json", document)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "document"),
    [
        pytest.param(lambda place, made: put(place / "results_1.json", made), _group(), id="lm_eval"),
        pytest.param(lambda place, made: put(place / "results_1.json", made), OLD, id="lm_eval of old"),
        pytest.param(
            lambda place, made: put(place / "annotations.json", made),
            [annotation(1, 1.0, price_per_example=0.5), annotation(2, 2.0)],
            id="alpaca_eval",
        ),
        pytest.param(
            lambda place, made: put_lines(place / "model_judgment" / "a.jsonl", made),
            [grade(81, 8, fingerprint="x", cost_usd=1.0), grade(82, -1)],
            id="MT-Bench",
        ),
        pytest.param(_put_parts, None, id="run folder"),
    ],
)
def test_no_odd_value_is_a_crash(tmp_path: Path, write: Callable[[Path, Any], Any], document: Any) -> None:
    """Whatever stands in the place of a part, the file is read without it or named; every table can be written."""
    whole = _run(tmp_path / "it") if document is None else document
    for changed in variants(whole):
        write(tmp_path / "it", changed)
        try:
            found = collect([tmp_path])
        except LongismoreError:
            continue
        assert found.models
        collection_json(found)
