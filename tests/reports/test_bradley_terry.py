"""Ratings of several models: closed forms, other libraries, hostile data, and coverage."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from longismore.errors import DataError
from longismore.records import Judged, Outcome, Status, Verdict
from longismore.reports.bradley_terry import bradley_terry
from longismore.reports.length_control import LengthPrior

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports.bradley_terry import Ratings

_OUTCOMES = {1.0: Outcome.WIN, 0.5: Outcome.TIE, 0.0: Outcome.LOSE, None: None}
_SHARES = {1.0: (1.0, 1.0), 0.5: (1.0, 0.0), 0.0: (0.0, 0.0), None: (1.0, None)}


def _verdict(number: int, value: float | None, chars: tuple[int, int] = (100, 100), name: str = "") -> Verdict:
    """One verdict of a numbered prompt; *chars* are those of the candidate and of the reference."""
    return Verdict(
        id=name or str(number),
        testset="koala",
        prompt=f"prompt {number}",
        candidate_chars=chars[0],
        reference_chars=chars[1],
        statuses=(Status.JUDGED, Status.JUDGED if value is not None else Status.REFUSED),
        preferences=_SHARES[value],
        outcome=_OUTCOMES[value],
    )


def _judged(candidate: str, against: str, values: Sequence[float | None], **fields: object) -> Judged:
    """One comparison on prompts 0, 1, 2, ..."""
    known: dict[str, object] = {
        "judge": "openai/judge",
        "fingerprint": "f" * 64,
        "reference": against,
        "candidate": candidate,
        "verdicts": tuple(_verdict(number, value) for number, value in enumerate(values)),
    }
    return Judged(**(known | fields))  # type: ignore[arg-type]


def _tournament(
    seed: int, qualities: Sequence[float], n: int, *, slope: float = 0.0, repeated: int = 0
) -> list[Judged]:
    """Every model against every other on n prompts; the first ones are asked again and answered alike."""
    rng = random.Random(seed)
    liked = [[rng.gauss(0, 0.5) for _ in qualities] for _ in range(n)]
    chars = [[max(1, round(rng.gauss(100 + 15 * place, 50))) for place, _ in enumerate(qualities)] for _ in range(n)]
    comparisons = []
    for one in range(len(qualities)):
        for other in range(one):
            verdicts = []
            for number in range(n):
                lengths = chars[number][one], chars[number][other]
                better = qualities[one] - qualities[other] + liked[number][one] - liked[number][other]
                chance = 1 / (1 + math.exp(-better - slope * math.tanh((lengths[0] - lengths[1]) / 70)))
                value = rng.choices([1.0, 0.5, 0.0], [chance * 0.8, 0.2, (1 - chance) * 0.8])[0]
                verdicts.append(_verdict(number, value, lengths))
                if number < repeated:
                    verdicts.append(_verdict(number, value, lengths, f"again {number}"))
            comparisons.append(replace(_judged(f"m{one}", f"m{other}", []), verdicts=tuple(verdicts)))
    return comparisons


def _logits(ratings: Ratings) -> dict[str, float]:
    return {rating.model: rating.logit for rating in ratings.models}


def test_two_models_have_a_closed_form() -> None:
    """Six wins, two ties and four losses are seven to five; with half a pair more each, log(7.5/5.5)."""
    ratings = bradley_terry([_judged("new", "base", [1.0] * 6 + [0.5] * 2 + [0.0] * 4)], draws=20)
    assert ("base", 12, 12, 0) == (ratings.anchor, ratings.pairs, ratings.clusters, ratings.unjudged)
    best, last = ratings.models
    assert ("new", 1, "base", 2) == (best.model, best.rank, last.model, last.rank)
    assert pytest.approx(math.log(7.5 / 5.5), abs=1e-12) == best.logit == best.lead
    assert pytest.approx(1000 + 400 * math.log10(7.5 / 5.5)) == best.elo
    assert (0.0, 1000.0, None, None, None) == (last.logit, last.elo, last.logit_ci, last.elo_ci, last.lead)


def test_models_that_met_one_reference_are_rated_apart() -> None:
    """In a star each rating is that of its own two models."""
    ratings = _logits(bradley_terry([
        _judged("a", "base", [1.0] * 30 + [0.0] * 10), _judged("b", "base", [1.0] * 5 + [0.5] * 20 + [0.0] * 15),
    ], draws=5))  # fmt: skip
    assert pytest.approx({"a": math.log(30.5 / 10.5), "b": math.log(15.5 / 25.5), "base": 0.0}, abs=1e-10) == ratings


def test_a_cycle_of_equal_wins_is_even() -> None:
    """A beats b, b beats c and c beats a equally often: all have one rating, and nobody is told apart."""
    values = [1.0] * 14 + [0.0] * 6
    ratings = bradley_terry([_judged("a", "b", values), _judged("b", "c", values), _judged("c", "a", values)])
    assert pytest.approx([0.0, 0.0, 0.0], abs=1e-10) == [rating.logit for rating in ratings.models]
    assert all(rating.rank_ci == (1, 3) for rating in ratings.models)
    assert "not told apart by these pairs: " in ratings.sentences()[1]


@pytest.mark.slow  # statsmodels takes seconds to import
def test_ratings_agree_with_a_logistic_regression() -> None:
    """Statsmodels' regression on the same rows, with the half wins and half losses as weighted rows, agrees."""
    api = pytest.importorskip("statsmodels.api")
    comparisons = _tournament(1, [0.8, 0.0, -0.5, 0.3], 60)
    rows, values, weights = [], [], []
    for comparison in comparisons:
        row = np.zeros(4)
        row[int(comparison.candidate[1])], row[int(comparison.reference[1])] = 1, -1
        found = [
            {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}[v.outcome] for v in comparison.verdicts if v.outcome
        ]
        rows += [row] * (len(found) + 1)
        values += [*found, 0.5]
        weights += [1.0] * (len(found) + 1)
    design = np.array(rows)[:, 1:]
    fitted = api.GLM(np.array(values), design, family=api.families.Binomial(), freq_weights=np.array(weights)).fit()
    ratings = _logits(bradley_terry(comparisons, draws=5))
    assert pytest.approx([0.0, *fitted.params], abs=1e-7) == [ratings[f"m{place}"] for place in range(4)]


def test_length_controlled_ratings_maximise_the_penalised_likelihood() -> None:
    """Scipy finds no better parameters for the objective that the module states."""
    optimize = pytest.importorskip("scipy.optimize")
    comparisons, prior = _tournament(2, [0.5, 0.0, -0.4], 50, slope=1.5), LengthPrior(mean=1.0, sd=0.4, source="test")
    ratings = bradley_terry(comparisons, length_controlled=True, prior=prior, draws=5)
    deltas = {
        c.candidate + c.reference: [v.candidate_chars - v.reference_chars for v in c.verdicts] for c in comparisons
    }
    within = math.fsum((d - np.mean(each)) ** 2 for each in deltas.values() for d in each)
    scale = math.sqrt(within / (sum(map(len, deltas.values())) - len(deltas)))
    values = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}

    def loss(parameters: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        strength, total = {"m0": 0.0, "m1": parameters[0], "m2": parameters[1]}, 0.0
        for c in comparisons:
            terms = np.tanh(np.array(deltas[c.candidate + c.reference]) / scale)
            eta = strength[c.candidate] - strength[c.reference] + parameters[2] * np.append(terms, terms.mean())
            won = np.array([*(values[v.outcome] for v in c.verdicts if v.outcome), 0.5])
            total -= float((won * eta - np.logaddexp(0, eta)).sum())
        return total + (parameters[2] - 1.0) ** 2 / (2 * 0.4**2)

    best = optimize.minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
    logits = _logits(ratings)
    assert pytest.approx(best.tolist(), abs=1e-5) == [logits["m1"], logits["m2"], ratings.length_slope]


def test_intervals_of_two_models_are_those_of_jeffreys() -> None:
    """Without ties and repeated prompts they are beta(wins + 1/2, losses + 1/2)'s, stretched for 20 prompts.

    The stretching is t(19)/z * sqrt(21/19) around the median, 2.093/1.960 * 1.0513 = 1.1227.
    """
    stats = pytest.importorskip("scipy.stats")
    ratings = bradley_terry([_judged("new", "base", [1.0] * 17 + [0.0] * 3)], draws=40_000)
    low, middle, high = (math.log(q / (1 - q)) for q in stats.beta.ppf([0.025, 0.5, 0.975], 17.5, 3.5))
    expected = (middle + 1.1227 * (low - middle), middle + 1.1227 * (high - middle))
    assert pytest.approx(expected, abs=0.03) == ratings.models[0].logit_ci


@pytest.mark.parametrize("controlled", [False, True])
def test_a_model_that_wins_every_pair_has_a_finite_rating(controlled: bool) -> None:
    """Complete separation gives numbers that JSON knows, with an interval that has a width, and no warning."""
    ratings = bradley_terry([_judged("god", "base", [1.0] * 500), _judged("dust", "base", [0.0] * 500)],
                            length_controlled=controlled)  # fmt: skip
    assert ["god", "base", "dust"] == [rating.model for rating in ratings.models]
    for rating in (ratings.models[0], ratings.models[2]):
        low, high = rating.logit_ci or (0.0, 0.0)
        assert high - low > 2
        assert abs(rating.logit) < 8
    json.dumps(ratings.to_dict(), allow_nan=False)


def test_one_prompt_is_no_sample() -> None:
    """A single prompt, however often it is repeated, leaves the ratings wide open."""
    comparison = replace(_judged("new", "base", []), verdicts=tuple(_verdict(1, 1.0, name=str(n)) for n in range(50)))
    ratings = bradley_terry([comparison])
    low, high = ratings.models[0].logit_ci or (0.0, 0.0)
    assert (1, 50) == (ratings.clusters, ratings.pairs)
    assert high - low > 4


def test_repeated_prompts_widen_intervals() -> None:
    """Forty pairs of twenty prompts say less than forty pairs of forty prompts."""
    values = [1.0, 1.0, 0.0, 1.0] * 10
    twice = tuple(_verdict(number // 2, values[number // 2], name=str(number)) for number in range(40))
    wide = bradley_terry([replace(_judged("a", "b", []), verdicts=twice)]).models[0].logit_ci or (0, 0)
    narrow = bradley_terry([_judged("a", "b", values)]).models[0].logit_ci or (0, 0)
    assert wide[1] - wide[0] > 1.25 * (narrow[1] - narrow[0])


def test_order_and_roles_change_nothing() -> None:
    """Shuffled rows, shuffled comparisons, and candidate and reference exchanged give the same figures to 1e-9."""
    comparisons = _tournament(3, [0.5, 0.0, -0.5], 40, slope=1.0)
    straight = bradley_terry(comparisons, anchor="m1", length_controlled=True, draws=60).to_dict()
    other = []
    for comparison in comparisons:
        verdicts = [
            replace(
                verdict,
                outcome=_OUTCOMES[1 - {"win": 1.0, "tie": 0.5, "lose": 0.0}[str(verdict.outcome)]],
                candidate_chars=verdict.reference_chars,
                reference_chars=verdict.candidate_chars,
            )
            for verdict in comparison.verdicts
        ]
        random.Random(4).shuffle(verdicts)
        exchanged = {"candidate": comparison.reference, "reference": comparison.candidate}
        other.append(replace(comparison, **exchanged, verdicts=tuple(verdicts)))
    turned = bradley_terry(other[::-1], anchor="m1", length_controlled=True, draws=60).to_dict()
    assert pytest.approx(straight.pop("length_slope_ci"), abs=1e-9) == turned.pop("length_slope_ci")
    for one, two in zip(straight.pop("models"), turned.pop("models"), strict=True):
        for name, value in one.items():
            assert two[name] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-9)), name
    assert pytest.approx(straight.pop("length_slope"), abs=1e-9) == turned.pop("length_slope")
    assert straight == turned


def test_length_control_takes_length_out() -> None:
    """Models of equal quality that differ in length only are rated apart raw, and not at equal length."""
    comparisons = _tournament(5, [0.0, 0.0, 0.0, 0.0], 300, slope=2.0)
    raw = bradley_terry(comparisons, anchor="m0", draws=200)
    controlled = bradley_terry(comparisons, anchor="m0", length_controlled=True, draws=200)
    longest = {rating.model: rating.logit_ci or (0, 0) for rating in raw.models}["m3"]
    at_equal = {rating.model: rating.logit_ci or (0, 0) for rating in controlled.models}["m3"]
    assert longest[0] > 0.2
    assert at_equal[0] < 0 < at_equal[1]
    assert "raw ratings favour longer answers" in raw.sentences()[-1]
    assert controlled.sentences()[-1].startswith("length slope of this judge: ")


def test_what_was_not_judged_is_counted() -> None:
    """Pairs without an outcome enter no rating, and the last sentence counts them."""
    ratings = bradley_terry([_judged("a", "b", [1.0, 0.0, None, 1.0, None])], draws=20)
    assert (3, 2) == (ratings.pairs, ratings.unjudged)
    assert "2 pairs have no outcome and enter no rating" == ratings.sentences()[-1]


def test_the_anchor_can_be_chosen() -> None:
    """By default it is the model that is the reference most often; another one shifts all ratings alike."""
    comparisons = [
        _judged("a", "b", [1.0, 1.0, 0.0]),
        _judged("c", "b", [0.0, 1.0, 0.0]),
        _judged("a", "c", [1.0, 0.0]),
    ]
    default, chosen = bradley_terry(comparisons, draws=5), bradley_terry(comparisons, anchor="c", draws=5)
    assert ("b", "c") == (default.anchor, chosen.anchor)
    shift = _logits(default)["c"]
    assert pytest.approx({name: value - shift for name, value in _logits(default).items()}) == _logits(chosen)
    with pytest.raises(DataError, match='the anchor "d" was not compared; models: a, b, c'):
        bradley_terry(comparisons, anchor="d")


def test_models_without_a_link_are_refused() -> None:
    """There is no common scale, and the message names the groups."""
    with pytest.raises(DataError, match=r"a, b \| c, d; rate each group by itself"):
        bradley_terry([_judged("a", "b", [1.0, 0.0]), _judged("c", "d", [1.0, 0.0])])


def test_a_link_without_an_outcome_is_none() -> None:
    """Pairs that could not be judged link no models."""
    comparisons = [_judged("a", "b", [1.0]), _judged("c", "d", [1.0]), _judged("b", "c", [None])]
    with pytest.raises(DataError, match=r"a, b \| c, d"):
        bradley_terry(comparisons)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        (
            {"judge": "other/judge"},
            "ratings of several judges mean nothing when mixed; found openai/judge, other/judge",
        ),
        ({"fingerprint": "e" * 64}, 'the judge "openai/judge" had different settings'),
        ({"reference": "c"}, '"c" is compared with itself'),
        ({"verdicts": (replace(_verdict(1, 1.0), one_order=True),)}, "some in one, where the position counts too"),
    ],
)
def test_what_cannot_be_mixed_is_refused(fields: dict[str, object], match: str) -> None:
    """One rating per judge and settings, of models against others, from pairs judged alike."""
    with pytest.raises(DataError, match=match):
        bradley_terry([_judged("a", "b", [1.0, 0.0]), _judged("c", "b", [1.0, 0.0], **fields)])


@pytest.mark.parametrize("judged", [[], [_judged("a", "b", [None])]])
def test_nothing_judged_is_refused(judged: list[Judged]) -> None:
    """Without a judged pair there is nothing to rate."""
    with pytest.raises(DataError, match="nothing to rate"):
        bradley_terry(judged)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "repeated"), [(40, 0), (120, 40)])
def test_coverage_of_the_ratings(n: int, repeated: int) -> None:
    """The intervals hold the true ratings 92 to 98 times in 100, also where prompts repeat."""
    qualities, held, asked = [0.8, 0.3, 0.0, -0.5], 0, 0
    large = _logits(bradley_terry(_tournament(999, qualities, 20_000), anchor="m2", draws=1))
    for seed in range(150):
        ratings = bradley_terry(_tournament(seed, qualities, n, repeated=repeated), anchor="m2", draws=300)
        for rating in ratings.models:
            if rating.logit_ci is not None:
                asked += 1
                held += rating.logit_ci[0] <= large[rating.model] <= rating.logit_ci[1]
    assert 0.92 <= held / asked <= 0.98
