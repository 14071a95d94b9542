"""Writing instruction data: the rows as they stand in the input, or with other responses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longismore.errors import DataError
from longismore.instructions import open_data, write_records, write_responses

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [
    {"instruction": "a", "input": "", "output": "x", "id": 1, "score": 4.5},
    {"instruction": "b", "input": "é", "output": "y\n", "id": 2, "score": None},
    {"instruction": "c", "input": "", "output": "z", "id": 3, "score": 3.0},
]


def test_lines_are_copied_byte_by_byte(tmp_path: Path) -> None:
    """A selection from JSON lines has the very lines of the input, spacing and escapes included."""
    lines = ['{"instruction":"a",  "output": "\\u00e9"}', '{"output": "x", "instruction": "b"}']
    (tmp_path / "pool.jsonl").write_text("\n".join(lines) + "\n")
    open_data(tmp_path / "pool.jsonl").write([0], tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == lines[0] + "\n"


@pytest.mark.parametrize("source", [".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("target", [".json", ".jsonl", ".parquet", ""])
def test_the_name_says_what_is_written(source: str, target: str, tmp_path: Path) -> None:
    """Every kind from every kind; a name without an ending gets what the input is."""
    write_records(RECORDS, tmp_path / f"pool{source}")
    open_data(tmp_path / f"pool{source}").write([0, 2], tmp_path / f"out{target}")
    written = tmp_path / f"out{target}"
    assert [dict(row.fields) for row in open_data(written).rows()] == [RECORDS[0], RECORDS[2]]
    kind = target or source
    if kind == ".json":
        assert json.loads(written.read_text(encoding="utf-8")) == [RECORDS[0], RECORDS[2]]
    elif kind == ".jsonl":
        assert [json.loads(line) for line in written.read_text().splitlines()] == [RECORDS[0], RECORDS[2]]
    else:
        assert pq.read_table(written).to_pylist() == [RECORDS[0], RECORDS[2]]
    assert not list(tmp_path.glob(".*"))


def test_a_parquet_selection_keeps_the_schema(tmp_path: Path) -> None:
    """Types, order of the columns and the schema's own metadata, even where nothing is selected."""
    schema = pa.schema(
        [("id", pa.int16()), ("output", pa.large_string()), ("instruction", pa.dictionary(pa.int32(), pa.string()))],
        metadata={"made": "by hand"},
    )
    columns = [
        pa.array([1, 2, 3], pa.int16()),
        pa.array(["x", None, "zz"], pa.large_string()),
        pa.array(["a", "b", "a"]).dictionary_encode(),
    ]
    table = pa.table([column.cast(field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)
    pq.write_table(table, tmp_path / "pool.parquet", row_group_size=2)
    data = open_data(tmp_path / "pool.parquet")
    assert [block.response_sizes().tolist() for block in data.blocks()] == [[1, 0], [2]]
    for numbers in ([1, 2], []):
        data.write(numbers, tmp_path / "out.parquet")
        written = pq.read_table(tmp_path / "out.parquet")
        assert written.schema.equals(table.schema, check_metadata=True)
        assert written.to_pylist() == [table.to_pylist()[number] for number in numbers]


def test_parquet_files_of_different_columns_are_joined(tmp_path: Path) -> None:
    """Texts of either size, a column that one of them lacks, and what cannot be joined is said."""
    paths = [tmp_path / f"{name}.parquet" for name in ("one", "two", "three")]
    pq.write_table(pa.table({"instruction": ["a", "b"], "output": ["x", "y"]}), paths[0])
    large = {"instruction": pa.array(["c"], pa.large_string()), "output": pa.array(["z"], pa.large_string())}
    pq.write_table(pa.table({**large, "score": [4.5]}), paths[1])
    pq.write_table(pa.table({**large, "score": ["good"]}), paths[2])
    open_data(paths[:2]).write([1, 2], tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == [
        {"instruction": "b", "output": "y", "score": None},
        {"instruction": "c", "output": "z", "score": 4.5},
    ]
    with pytest.raises(DataError, match=r"bad\.parquet: the files' columns do not fit .*score.*write \.jsonl instead"):
        open_data(paths).write([0, 2, 3], tmp_path / "bad.parquet")
    assert not (tmp_path / "bad.parquet").exists()


def test_other_responses_take_the_place_of_the_first(tmp_path: Path) -> None:
    """All other rows and fields stay, in every format."""
    write_records(RECORDS, tmp_path / "pool.json")
    write_responses(open_data(tmp_path / "pool.json"), {1: "better"}, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == [
        RECORDS[0],
        RECORDS[1] | {"output": "better"},
        RECORDS[2],
    ]
    told = [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "old"}]
    write_records([{"conversations": told, "id": "7"}], tmp_path / "talk.jsonl")
    write_responses(open_data(tmp_path / "talk.jsonl"), {0: "new"}, tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {
        "conversations": [*told[:2], {"from": "gpt", "value": "new"}],
        "id": "7",
    }


@pytest.mark.parametrize("values", [[1, "x"], ["half of a pair: \ud83d"], [2**70]])
def test_what_fits_into_no_table_is_said(values: list[Any], tmp_path: Path) -> None:
    """Two types, half a character, a number of more than 64 bits; nothing is left behind."""
    with pytest.raises(
        DataError, match=r"out\.parquet: the rows do not fit into one Parquet table: .*write \.jsonl instead"
    ):
        write_records([{"a": value} for value in values], tmp_path / "out.parquet")
    assert not list(tmp_path.iterdir())


def test_what_json_cannot_hold_is_said(tmp_path: Path) -> None:
    """A time, or bytes, in a column of a Parquet file."""
    table = pa.table({"instruction": ["a"], "output": ["x"], "when": pa.array([0], pa.timestamp("s")), "raw": [b"y"]})
    pq.write_table(table, tmp_path / "pool.parquet")
    with pytest.raises(DataError, match=r'out\.json: JSON cannot hold the field "when" \(datetime\), "raw" \(bytes\)'):
        open_data(tmp_path / "pool.parquet").write([0], tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    """It is named, and nothing is left beside it."""
    (tmp_path / "out.json").mkdir()
    with pytest.raises(DataError, match=r"out\.json: is a folder; name a file to write"):
        write_records(RECORDS, tmp_path / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
