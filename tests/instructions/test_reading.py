"""Reading instruction data: every format, every kind of file, block by block or by spans, and what is refused."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longismore.errors import DataError, SchemaError, UnknownNameError
from longismore.instructions import FORMATS, Turn, open_data, write_records
from longismore.instructions import _parquet_file as parquet_module
from longismore.instructions import _text_file as text_module

ONE = {
    "alpaca": {"instruction": "Say hi", "input": "to Ann", "output": "Hi, Ann!"},
    "dolly": {"instruction": "Say hi", "context": "to Ann", "response": "Hi, Ann!", "category": "open_qa"},
    "input_target": {"input": "Say hi", "target": "Hi, Ann!"},
    "prompt_completion": {"prompt": "Say hi", "completion": "Hi, Ann!"},
    "sharegpt": {
        "id": "7",
        "conversations": [{"from": "human", "value": "Say hi"}, {"from": "gpt", "value": "Hi, Ann!"}],
    },
    "messages": {"messages": [{"role": "user", "content": "Say hi"}, {"role": "assistant", "content": "Hi, Ann!"}]},
}
BLANKS = ["", " ", "\n\t ", "\u3000\u2003", "\x1c", "\x85"]


def alpaca(count: int) -> list[dict[str, str]]:
    """Rows with answers of every size, some blank, some not ASCII."""
    return [
        {
            "instruction": f"Question {number}",
            "input": "",
            "output": BLANKS[number // 7 % len(BLANKS)] if number % 7 == 0 else f'é"\\{number} ' * (number % 23 + 1),
        }
        for number in range(count)
    ]


def test_every_format_has_an_example_here() -> None:
    """The table above is complete."""
    assert set(ONE) == set(FORMATS)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("name", list(ONE))
def test_every_format_is_recognised_in_every_kind_of_file(name: str, suffix: str, tmp_path: Path) -> None:
    """The fields of the first row tell the format; what kind of file it is, its first bytes tell."""
    path = tmp_path / f"pool{suffix}"
    write_records([ONE[name]] * 3, path)
    data = open_data(path.rename(tmp_path / "without_an_ending"))
    rows = list(data.rows())
    assert data.format == name
    assert data.size == len(rows) == 3
    assert rows[2].turns == (Turn("Say hi", "Hi, Ann!"),)
    assert rows[2].number == 2
    assert rows[0].input == ("to Ann" if name in {"alpaca", "dolly"} else "")
    assert dict(rows[0].fields) == ONE[name]


def test_a_key_says_what_a_row_contains_and_not_where_it_stands(tmp_path: Path) -> None:
    """The same content has the same key in every format and place; texts that join to the same text have not."""
    keys = {}
    for name, record in ONE.items():
        write_records([record], tmp_path / f"{name}.jsonl")
        keys[name] = next(iter(open_data(tmp_path / f"{name}.jsonl").rows())).key
    assert keys["alpaca"] == keys["dolly"]
    assert keys["input_target"] == keys["prompt_completion"] == keys["sharegpt"] == keys["messages"]
    assert keys["alpaca"] != keys["messages"]
    write_records([{"input": "ab", "target": "c"}, {"input": "a", "target": "bc"}], tmp_path / "cut.jsonl")
    assert len({row.key for row in open_data(tmp_path / "cut.jsonl").rows()}) == 2
    assert keys["input_target"] == "a1cb071315f9c41114bef0450b74d92a"  # keys are stored: they never change


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
def test_blocks_and_spans_give_the_same_rows(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the file is cut, rows, keys, numbers and places are the same."""
    monkeypatch.setattr(text_module, "_BLOCK_BYTES", 300)
    monkeypatch.setattr(parquet_module, "_BATCH_ROWS", 7)
    records = alpaca(100)
    path = tmp_path / f"pool{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path, row_group_size=30)
    else:
        write_records(records, path)
    data = open_data(path)
    rows = list(data.rows())
    assert [dict(row.fields) for row in rows] == records
    assert [row.number for row in rows] == list(range(100))
    assert [key for block in data.blocks() for key in block.keys()] == [row.key for row in rows]  # noqa: SIM118
    assert len(list(data.blocks())) > 3
    for size in (1, 9, 1000):
        spans = pickle.loads(pickle.dumps(data.spans(size)))  # noqa: S301  our own
        copy = pickle.loads(pickle.dumps(data))  # noqa: S301  our own
        assert [span.number for span in spans] == list(range(len(spans)))
        assert [row for span in reversed(spans) for row in reversed(copy.block(span).rows())] == rows[::-1]
    assert data.pick([3, 31, 99]) == [rows[3], rows[31], rows[99]]
    columns = ["instruction", "output"]
    assert [text for block in data.blocks(columns) for text in block.responses()] == [(row.response,) for row in rows]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
def test_sizes_are_bounds_and_zero_exactly_where_an_answer_is_blank(suffix: str, tmp_path: Path) -> None:
    """Nothing is longer than its size says; blank answers of every kind are found without decoding the others."""
    write_records(alpaca(100), tmp_path / f"pool{suffix}")
    data = open_data(tmp_path / f"pool{suffix}")
    sizes = np.concatenate([block.response_sizes() for block in data.blocks()])
    rows = list(data.rows())
    assert [bool(size == 0) for size in sizes] == [not row.response.strip() for row in rows]
    assert all(size >= len(row.response) for size, row in zip(sizes, rows, strict=True) if size)


def test_several_files_are_one_sequence(tmp_path: Path) -> None:
    """Rows are numbered over all files, and named by their own."""
    write_records(alpaca(3), tmp_path / "a.jsonl")
    write_records(alpaca(2), tmp_path / "b.json")
    pq.write_table(pa.Table.from_pylist(alpaca(4)), tmp_path / "c.parquet")
    data = open_data([tmp_path / "a.jsonl", tmp_path / "b.json", tmp_path / "c.parquet"])
    rows = list(data.rows())
    assert data.sizes == (3, 2, 4)
    assert [row.number for row in rows] == list(range(9))
    assert [Path(rows[number].place).name for number in (2, 3, 4, 5)] == [
        "a.jsonl:3",
        "b.json[0]",
        "b.json[1]",
        "c.parquet[0]",
    ]
    assert [row for span in data.spans(2) for row in data.block(span).rows()] == rows
    assert [key for span in data.spans(2) for key in data.block(span).keys()] == [row.key for row in rows]  # noqa: SIM118
    assert set(data.checksums()) == {str(path) for path in data.paths}
    write_records([ONE["messages"]], tmp_path / "d.jsonl")
    with pytest.raises(SchemaError, match=r"one format.*a\.jsonl \(alpaca\), .*d\.jsonl \(messages\)"):
        open_data([tmp_path / "a.jsonl", tmp_path / "d.jsonl"])


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    """A byte order mark, carriage returns, blank lines and a last line without its end change no number."""
    line = json.dumps(ONE["alpaca"]).encode()
    (tmp_path / "pool.jsonl").write_bytes(b"\xef\xbb\xbf\n" + line + b"\r\n\r\n \n" + line + b"\n\n" + line)
    data = open_data(tmp_path / "pool.jsonl")
    places = [row.place.rpartition(":")[2] for row in data.rows()]
    assert places == ["2", "5", "7"]
    assert [row.place.rpartition(":")[2] for span in data.spans(1) for row in data.block(span).rows()] == places
    data.write([0, 2], tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == (line + b"\n") * 2


def test_embeddings_are_read_a_few_rows_at_a_time(tmp_path: Path) -> None:
    """A column of vectors makes rows wide; where it is not asked for, blocks are as large as ever."""
    table = pa.table({"instruction": ["a"] * 3000, "output": ["b"] * 3000, "vector": [[1.0, 2.0]] * 3000})
    pq.write_table(table, tmp_path / "pool.parquet")
    data = open_data(tmp_path / "pool.parquet")
    assert [block.size for block in data.blocks()] == [1024, 1024, 952]
    assert [block.size for block in data.blocks(["output"])] == [3000]


def test_conversations_as_they_are_published(tmp_path: Path) -> None:
    """Several turns, a system message, an answer without a question and a question without an answer."""
    told = [
        ("system", "Be brief."),
        ("gpt", "Hello"),
        ("human", "A?"),
        ("chatgpt", "a"),
        ("user", "B?"),
        ("human", "C?"),
    ]
    record = {"conversations": [{"from": speaker, "value": text} for speaker, text in told]}
    write_records([record, record | {"extra": 1}], tmp_path / "pool.json")
    row = open_data(tmp_path / "pool.json").pick([0])[0]
    assert row.system == "Be brief."
    assert row.turns == (Turn("", "Hello"), Turn("A?", "a"), Turn("B?", ""), Turn("C?", ""))
    assert row.is_multi_turn
    block = next(iter(open_data(tmp_path / "pool.json").blocks()))
    assert block.responses([1]) == [("Hello", "a", "", "")]
    assert block.response_sizes().tolist() == [6, 6]


def test_what_only_python_reads_is_read_with_care(tmp_path: Path) -> None:
    """NaN, half of a surrogate pair and answers that are null are no errors; null counts as empty."""
    lines = ['{"instruction": "a", "output": "x", "score": NaN}', '{"instruction": "b", "output": "\\ud800"}']
    (tmp_path / "pool.jsonl").write_text("\n".join([*lines, '{"instruction": "c", "output": null}']))
    (tmp_path / "pool.json").write_text("[" + ",\n".join(lines) + "]")
    data = open_data(tmp_path / "pool.jsonl")
    block = next(iter(data.blocks()))
    assert block.response_sizes().tolist() == [1, 3, 0]
    assert [row.response for row in data.rows()] == ["x", "\ud800", ""]
    assert [row.response for row in open_data(tmp_path / "pool.json").rows()] == ["x", "\ud800"]
    assert len(set(block.keys())) == 3


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["GOOD", '{"instruction": "a", "text": "x"}'],
            r'pool\.jsonl:2: field "output" is missing; found: instruction, text',
        ),
        (["GOOD", '{"instruction": "a", "output": 5}'], r'pool\.jsonl:2: field "output" must hold text, found int'),
        (
            ["GOOD", '{"instruction": null, "output": "x"}'],
            r'pool\.jsonl:2: field "instruction" must hold text, found NoneType',
        ),
        (["GOOD", '{"instruction": "a", "input": [], "output": "x"}'], r'pool\.jsonl:2: field "input" must hold text'),
        (["GOOD", "", '{"instruction": "a", "out'], r"pool\.jsonl:3: not JSON: .*may be cut off"),
        (["GOOD", "[1, 2]"], r"pool\.jsonl:2: a JSON object was expected, found list"),
        (["GOOD GOOD"], r"pool\.jsonl:1: not JSON: Extra data"),
        (["{", '"instruction": "a", "output": "x"}'], r"pool\.jsonl:1: not JSON"),
        (
            ['{"text": "x"}'],
            r"pool\.jsonl:1: no known format of instruction data; fields found: 'text'; known are alpaca",
        ),
        (["5"], r"pool\.jsonl:1: a row must be a JSON object, found int"),
        ([""], r"pool\.jsonl: the file is empty"),
        (["[", "]"], r"pool\.jsonl: there is no row in the file"),
    ],
)
def test_bad_lines_are_named(lines: list[str], message: str, tmp_path: Path) -> None:
    """File, line, field, and what was found there."""
    good = json.dumps(ONE["alpaca"])
    (tmp_path / "pool.jsonl").write_text("\n".join(line.replace("GOOD", good) for line in lines))

    def read() -> None:
        for block in open_data(tmp_path / "pool.jsonl").blocks():
            block.response_sizes()

    with pytest.raises(SchemaError, match=message):
        read()


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    """Also in a response that nobody decodes, and in a later block."""
    good = json.dumps(ONE["alpaca"]).encode()
    bad = good.replace(b"Hi", b"H\xe9")
    for number, lines in ((2, [good, bad]), (1, [bad, good])):
        (tmp_path / "pool.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        with pytest.raises(SchemaError, match=rf"pool\.jsonl:{number}: not UTF-8 \(byte 0xe9"):
            list(open_data(tmp_path / "pool.jsonl").blocks())


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("lines", [True, False])
def test_utf_16_is_named_with_the_command_that_mends_it(lines: bool, indent: int | None, tmp_path: Path) -> None:
    """Some shells write it: as lines, as an array, on one line or on many."""
    text = json.dumps(ONE["alpaca"] if lines else [ONE["alpaca"]], indent=indent)
    (tmp_path / "pool.json").write_bytes(text.encode("utf-16"))
    with pytest.raises(SchemaError, match=r"pool\.json:1: not UTF-8 \(byte 0xf[ef] at offset 0\).*iconv -f UTF-16 -t"):
        list(open_data(tmp_path / "pool.json").blocks())


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], r"no message of a user or an assistant"),
        ("x", r'field "messages" must be a list of messages, found str'),
        ([{"role": "tool", "content": "x"}], r'messages\[0\]: "tool" is no known speaker'),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            r'messages\[0\]: field "content" must hold text, found list',
        ),
        ([{"role": "system", "content": "x"}], r"no message of a user or an assistant"),
        (["x"], r"messages\[0\]: a message must be an object, found str"),
    ],
)
def test_bad_conversations_are_named(messages: object, message: str, tmp_path: Path) -> None:
    """The row, the message and the remedy."""
    write_records([ONE["messages"], {"messages": messages}], tmp_path / "pool.jsonl")
    with pytest.raises(SchemaError, match=rf"pool\.jsonl:2.*{message}"):
        [block.responses() for block in open_data(tmp_path / "pool.jsonl").blocks()]


def test_bad_files_are_named(tmp_path: Path) -> None:
    """No file, a folder, a format by a wrong name, a cut-off array, a damaged Parquet file, a packed one."""
    with pytest.raises(DataError, match="no such file"):
        open_data(tmp_path / "none.json")
    with pytest.raises(DataError, match="is a folder"):
        open_data(tmp_path)
    with pytest.raises(DataError, match="no file of instruction data was given"):
        open_data([])
    write_records(alpaca(2), tmp_path / "pool.json")
    with pytest.raises(UnknownNameError, match="alpacca"):
        open_data(tmp_path / "pool.json", format="alpacca")
    with pytest.raises(SchemaError, match=r'pool\.json\[0\]: field "messages" is missing'):
        list(open_data(tmp_path / "pool.json", format="messages").rows())
    (tmp_path / "cut.json").write_bytes((tmp_path / "pool.json").read_bytes()[:-5])
    with pytest.raises(SchemaError, match=r"cut\.json:3: not JSON.*cut off"):
        open_data(tmp_path / "cut.json")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="no Parquet file, or a damaged one"):
        open_data(tmp_path / "bad.parquet")
    pq.write_table(pa.table({"instruction": ["a"], "output": [5]}), tmp_path / "typed.parquet")
    with pytest.raises(SchemaError, match=r'typed\.parquet: column "output" must hold text, found int64; cast it'):
        open_data(tmp_path / "typed.parquet")
    with pytest.raises(SchemaError, match=r'typed\.parquet: column "response" is missing; found: instruction, output'):
        open_data(tmp_path / "typed.parquet", format="dolly")
    (tmp_path / "pool.json.gz").write_bytes(gzip.compress((tmp_path / "pool.json").read_bytes()))
    with pytest.raises(DataError, match=r"is a compressed file; unpack it first: gzip -dk pool\.json\.gz"):
        open_data(tmp_path / "pool.json.gz")


def test_real_pools_are_read_whole(data: Path) -> None:
    """Every row of every pool, as json reads it; of FastChat's file too."""
    for name, form in (("random_9k", "alpaca"), ("dolly_3k", "alpaca"), ("filtered_alpaca_1k_score", "sharegpt")):
        path = data / "pools" / f"{name}.json"
        opened = open_data(path)
        assert opened.format == form
        assert [row.fields for row in opened.rows()] == json.loads(path.read_text(encoding="utf-8"))
