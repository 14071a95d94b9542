from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.errors import DataError, SchemaError
from longismore.judges import read_judgments, write_judgments
from longismore.records import Answer, Judgment, Order, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIELDS = ["id", "testset", "prompt", "reference", "candidate", "order", "judge", "fingerprint", "status",
          "score_reference", "score_candidate", "preference", "completion", "input_tokens", "output_tokens",
          "cost_usd", "latency_s", "created"]  # fmt: skip
BAD: list[tuple[str, Any, str]] = [
    *((name, value, "must be a string, found") for name in ("id", "testset", "prompt", "judge", "fingerprint")
      for value in (None, 1, ["x"])),
    ("id", True, "must be a string, found True"),
    *((name, value, "must be a number or null, found") for name in ("score_reference", "cost_usd", "latency_s")
      for value in ("8", True, [8], float("nan"), float("inf"))),
    *((name, value, "must be a whole number or null, found") for name in ("input_tokens", "output_tokens")
      for value in ("8", True, 1.5)),
    ("completion", 1, "must be a string or null, found 1"),
    ("created", 1700000000, "must be a string or null, found"),
    ("order", "first", "must be one of reference_first, candidate_first, found 'first'"),
    ("order", None, "must be one of reference_first, candidate_first, found None"),
    ("order", ["reference_first"], "must be one of"),
    ("status", "ok", "must be one of judged, unparsed, refused, failed, found 'ok'"),
    ("status", {}, "must be one of"),
    ("reference", "text", 'must be an object with "model" and "output", found'),
    ("candidate", None, 'must be an object with "model" and "output", found None'),
    ("preference", None, 'must be a number from 0 to 1 where status is "judged"'),
    ("preference", 1.5, "must be a number from 0 to 1"),
    ("preference", -1, "must be a number from 0 to 1"),
    ("preference", 0.0, "must be 1.0, as the scores 6.0 and 8.0 say"),
    ("preference", 0.5, "must be 1.0, as the scores 6.0 and 8.0 say"),
    ("status", "unparsed", "must be a number from 0 to 1"),
]  # fmt: skip


@pytest.fixture
def row(make_judgment: Callable[..., Judgment], tmp_path: Path) -> dict[str, Any]:
    """A good line, as JSON."""
    write_judgments(tmp_path / "good.jsonl", [make_judgment()])
    line: dict[str, Any] = json.loads((tmp_path / "good.jsonl").read_text(encoding="utf-8"))
    return line


def write(path: Path, *rows: dict[str, Any]) -> Path:
    """A file of those lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_line_has_the_promised_fields(row: dict[str, Any]) -> None:
    """The fields of a line, in their order, are those that the format promises; unknown is null."""
    assert FIELDS == list(row)
    assert ({"model": "base", "output": "Salt lowers the freezing point."}, "reference_first", "judged", None) == (
        row["reference"],
        row["order"],
        row["status"],
        row["cost_usd"],
    )


def test_round_trip(pairs: list[Any], make_judgment: Callable[..., Judgment], tmp_path: Path) -> None:
    """What was written is read again, in order, with every status."""
    unread = {"score_reference": None, "score_candidate": None, "preference": None}
    made = [
        make_judgment(pairs[0]),
        make_judgment(pairs[0], Order.CANDIDATE_FIRST, preference=0.75, score_reference=None),
        make_judgment(pairs[1], status=Status.UNPARSED, **unread),
        make_judgment(pairs[1], Order.CANDIDATE_FIRST, status=Status.REFUSED, **unread),
        make_judgment(pairs[2], status=Status.FAILED, completion=None, input_tokens=None, **unread),
    ]
    write_judgments(tmp_path / "judgments.jsonl", made)
    assert made == read_judgments(tmp_path / "judgments.jsonl")


texts = st.text(st.characters())


@given(prompt=texts, output=texts, completion=texts)
def test_round_trip_of_any_text(
    prompt: str, output: str, completion: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Line ends, NUL and half characters in any text survive."""
    judgment = Judgment(
        id="one",
        testset="mini",
        prompt=prompt,
        reference=Answer("base", output),
        candidate=Answer("tuned", output),
        order=Order.REFERENCE_FIRST,
        judge="j",
        fingerprint="f",
        status=Status.UNPARSED,
        completion=completion,
    )
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    write_judgments(path, [judgment])
    assert [judgment] == read_judgments(path)


@pytest.mark.parametrize(("field", "value", "problem"), BAD)
def test_wrong_field_is_named(field: str, value: Any, problem: str, row: dict[str, Any], tmp_path: Path) -> None:
    """A wrong value is an error with file, line, field and the value."""
    path = write(tmp_path / "bad.jsonl", row | {"id": "other"}, row | {field: value})
    with pytest.raises(SchemaError) as caught:
        read_judgments(path)
    named = "preference" if field == "status" and value == "unparsed" else field
    assert str(caught.value).startswith(f'{path}:2: field "{named}" ')
    assert problem in str(caught.value)


@pytest.mark.parametrize("field", FIELDS)
def test_missing_field_is_named(field: str, row: dict[str, Any], tmp_path: Path) -> None:
    """A line without a field is an error, since unknown would be null."""
    del row[field]
    path = write(tmp_path / "bad.jsonl", row)
    with pytest.raises(SchemaError, match=f"bad.jsonl:1: fields are missing: {field}; found: "):
        read_judgments(path)


@pytest.mark.parametrize("answer", [{}, {"model": "m"}, {"output": "o"}, {"model": "m", "output": None}])
def test_answer_needs_model_and_output(answer: object, row: dict[str, Any], tmp_path: Path) -> None:
    """An answer without a model or a text is an error that names both fields."""
    path = write(tmp_path / "bad.jsonl", row | {"candidate": answer})
    with pytest.raises(SchemaError, match=r'bad.jsonl:1: fields "candidate.model" and "candidate.output" must be str'):
        read_judgments(path)


def test_further_fields_are_left_alone(row: dict[str, Any], tmp_path: Path) -> None:
    """A file with more than is promised can be read."""
    assert 1 == len(read_judgments(write(tmp_path / "more.jsonl", row | {"remark": "mine"})))


def test_same_call_twice_is_an_error(row: dict[str, Any], tmp_path: Path) -> None:
    """A call cannot have two results: both lines are named."""
    path = write(tmp_path / "twice.jsonl", row, row | {"id": "other"}, row)
    with pytest.raises(SchemaError, match=r"twice.jsonl:3: mini one reference_first stands already in line 1"):
        read_judgments(path)


def test_two_judges_of_one_pair_are_no_duplicates(row: dict[str, Any], tmp_path: Path) -> None:
    """The same pair under another fingerprint is another call."""
    assert 2 == len(read_judgments(write(tmp_path / "two.jsonl", row, row | {"fingerprint": "g" * 64})))


def test_torn_last_line_is_named(row: dict[str, Any], tmp_path: Path) -> None:
    """A file that a crash cut off says which line is torn."""
    path = write(tmp_path / "torn.jsonl", row)
    path.write_text(path.read_text(encoding="utf-8") + json.dumps(row)[:100], encoding="utf-8")
    with pytest.raises(SchemaError, match=r"torn.jsonl:2: not JSON.*if it is the last line, the file may be cut off"):
        read_judgments(path)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_file_is_an_error(text: str, tmp_path: Path) -> None:
    """A file without a judgment is a mistake of whoever named it."""
    (tmp_path / "empty.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match="the file has no judgments"):
        read_judgments(tmp_path / "empty.jsonl")


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(DataError, match=r"none.jsonl: no such file"):
        read_judgments(tmp_path / "none.jsonl")
