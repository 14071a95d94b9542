"""Which rows qualify by their IFD, which of them are taken, and which rows clusters give."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifd_reference import middle
from longismore.selectors._ifd.clusters import cluster_labels, middle_rows
from longismore.selectors._ifd.filters import Rule, candidates_of, select

np = pytest.importorskip("numpy")
pl = pytest.importorskip("polars")


def rule(**changes: Any) -> Rule:
    """Cherry's rule, with changes."""
    values = {"largest": 1.0, "is_strict": False, "later_wins": True, "rate": None, "rate_of_all": False}
    return Rule(**(values | changes))


def frame(**columns: Any) -> Any:
    """What an engine returns."""
    size = len(next(iter(columns.values())))
    values = {"row": list(range(size)), "key": [str(n) for n in range(size)], "skipped": None, "error": None} | columns
    return pl.DataFrame(values, schema_overrides={"skipped": pl.String, "error": pl.String})


def taken(scores: list[float], *, budget: int | None = None, **changes: Any) -> tuple[list[int], dict[str, int]]:
    """Which of the rows are taken, and what became of the others."""
    found = candidates_of(frame(score=scores), drop_duplicates=False)
    choice = select(
        np.arange(len(scores)), np.array(scores, dtype=float), rule(**changes), budget=budget, candidates=found
    )
    assert len(choice.rows) + sum(choice.dropped.values()) == len(scores)
    return list(choice.rows), dict(choice.dropped)


def test_a_score_of_one_qualifies_and_more_does_not() -> None:
    """Cherry's filter drops what is above 1; all that is left is taken where there is no budget."""
    assert taken([1.0, 1.0000001, 0.2]) == ([0, 2], {"IFD above 1": 1})


def test_superfiltering_keeps_what_is_below_one_only() -> None:
    """1 itself does not qualify."""
    found = taken([1.0, 0.9999999, 2.0], is_strict=True, later_wins=False)
    assert found == ([1], {"IFD 1 or more": 2})


def test_the_largest_are_taken_in_the_order_of_the_data() -> None:
    """The cut falls between 0.5 and 0.4."""
    assert taken([0.5, 0.1, 0.9, 0.4], budget=2) == ([0, 2], {"IFD below the cut": 2})


@pytest.mark.parametrize(("later", "rows"), [(True, [1, 3, 4]), (False, [0, 1, 3])])
def test_ties_go_to_the_later_or_to_the_earlier_row(later: bool, rows: list[int]) -> None:
    """Of the four rows at the cut, two are taken: by Cherry's rule the last ones, else the first ones."""
    scores = [0.5, 0.9, 0.1, 0.5, 0.5]
    assert taken(scores, budget=3, later_wins=later)[0] == rows
    found = candidates_of(frame(score=scores), drop_duplicates=False)
    choice = select(np.arange(5), np.array(scores), rule(later_wins=later), budget=3, candidates=found)
    assert choice.facts["cut"] == 0.5
    assert choice.facts["equal_to_cut_not_taken"] == 1
    assert choice.facts["qualifying"] == 5
    assert choice.facts["mean"] == pytest.approx(1.9 / 3)


@pytest.mark.parametrize(("of_all", "rows"), [(False, [3]), (True, [2, 3])])
def test_a_rate_is_of_what_qualifies_or_of_all_rows(of_all: bool, rows: list[int]) -> None:
    """Half of 3 rows that qualify is 1; half of all 5 is 2."""
    assert taken([1.5, 0.1, 0.2, 0.9, math.nan], rate=0.5, rate_of_all=of_all)[0] == rows


def test_a_rate_of_less_than_a_row_takes_none() -> None:
    """The published program takes all rows then."""
    assert taken([0.5, 0.9], rate=0.4) == ([], {"IFD below the cut": 2})


def test_a_budget_above_what_qualifies_takes_what_qualifies() -> None:
    """The runner says that they are fewer."""
    assert taken([0.5, 2.0], budget=9) == ([0], {"IFD above 1": 1})


def test_what_is_not_a_finite_number_never_qualifies() -> None:
    """Neither NaN nor infinity, of which comparisons would keep the first."""
    assert taken([math.nan, math.inf, -math.inf, 0.3]) == ([3], {"IFD is not a number": 3})
    assert taken([math.nan]) == ([], {"IFD is not a number": 1})


@given(st.lists(st.sampled_from([0.1, 0.2, 0.5, 1.0, 1.5]), max_size=30), st.integers(0, 20))
def test_the_published_rule_is_reproduced(scores: list[float], budget: int) -> None:
    """Sorted pairs of score and row, the last ones of which are taken, as Cherry's program does it."""
    pairs = sorted((score, row) for row, score in enumerate(scores) if not score > 1)
    wanted = sorted(row for _, row in pairs[len(pairs) - min(budget, len(pairs)) :])
    if not scores:
        return
    assert taken(scores, budget=budget)[0] == wanted


@given(st.lists(st.sampled_from([0.1, 0.2, 0.5, 1.0, 1.5]), min_size=1, max_size=30), st.integers(0, 20))
def test_the_rule_of_superfiltering_is_reproduced(scores: list[float], budget: int) -> None:
    """A stable sort in descending order, the first ones of which are taken."""
    ranked = sorted((row for row, score in enumerate(scores) if score < 1), key=lambda row: -scores[row])
    assert taken(scores, budget=budget, is_strict=True, later_wins=False)[0] == sorted(ranked[:budget])


def test_rows_without_numbers_are_counted_by_reason() -> None:
    """Failed, skipped and repeated rows are put aside; the first errors are shown."""
    found = candidates_of(
        frame(
            score=[1.0, None, None, 1.0, 0.5, None],
            key=["a", "b", "c", "a", "d", "c"],
            skipped=[None, "empty response", None, None, None, None],
            error=[None, None, "ValueError: no", None, None, "ValueError: no"],
        ),
        drop_duplicates=True,
    )
    assert found.frame["row"].to_list() == [0, 4]
    assert found.dropped == {"empty response": 1, "scoring failed": 2, "duplicate of an earlier row": 1}
    assert found.errors == ["row 2: ValueError: no", "row 5: ValueError: no"]
    assert found.total == 6


def test_duplicates_stay_unless_they_shall_go() -> None:
    """Two rows of equal content are two rows."""
    found = candidates_of(frame(score=[1.0, 1.0], key=["a", "a"]), drop_duplicates=False)
    assert (found.total, found.frame.height, sum(found.dropped.values())) == (2, 2, 0)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1.0, 2.0, 3.5, 7.0, 11.0])), min_size=1, max_size=60),
    st.integers(1, 6),
    st.sampled_from([(25.0, 75.0), (1.0, 99.0), (0.0, 100.0), (50.0, 50.0)]),
)
def test_clusters_give_what_the_definition_says(rows: list[tuple[int, float]], count: int, bounds: Any) -> None:
    """Small clusters give all rows; others evenly spaced ones between the percentiles of their perplexities."""
    labels, perplexities = [label for label, _ in rows], [value for _, value in rows]
    found = middle_rows(
        np.array(labels), np.array(perplexities), per_cluster=count, low_percent=bounds[0], high_percent=bounds[1]
    )
    assert found.tolist() == middle(labels, perplexities, count=count, low=bounds[0], high=bounds[1])


def test_a_cluster_is_stepped_through_from_its_first_row() -> None:
    """Of 25 rows between the percentiles, every second one is taken until there are ten."""
    found = middle_rows(np.zeros(25), np.ones(25), per_cluster=10, low_percent=25, high_percent=75)
    assert found.tolist() == list(range(0, 20, 2))
    assert middle_rows(np.empty(0), np.empty(0), per_cluster=1, low_percent=0, high_percent=100).tolist() == []


def test_clusters_are_those_of_a_plain_k_means() -> None:
    """On groups far apart, every group is a cluster, as Lloyd's steps from any start within them find."""
    pytest.importorskip("sklearn")
    draw = np.random.default_rng(0)
    centres = draw.standard_normal((6, 8)) * 20
    groups = draw.integers(6, size=200)
    vectors = (centres[groups] + draw.standard_normal((200, 8))).astype(np.float32)
    labels = cluster_labels(vectors, clusters=6, starts=10, seed=0)
    assert len(set(zip(labels.tolist(), groups.tolist(), strict=True))) == 6
    means = np.stack([vectors[labels == label].mean(axis=0) for label in range(6)])
    nearest = ((vectors[:, None] - means[None]) ** 2).sum(-1).argmin(1)
    assert nearest.tolist() == labels.tolist()
    assert cluster_labels(vectors, clusters=6, starts=10, seed=0).tolist() == labels.tolist()


def test_clusters_are_those_of_the_published_call() -> None:
    """The labels are those of scikit-learn with the same number, seed and starts."""
    cluster = pytest.importorskip("sklearn.cluster")
    vectors = np.random.default_rng(1).standard_normal((300, 16)).astype(np.float32)
    wanted = cluster.KMeans(n_clusters=20, random_state=0).fit(vectors).labels_
    assert cluster_labels(vectors, clusters=20, starts=1, seed=0).tolist() == wanted.tolist()
    assert cluster_labels(vectors, clusters=20, starts=1, seed=1).tolist() != wanted.tolist()
