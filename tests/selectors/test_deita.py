"""DEITA with scores and embeddings that stand in the data: the whole choice, without a model."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longismore.errors import ConfigError, SchemaError
from longismore.instructions import open_data
from longismore.selectors import SELECTORS, Choice, Work
from longismore.selectors._scores.local_engine import LocalEngine
from longismore.selectors._scores.store import ScoreStore
from longismore.selectors._spec import make_selector
from longismore.selectors.deita import Deita

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.instructions import InstructionData

pytest.importorskip("polars")

COLUMNS = {"complexity": "column:c", "quality": "column:q", "embedder": "column:e"}
NO_FILTER = {"complexity": "column:c", "quality": "column:q", "embedder": "none"}


def alpaca(number: int, **fields: Any) -> dict[str, Any]:
    """A row with an answer of its own."""
    return {"instruction": f"Say {number}.", "input": "", "output": f"It is {number}.", **fields}


def written(folder: Path, rows: Sequence[dict[str, Any]], name: str = "pool.jsonl") -> InstructionData:
    """The rows as a file of lines, with NaN as Python writes it."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return open_data(path)


def choose(
    data: InstructionData, folder: Path, *, budget: int | None = None, more: Any = None, **settings: Any
) -> Choice:
    """What the strategy chooses, checked to account for every row."""
    deita = Deita(**settings)
    work = Work(budget=budget, engine=LocalEngine(ScoreStore(folder / "scores")), **(more or {}))
    deita.prepare(data, work)
    choice = deita.choose(data, work)
    assert len(choice.rows) + sum(choice.dropped.values()) == data.size
    assert list(choice.rows) == sorted(set(choice.rows))
    json.dumps(dict(choice.facts), allow_nan=False)
    return choice


def test_the_best_products_are_kept_in_the_order_of_the_data(tmp_path: Path) -> None:
    """Complexity times quality ranks rows: 6, 20, 10, 20 and 4 leave rows 1 and 3 for two, and row 2 comes third."""
    pairs = [(2, 3), (4, 5), (2, 5), (5, 4), (1, 4)]
    data = written(tmp_path, [alpaca(number, c=c, q=q) for number, (c, q) in enumerate(pairs)])
    assert choose(data, tmp_path, budget=2, **NO_FILTER).rows == [1, 3]
    three = choose(data, tmp_path, budget=3, **NO_FILTER)
    assert (three.rows, three.dropped, three.facts["lowest_score"]) == ([1, 2, 3], {"below the budget": 2}, 10.0)


def test_ties_go_to_the_earlier_row(tmp_path: Path) -> None:
    """Of a hundred rows of equal score the first three are kept."""
    data = written(tmp_path, [alpaca(number, c=3, q=2.5) for number in range(100)])
    assert choose(data, tmp_path, budget=3, **NO_FILTER).rows == [0, 1, 2]


@pytest.mark.parametrize(("sort", "expected"), [("evol", [1]), ("quality", [2]), ("complexity", [0])])
def test_each_sort_ranks_by_its_own_number(tmp_path: Path, sort: str, expected: list[int]) -> None:
    """Products 6, 9 and 5.9, qualities 1, 3 and 5.9, complexities 6, 3 and 1 have different best rows."""
    data = written(tmp_path, [alpaca(0, c=6, q=1), alpaca(1, c=3, q=3), alpaca(2, c=1, q=5.9)])
    assert choose(data, tmp_path, budget=1, sort=sort, **NO_FILTER).rows == expected


def test_quality_alone_needs_no_complexity(tmp_path: Path) -> None:
    """As in Chasing Random, sort=quality works on data without complexity."""
    data = written(tmp_path, [alpaca(0, q=1), alpaca(1, q=3)])
    assert choose(data, tmp_path, budget=1, sort="quality", quality="column:q", embedder="none").rows == [1]


def conversation(*answers: str, **fields: Any) -> dict[str, Any]:
    """A conversation of as many turns as answers."""
    said = [("human", "gpt")[place % 2] for place in range(2 * len(answers))]
    texts = [text for number, answer in enumerate(answers) for text in (f"Question {number}?", answer)]
    turns = [{"from": role, "value": text} for role, text in zip(said, texts, strict=True)]
    return {"conversations": turns, **fields}


def test_products_of_turns_are_summed(tmp_path: Path) -> None:
    """Turns of 1x5 and 5x1 make 10, less than one of 3.5x3.5, though 6x6 is more; a single 3 counts for both turns."""
    data = written(
        tmp_path,
        [
            conversation("a", "b", c=[1, 5], q=[5, 1]),
            conversation("c", c=[3.5], q=[3.5]),
            conversation("d", "e", c=3, q=[1, 2]),
        ],
    )
    found = [choose(data, tmp_path, budget=budget, **NO_FILTER) for budget in (1, 2, 3)]
    assert [choice.rows for choice in found] == [[1], [0, 1], [0, 1, 2]]
    assert [choice.facts["lowest_score"] for choice in found] == [12.25, 10.0, 9.0]


def test_scores_of_different_numbers_of_turns_are_an_error(tmp_path: Path) -> None:
    """Two complexities and three qualities cannot be multiplied: the message names the row and both numbers."""
    data = written(tmp_path, [conversation("a", c=1, q=1), conversation("a", "b", "c", c=[1, 2], q=[1, 2, 3])])
    with pytest.raises(SchemaError, match=r"pool\.jsonl:2: there are 2 complexity scores and 3 quality scores"):
        choose(data, tmp_path, **NO_FILTER)


def plain_loop(scores: Sequence[float], vectors: Any, budget: int, threshold: float) -> list[int]:
    """DEITA's filter, one cosine at a time."""
    kept: list[int] = []
    for row in sorted(range(len(scores)), key=lambda row: (-scores[row], row)):
        unit = vectors[row] / np.linalg.norm(vectors[row])
        if all(float(unit @ (vectors[other] / np.linalg.norm(vectors[other]))) <= threshold for other in kept):
            kept.append(row)
        if len(kept) == budget:
            break
    return sorted(kept)


@pytest.mark.parametrize("budget", [1, 20, 60, 300])
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_similar_rows_are_left_out(tmp_path: Path, budget: int, ending: str) -> None:
    """Of 1,000 rows around 90 centres those are kept that a plain loop keeps, whatever blocks they come in."""
    draw = np.random.default_rng(3)
    centres = draw.standard_normal((90, 24))
    vectors = centres[draw.integers(90, size=1000)] + 0.25 * draw.standard_normal((1000, 24))
    scores = draw.integers(1, 40, size=1000).tolist()
    rows = [alpaca(number, q=score, e=vectors[number].tolist()) for number, score in enumerate(scores)]
    if ending == "parquet":
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "pool.parquet")
        data = open_data(tmp_path / "pool.parquet")
    else:
        data = written(tmp_path, rows)
    found = choose(data, tmp_path, budget=budget, sort="quality", quality="column:q", embedder="column:e")
    expected = plain_loop(scores, vectors, budget, 0.9)
    assert found.rows == expected
    similar, below = (found.dropped.get(name, 0) for name in ("too similar to a better row", "below the budget"))
    assert found.facts["scanned"] == len(expected) + similar
    assert (below > 0) == (len(expected) == budget)


def test_a_budget_that_cannot_be_filled_gives_what_is_left(tmp_path: Path) -> None:
    """Three rows of two directions fill no budget of three: two are kept, one is counted as too similar."""
    vectors = [[1, 0], [1, 0.01], [0, 1]]
    data = written(tmp_path, [alpaca(number, c=1, q=1, e=vector) for number, vector in enumerate(vectors)])
    found = choose(data, tmp_path, budget=3, **COLUMNS)
    assert (found.rows, found.dropped) == ([0, 2], {"too similar to a better row": 1})


def test_what_has_no_number_is_counted(tmp_path: Path) -> None:
    """Empty answers, repeated rows, scores and embeddings that are null or no number: each has its own reason."""
    rows = [
        alpaca(0, c=6, q=6, e=[1, 0]),
        alpaca(1, c=math.nan, q=6, e=[0, 1]),
        alpaca(2, c=6, q=None, e=[0, 1]),
        alpaca(3, c=6, q=math.inf, e=[0, 1]),
        alpaca(0, c=6, q=6, e=[0, 1]),
        alpaca(5, c=6, q=6, e=[0, 1]) | {"output": " \n"},
        alpaca(6, c=5, q=5, e=None),
        alpaca(7, c=5, q=5, e=[0, 0]),
        alpaca(8, c=5, q=5, e=[0, math.nan]),
        alpaca(9, c=5, q=5, e=[0, None]),
        alpaca(10, c=1e200, q=1e200, e=[1, 1]),
        alpaca(11, c=1, q=1, e=[0, 1]),
        alpaca(12, c=1, q=1, e=[-1, 0]),
    ]
    data = written(tmp_path, rows)
    found = choose(data, tmp_path, budget=2, more={"drop_duplicates": True}, **COLUMNS)
    assert found.rows == [0, 11]
    assert found.dropped == {
        "empty response": 1,
        "duplicate of an earlier row": 1,
        "complexity is not a finite number": 1,
        "quality is not a finite number": 2,
        "evol score is not a finite number": 1,
        "embedding is missing": 1,
        "embedding is zero": 1,
        "embedding is not finite": 2,
        "below the budget": 1,
    }
    assert choose(data, tmp_path, budget=2, **COLUMNS).rows == [0, 4], "kept, unless duplicates are dropped"


def test_rows_below_the_last_one_looked_at_have_no_other_reason(tmp_path: Path) -> None:
    """A row without embedding that nobody needed to look at is below the budget, in whatever block it came."""
    rows = [alpaca(number, c=1, q=9 - number, e=None if number > 1 else [number, 1]) for number in range(4)]
    found = choose(written(tmp_path, rows), tmp_path, budget=2, **COLUMNS)
    assert (found.rows, found.dropped, found.facts["scanned"]) == ([0, 1], {"below the budget": 2}, 2)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("c", "high", r'pool\.jsonl:2: field "c" \(complexity\) must be a number, .* found \'high\''),
        ("q", True, r'pool\.jsonl:2: field "q" \(quality\) must be a number, .* found \'True\''),
        ("q", [1, "2"], r'pool\.jsonl:2: field "q" \(quality\) must be a number, .* found \'2\''),
        ("e", 3.5, r'pool\.jsonl:2: field "e" \(embedding\) must be a list of numbers or null, found \'3.5\''),
        ("e", ["a"], r'pool\.jsonl:2: field "e" \(embedding\) must be a list of numbers or null'),
        ("e", [1, 2, 3], r'pool\.jsonl:2: field "e" \(embedding\) has 3 numbers, and that of another row 2'),
        (
            "c",
            ...,
            r'pool\.jsonl:2: field "c" \(complexity\) is missing; found: .*; every row must have it, null where',
        ),
        (
            "e",
            ...,
            r'pool\.jsonl:2: field "e" \(embedding\) is missing; found: .*, or give a model instead of column:e',
        ),
    ],
)
def test_a_field_that_cannot_be_used_is_named(tmp_path: Path, field: str, value: Any, message: str) -> None:
    """The message names file, line, field and what to do."""
    rows = [alpaca(number, c=2, q=2, e=[number, 1]) for number in range(3)]
    rows[1][field] = value
    if value is ...:
        del rows[1][field]
    with pytest.raises(SchemaError, match=message):
        choose(written(tmp_path, rows), tmp_path, **COLUMNS)


def test_a_field_that_no_row_has_is_found_before_anything_is_scored(tmp_path: Path) -> None:
    """prepare() looks at the first row, so that no model works for hours beforehand."""
    data = written(tmp_path, [alpaca(0, c=1)])
    deita = Deita(complexity="column:c", quality="column:c", embedder="column:vector")
    with pytest.raises(SchemaError, match=r'pool\.jsonl:1: field "vector" \(embedding\) is missing'):
        deita.prepare(data, Work(budget=1, engine=LocalEngine(ScoreStore(tmp_path))))


def test_all_wrong_parameters_are_named_at_once() -> None:
    """One error has one line a problem, with the value and what is allowed."""
    with pytest.raises(ConfigError) as found:
        Deita(sort="best", threshold=1.5, max_prompt=0, dtype="int8", device="tpu", embedder="column:")
    assert found.value.problems == [
        "embedder names no field: column:NAME",
        "max_prompt must be at least 1, found 0",
        'sort must be one of evol, complexity, quality, found "best"',
        "threshold must be a cosine, -1 to 1, found 1.5",
        'dtype must be one of auto, float32, bfloat16, float16, found "int8"',
        'device must be one of auto, cuda, mps, cpu, or e.g. cuda:1, found "tpu"',
    ]
    with pytest.raises(ConfigError) as found:
        Deita()
    assert [problem.split(" is missing")[0] for problem in found.value.problems] == [
        "complexity",
        "quality",
        "embedder",
    ]


def test_it_is_a_strategy_with_parameters_as_text() -> None:
    """The command's spec makes it, numbers and all."""
    assert SELECTORS.get("deita") is Deita
    made = make_selector("deita:quality=column:q,embedder=none,sort=quality,threshold=0.8,truncate=true")
    assert made == Deita(quality="column:q", embedder="none", sort="quality", threshold=0.8, truncate=True)
