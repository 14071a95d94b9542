"""``longismore convert``: between all formats of instruction data, and nothing lost without a word."""

from __future__ import annotations

import json
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from longismore._jsonl import write_json, write_jsonl
from longismore.errors import ConfigError, UnknownNameError
from longismore.instructions import FORMATS, open_data
from longismore.instructions._convert import Conversion
from longismore.instructions._unwrap import unwrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

ROWS = [
    {"instruction": "Name a river.", "input": "", "output": "The Rhine."},
    {"instruction": "Add these:\n", "input": "1\n\n2", "output": "3"},
    {"instruction": "Say nothing.", "input": " ", "output": ""},
    {"instruction": "", "input": "only an input", "output": 'é\u2028"\\'},
    {"instruction": "Repeat.\n\nthis", "input": "this", "output": "this"},
    {"instruction": "Explain ### Input: and ### Response:", "input": "", "output": "Markers."},
]
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "one?"},
    {"role": "assistant", "content": "1"},
    {"role": "user", "content": "two?"},
    {"role": "assistant", "content": "2"},
]


def keys(path: Path) -> list[str]:
    """What the rows of a file say."""
    return [row.key for row in open_data(path).rows()]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), list(permutations(FORMATS, 2)))
def test_every_way_there_and_back_keeps_every_row(command: Command, tmp_path: Path, first: str, second: str) -> None:
    """From each format to each other and back, through all three kinds of files, rows say what they said."""
    write_json(tmp_path / "start.json", ROWS)
    assert 0 == command("convert", "start.json", "--to", first, "--output", "first.jsonl").code
    assert first == open_data(tmp_path / "first.jsonl").format
    for kind in ("json", "jsonl", "parquet"):
        assert 0 == command("convert", "first.jsonl", "--to", second, "--output", f"second.{kind}").code
        assert second == open_data(tmp_path / f"second.{kind}").format
        assert 0 == command("convert", f"second.{kind}", "--to", first, "--output", "back.json").code
        assert keys(tmp_path / "first.jsonl") == keys(tmp_path / "back.json")
    assert 0 == command("convert", "second.parquet", "--to", "alpaca", "--output", "end.json").code
    assert keys(tmp_path / "start.json") == keys(tmp_path / "end.json")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random_9k", "dolly_3k", "filtered_alpaca_1k_score", "helpfulness_t45"])
def test_published_pools_come_back_whole(command: Command, data: Path, tmp_path: Path, name: str) -> None:
    """To Parquet in another format and back: every row says what it said, and every further field is there."""
    pool = data / "pools" / f"{name}.json"
    to, back = ("alpaca", "sharegpt") if name.startswith("filtered") else ("messages", "alpaca")
    assert 0 == command("convert", pool, "--to", to, "--output", "there.parquet").code
    assert 0 == command("convert", "there.parquet", "--to", back, "--output", "back.json").code
    assert keys(pool) == keys(tmp_path / "back.json")
    assert json.loads(pool.read_text(encoding="utf-8")) == json.loads(
        (tmp_path / "back.json").read_text(encoding="utf-8")
    )


def test_templates_are_taken_off(command: Command, data: Path, tmp_path: Path) -> None:
    """All 1,000 published rows stand in one; 272 of them have an input."""
    pool = data / "pools" / "filtered_alpaca_1k_score.json"
    ended = command("convert", pool, "--to", "alpaca", "--unwrap", "--output", "bare.json")
    assert (0, True) == (ended.code, "1000 instructions taken out of their template" in ended.out)
    rows = json.loads((tmp_path / "bare.json").read_text(encoding="utf-8"))
    assert 272 == sum(bool(row["input"]) for row in rows)
    assert "Answer this true or false question: The capital of France is London." == rows[0]["instruction"]
    assert ("identity_8015", 5.0) == (rows[0]["id"], rows[0]["score"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Words. ### Instruction: add ### Input: 1 2 ### Response:", ("add", "1 2")),
        ("Words.\n\n### Instruction:\nadd\n\n### Input:\n1 2\n\n### Response:\n", ("add", "1 2")),
        ("### Instruction: explain ### Response: markers", ("explain ### Response: markers", "")),
        ("###Instruction: tell ### Input: a ### Input: b", ("tell", "a ### Input: b")),
        ("no template at all ### Input: x", None),
        ("### Instruction:", ("", "")),
    ],
)
def test_a_template_is_read_by_its_markers(text: str, expected: tuple[str, str] | None) -> None:
    """The first marker of each kind counts, a response marker at the end only."""
    assert expected == unwrap(text)


def test_a_conversation_does_not_fit_a_single_turn(command: Command, tmp_path: Path) -> None:
    """By default the first one is named, and no file is left; told what to do, the command does it and counts."""
    rows = [{"messages": TALK[1:3], "id": 7}, {"messages": TALK[1:], "id": 8}]
    write_jsonl(tmp_path / "talks.jsonl", rows)
    arguments = ("convert", "talks.jsonl", "--to", "alpaca", "--output", "out.json")
    ended = command(*arguments)
    assert (2, "") == (ended.code, ended.out)
    assert "talks.jsonl:2: a conversation of 2 turns does not fit into the format alpaca" in ended.err
    assert ["talks.jsonl"] == [path.name for path in tmp_path.iterdir()]
    ended = command(*arguments, "--multi-turn", "first")
    assert "1 conversations cut to their first turn, 1 turns lost" in ended.out
    single = {"instruction": "one?", "input": "", "output": "1"}
    assert [single | {"id": 7}, single | {"id": 8}] == json.loads((tmp_path / "out.json").read_text())
    ended = command(*arguments, "--multi-turn", "split", "--json")
    assert [7, 8, 8] == [row["id"] for row in json.loads((tmp_path / "out.json").read_text())]
    counts = json.loads(ended.out)
    assert (2, 3, 1, 0, "out.json") == tuple(counts[name] for name in ("rows", "written", "split", "cut", "output"))


def test_a_system_message_does_not_fit_either(command: Command, tmp_path: Path) -> None:
    """An error, unless it may be dropped, or stand before the instruction."""
    write_jsonl(tmp_path / "talks.jsonl", [{"messages": TALK[:3]}])
    arguments = ("convert", "talks.jsonl", "--to", "input_target", "--output", "out.jsonl")
    ended = command(*arguments)
    assert (2, True) == (ended.code, "a system message does not fit into the format input_target" in ended.err)
    ended = command(*arguments, "--system", "drop")
    assert "1 system messages dropped" in ended.out
    assert "one?" == next(open_data(tmp_path / "out.jsonl").rows()).instruction
    ended = command(*arguments, "--system", "prepend", "--join", r" \n")
    assert "1 system messages put before the instruction" in ended.out
    assert "Be brief. \none?" == next(open_data(tmp_path / "out.jsonl").rows()).instruction


def test_conversations_keep_everything(command: Command, tmp_path: Path) -> None:
    """System message and turns go from one format of conversations into the other."""
    write_jsonl(tmp_path / "talks.jsonl", [{"messages": TALK, "id": 1}])
    assert 0 == command("convert", "talks.jsonl", "--to", "sharegpt", "--output", "out.jsonl").code
    (row,) = open_data(tmp_path / "out.jsonl").rows()
    assert ["system", "human", "gpt", "human", "gpt"] == [one["from"] for one in row.fields["conversations"]]
    assert keys(tmp_path / "talks.jsonl") == [row.key]


def test_lost_fields_are_named(command: Command, tmp_path: Path) -> None:
    """Fields that the target has a meaning for, that would make it another format, or that single messages have."""
    rows = [{"input": "x", "target": "y", "output": "z", "id": 1}, {"input": "x", "target": "y", "instruction": "q"}]
    write_jsonl(tmp_path / "a.jsonl", rows)
    ended = command("convert", "a.jsonl", "--format", "input_target", "--to", "alpaca", "--output", "out.jsonl")
    assert "1 rows lost the field output, which alpaca has no place for" in ended.out
    assert "1 rows lost the field instruction, which alpaca has no place for" in ended.out
    write_jsonl(tmp_path / "b.jsonl", [{"prompt": "x", "completion": "y", "output": "z", "tag": 1}])
    ended = command("convert", "b.jsonl", "--to", "dolly", "--output", "out.jsonl", "--json")
    assert {"output": 1} == json.loads(ended.out)["fields_lost"]
    assert "dolly" == open_data(tmp_path / "out.jsonl").format
    message = [{"from": "human", "value": "a", "weight": 0}, {"from": "gpt", "value": "b", "weight": 1}]
    write_jsonl(tmp_path / "c.jsonl", [{"conversations": message}])
    ended = command("convert", "c.jsonl", "--to", "messages", "--output", "out.jsonl", "--json")
    assert {"conversations[].weight": 1} == json.loads(ended.out)["fields_lost"]


def test_the_same_format_stays_as_it_is(command: Command, tmp_path: Path) -> None:
    """From an array to lines nothing changes, whatever the records have."""
    rows = [{"conversations": [{"from": "human", "value": "a", "weight": 0}, {"from": "gpt", "value": "b"}], "n": [1]}]
    write_json(tmp_path / "a.json", rows)
    ended = command("convert", "a.json", "--to", "sharegpt", "--output", "out.jsonl")
    assert "1 rows written to out.jsonl: sharegpt to sharegpt\n" == ended.out
    assert rows == [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]


def test_inputs_follow_the_instruction_and_are_remembered(command: Command, tmp_path: Path) -> None:
    """Where a format has no input; what stands between is an option."""
    write_json(tmp_path / "a.json", [{"instruction": "add:", "input": "1 2", "output": "3"}])
    ended = command("convert", "a.json", "--to", "input_target", "--output", "out.jsonl", "--join", "")
    assert "1 inputs put behind the instruction; the field context remembers them" in ended.out
    assert {"input": "add:1 2", "target": "3", "context": "1 2"} == json.loads((tmp_path / "out.jsonl").read_text())
    ended = command("convert", "out.jsonl", "--to", "dolly", "--output", "back.jsonl", "--join", "")
    assert "1 inputs found again behind the instruction" in ended.out
    assert {"instruction": "add:", "context": "1 2", "response": "3"} == json.loads(
        (tmp_path / "back.jsonl").read_text()
    )


def test_wrong_choices_are_refused(command: Command, tmp_path: Path) -> None:
    """All of them at once, and an unknown format with the known ones."""
    with pytest.raises(ConfigError) as caught:
        Conversion("alpaca", multi_turn="all", system="keep")
    assert [
        'multi_turn must be error, first or split, found "all"',
        'system must be error, drop or prepend, found "keep"',
    ] == caught.value.problems
    with pytest.raises(UnknownNameError, match="did you mean alpaca"):
        Conversion("alpacca")
    write_json(tmp_path / "a.json", ROWS)
    (tmp_path / "folder.json").mkdir()
    ended = command("convert", "a.json", "--to", "dolly", "--output", "folder.json")
    assert (2, True) == (ended.code, "folder.json: is a folder" in ended.err)


def test_the_data_are_not_replaced(command: Command, tmp_path: Path) -> None:
    """Fields that the other format lacks would be gone, and with them what was read."""
    write_json(tmp_path / "a.json", ROWS)
    before = (tmp_path / "a.json").read_bytes()
    (tmp_path / "link.json").symlink_to("a.json")
    for output in ("./a.json", "link.json"):
        ended = command("convert", "a.json", "--to", "dolly", "--output", output)
        assert (2, True) == (ended.code, "is the data itself; name another output" in ended.err)
    assert before == (tmp_path / "a.json").read_bytes()


@pytest.mark.parametrize("words", [("convert", "a.json", "--to", "dolly"), ("select", "longest", "--data", "a.json")])
def test_an_ending_that_promises_something_else_is_refused(
    command: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Lines of JSON in a file called a table would be found out much later; other endings are part of a name."""
    write_json(tmp_path / "a.json", ROWS)
    budget = ("--budget", "1") if words[0] == "select" else ()
    ended = command(*words, *budget, "--output", "rows.CSV")
    assert (2, False) == (ended.code, (tmp_path / "rows.CSV").exists())
    assert "rows.CSV: instruction data are written as .json, .jsonl or .parquet; name such a file" in ended.err
    assert 0 == command(*words, *budget, "--output", "rows.v1").code
