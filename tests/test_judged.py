"""What was judged, read from any of the files that hold it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from longismore.comparison import compare_pairs
from longismore.errors import DataError, SchemaError
from longismore.judged import read_judged
from longismore.judges import Comparands, JudgeOptions, combine, make_judge, sample_row, write_judgments
from longismore.records import Answer, Outcome, Pair
from longismore.run_folder import RunFolder
from longismore.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.records import Judgment

PAIRS = [
    Pair(
        id=str(number),
        testset="koala",
        prompt=f"Question {number}?",
        reference=Answer("base", "word " * 5),
        candidate=Answer("tuned", "word " * number),
    )
    for number in range(1, 11)
]


def judged_pairs(folder: Path, pairs: list[Pair] = PAIRS, judge: str = "length") -> tuple[list[Judgment], Path]:
    """Judge the pairs into a run folder."""
    run = RunFolder.fresh(folder, "tuned", {"judge": {"name": judge}, "testsets": {}, "command": ["longismore"]})
    with Store(folder / "store.sqlite") as store:
        compare_pairs(pairs, make_judge(judge, JudgeOptions()), store=store, folder=run)
    (one,) = read_judged([run.path])
    return list(one.judgments), run.path


def test_a_run_folder_and_its_judgments_are_the_same(tmp_path: Path) -> None:
    """The folder, and the file in it, give the same verdicts and know the run."""
    _, path = judged_pairs(tmp_path)
    (folder,), (file,) = read_judged([path]), read_judged([path / "judgments.jsonl"])
    assert folder == file
    assert ("length", "base", "tuned", 10, 20) == (
        folder.judge, folder.reference, folder.candidate, len(folder.verdicts), len(folder.judgments),
    )  # fmt: skip
    assert "done" == folder.run["status"]
    assert (Outcome.LOSE, Outcome.WIN) == (folder.verdicts[0].outcome, folder.verdicts[-1].outcome)


def test_judges_references_and_candidates_are_kept_apart(tmp_path: Path) -> None:
    """Each judge, reference and candidate is one of its own; the same in two files is one."""
    _, first = judged_pairs(tmp_path, PAIRS[:5])
    _, second = judged_pairs(tmp_path, PAIRS[5:])
    _, other = judged_pairs(tmp_path, PAIRS, "lexical")
    found = read_judged([first, second, other])
    assert [("length", 10, 2), ("lexical", 10, 1)] == [
        (each.judge, len(each.verdicts), len(each.files)) for each in found
    ]


def test_a_call_that_is_recorded_twice_is_kept_twice_and_counts_once(tmp_path: Path) -> None:
    """The first record makes the verdict; both are there for whoever asks how repeatable the judge is."""
    judgments, _ = judged_pairs(tmp_path)
    again = [replace(each, preference=1.0, score_reference=1.0, score_candidate=2.0) for each in judgments]
    for name, lines in (("one", judgments), ("two", again)):
        write_judgments(tmp_path / f"{name}.jsonl", lines)
    (one,) = read_judged([tmp_path / "one.jsonl"])
    (both,) = read_judged([tmp_path / "one.jsonl", tmp_path / "two.jsonl"])
    assert one.verdicts == both.verdicts
    assert 40 == len(both.judgments)


def test_other_answers_under_the_same_names_are_refused(tmp_path: Path) -> None:
    """Two checkpoints of one name would be mixed: the error says which pair, and what to do."""
    judgments, _ = judged_pairs(tmp_path)
    changed = [replace(each, candidate=Answer("tuned", "something else")) for each in judgments]
    for name, lines in (("one", judgments), ("two", changed)):
        write_judgments(tmp_path / f"{name}.jsonl", lines)
    with pytest.raises(DataError, match="koala 1 was judged with different answers") as error:
        read_judged([tmp_path / "one.jsonl", tmp_path / "two.jsonl"])
    assert "give the files one by one" in str(error.value)


def test_annotations_are_one_order(data: Path) -> None:
    """alpaca_eval asks one order of each pair: 805 verdicts, none partial."""
    (judged,) = read_judged([data / "alpaca_eval" / "alpaca-7b" / "weighted_alpaca_eval_gpt4_turbo"])
    assert ("weighted_alpaca_eval_gpt4_turbo", "gpt4_1106_preview", "alpaca-7b", 805) == (
        judged.judge, judged.reference, judged.candidate, len(judged.verdicts),
    )  # fmt: skip
    assert all(verdict.one_order and verdict.outcome is not None for verdict in judged.verdicts)


def sample(number: int, **changes: object) -> dict[str, object]:
    """One logged sample of lm_eval."""
    pair = PAIRS[number]
    (verdict,) = combine([pair], [])
    said = sample_row(verdict, Comparands("length", "f", "base", "tuned")) | changes
    return {"doc": {"id": pair.id, "testset": "koala", "question": pair.prompt, "longismore": said}, "resps": [["x"]]}


def test_logged_samples_of_lm_eval_are_verdicts(tmp_path: Path) -> None:
    """A folder of results holds them by task; statuses, preferences and lengths are all there."""
    path = tmp_path / "results" / "model" / "samples_longismore_koala_2026.jsonl"
    path.parent.mkdir(parents=True)
    said = {"statuses": ["judged", "judged"], "preferences": [1.0, 0.5], "outcome": "win"}
    path.write_text("\n".join(json.dumps(sample(number, **said)) for number in range(3)), encoding="utf-8")
    (judged,) = read_judged([tmp_path / "results"])
    assert (3, (), "length") == (len(judged.verdicts), judged.judgments, judged.judge)
    assert (Outcome.WIN, (1.0, 0.5), 25, 5) == (
        judged.verdicts[0].outcome, judged.verdicts[0].preferences,
        judged.verdicts[0].reference_chars, judged.verdicts[0].candidate_chars,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("outputs.json", '[{"instruction": "a", "output": "b"}]', "holds nothing that was judged"),
        ("rows.jsonl", '{"a": 1}', "no line of judgments"),
        ("samples_longismore_koala.jsonl", '{"doc": {"id": "1"}, "resps": [["x"]]}', "has no verdict"),
    ],
)
def test_what_holds_nothing_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    """The error has the file, and what would do."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=said) as error:
        read_judged([tmp_path / name])
    assert name in str(error.value)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    """A folder without any of the files is an error that lists them."""
    with pytest.raises(DataError, match="nothing that was judged") as error:
        read_judged([tmp_path])
    assert "annotations.json" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"statuses": ["judged"]}, "must be a list of two"),
        ({"statuses": ["judged", "lost"]}, "'lost' is not a valid Status"),
        ({"preferences": [1.0, 2.0]}, "must be numbers from 0 to 1"),
        ({"reference_chars": "9"}, '"reference_chars" must be of the kind int'),
    ],
)
def test_a_bad_sample_is_named(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    """The message has line and field."""
    path = tmp_path / "samples_longismore_koala_2026.jsonl"
    path.write_text(json.dumps(sample(0)) + "\n" + json.dumps(sample(1, **changes)), encoding="utf-8")
    with pytest.raises(SchemaError) as error:
        read_judged([path])
    assert f"{path}:2" in str(error.value)
    assert said in str(error.value)
