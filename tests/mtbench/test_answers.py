"""Files of answers, as FastChat writes and reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, DataError, SchemaError
from longismore.mtbench import ModelAnswer, answers_path, judgments_path, read_answers, write_answers
from longismore.mtbench._layout import judge_file_name, model_names
from mtbench_folders import answer, rows, write_folder

if TYPE_CHECKING:
    from pathlib import Path


def put(path: Path, *lines: object) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def line(**fields: Any) -> dict[str, Any]:
    """A row as FastChat writes it."""
    return {
        "question_id": 81,
        "answer_id": "abc",
        "model_id": "tuned",
        "choices": [{"index": 0, "turns": ["one", "two"]}],
        "tstamp": 1700000000.5,
        **fields,
    }


def test_written_rows_are_those_of_fastchat(tmp_path: Path) -> None:
    """Its fields, sorted by question, and read again as they were."""
    path = answers_path(tmp_path, "good")
    answers = [answer("good", 101), answer("good", 82, "\u2028 line", "\ud800 half")]
    write_answers(path, answers)
    assert tmp_path / "model_answer" / "good.jsonl" == path
    assert [82, 101] == [row["question_id"] for row in rows(path)]
    assert {
        "question_id": 82,
        "answer_id": "good82",
        "model_id": "good",
        "choices": [{"index": 0, "turns": ["\u2028 line", "\ud800 half"]}],
        "tstamp": 1.5,
    } == rows(path)[0]
    assert answers[::-1] == read_answers(path)
    assert path.read_bytes().isascii()


def test_a_file_is_named_after_its_model(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As FastChat reads it: the last row of a question, the first choice, whatever model_id says."""
    path = put(
        tmp_path / "other.jsonl",
        line(),
        line(question_id=82, tstamp=10**400, answer_id=None),
        line(choices=[{"index": 0, "turns": ["new"]}, {"index": 1, "turns": ["newer"]}]),
    )
    assert [
        ModelAnswer(question=81, model="other", turns=("new",), answer_id="abc", created=1700000000.5),
        ModelAnswer(question=82, model="other", turns=("one", "two"), answer_id="", created=None),
    ] == read_answers(path)
    assert "rows that answer a question again: 1; the last one holds" in caplog.text
    assert "rows with several choices: 1; the first one is taken" in caplog.text


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"question_id": "81"}, 'field "question_id" must be a whole number, found a string'),
        ({"choices": []}, 'field "choices" must be a list of objects with "turns"'),
        ({"choices": [{"index": 0, "turns": []}]}, 'field "choices" must be'),
        ({"choices": [{"index": 0, "turns": ["one", None]}]}, 'field "choices" must be'),
        ({"choices": [{"index": 0}]}, 'field "choices" must be'),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, fields: dict[str, Any], problem: str) -> None:
    """File, line and field."""
    path = put(tmp_path / "bad.jsonl", line(), line(**fields))
    with pytest.raises(SchemaError) as caught:
        read_answers(path)
    assert str(caught.value).startswith(f"{path}:2: {problem}")


@pytest.mark.parametrize("name", ["meta-llama/Llama-2-7b", "..", "", " ", "a\nb", "a\\b", ".hidden"])
def test_names_that_are_no_file(tmp_path: Path, name: str) -> None:
    """They are refused, with the option that gives another."""
    with pytest.raises(ConfigError, match="--name NAME"):
        answers_path(tmp_path, name)


def test_files_of_judgments(tmp_path: Path) -> None:
    """Both pairwise modes share a file, as with FastChat, and hosted judges have their own name there."""
    assert tmp_path / "model_judgment" / "gpt-4_single.jsonl" == judgments_path(tmp_path, "gpt-4", "single")
    pair = tmp_path / "model_judgment" / "gpt-4_pair.jsonl"
    assert [pair] * 2 == [judgments_path(tmp_path, "gpt-4", f"pairwise-{mode}") for mode in ("all", "baseline")]
    with pytest.raises(ConfigError, match='mode must be single, pairwise-baseline, pairwise-all, found "both"'):
        judgments_path(tmp_path, "gpt-4", "both")
    with pytest.raises(ConfigError, match="--judge-name NAME"):
        judgments_path(tmp_path, "a/b", "single")
    expected = {
        "openai/gpt-4": "gpt-4",
        "anthropic/claude-x": "claude-x",
        "openai/org/model": "org-model",
        "hf/../my judge/": "hf-..-my-judge",
        "alpaca_eval:alpaca_eval_gpt4@openai/gpt-4.1": "alpaca_eval-alpaca_eval_gpt4@openai-gpt-4.1",
        "/": "judge",
    }
    assert expected == {name: judge_file_name(name) for name in expected}


def test_models_with_answers(tmp_path: Path) -> None:
    """Sorted; half-written neighbours are none."""
    write_folder(tmp_path, "poor", "good")
    put(tmp_path / "model_answer" / ".poor.jsonl.1.tmp.jsonl", line())
    assert ["good", "poor"] == model_names(tmp_path)


def test_long_names_and_places(tmp_path: Path) -> None:
    """A name must fit into that of a file, with what is put around it; where nothing can be written, it is said."""
    with pytest.raises(ConfigError, match=r"a name of 181 bytes.*give a shorter one \(--name NAME\)"):
        answers_path(tmp_path, "x" * 181)
    with pytest.raises(ConfigError, match=r"a name of 200 bytes.*--judge-name"):
        judgments_path(tmp_path, "\N{LATIN SMALL LETTER E WITH ACUTE}" * 100, "single")
    found = ModelAnswer(question=81, model="m", turns=("a", "b"), answer_id="x")
    write_answers(answers_path(tmp_path, "x" * 180), [found])
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"m\.jsonl: cannot be written: Not a directory"):
        write_answers(answers_path(tmp_path / "file", "m"), [found])
    # From Python 3.13 on, glob finds nothing there.
    with pytest.raises(DataError, match=r"cannot be read: File name too long|has no answers"):
        model_names(tmp_path / ("x" * 300))
