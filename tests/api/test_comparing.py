"""`longismore.compare` and `longismore.judge`."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import longismore
from judge_server import JudgeServer
from longismore.api import Compared
from longismore.cli import main
from longismore.errors import ConfigError, DataError, JudgeError, SchemaError, UnknownNameError
from longismore.judges import JudgeOptions, make_judge
from longismore.testsets import read_outputs

if TYPE_CHECKING:
    from pathlib import Path

    Rows = list[dict[str, str]]

MINI: dict[str, Any] = {"judge": "lexical", "testsets": "mini"}


def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command prints to stdout."""
    monkeypatch.setattr(sys, "argv", ["longismore", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "100")
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main()
    return capsys.readouterr().out


def memory(name: str) -> Rows:
    """Embedded answers as rows."""
    return [
        {"instruction": each.instruction or "", "input": each.input, "output": each.output, "generator": name}
        for each in read_outputs(name).outputs
    ]


def test_the_call_gives_what_the_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The same table as text, and the same results as data."""
    monkeypatch.chdir(tmp_path)
    compared = longismore.compare("mini:better", "mini:longer", **MINI)
    command = ("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "lexical")
    lines = [line.rstrip() for line in printed(monkeypatch, capsys, *command).rstrip().split("\n")]
    assert lines == str(compared).split("\n")
    results = json.loads(printed(monkeypatch, capsys, *command, "--json"))
    assert results == {name: compared.to_dict()[name] for name in results}
    assert json.loads(json.dumps(compared.to_dict()))["judge"] == "lexical"
    assert "<Compared: mini-longer against mini-better, judged by lexical: cannot tell>" == repr(compared)


def test_nothing_is_written_unless_it_is_wished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without *output* there is no run folder; with it there is one that can be summarized."""
    monkeypatch.chdir(tmp_path)
    compared = longismore.compare("mini:better", "mini:longer", **MINI)
    assert (None, []) == (compared.folder, list(tmp_path.iterdir()))
    kept = longismore.compare("mini:better", "mini:longer", output="runs", **MINI)
    assert kept.folder is not None
    assert longismore.summarize(kept.folder).results[0].to_dict() == compared.results.to_dict()


def test_rows_in_memory_are_as_good_as_files(files: tuple[Path, Path], reference: Rows, candidate: Rows) -> None:
    """Both sides from files, from rows or mixed give the same verdicts."""
    from_files = longismore.judge(*files, judge="lexical")
    from_rows = longismore.judge(reference, candidate, judge="lexical")
    mixed = longismore.judge(files[0], tuple(candidate), judge="lexical")
    assert from_files.judged.verdicts == from_rows.judged.verdicts == mixed.judged.verdicts
    assert (12, 24) == (len(from_rows.judged.verdicts), len(from_rows.judged.judgments))
    assert longismore.compare(memory("mini:better"), memory("mini:longer"), **MINI).rates.n == 40


def test_rows_are_named_where_they_are_wrong(reference: Rows, candidate: Rows) -> None:
    """A row that has no answer is named by its side and number; so is what is no row."""
    with pytest.raises(SchemaError, match=r'candidate: row 3: field "output" is missing'):
        longismore.judge(reference, [*candidate[:2], {"instruction": "Why?"}], judge="lexical")
    with pytest.raises(SchemaError, match=r"reference: row 1: an object was expected, found a string"):
        longismore.judge(["base.json"], candidate, judge="lexical")  # type: ignore[list-item]
    with pytest.raises(SchemaError, match="candidate: no answers: the list is empty"):
        longismore.judge(reference, [], judge="lexical")
    with pytest.raises(SchemaError, match="mini"):
        longismore.compare(reference, candidate, **MINI)


def test_models_without_a_name_are_called_by_their_role(reference: Rows, candidate: Rows) -> None:
    """Rows need no generator."""
    for row in (*reference, *candidate):
        del row["generator"]
    compared = longismore.judge(reference, candidate, judge="length")
    assert ("reference", "candidate") == (compared.judged.reference, compared.judged.candidate)


def test_what_was_paid_is_paid_once(
    monkeypatch: pytest.MonkeyPatch, reference: Rows, candidate: Rows, tmp_path: Path
) -> None:
    """The second call is answered by the store, which ``LONGISMORE_STORE`` or *store* names; usage says so."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("LONGISMORE_STORE", str(tmp_path / "mine.sqlite"))
    with JudgeServer() as server:
        named: dict[str, Any] = {"judge": "openai/test-judge", "base_url": server.base_url}
        first = longismore.judge(reference, candidate, **named)
        again = longismore.judge(reference, candidate, store=tmp_path / "mine.sqlite", **named)
        assert 24 == len(server.answered)
        longismore.judge(reference, candidate, store=tmp_path / "other.sqlite", **named)
        assert 48 == len(server.answered)
    assert first.results == again.results
    assert (24, 0) == (first.usage["answered"], first.usage["from_store"])
    assert (0, 24) == (again.usage["answered"], again.usage["from_store"])


def test_progress_is_told(reference: Rows, candidate: Rows) -> None:
    """Once for every judgment."""
    seen: list[int] = []
    longismore.judge(reference, candidate, judge="lexical", on_progress=lambda progress: seen.append(progress.made))
    assert list(range(1, 25)) == seen


def test_a_judge_that_is_made_already(reference: Rows, candidate: Rows) -> None:
    """It is used as it is; settings beside it would be passed over, so they are an error."""
    judge = make_judge("length", JudgeOptions())
    compared = longismore.judge(reference, candidate, judge=judge)
    assert (12, "length") == (compared.rates.wins, compared.judged.run["judge"]["spec"])
    with pytest.raises(ConfigError, match="temperature: the judge length is made already"):
        longismore.judge(reference, candidate, judge=judge, temperature=1.0)


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"judge": "openi/x"}, UnknownNameError, "did you mean openai"),
        ({"testsets": "minni"}, UnknownNameError, "did you mean mini"),
        ({"testsets": []}, UnknownNameError, 'unknown test set ""'),
        ({"limit": 0}, ConfigError, "limit must be at least 1, found 0"),
        ({"max_cost": 3}, ConfigError, 'unknown setting of a judge "max_cost"; did you mean max_cost_usd'),
        ({"judge": ""}, ConfigError, "no judge was given; choose one"),
        ({"judge": None}, ConfigError, "judge must be a spec, e.g. openai/gpt-4.1, or what .* gives, found None"),
        ({"judge": dict}, ConfigError, "judge must be a spec"),
        ({"limit": 1.5}, ConfigError, "limit must be a whole number, found 1.5"),
        ({"limit": "3"}, ConfigError, "limit must be a whole number, found '3'"),
        ({"limit": True}, ConfigError, "limit must be a whole number, found True"),
        ({"testsets": None}, ConfigError, "testsets must be a name or a list of names, found NoneType"),
        ({"testsets": ["mini", 3]}, ConfigError, "testsets must be a name or a list of names, found int"),
        ({"output": 3}, ConfigError, "output must be a path, found int"),
        ({"store": 3}, ConfigError, "store must be a path, found int"),
    ],
)
def test_what_will_not_do_is_said(changed: dict[str, Any], kind: type[Exception], message: str) -> None:
    """The errors are those of the command, before anything is judged."""
    with pytest.raises(kind, match=message):
        longismore.compare("mini:better", "mini:longer", **{**MINI, **changed})


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """A path is a path, also where it is a string."""
    with pytest.raises(DataError, match=r"nowhere\.json: no such file"):
        longismore.judge(tmp_path / "nowhere.json", str(tmp_path / "nowhere.json"), judge="lexical")


def test_a_judge_that_cannot_go_on(monkeypatch: pytest.MonkeyPatch, reference: Rows, candidate: Rows) -> None:
    """It is an error of its own, and not of the call."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    with JudgeServer(reply="401") as server, pytest.raises(JudgeError):
        longismore.judge(reference, candidate, judge="openai/test-judge", base_url=server.base_url)


def test_a_reference_that_is_a_model_answers_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has settings of its own, and its answers are compared."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with JudgeServer() as server:
        compared = longismore.compare(
            "openai/test-model", "mini:longer", judge="length", testsets=["mini"], limit=3,
            reference_settings={"base_url": server.base_url},
        )  # fmt: skip
        assert 3 == len(server.answered)
    assert (3, "openai/test-model") == (compared.rates.n, compared.judged.reference)


def test_the_run_says_which_call_made_it(files: tuple[Path, Path], tmp_path: Path) -> None:
    """``run.json`` has a command that makes the run again."""
    compared = longismore.judge(*files, judge="lexical", limit=4, output=tmp_path / "runs")
    assert compared.folder is not None
    command = json.loads((compared.folder / "run.json").read_text(encoding="utf-8"))["command"]
    assert "python" == command[0]
    again = subprocess.run([sys.executable, *command[1:]], capture_output=True, text=True, check=True)
    assert str(compared) == again.stdout.rstrip()
    assert "limit=4" in shlex.join(command)


def test_the_run_says_what_was_in_memory(reference: Rows, candidate: Rows, tmp_path: Path) -> None:
    """Rows are no source that anybody could read again."""
    compared = longismore.judge(reference, candidate, judge="lexical", output=tmp_path)
    assert compared.folder is not None
    run = json.loads((compared.folder / "run.json").read_text(encoding="utf-8"))
    assert (None, None) == (run["reference"]["source"], run["candidate"]["sha256"])
    assert "longismore.judge(..., ..., judge='lexical'" in run["command"][2]
    assert len(json.loads((compared.folder / "candidate.json").read_text(encoding="utf-8"))) == 12


def test_pairs_without_a_verdict_have_no_rate(
    monkeypatch: pytest.MonkeyPatch, reference: Rows, candidate: Rows
) -> None:
    """Nothing unreadable becomes a number, in whatever way the result is shown."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with JudgeServer(reply="prose") as server:
        compared = longismore.judge(reference, candidate, judge="openai/test-judge", base_url=server.base_url)
    assert isinstance(compared, Compared)
    assert (0, None, 24) == (compared.rates.n, compared.rates.win_rate, compared.rates.unparsed)
    assert repr(compared).endswith("no result>")
    for shown in (str(compared), compared._repr_html_()):
        assert "no pair was judged in both orders (0 of 12)" in shown
        assert "24 unparsed" in shown


@pytest.mark.parametrize("given", [None, 3, b"answers"])
def test_answers_are_a_path_or_rows(given: Any, candidate: Rows) -> None:
    """Whatever else is given is named by its role and its type."""
    with pytest.raises(ConfigError, match=r"reference must be a path or a list of rows \(dictionaries\), found "):
        longismore.judge(given, candidate, judge="length")


def test_a_table_of_pandas_says_how_to_give_its_rows(reference: Rows, candidate: Rows) -> None:
    """It would give the names of its columns."""
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ConfigError, match=r'candidate: a table of pandas is given as rows: table.to_dict\("records"\)'):
        longismore.judge(reference, pandas.DataFrame(candidate), judge="length")


def test_integers_of_numpy_are_whole_numbers(reference: Rows, candidate: Rows) -> None:
    """A limit is often the result of a computation."""
    numpy = pytest.importorskip("numpy")
    assert 3 == longismore.judge(reference, candidate, judge="length", limit=numpy.int64(3)).rates.n
