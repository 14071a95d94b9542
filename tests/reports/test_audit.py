"""The audit of judges: figures by hand, who is one judge, what is asked again, and gold labels."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from longismore.comparison import pair_of
from longismore.errors import DataError
from longismore.judges import combine
from longismore.records import Judged, Judgment, Order, Pair, Status, Verdict
from longismore.reports.audit import audit
from longismore.reports.winrate import summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FIRST, SECOND = Order.REFERENCE_FIRST, Order.CANDIDATE_FIRST
Scores = tuple[float, float]


def judged(judgments: Sequence[Judgment], **fields: Any) -> Judged:
    """What read_judged makes of the judgments of one comparison."""
    pairs = list(dict.fromkeys(pair_of(judgment) for judgment in judgments))
    first = {(each.testset, each.id, each.order): each for each in reversed(judgments)}
    values: dict[str, Any] = {
        "judge": judgments[0].judge,
        "fingerprint": judgments[0].fingerprint,
        "reference": judgments[0].reference.model,
        "candidate": judgments[0].candidate.model,
        "verdicts": tuple(combine(pairs, first.values())),
        "judgments": tuple(judgments),
    }
    return Judged(**values | fields)


@pytest.fixture(name="judge")
def _judge(make_pair: Callable[..., Pair], make_judgment: Callable[..., Judgment]) -> Callable[..., list[Judgment]]:
    """Make the judgments of one judge from the preferences of each pair; text is an unreadable state."""

    def make(
        *preferences: tuple[float | Status | None, float | Status | None],
        words: Sequence[tuple[str, str]] = (),
        testset: str = "mini",
        **fields: Any,
    ) -> list[Judgment]:
        judgments = []
        for number, both in enumerate(preferences):
            texts = words[number] if words else ("a b", "a b c")
            pair = make_pair(
                str(number), reference=texts[0], candidate=texts[1], prompt=f"prompt {number}", testset=testset
            )
            for order, said in zip(Order, both, strict=True):
                if said is None:
                    continue
                values: dict[str, Any] = {"score_reference": None, "score_candidate": None, "preference": None}
                values |= {"status": said} if isinstance(said, Status) else {"preference": said}
                judgments.append(make_judgment(pair, order, **values | fields))
        return judgments

    return make


def only(*parts: Judged, **options: Any) -> dict[str, Any]:
    """The figures of the only judge."""
    (figures,) = audit(parts, draws=20, **options).to_dict()["judges"].values()
    return figures  # type: ignore[no-any-return]


def test_order_by_hand(judge: Callable[..., list[Judgment]]) -> None:
    """Two of five pairs keep their verdict; one flip favours the first answer and one the second.

    The first preference is of the reference-first call: (0, 1) means that whoever was shown first won both times. Of
    ten calls the first answer wins 1 + 1 + 2 + 0 + 0 and nothing is said in three.
    """
    figures = only(judged(judge((1.0, 1.0), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.5, 0.0))))
    assert (5, 2 / 5, 2 / 5) == (figures["n_both_orders"], figures["swap_consistency"], figures["swap_flip"])
    assert (1, 1) == (figures["flips_favour_first"], figures["flips_favour_second"])
    assert (10, 4 / 10, 5 / 10, 1 / 10) == tuple(
        figures[name] for name in ("calls_read", "first_wins", "second_wins", "equal")
    )
    assert (5, 4, 1) == (figures["calls_reference"], figures["calls_candidate"], figures["calls_equal"])
    low, high = figures["swap_flip_ci"]
    assert low < 2 / 5 < high


def test_unreadable_answers_enter_no_share(judge: Callable[..., list[Judgment]]) -> None:
    """A partial pair, a refusal, a failure and a call never made are counted apart; the states are of all calls."""
    figures = only(
        judged(
            judge(
                (1.0, 1.0),
                (1.0, Status.UNPARSED),
                (Status.UNPARSED, Status.UNPARSED),
                (Status.REFUSED, 0.0),
                (Status.FAILED, 1.0),
                (1.0, None),
            )
        )
    )
    assert (6, 1, 4) == (figures["pairs"], figures["n"], figures["partial"])
    assert (11, 3, 1, 1) == tuple(figures[name] for name in ("calls", "unparsed", "refused", "failed"))
    assert (3 / 11, 1 / 11, 1 / 11) == tuple(figures[f"{name}_rate"] for name in ("unparsed", "refused", "failed"))
    assert (1, 2) == (figures["unparsed_reference_first"], figures["unparsed_candidate_first"])
    assert (1, 1.0) == (figures["n_both_orders"], figures["swap_consistency"])
    assert (4, 2 / 4) == (figures["n_same_answer"], figures["same_answer"])  # unreadable twice is the same


def test_length_by_hand(judge: Callable[..., list[Judgment]]) -> None:
    """Characters and words may differ in which answer is longer; ties and equal lengths are left out."""
    figures = only(
        judged(
            judge(
                (1.0, 1.0),  # longer in both
                (0.0, 0.0),  # longer in characters only: more words won
                (1.0, 0.0),  # a tie
                (1.0, 1.0),  # equal characters, fewer words
                words=[("a", "bb cc"), ("a b c", "abcdefgh"), ("a", "bbb"), ("a b c", "abcde")],
            )
        )
    )
    assert (2, 1 / 2) == (figures["n_prefers_longer"], figures["prefers_longer"])
    assert (3, 2 / 3) == (figures["n_prefers_longer_words"], figures["prefers_longer_words"])
    assert (3 / 4, 1 / 4) == (figures["candidate_longer"], figures["candidate_longer_words"])
    assert (8 / 4, 5 / 4) == (figures["mean_words_reference"], figures["mean_words_candidate"])
    assert (6, 3 / 6) == (figures["n_prefers_longer_calls"], figures["prefers_longer_calls"])


def test_correlations_agree_with_scipy(judge: Callable[..., list[Judgment]]) -> None:
    """Rank correlations with ties, and Pearson's with the ratio of lengths."""
    stats = pytest.importorskip("scipy.stats")
    source = random.Random(4)
    words = [tuple(" ".join(["word"] * source.randint(1, 6)) for _ in range(2)) for _ in range(60)]
    judgments = judge(*[(0.5, 0.5)] * 60, words=words)
    scored = []
    for each in judgments:
        scores = {"score_reference": float(source.randint(1, 9)), "score_candidate": float(source.randint(1, 9))}
        lead = scores["score_candidate"] - scores["score_reference"]
        scored.append(replace(each, **scores, preference=0.5 + ((lead > 0) - (lead < 0)) / 2))
    found = judged(scored)
    figures = only(found)
    verdicts = [{"win": 1, "tie": 0, "lose": -1}[str(verdict.outcome)] for verdict in found.verdicts]
    differences = [len(candidate.split()) - len(reference.split()) for reference, candidate in words]
    ratios = [(verdict.candidate_chars + 1) / (verdict.reference_chars + 1) for verdict in found.verdicts]
    margins = [
        sum((each.score_candidate or 0) - (each.score_reference or 0) for each in scored[number : number + 2])
        for number in range(0, 120, 2)
    ]
    numpy = pytest.importorskip("numpy")
    assert pytest.approx(stats.spearmanr(verdicts, differences)[0]) == figures["spearman_verdict_worddiff"]
    assert pytest.approx(stats.spearmanr(margins, differences)[0]) == figures["spearman_margin_worddiff"]
    assert pytest.approx(stats.pearsonr(verdicts, numpy.log(ratios))[0]) == figures["pearson_verdict_logratio_chars"]


def test_scores_without_fractions_are_another_outcome(judge: Callable[..., list[Judgment]]) -> None:
    """8.5 against 8 is a win, and a tie once it is cut; the leads of the first answer are -0.5 and 0.5."""
    judgments = [replace(each, score_reference=8.0, score_candidate=8.5) for each in judge((1.0, 1.0))]
    figures = only(judged(judgments))
    assert (1, 0) == (figures["wins"], figures["ties"])
    assert (0, 1, 0, 1.0) == tuple(figures[f"{name}_truncated"] for name in ("wins", "ties", "losses", "winning_score"))
    assert (2, 0.0) == (figures["n_scores"], figures["score_first_minus_second"])
    assert None is only(judged(judge((1.0, 1.0))))["wins_truncated"]
    again = [replace(each, score_candidate=9.0, created="2030-01-01") for each in judgments]
    assert 1 == only(judged([*judgments, *again]))["ties_truncated"]  # as they first stand


def test_all_files_of_a_judge_count_together(judge: Callable[..., list[Judgment]]) -> None:
    """Two test sets of one judge are one entry, with each set below it; the pooled figures are of both."""
    figures = only(judged(judge((1.0, 1.0))), judged(judge((1.0, 0.0), (0.0, 0.0), testset="koala")))
    assert (3, 1, 2) == (figures["n"], figures["testsets"]["mini"]["n"], figures["testsets"]["koala"]["n"])
    assert (1 / 3, 1 / 2) == (figures["swap_flip"], figures["testsets"]["koala"]["swap_flip"])
    tokens = [each["output_tokens"] for each in (figures, *figures["testsets"].values())]
    assert [6 * 12, 2 * 12, 4 * 12] == tokens


def test_candidates_of_one_judge_are_not_confused(judge: Callable[..., list[Judgment]]) -> None:
    """The same ids of two candidates are different pairs, and each candidate has its own quality beside the slope.

    A good candidate with long answers and a poor one with short ones look like a preference for length otherwise.
    """
    words = [("a " * 9, "a " * (9 + step % 5)) for step in range(8)]
    good = judge(*[(1.0, 1.0)] * 6, *[(0.0, 0.0)] * 2, words=words)
    poor = judge(*[(1.0, 1.0)] * 2, *[(0.0, 0.0)] * 6, words=[(candidate, reference) for reference, candidate in words])
    other = [replace(each, candidate=replace(each.candidate, model="other")) for each in poor]
    figures = only(judged(good), judged(other))
    assert (16, 8) == (figures["n"], figures["clusters"])
    together = summarize([*judged(good).verdicts, *judged(other).verdicts], draws=20).pooled
    assert together.length_slope is not None
    assert figures["length_slope"] < together.length_slope - 0.05
    assert ["tuned", "other"] == [each["candidate"] for each in figures["comparisons"]]
    assert ["mini"] == list(figures["testsets"])
    assert pytest.approx(figures["length_slope"], abs=1e-9) == figures["testsets"]["mini"]["length_slope"]


def test_judges_of_one_name_are_told_apart_by_their_settings(judge: Callable[..., list[Judgment]]) -> None:
    """Eight characters of the fingerprint stand beside the name, more where eight are not enough."""
    prints = ["a" * 64, "b" * 64, "b" * 10 + "c" * 54]
    document = audit([judged(judge((1.0, 1.0), fingerprint=each)) for each in prints], draws=20).to_dict()
    name = "openai/test-judge"
    assert [f"{name} (aaaaaaaa)", f"{name} ({'b' * 11})", f"{name} ({'b' * 10}c)"] == list(document["judges"])
    assert prints == [each["fingerprint"] for each in document["judges"].values()]
    assert 3 == len(document["pairs"])


def test_unknown_settings_are_said_to_be_unknown(judge: Callable[..., list[Judgment]]) -> None:
    """A file without a fingerprint may come from another judge of the same name."""
    known, unknown = judged(judge((1.0, 1.0))), judged(judge((1.0, 1.0)), fingerprint=None)
    names = list(audit([known, unknown], draws=20).to_dict()["judges"])
    assert ["openai/test-judge (ffffffff)", "openai/test-judge (unknown settings)"] == names
    assert ["openai/test-judge"] == list(audit([unknown], draws=20).to_dict()["judges"])


def _dated(judgments: Sequence[Judgment], when: str | None) -> list[Judgment]:
    return [replace(each, created=when) for each in judgments]


def test_questions_asked_again_show_repeatability(judge: Callable[..., list[Judgment]]) -> None:
    """Of four calls asked again, one of them twice: 1, 1, 0, and of three answers one of three twos agrees."""
    once = _dated(judge((1.0, 0.5), (0.0, 0.0)), "2025-01-01")
    again = _dated(judge((1.0, 0.5), (1.0, 0.0)), "2025-01-02")
    third = _dated(judge((None, None), (None, 1.0)), "2025-01-03")
    figures = only(judged([*once, *again, *third]))
    assert (4, pytest.approx((1 + 1 + 0 + 1 / 3) / 4)) == (figures["n_repeated"], figures["repeatability"])
    assert 2 == figures["pairs"]
    assert (1, 1, 0) == (figures["wins"], figures["losses"], figures["ties"])  # as they first stand


def test_one_call_in_two_files_is_no_repetition(judge: Callable[..., list[Judgment]]) -> None:
    """A stored answer stands in several run folders with its own time: it is one call, and was paid once."""
    fields = {"cost_usd": 0.5, "input_tokens": 100}
    judgments = judge((1.0, 1.0), **fields)
    figures = only(judged([*judgments, *map(replace, judgments)]))
    assert (0, None) == (figures["n_repeated"], figures["repeatability"])
    assert (1.0, 200, 24, 0.25) == tuple(
        figures[name] for name in ("cost_usd", "input_tokens", "output_tokens", "mean_latency_s")
    )


def test_undated_records_are_copies_only_if_all_are_alike(judge: Callable[..., list[Judgment]]) -> None:
    """Imported reviews have no time. The same file twice says nothing; another round of reviews does."""
    judgments = _dated(judge((1.0, 1.0), (0.0, 0.0)), None)
    assert 0 == only(judged([*judgments, *judgments]))["n_repeated"]
    others = _dated(judge((1.0, 1.0), (0.0, 1.0)), None)
    figures = only(judged([*judgments, *others]))
    assert (4, 3 / 4) == (figures["n_repeated"], figures["repeatability"])


def test_unknown_cost_is_counted_and_never_zero(judge: Callable[..., list[Judgment]]) -> None:
    """One known cost and one unknown; none known at all is null."""
    first, second = judge((1.0, 1.0))
    figures = only(judged([replace(first, cost_usd=0.25), second]))
    assert (0.25, 1) == (figures["cost_usd"], figures["n_without_cost"])
    blank = [replace(each, input_tokens=None, output_tokens=None, latency_s=None) for each in (first, second)]
    figures = only(judged(blank))
    assert [None] * 4 + [2] == [
        figures[name] for name in ("cost_usd", "input_tokens", "output_tokens", "mean_latency_s", "n_without_cost")
    ]


def test_accuracy_by_hand(judge: Callable[..., list[Judgment]]) -> None:
    """An unreadable answer is not right, a failed call is left out, and a tie is right where the label is one."""
    figures = only(
        judged(judge((1.0, 1.0), (0.0, 1.0), (Status.UNPARSED, 0.0), (Status.FAILED, 0.0), (0.5, 1.0), (1.0, 1.0))),
        gold={("mini", "0"): 1.0, ("mini", "1"): 1.0, ("mini", "2"): 0.0, ("mini", "3"): 0.0, ("mini", "4"): 0.5},
    )
    assert (5, 4, 5) == (figures["n_gold"], figures["n_acc_reference_first"], figures["n_acc_candidate_first"])
    assert (2 / 4, 4 / 5) == (figures["acc_reference_first"], figures["acc_candidate_first"])
    assert (9, 6 / 9) == (figures["n_acc_mean"], figures["acc_mean"])
    assert (4, 1 / 4) == (figures["n_acc_both"], figures["acc_both"])
    assert (8, 6 / 8) == (figures["n_acc_read"], figures["acc_read"])
    assert (4, 2 / 4) == (figures["n_gold_prefers_longer"], figures["gold_prefers_longer"])
    low, high = figures["acc_both_ci"]
    assert low < 1 / 4 < high


def test_labels_of_something_else_are_an_error(judge: Callable[..., list[Judgment]]) -> None:
    """The message has a label and a pair; without labels there are no figures of accuracy at all."""
    with pytest.raises(DataError, match=r"none of the 1 gold labels .* one is of koala/0, a pair is mini/0"):
        only(judged(judge((1.0, 1.0))), gold={("koala", "0"): 1.0})
    with pytest.raises(DataError, match="there is none"):
        only(judged(judge((1.0, 1.0))), gold={})
    assert "acc_both" not in only(judged(judge((1.0, 1.0))))


def test_one_order_is_audited_as_far_as_it_goes(judge: Callable[..., list[Judgment]]) -> None:
    """Annotations in one order have outcomes and lengths; of swaps nothing is known."""
    judgments = judge((1.0, None), (None, 0.0))
    verdicts = tuple(combine([pair_of(each) for each in judgments], judgments, one_order=True))
    figures = only(judged(judgments, verdicts=verdicts))
    assert (2, 2, 0) == (figures["n"], figures["n_one_order"], figures["n_both_orders"])
    assert [None, None, None] == [figures[name] for name in ("swap_consistency", "swap_flip", "same_answer")]
    assert (2, 1 / 2) == (figures["n_prefers_longer"], figures["prefers_longer"])
    assert 1.0 == figures["second_wins"]


def test_verdicts_alone_are_audited_as_far_as_they_go(make: Callable[..., Verdict]) -> None:
    """Samples of lm_eval keep no answers: words, scores, cost and repetitions are unknown."""
    verdicts = tuple(make(1.0, 1.0, chars=(10, 20)) for _ in range(3))
    alone = Judged(judge="j", fingerprint=None, reference="r", candidate="c", verdicts=verdicts)
    figures = only(alone)
    assert (3, 1.0, 1.0) == (figures["n"], figures["swap_consistency"], figures["prefers_longer"])
    unknown = (
        "mean_words_reference",
        "prefers_longer_words",
        "spearman_verdict_worddiff",
        "wins_truncated",
        "cost_usd",
    )
    assert [None] * 5 == [figures[name] for name in unknown]


def test_nothing_judged_is_null_and_json(judge: Callable[..., list[Judgment]]) -> None:
    """Where no answer could be read, no share is a number and none is NaN."""
    document = audit([judged(judge((Status.UNPARSED, Status.FAILED)))], draws=20).to_dict()
    assert document == json.loads(json.dumps(document, allow_nan=False))
    figures = document["judges"]["openai/test-judge"]
    shares = ("swap_consistency", "swap_flip", "prefers_longer", "length_slope", "first_wins", "win_rate")
    assert [None] * len(shares) == [figures[name] for name in shares]


def test_no_pair_at_all_is_an_error() -> None:
    """Neither an empty list nor an empty file is an audit."""
    empty = Judged(judge="j", fingerprint=None, reference="r", candidate="c", verdicts=())
    for nothing in ([], [empty]):
        with pytest.raises(DataError, match="no pair to audit"):
            audit(nothing)


def test_judges_are_compared_on_the_pairs_of_the_same_models(judge: Callable[..., list[Judgment]]) -> None:
    """What one judge said of another candidate is its own; judges that share nothing are no entry."""
    one = judge((1.0, 1.0), (0.0, 0.0), (1.0, 0.0))
    two = [replace(each, judge="two", fingerprint="2" * 64) for each in judge((1.0, 1.0), (1.0, 1.0))]
    elsewhere = [replace(each, candidate=replace(each.candidate, model="other")) for each in two]
    three = [replace(each, judge="three", fingerprint="3" * 64) for each in elsewhere]
    document = audit([judged(one), judged(two), judged(elsewhere), judged(three)], draws=20).to_dict()
    found = {tuple(pair["judges"]): pair for pair in document["pairs"]}
    assert {("openai/test-judge", "two"), ("two", "three")} == found.keys()
    pair = found["openai/test-judge", "two"]
    assert (2, 1 / 2, 1, 2) == (pair["n"], pair["agreement"], pair["only_first"], pair["only_second"])
    assert ["mini"] == list(pair["testsets"])
    assert (4, 8) == (document["together"]["n"], document["together"]["ratings"])


def test_the_order_of_rows_and_files_decides_nothing(judge: Callable[..., list[Judgment]]) -> None:
    """Shuffled judgments give the same document."""
    source = random.Random(2)
    sides = [(source.choice([0.0, 0.5, 1.0]), source.choice([0.0, 0.5, 1.0])) for _ in range(30)]
    words = [(" ".join("a" * source.randint(1, 9)), " ".join("a" * source.randint(1, 9))) for _ in range(30)]
    one = judge(*sides, words=words)
    two = judge(*reversed(sides), words=words, judge="two", fingerprint="2" * 64)
    ordered = audit([judged(one), judged(two)], draws=50).to_dict()
    source.shuffle(one)
    source.shuffle(two)
    shuffled = audit([judged(two), judged(one)], draws=50).to_dict()
    for name in ("openai/test-judge", "two"):
        numbers, others = (list(_numbers(document["judges"][name])) for document in (ordered, shuffled))
        assert numbers == pytest.approx(others, abs=1e-9, rel=0)


def _numbers(value: Any) -> Iterator[float]:
    """All numbers of a document, in its order; null is -1."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _numbers(each)
    elif not isinstance(value, str):
        yield -1.0 if value is None else float(value)
