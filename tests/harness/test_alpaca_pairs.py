"""Two lists of answers side by side, and the names that judges have in alpaca_eval."""

from __future__ import annotations

import pytest

from longismore._annotator_names import annotator_name, is_ours, spec_of
from longismore._joined_outputs import join_outputs
from longismore.errors import ConfigError, DataError, SchemaError
from longismore.harness._alpaca_annotations import annotation_rows, annotation_verdicts
from longismore.harness._alpaca_settings import AnnotatorSettings
from longismore.judges import combine
from longismore.records import Judgment, ModelOutput, Order, Outcome, Status


def rows(*answers: tuple[str, str], **fields: str) -> list[ModelOutput]:
    """Rows of a file, from instructions and answers."""
    return [
        ModelOutput(instruction=asked, output=text, where=f"file: row {number}", **fields)
        for number, (asked, text) in enumerate(answers, start=1)
    ]


def answers(joined: object) -> list[tuple[str, str, str]]:
    """Instruction and both answers of each pair."""
    return [(pair.prompt, pair.reference.output, pair.candidate.output) for pair in joined.pairs]  # type: ignore[attr-defined]


def test_answers_meet_by_their_instruction() -> None:
    """In the order of the reference, whatever the order of the candidate."""
    joined = join_outputs(rows(("a", "1"), ("b", "2")), rows(("b", "4"), ("a", "3")))
    assert [("a", "1", "3"), ("b", "2", "4")] == answers(joined)
    assert ["1", "2"] == [pair.id for pair in joined.pairs]


def test_white_space_of_an_instruction_does_not_count() -> None:
    """As everywhere here, texts are compared with their white space folded; what is shown is the reference's."""
    joined = join_outputs(rows(("a \n b", "1")), rows((" a b", "2")))
    assert [("a \n b", "1", "2")] == answers(joined)


def test_what_has_no_partner_is_counted_and_named(caplog: pytest.LogCaptureFixture) -> None:
    """Of both sides: how many of how many, and the first with its row."""
    join_outputs(rows(("a", "1"), ("b", "2"), ("c", "3")), rows(("a", "4"), ("d", "5")))
    assert [
        '2 of 3 answers of the reference have no partner and are left out, the first: file: row 2, "b"',
        '1 of 2 answers of the candidate have no partner and are left out, the first: file: row 2, "d"',
    ] == caplog.messages


def test_nothing_in_common_is_an_error() -> None:
    """With the first instruction of each, so that one sees what differs."""
    with pytest.raises(DataError, match=r"""the reference's first is "a", the candidate's "b\"$"""):
        join_outputs(rows(("a", "1")), rows(("b", "2")))


def test_an_instruction_that_stands_twice_makes_two_pairs_not_four(caplog: pytest.LogCaptureFixture) -> None:
    """In the order of the files, and it is said; alpaca_eval would pair each with each."""
    joined = join_outputs(rows(("a", "1"), ("b", "2"), ("a", "3")), rows(("a", "4"), ("a", "5"), ("b", "6")))
    assert [("a", "1", "4"), ("b", "2", "6"), ("a", "3", "5")] == answers(joined)
    [message] = caplog.messages
    assert message.startswith('1 instructions stand more than once, the first: "a"')


def test_ids_tell_repeated_instructions_apart() -> None:
    """Where both sides have the same ids, these decide, and they become the ids of the pairs."""
    reference = [*rows(("a", "1"), id="x"), *rows(("a", "2"), id="y")]
    candidate = [*rows(("a", "3"), id="y"), *rows(("a", "4"), id="x")]
    joined = join_outputs(reference, candidate)
    assert [("a", "1", "4"), ("a", "2", "3")] == answers(joined)
    assert ["x", "y"] == [pair.id for pair in joined.pairs]


def test_the_same_answer_twice_is_one() -> None:
    """A row that is repeated whole is no reason to stop."""
    assert [("a", "1", "2")] == answers(join_outputs(rows(("a", "1"), ("a", "1")), rows(("a", "2"))))


def test_answers_that_cannot_be_told_apart_are_an_error() -> None:
    """Two different ones here, one there: none is chosen by chance."""
    with pytest.raises(SchemaError, match=r'"a" stands 2 times in the reference.* and 1 times here'):
        join_outputs(rows(("a", "1"), ("a", "2")), rows(("a", "3")))


def test_the_input_belongs_to_the_question() -> None:
    """Two inputs to one instruction are two questions, and the judge is shown the input after a blank line."""
    reference = [*rows(("Add.", "3"), input="1 2"), *rows(("Add.", "7"), input="3 4")]
    candidate = [*rows(("Add.", "8"), input="3 4"), *rows(("Add.", "4"), input="1 2")]
    assert [("Add.\n\n1 2", "3", "4"), ("Add.\n\n3 4", "7", "8")] == answers(join_outputs(reference, candidate))


def test_row_by_row_needs_the_same_rows() -> None:
    """Then an instruction may stand twice without a word; other rows are an error that names the first."""
    joined = join_outputs(rows(("a", "1"), ("a", "2")), rows(("a", "3"), ("a", "4")), is_ordered=True)
    assert [("a", "1", "3"), ("a", "2", "4")] == answers(joined)
    with pytest.raises(SchemaError, match='file: row 1: asks "b", and the same row of the reference "a"'):
        join_outputs(rows(("a", "1")), rows(("b", "2")), is_ordered=True)
    with pytest.raises(DataError, match="2 rows of the reference and 1 of the candidate"):
        join_outputs(rows(("a", "1"), ("b", "2")), rows(("a", "3")), is_ordered=True)


def test_a_row_without_instruction_is_an_error() -> None:
    """An id alone does not say what was asked."""
    with pytest.raises(SchemaError, match='field "instruction" is missing'):
        join_outputs([ModelOutput(output="1", id="x", where="file: row 1")], rows(("a", "1")))


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("length", "longismore_length"),
        ("openai/gpt-4.1", "longismore_openai__gpt-4.1"),
        ("openai/meta-llama/Llama-3-8B", "longismore_openai__meta-llama__Llama-3-8B"),
        ("openai/llama3:8b", "longismore_openai__llama3:8b"),
        ("alpaca_eval:lmsys_gpt4", "longismore_alpaca_eval__lmsys_gpt4"),
        ("alpaca_eval:alpaca_eval_gpt4@openai/gpt-4.1", "longismore_alpaca_eval__alpaca_eval_gpt4@openai__gpt-4.1"),
        ("./mine.yaml", "longismore_.__mine.yaml"),
    ],
)
def test_every_judge_has_a_name_that_is_one_folder(spec: str, name: str) -> None:
    """A slash is two underscores; the name gives the judge back, as the spec itself behind the prefix does."""
    assert name == annotator_name(spec)
    assert spec.replace("alpaca_eval:", "alpaca_eval/") == spec_of(name, {})
    if "/" in spec:
        assert spec == spec_of(f"longismore_{spec}", {})


def test_the_environment_may_name_the_judge() -> None:
    """``longismore_judge`` is LONGISMORE_JUDGE, and an error without it."""
    assert "openai/my__model" == spec_of("longismore_judge", {"LONGISMORE_JUDGE": "openai/my__model"})
    with pytest.raises(ConfigError, match="LONGISMORE_JUDGE names, which is not set"):
        spec_of("longismore_judge", {})


def test_endless_names_stay_names_of_folders() -> None:
    """They are cut, and two of them stay two."""
    names = {annotator_name(f"replay:{'x' * 300}/{end}") for end in "ab"}
    assert [True, True] == [len(name) < 200 for name in names]


def test_other_annotators_are_none_of_our_business() -> None:
    """Only what begins with the prefix is a judge of ours."""
    assert [True, False, False, False] == [
        is_ours(config) for config in ("longismore_length", "alpaca_eval_gpt4", None, [{"a": 1}])
    ]


def test_settings_come_from_flags_and_the_environment() -> None:
    """Flags win; what is empty in the environment is not set."""
    environ = {
        "LONGISMORE_JUDGE_MAX_TOKENS": "77",
        "LONGISMORE_JUDGE_TEMPERATURE": "0.5",
        "LONGISMORE_JUDGE_RETRIES": "",
        "LONGISMORE_STORE": "here.sqlite",
    }
    settings = AnnotatorSettings.read({"temperature": 0.25, "parameters": {"seed": 1}}, environ)
    options = settings.options
    assert (77, 0.25, 6, {"seed": 1}) == (options.max_tokens, options.temperature, options.retries, options.parameters)
    assert ("here.sqlite", None) == (str(settings.store), settings.runs)


def test_settings_that_are_unknown_or_would_change_a_result_are_named_together() -> None:
    """alpaca_eval's noise cannot be had, and a typing error says what was meant."""
    with pytest.raises(ConfigError) as raised:
        AnnotatorSettings.read({"max_cost_us": 1, "p_label_flip": 0.25, "is_avoid_reannotations": False}, {})
    assert ["max_cost_usd" in raised.value.problems[0], 3] == [True, len(raised.value.problems)]


def test_settings_of_alpaca_evals_own_cache_are_passed_over_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """The store takes the place of the cache, and both orders that of the seed."""
    AnnotatorSettings.read({"seed": 3, "caching_path": "cache.json", "store": "s.sqlite"}, {})
    ignored, cache = caplog.messages
    assert ignored.startswith("seed: without meaning")
    assert cache.startswith("caching_path=cache.json is not used: paid answers are kept in s.sqlite")
    caplog.clear()
    AnnotatorSettings.read({"caching_path": None, "p_label_flip": None}, {})
    assert [] == caplog.messages


def test_annotations_hold_the_mean_of_both_orders_and_each_of_them() -> None:
    """1 to 2, 2 for the candidate; null where an order is missing; read again, they say the same."""
    joined = join_outputs(
        rows(("a", "1"), ("b", "2"), ("c", "3"), dataset="d"), rows(("a", "4"), ("b", "5"), ("c", "6"))
    )
    shares = [(1.0, 0.5), (1.0, 0.0), (0.25, None)]
    judgments = [
        Judgment(
            id=pair.id, testset=pair.testset, prompt=pair.prompt, reference=pair.reference, candidate=pair.candidate,
            order=order, judge="j", fingerprint="f", status=Status.UNPARSED if share is None else Status.JUDGED,
            preference=share,
        )
        for pair, both in zip(joined.pairs, shares, strict=True)
        for order, share in zip(Order, both, strict=True)
    ]  # fmt: skip
    verdicts = combine(joined.pairs, judgments)
    written = annotation_rows(joined, verdicts, annotator="longismore_x", made={"preference_date": "today"})
    assert [1.75, 1.5, None] == [row["preference"] for row in written]
    assert [(2.0, 1.5), (2.0, 1.0), (1.25, None)] == [
        (row["preference_reference_first"], row["preference_candidate_first"]) for row in written
    ]
    assert {
        "instruction": "a", "output_1": "1", "generator_1": "reference", "dataset": "d", "output_2": "4",
        "generator_2": "candidate", "annotator": "longismore_x", "preference": 1.75,
        "preference_reference_first": 2.0, "preference_candidate_first": 1.5, "preference_date": "today",
    } == written[0]  # fmt: skip
    again = annotation_verdicts(written)
    assert [(verdict.preferences, verdict.outcome) for verdict in verdicts] == [
        (verdict.preferences, verdict.outcome) for verdict in again
    ]


@pytest.mark.parametrize(
    ("preference", "outcome"),
    [(1, Outcome.LOSE), (1.5, Outcome.TIE), (2.0, Outcome.WIN), (1.7, Outcome.WIN), (0, Outcome.TIE), (None, None),
     (float("nan"), None), (-1, None), (3, None), (True, None), ("2", None)],
)  # fmt: skip
def test_one_order_of_an_annotator_is_read_as_one_order(preference: object, outcome: Outcome | None) -> None:
    """0 is the older tie; whatever is no preference is a missing one and never a number."""
    row = {"instruction": "a", "output_1": "x", "output_2": "yy", "preference": preference}
    [verdict] = annotation_verdicts([row])
    assert (True, outcome, 1, 2) == (
        verdict.one_order, verdict.outcome, verdict.reference_chars, verdict.candidate_chars,
    )  # fmt: skip


def test_an_annotation_without_an_answer_enters_no_rate() -> None:
    """How long it was is not known."""
    [verdict] = annotation_verdicts([{"instruction": "a", "output_1": None, "output_2": "yy", "preference": 2.0}])
    assert (None, (None, None)) == (verdict.outcome, verdict.preferences)
