from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore import _jsonl
from longismore._jsonl import (
    dump_line,
    read_json,
    read_jsonl,
    read_text,
    replacing,
    write_json,
    write_jsonl,
    write_text,
)
from longismore.errors import DataError, SchemaError

any_text = st.text(st.characters())


def file_of(folder: Path, content: str | bytes, name: str = "x.jsonl") -> Path:
    """A file with exactly those bytes."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_lines_are_numbered_from_one(tmp_path: Path) -> None:
    """Each object comes with the number of its line, blank lines count and are passed over."""
    path = file_of(tmp_path, '{"a": 1}\n\n  \n{"a": 2}\r\n{"a": 3}')
    assert [(1, {"a": 1}), (4, {"a": 2}), (5, {"a": 3})] == list(read_jsonl(path))


def test_line_separators_inside_strings_do_not_end_a_line(tmp_path: Path) -> None:
    """JSON allows U+2028 and its like inside strings, where str.splitlines would cut."""
    path = file_of(tmp_path, '{"a": "x\u2028y\u2029z\x85"}\n')
    assert [(1, {"a": "x\u2028y\u2029z\x85"})] == list(read_jsonl(path))


def test_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    """Files of Windows programs open with a mark that is no part of the first line."""
    assert [(1, {"a": 1})] == list(read_jsonl(file_of(tmp_path, b'\xef\xbb\xbf{"a": 1}\n')))


def test_file_without_a_line_has_no_rows(tmp_path: Path) -> None:
    """An empty file is no error here: who reads it knows what it needs."""
    assert [] == list(read_jsonl(file_of(tmp_path, "")))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"a": 1', "not JSON: Expecting ',' delimiter.*if it is the last line, the file may be cut off"),
        ("{'a': 1}", "not JSON: Expecting property name"),
        ("[1]", "a JSON object was expected, found list"),
        ('"text"', "a JSON object was expected, found str"),
        ("null", "a JSON object was expected, found NoneType"),
        ("[" * 100_000, "not usable JSON: nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "not usable JSON: Exceeds the limit"),
    ],
)
def test_bad_line_is_named(line: str, problem: str, tmp_path: Path) -> None:
    """A line that is no object is an error with file and line."""
    path = file_of(tmp_path, '{"a": 0}\n' + line + "\n")
    with pytest.raises(SchemaError, match=problem) as caught:
        list(read_jsonl(path))
    assert f"{path}:2" == caught.value.where


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", "", "the file is empty"),
        (" \n", "", "the file is empty"),
        ('[\n{"a": 1},\n', ":3", "not JSON: .*; the file seems to be cut off"),
        ('[\n{"a": "b', ":2", "not JSON: Unterminated string.*; the file seems to be cut off"),
        ('{"a": 1}\n{"a": 2}\n', ":2", "not JSON: Extra data"),
        ("[" * 100_000, "", "not usable JSON: nested too deeply"),
        ("9" * 5000, "", "not usable JSON: Exceeds the limit"),
    ],
)
def test_bad_document_is_named(text: str, where: str, problem: str, tmp_path: Path) -> None:
    """A document that cannot be read is an error with file and, where it is known, line."""
    path = file_of(tmp_path, text, "x.json")
    with pytest.raises(SchemaError, match=problem) as caught:
        read_json(path)
    assert f"{path}{where}" == caught.value.where


def test_extra_data_is_not_called_cut_off(tmp_path: Path) -> None:
    """JSON lines under the name of a document are another mistake than a torn file."""
    with pytest.raises(SchemaError) as caught:
        read_json(file_of(tmp_path, '{"a": 1}\n{"a": 2}\n'))
    assert "cut off" not in str(caught.value)


def test_missing_file_is_named_with_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path depends on the folder, so the message has it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"none.json: no such file; check the path .seen from {tmp_path}"):
        read_text("none.json")


def test_folder_is_no_file(tmp_path: Path) -> None:
    """A folder in the place of a file is named as such."""
    with pytest.raises(DataError, match="is a folder, a file was expected"):
        read_text(tmp_path)


def test_path_below_a_file_is_named(tmp_path: Path) -> None:
    """Whatever else the system refuses is passed on with the path."""
    path = file_of(tmp_path, "")
    with pytest.raises(DataError, match=r"x.jsonl/y: cannot be read: Not a directory"):
        read_text(path / "y")


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """A file that is not UTF-8 is an error with line, byte and the command that converts it."""
    path = file_of(tmp_path, b'{"a": 1}\n{"a": "caf\xe9"}\n')
    with pytest.raises(SchemaError, match=r"not UTF-8 .byte 0xe9 at offset 19.; convert it: iconv") as caught:
        read_text(path)
    assert f"{path}:2" == caught.value.where


@given(st.dictionaries(any_text, any_text))
def test_a_line_is_one_line_that_utf8_can_hold(row: dict[str, str]) -> None:
    """Whatever text a row has, it is one line, can be encoded and comes back."""
    line = dump_line(row)
    assert "\n" not in line
    assert row == json.loads(line.encode().decode())


def test_text_stays_readable_in_a_line() -> None:
    """Only what UTF-8 cannot hold is escaped."""
    assert ('{"a": "Käse 鎖"}', '{"a": "\\ud800"}') == (dump_line({"a": "Käse 鎖"}), dump_line({"a": "\ud800"}))


@pytest.mark.parametrize("row", [{"a": "Käse"}, {"a": "\ud800"}, {"a": "x\r\ny\u2028"}])
def test_what_was_written_is_read(row: dict[str, Any], tmp_path: Path) -> None:
    """Lines and documents survive a round trip, with half characters too; folders are made."""
    write_jsonl(tmp_path / "new" / "x.jsonl", [row, row])
    write_json(tmp_path / "new" / "x.json", row)
    assert [(1, row), (2, row)] == list(read_jsonl(tmp_path / "new" / "x.jsonl"))
    assert row == read_json(tmp_path / "new" / "x.json")


def test_lines_end_alike_on_every_system(tmp_path: Path) -> None:
    """Line ends are one byte, and the last line has one too."""
    write_jsonl(tmp_path / "x.jsonl", [{"a": 1}, {}])
    write_json(tmp_path / "x.json", [1])
    assert (b'{"a": 1}\n{}\n', b"[\n 1\n]\n") == (
        (tmp_path / "x.jsonl").read_bytes(),
        (tmp_path / "x.json").read_bytes(),
    )


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails at its last step leaves the old content and no neighbour."""
    path = file_of(tmp_path, "old")

    def refuse(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "new")
    assert ("old", ["x.jsonl"]) == (path.read_text(encoding="utf-8"), [entry.name for entry in tmp_path.iterdir()])


def test_row_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    """Rows are made before the file is touched."""
    path = file_of(tmp_path, "old")
    with pytest.raises(TypeError):
        write_jsonl(path, [{"a": 1}, {"a": object()}])
    assert "old" == path.read_text(encoding="utf-8")


def test_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the new file is complete, its name leads to the old one."""
    path = file_of(tmp_path, "old")
    seen = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        seen.append((path.read_text(encoding="utf-8"), self.read_text(encoding="utf-8")))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_text(path, "new")
    assert ([("old", "new")], "new") == (seen, path.read_text(encoding="utf-8"))


def test_names_are_listed() -> None:
    """What other rooms use is in the list of names."""
    assert all(callable(getattr(_jsonl, name)) for name in _jsonl.__all__)


def test_a_full_disk_says_which_file(tmp_path: Path) -> None:
    """The system does not; what was there stays, and nothing lies beside it."""
    path = tmp_path / "rows.json"
    path.write_text("before")
    with pytest.raises(OSError, match=r"rows\.json") as raised, replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(path) == raised.value.filename
    assert ("before", [path]) == (path.read_text(), list(tmp_path.iterdir()))
