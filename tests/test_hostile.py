"""Untrusted texts are harmless everywhere: in the prompt, on the wire, as a verdict, in files and pages."""

from __future__ import annotations

import copy
import io
import json
import logging
import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from hostile import HOSTILE, PAIR, PLACES, READABLE, READABLE_LETTER, UNPRINTABLE, pair_of, pairs_of, run_named
from judge_server import JudgeServer, chat_reply, error_reply
from longismore.cli import main
from longismore.comparison import compare_pairs
from longismore.errors import SchemaError
from longismore.judges import Completion, JudgeOptions, make_judge, read_judgments, write_judgments
from longismore.judges._client import TokenLogprobs
from longismore.judges._protocol import find_protocol, protocol_names
from longismore.records import Order
from longismore.reports import results_table, run_html, run_markdown, summarize
from longismore.run_folder import RunFolder, output_rows
from longismore.store import Store
from longismore.testsets import TESTSETS, match_outputs, read_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from judge_server import Body, Reply
    from longismore.judges import Judge
    from longismore.records import Judgment, Pair

TITLES = ("instruction", "answer 1", "answer 2")
FENCES = [f"{word} {title}" for title in TITLES for word in ("BEGIN", "END")]
CHARS = 20_000
"""Of one text on the HTML page."""
every_text = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


def sendable(text: str) -> str:
    """What a request can carry of *text*: a lone surrogate becomes a question mark."""
    return re.sub("[\ud800-\udfff]", "?", text)


def printable(text: str) -> str:
    """What a page may show of *text*."""
    return re.sub(UNPRINTABLE, "\ufffd", text.replace("\r\n", "\n"))


# --- the prompt


def _code(user: str) -> str:
    found = re.match(r"BEGIN instruction ([0-9a-f]{12})\n", user)
    assert found
    return found[1]


def _quoted(user: str, code: str) -> dict[str, str]:
    """The texts by title, found by nothing but the lines with the code, read from the top."""
    texts, at = {}, 0
    while begin := re.compile(rf"^BEGIN (.+) {code}\n", re.MULTILINE).search(user, at):
        at = user.index(f"\nEND {begin[1]} {code}\n", begin.end() - 1)
        texts[begin[1]] = user[begin.end() : at]
    return texts


@pytest.mark.parametrize("name", protocol_names())
@every_text
def test_texts_stay_between_their_lines(text: str, name: str) -> None:
    """In either order and every place: six lines carry the code, what is quoted is whole, the rules are the same."""
    for order in Order:
        rules, harmless = (message["content"] for message in find_protocol(name).render(PAIR, order))
        before = _code(harmless)
        for place, pair in pairs_of(text):
            messages = find_protocol(name).render(pair, order)
            assert ["system", "user"] == [message["role"] for message in messages]
            system, user = (message["content"] for message in messages)
            code = _code(user)
            assert (code == before) == (pair == PAIR), place
            assert [f"{fence} {code}" for fence in FENCES] == re.findall(rf"(?im)^.*{code}.*$", user), place
            answers = (pair.reference.output, pair.candidate.output)
            wanted = [pair.prompt, *(answers if order is Order.REFERENCE_FIRST else reversed(answers))]
            assert dict(zip(TITLES, map(sendable, wanted), strict=True)) == _quoted(user, code), place
            assert rules == system.replace(code, before), place
            assert harmless.rpartition(before)[2] == user.rpartition(code)[2], place
            assert messages == find_protocol(name).render(copy.deepcopy(pair), order), place


# --- the judge's own words


@pytest.mark.parametrize("name", HOSTILE)
def test_a_judge_that_says_so_is_not_misread(name: str) -> None:
    """No completion breaks a reader, and only what is a verdict is read as one: two scores, or a letter."""
    completion = Completion(text=HOSTILE[name])
    scores, choice = (find_protocol(protocol).read(completion) for protocol in ("score_pair", "choice"))
    assert READABLE.get(name) == (scores and scores.scores)
    assert READABLE_LETTER.get(name) == (choice and choice.preference)


@every_text
def test_tokens_are_letters_or_nothing(text: str) -> None:
    """Beside ``A`` and ``B`` no token counts, whatever it is; alone it gives no probability."""
    alone = Completion(text="", logprobs=(TokenLogprobs(text, -0.1, {text: -0.1}),))
    both = Completion(text="", logprobs=(TokenLogprobs("A", -1.0, {text: -0.1, "A": -1.0, "B": -1.0}),))
    read = find_protocol("logprob").read
    if text.strip() != "A":
        assert read(alone) is None
        assert 0.5 == getattr(read(both), "preference", None)


# --- a whole run


@dataclass(frozen=True)
class Run:
    """What a comparison left behind."""

    folder: Path
    pairs: Sequence[Pair]
    judge: Judge
    requests: Sequence[Body]
    made: list[Judgment] = field(default_factory=list)
    """From the store: what a second run finds there."""

    def read(self, name: str) -> str:
        """A file of the folder."""
        return (self.folder / name).read_text(encoding="utf-8")


def _run(parent: Path, texts: Sequence[str], completions: Sequence[str]) -> Run:
    """Judge pairs of these texts by a server that says the *completions* of them."""
    pairs = [pair_of(dict.fromkeys(PLACES, text), id=str(number)) for number, text in enumerate(texts)]
    said: dict[str, str] = {}

    def reply(number: int, body: Body) -> Reply:
        return chat_reply(body, said.get(body["messages"][1]["content"], "The text did not arrive as it was sent."))

    folder = RunFolder.fresh(parent, "run", {"testsets": {}})
    with JudgeServer(script=reply) as server, Store(parent / "store.sqlite") as store:
        judge = make_judge("openai/test-judge", JudgeOptions.from_mapping({"base_url": server.base_url}, {}))
        for pair, completion in zip(pairs, completions, strict=True):
            said |= dict.fromkeys(
                (find_protocol("score_pair").render(pair, order)[1]["content"] for order in Order), completion
            )
        compare_pairs(pairs, judge, store=store, folder=folder)
        run = Run(folder.path, pairs, judge, server.requests[:])
        judge.judge(pairs, store=store, on_judgment=run.made.append)
        assert len(run.requests) == len(server.requests)
    return run


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A pair for each text, which is the instruction, both answers and what the judge says."""
    return _run(tmp_path_factory.mktemp("hostile"), list(HOSTILE.values()), list(HOSTILE.values()))


@pytest.fixture(scope="module")
def harmless_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """As many pairs of nothing special; the judge means the same in other words."""
    completions = ["10 1" if name in READABLE else "No verdict." for name in HOSTILE]
    return _run(tmp_path_factory.mktemp("harmless"), [f"Text {number}." for number in range(len(HOSTILE))], completions)


def test_what_arrives_is_what_was_sent(hostile_run: Run) -> None:
    """The server gets every message of every call, equal to the last character."""
    sent = [find_protocol("score_pair").render(pair, order) for pair in hostile_run.pairs for order in Order]
    arrived = [body["messages"] for body in hostile_run.requests]
    assert set(map(json.dumps, sent)) == set(map(json.dumps, arrived))


def test_judgments_are_read_back_as_they_were_made(hostile_run: Run) -> None:
    """Whatever stands in prompt, answers and completion, also half characters, comes out of file and store equal."""
    written = read_judgments(hostile_run.folder / "judgments.jsonl")
    wanted = [
        (pair.id, order, text, pair.reference.output, pair.candidate.output, text)
        for pair, text in zip(hostile_run.pairs, HOSTILE.values(), strict=True)
        for order in Order
    ]
    assert wanted == [
        (each.id, each.order, each.prompt, each.reference.output, each.candidate.output, each.completion)
        for each in written
    ]
    assert {each.id for each in written if each.preference is not None} == {
        str(number) for number, name in enumerate(HOSTILE) if name in READABLE
    }
    assert sorted(map(repr, hostile_run.made)) == sorted(map(repr, written))


def test_answers_are_read_back_as_they_were(hostile_run: Run) -> None:
    """The files of both models' answers, results.json and run.json are JSON of the same texts."""
    for role in ("reference", "candidate"):
        assert output_rows(hostile_run.pairs, role) == json.loads(hostile_run.read(f"{role}.json"))
    assert len(READABLE) == json.loads(hostile_run.read("results.json"))["pooled"]["n"]
    assert "done" == json.loads(hostile_run.read("run.json"))["status"]


def test_a_second_half_makes_half_characters_whole(tmp_path: Path, make_judgment: Callable[..., Judgment]) -> None:
    """The one text that JSON does not give back: two halves side by side, which no JSON can have brought, are one."""
    write_judgments(tmp_path / "j.jsonl", [make_judgment(completion="\ud83d\ude00")])
    assert "\U0001f600" == read_judgments(tmp_path / "j.jsonl")[0].completion


# --- the pages


class _Page(HTMLParser):
    """Elements with the names of their attributes; the texts of ``pre``, as a browser has them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.values: set[tuple[str, str | None]] = set()
        self.pre: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.values |= {(name, value) for name, value in attrs if name in {"class", "id", "title", "dir", "type"}}
        if tag == "pre":
            self.pre.append("")
        if tag not in {"meta", "input"}:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop()

    def handle_data(self, data: str) -> None:
        if "pre" in self._open:
            self.pre[-1] += data if self.pre[-1] else data.removeprefix("\n")

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)


def test_the_page_has_the_elements_of_a_harmless_run(hostile_run: Run, harmless_run: Run) -> None:
    """Element by element and attribute by attribute the two pages agree."""
    ours, harmless = _Page(hostile_run.read("report.html")), _Page(harmless_run.read("report.html"))
    assert harmless.elements == ours.elements
    assert harmless.values == ours.values
    names = {name for _, attributes in ours.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in {"src", "srcdoc", "style", "action"}]


def test_the_page_shows_the_texts_as_they_are(hostile_run: Run) -> None:
    """Every text is in the data of the page, and what is no text stands there as U+FFFD, nowhere as itself."""
    page = hostile_run.read("report.html")
    assert [] == re.findall(UNPRINTABLE, page)
    (data,) = re.findall('<script type="application/json" id="pair-data">([^<]*)</script>', page)
    document = json.loads(data)
    for pair, text in zip(document["pairs"], HOSTILE.values(), strict=True):
        wanted: Any = printable(text[:CHARS])
        wanted = wanted if len(text) <= CHARS else [wanted, len(text) - CHARS]
        places = [pair["prompt"], *pair["answers"], *(call[2] for call in pair["said"][0][3:])]
        assert [wanted] * 5 == [document["texts"][place] for place in places]


def _parts(page: str) -> tuple[list[str], list[str]]:
    """What Markdown makes of a page, with HTML allowed, so that it would show: kinds of parts, cells of tables."""
    parts = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(page)
    kinds = [kind for part in parts for kind in (part.type, *(each.type for each in part.children or ()))]
    cells = [after.content for part, after in pairwise(parts) if part.type == "td_open"]
    return kinds, cells


@every_text
def test_names_are_only_text_on_the_page(text: str) -> None:
    """A model, judge, test set, run or file of such a name adds no element; an endless name is cut."""
    (run, verdicts, judgments), (plain, *_) = run_named(text), run_named("name")
    page = run_html(run, summarize(verdicts), judgments, verdicts)
    ours, harmless = _Page(page), _Page(run_html(plain, summarize(verdicts), judgments, verdicts))
    assert [] == re.findall(UNPRINTABLE, page)
    assert set(ours.elements) <= set(harmless.elements)
    if text.strip():  # what has no name is left out
        assert (harmless.elements, harmless.values) == (ours.elements, ours.values)
    assert len(page) < 60_000 + 12 * len(text)  # only the note and the command are whole


@every_text
def test_names_are_only_text_in_markdown(text: str) -> None:
    """report.md has the parts of a harmless one: no HTML, no link, no list or heading more, as many cells."""
    (run, verdicts, _), (plain, plain_verdicts, _) = run_named(text), run_named("name")
    page = run_markdown(run, summarize(verdicts))
    (ours, cells), (harmless, plain_cells) = _parts(page), _parts(run_markdown(plain, summarize(plain_verdicts)))
    assert [] == re.findall(UNPRINTABLE, page)
    assert not set(ours) & {"html_block", "html_inline", "link_open", "image", "em_open", "s_open", "code_inline"}
    unlike = {"text", "softbreak", "text_special"}
    if text.strip():
        assert [kind for kind in harmless if kind not in unlike] == [kind for kind in ours if kind not in unlike]
    assert (11, plain_cells[1:]) == (len(cells), cells[1:])


@every_text
def test_names_are_only_text_in_the_terminal(text: str) -> None:
    """The title has the names as they are, markup included, without their line ends; below it nothing has moved."""
    _, verdicts, _ = run_named("mini")
    pages = []
    for name in (text, "name"):
        console = Console(file=io.StringIO(), width=500, force_terminal=True, color_system=None)
        console.print(results_table(summarize(verdicts), reference=name, candidate=name, judge=name))
        pages.append(console.file.getvalue())  # type: ignore[attr-defined]
    _, below = pages[1].split("\n", 1)
    assert [] == re.findall(UNPRINTABLE, pages[0])
    assert pages[0].endswith(below)
    title = "".join(pages[0].removesuffix(below).split())
    line = " ".join(printable(text).split())
    assert title.startswith("".join(line[:120].split()) or "thecandidateagainstthereference,judgedbyanunnamedjudge")
    assert len(title) < 500


# --- the command


class Ended:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert [] == re.findall(UNPRINTABLE, out + err)
        assert "Traceback" not in err
        for line in err.removesuffix("\n").split("\n"):
            assert line.startswith(("INFO: ", "WARNING: ", "ERROR: ", "longismore: error: ", "  ")), line


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., Ended]]:
    """Call ``longismore ARGUMENTS`` in an empty folder, with its own log; nothing that it prints is dangerous."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", root.level)

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(root, "handlers", [])
        monkeypatch.setattr(sys, "argv", ["longismore", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.mark.slow
@every_text
def test_models_of_such_names_are_compared(text: str, command: Callable[..., Ended], tmp_path: Path) -> None:
    """Named by the file of answers, on stdout, in the log and in every file of the run; stray rows are warned of."""
    for role in ("reference", "candidate"):
        row = {"id": "mini_0", "output": f"{role} {text}", "generator": text}
        rows = [row, {"instruction": f"stray {text}", "output": text, "generator": text, "dataset": text}]
        (tmp_path / f"{role}.json").write_text(json.dumps(rows))
    ended = command("compare", "reference.json", "candidate.json", "-t", "mini", "--judge", "lexical", "--limit", 1)
    assert 0 == ended.code
    assert "candidate.json (candidate): 1 of 2 rows answer none of the prompts" in ended.err
    (folder,) = (tmp_path / "runs").iterdir()
    assert (text or "candidate") == json.loads((folder / "run.json").read_text())["candidate"]["model"]
    for name in ("report.html", "report.md"):
        assert [] == re.findall(UNPRINTABLE, (folder / name).read_text(encoding="utf-8"))


@every_text
def test_messages_that_quote_are_short(text: str, tmp_path: Path) -> None:
    """Whatever a broken file has where a name, an id or a prompt belongs, the message has its beginning at most."""
    broken: list[list[Any]] = [
        [{"instruction": f"unknown {text}", "output": "x"}],
        [{"id": f"unknown {text}", "output": "x"}],
        [{f"{text[:999]}{number}": "x" for number in range(300)}],
        [{"question_id": "1", f"{text}1": "x", f"{text}2": "y"}],
        [{"question_id": "1", f"{text}2": 3}],
        [{"id": "mini_0", "output": each, "generator": f"{text}{each}"} for each in "xy"],
        [{"id": f"x{text}", "output": {text: text}}],
    ]
    for rows in broken:
        (tmp_path / "bad.json").write_text(json.dumps(rows))
        with pytest.raises(SchemaError) as raised:
            match_outputs(TESTSETS.get("mini").load()[:1], read_outputs(tmp_path / "bad.json"), role="candidate")
        assert len(str(raised.value)) < 4_000


@pytest.mark.slow
@every_text
def test_messages_that_quote_are_text(text: str, command: Callable[..., Ended], tmp_path: Path) -> None:
    """A prompt that no test set has, and a file that is cut off in it: exit code 2, and what is quoted is text."""
    (tmp_path / "bad.json").write_text(json.dumps([{"instruction": f"unknown {text}", "output": "x"}]))
    (tmp_path / "cut.json").write_text(f'["{text}', encoding="utf-8", errors="replace")
    for name in ("bad.json", "cut.json"):
        assert 2 == command("compare", "mini:better", name, "-t", "mini", "--judge", "length").code


@pytest.mark.slow
@every_text
def test_recorded_judges_of_such_names(
    text: str, command: Callable[..., Ended], tmp_path: Path, make_judgment: Callable[..., Judgment]
) -> None:
    """A file of judgments names its judge; it is shown as text, also where there are two of them."""
    (tmp_path / "a.json").write_text(json.dumps([{"id": "mini_0", "output": text, "generator": "a"}]))
    recorded = make_judgment(pair_of({"reference": text, "candidate": text}, id="mini_0"), judge=text)
    compare = ("compare", "a.json", "a.json", "-t", "mini", "--limit", 1, "--judge", "replay:j.jsonl")
    write_judgments(tmp_path / "j.jsonl", [recorded])
    assert 1 == command(*compare).code  # one order is missing, so no pair is judged
    write_judgments(tmp_path / "j.jsonl", [recorded, replace(recorded, fingerprint="2", judge=f"{text}2")])
    assert 2 == command(*compare).code


@pytest.fixture(scope="module")
def rude_server() -> Iterator[list[str]]:
    """A server that refuses every call, in the last of these words; its address comes first."""
    words: list[str] = []
    with JudgeServer(script=lambda number, body: error_reply(400, words[-1])) as server:
        words.append(server.base_url)
        yield words


@pytest.mark.slow
@every_text
def test_servers_that_refuse_in_such_words(text: str, command: Callable[..., Ended], rude_server: list[str]) -> None:
    """What the server says is in the log, as text."""
    address, *_ = rude_server
    rude_server.append(f"rude {text}")
    ended = command(
        "compare", "mini:better", "mini:longer", "-t", "mini", "--limit", 1, "--judge", "openai/test-judge",
        "--base-url", address,
    )  # fmt: skip
    assert 1 == ended.code
    assert "2 judge calls failed: " in ended.err


def test_a_real_process_prints_text_only(tmp_path: Path) -> None:
    """``python -m longismore compare`` with evil names of files and models: bytes of text, markup as it is."""
    evil = "[red]x[/red] \x1b[2J\x1b]0;t\x07 \x9b1m \u202eabc\u2066 \ud800"
    rows = [{"id": f"mini_{number}", "output": "", "generator": evil} for number in range(2)]
    rows.append({"instruction": evil, "output": evil, "generator": evil})
    path = tmp_path / "a\x1b[2J\u202eb.json"
    path.write_text(json.dumps(rows))
    arguments = ["compare", str(path), "mini:longer", "-t", "mini", "--judge", "length", "--limit", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "longismore", *arguments], cwd=tmp_path, capture_output=True, check=True
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    ended = Ended(0, out, err)
    assert " against [red]x[/red] \ufffd[2J\ufffd]0;t\ufffd" in " ".join(ended.out.split())
    assert "rows answer none of the prompts" in ended.err
    assert "answers are empty" in ended.err


# --- the store


@every_text
def test_the_store_gives_back_what_it_was_given(text: str, tmp_path: Path) -> None:
    """A completion comes back equal from the store and from an export; a judge's name loses only half characters."""
    record = {"text": text, "logprobs": [{"token": text, "top": {text: -1.0}}]}
    with Store(tmp_path / "store.sqlite") as store:
        store.put("key", fingerprint="f" * 64, judge=text, created=sendable(text), record=record)
        assert {"key": record} == store.get(["key"])
        assert [(sendable(text), "f" * 64)] == list(store.stats().judges)
        store.export(tmp_path / "out.jsonl")
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert text == json.loads(line)["text"]
