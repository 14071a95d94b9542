"""`longismore.summarize`, `audit` and `gate`: of files, of results, and of rows in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import longismore
from judge_server import JudgeServer
from longismore.api._judged_sources import judged_in
from longismore.errors import ConfigError, DataError, SchemaError
from longismore.judged import read_judged
from longismore.judges import judgment_to_row
from longismore.reports import Decision, LengthPrior

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.api import Compared

MINI: dict[str, Any] = {"testsets": "mini"}


@pytest.fixture(scope="module", name="lexical")
def _lexical(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """The embedded answers, by one judge."""
    return made("lexical", tmp_path_factory.mktemp("lexical"))


@pytest.fixture(scope="module", name="length")
def _length(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """And by another one."""
    return made("length", tmp_path_factory.mktemp("length"))


def made(judge: str, folder: Path) -> Compared:
    """The embedded answers, judged and kept."""
    named = {"judge": judge, "output": folder, "store": folder / "store.sqlite"}
    return longismore.compare("mini:better", "mini:longer", **MINI, **named)  # type: ignore[arg-type]


def test_results_rows_and_files_say_the_same(lexical: Compared) -> None:
    """A comparison is the same as its run folder, as its file, as the rows of the file, and as its value."""
    assert lexical.folder is not None
    rows = [judgment_to_row(judgment) for judgment in lexical.judged.judgments]
    lines = (lexical.folder / "judgments.jsonl").read_text(encoding="utf-8").splitlines()
    sources: list[Any] = [lexical.folder, str(lexical.folder / "judgments.jsonl"), [lexical], lexical.judged, rows]
    sources.append([json.loads(line) for line in lines])
    for source in sources:
        (found,) = judged_in(source)
        assert (lexical.judged.verdicts, lexical.judged.judgments) == (found.verdicts, found.judgments)


def test_annotations_in_memory() -> None:
    """Rows of alpaca_eval's annotations.json are what the file is."""
    row = {"instruction": "Why?", "output_1": "So.", "generator_1": "base", "output_2": "Because.", "preference": 2}
    (found,) = judged_in([row | {"generator_2": "tuned", "annotator": "weighted"}])
    assert ("weighted", "tuned", ()) == (found.judge, found.candidate, found.files)
    assert found.verdicts[0].one_order


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ([], ConfigError, "found nothing"),
        ([3], ConfigError, "found int"),
        (None, ConfigError, "found NoneType"),
        ([{"id": "one"}], SchemaError, r"^rows in memory:1: no line of judgments \(id\)"),
        ([{"id": {1, 2}}], ConfigError, "rows in memory are not as a file of judgments has them"),
        ("nowhere", DataError, "nowhere: no such file"),
    ],
)
def test_what_was_not_judged_is_refused(source: Any, kind: type[Exception], message: str) -> None:
    """The message says what is wanted, and never names a temporary file."""
    with pytest.raises(kind, match=message) as error:
        judged_in(source)
    assert "longismore-" not in str(error.value)


def test_one_comparison_summarized(lexical: Compared) -> None:
    """It is what was compared, with its names; the text is the command's table."""
    summarized = longismore.summarize(lexical)
    assert lexical.results == summarized.results[0]
    assert str(lexical) == str(summarized)
    document = json.loads(json.dumps(summarized.to_dict()))
    assert ("lexical", "mini-longer") == (document["judge"], document["candidate"])
    assert "<Summarized: mini-longer against mini-better: cannot tell>" == repr(summarized)


def test_several_comparisons_summarized(lexical: Compared, length: Compared) -> None:
    """All stand in one result, in the order given."""
    summarized = longismore.summarize([lexical, length])
    assert ["lexical", "length"] == [each.judge for each in summarized.judged]
    assert 2 == len(summarized.to_dict()["comparisons"])
    assert "<Summarized: 2 comparisons by 2 judges>" == repr(summarized)
    assert "<Summarized: 2 comparisons by 1 judge>" == repr(longismore.summarize([lexical, lexical]))


def test_candidates_are_compared_in_pairs_and_rated(lexical: Compared) -> None:
    """Two candidates of one judge and reference make three models."""
    other = replace(lexical.judged, candidate="a third one")
    summarized = longismore.summarize([lexical, other])
    assert (1, 1) == (len(summarized.paired), len(summarized.ratings))
    for shown in (str(summarized), summarized._repr_html_()):
        assert "Candidates in pairs" in shown
        assert "Ratings" in shown


def test_a_prior_is_given_in_four_ways(lexical: Compared, tmp_path: Path) -> None:
    """As a value, as two numbers, as the option has it, and as the file of a probe."""
    probe = {"probe": "length", "judge": "lexical", "slope": 0.8, "slope_se": 0.5}
    (tmp_path / "probe.json").write_text(json.dumps(probe), encoding="utf-8")
    given: list[Any] = [LengthPrior(mean=0.8, sd=0.5, source="mine"), (0.8, 0.5), "0.8,0.5", tmp_path / "probe.json"]
    slopes = {longismore.summarize(lexical, length_prior=each).results[0].pooled.length_slope for each in given}
    assert 1 == len(slopes)
    assert slopes != {lexical.rates.length_slope}
    with pytest.raises(ConfigError, match=r'"0\.8,-1\.0"'):
        longismore.summarize(lexical, length_prior=(0.8, -1.0))


def test_an_audit_of_two_judges(lexical: Compared, length: Compared) -> None:
    """Figures, sentences and Markdown, as the command has them."""
    audited = longismore.audit([lexical, length])
    assert ["lexical", "length"] == [judge.name for judge in audited.audit.judges]
    assert audited.sentences == audited.to_dict()["sentences"]
    assert "length prefers the longer answer in 100.0% of" in str(audited)
    assert audited.to_markdown().startswith("# Audit of judges\n")
    assert "<Audited: audit of lexical, length>" == repr(audited)


def test_gold_labels_in_memory(lexical: Compared) -> None:
    """Shares by test set and id are as good as a file."""
    gold = {("mini", verdict.id): 0.0 for verdict in lexical.judged.verdicts}
    figures = longismore.audit(lexical, gold=gold).audit.judges[0].pooled.gold
    assert figures is not None
    assert figures.acc_both == pytest.approx(lexical.rates.losses / lexical.rates.n)


def test_a_probe_asks_its_judge(lexical: Compared) -> None:
    """It is in the result and in what is shown of it."""
    audited = longismore.audit(lexical, probes="length", judge="length", limit=4)
    assert ["length"] == [result.to_dict()["probe"] for result in audited.probes]
    assert audited.sentences[-1] == audited.probes[0].sentence()
    assert "probes" in audited.to_dict()


def test_a_probe_and_its_judge_belong_together(lexical: Compared) -> None:
    """One without the other is a mistake."""
    with pytest.raises(ConfigError, match="probes ask a judge"):
        longismore.audit(lexical, probes=["length"])
    with pytest.raises(ConfigError, match="only a probe asks a judge"):
        longismore.audit(lexical, judge="length")
    with pytest.raises(ConfigError, match="only a probe asks a judge"):
        longismore.audit(lexical, max_cost_usd=1.0)


def test_a_gate_judges_as_few_pairs_as_it_takes() -> None:
    """The control is sure after two of five looks; rows, text and data say the same."""
    gated = longismore.gate("mini:better", "mini:longer", judge="length", margin=0.1, **MINI)
    assert (Decision.PASS, True) == (gated.decision, gated.passed)
    assert gated.result.asked < gated.result.planned_pairs
    assert "pass" == gated.to_dict()["verdict"]
    assert "<Gated: pass: mini-longer is not worse than mini-better by more than 10.0 points>" == repr(gated)
    assert "pass: mini-longer is not worse" in str(gated)


def test_a_gate_on_what_was_judged(lexical: Compared, length: Compared) -> None:
    """Of several comparisons one is chosen by name; nothing is called."""
    assert Decision.REGRESS is longismore.gate(judged=lexical, margin=0.1).decision
    assert Decision.PASS is longismore.gate(judged=[lexical, length], judge="length").decision
    assert Decision.REGRESS is longismore.gate(judged=lexical, testsets="mini", margin=0.1).decision
    with pytest.raises(DataError, match="a gate decides on one comparison, found 2"):
        longismore.gate(judged=[lexical, length])


def test_a_gate_needs_answers_or_judgments(lexical: Compared) -> None:
    """What is missing or too much is named; options are those of the gate, and of the judge where it is asked."""
    anything: Any = longismore.gate
    with pytest.raises(ConfigError, match="a gate needs a baseline, a candidate and a judge, or judged"):
        anything("mini:better", judge="length", testsets="mini")
    with pytest.raises(ConfigError, match="limit, output: of no use with judged"):
        anything(judged=lexical, limit=3)
    with pytest.raises(ConfigError, match="judge must be a name with judged"):
        anything(judged=lexical, judge=3)
    with pytest.raises(ConfigError, match='unknown option of a gate "alpa"; did you mean alpha'):
        anything(judged=lexical, alpa=0.1)
    with pytest.raises(ConfigError, match='"alpa" is no option of a gate or a judge; did you mean alpha'):
        anything("mini:better", "mini:longer", judge="length", testsets="mini", alpa=0.1)


def test_a_gate_passes_settings_to_its_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of the gate and of the judge stand beside each other."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with JudgeServer() as server:
        gated = longismore.gate(
            "mini:better", "mini:longer", judge="openai/test-judge", base_url=server.base_url, mode="fixed",
            temperature=0.5, limit=5, **MINI,
        )  # fmt: skip
        assert {0.5} == {body["temperature"] for body in server.answered}
    assert (5, 1) == (gated.result.asked, gated.result.planned_looks)


def test_run_folders_are_read_together(lexical: Compared, length: Compared) -> None:
    """Several paths are read as their command reads them."""
    folders = [lexical.folder, length.folder]
    assert None not in folders
    assert [each.judge for each in read_judged(folders)] == [each.judge for each in judged_in(folders)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "named", "message"),
    [
        (longismore.summarize, {"draws": 0}, "draws must be at least 1, found 0"),
        (longismore.summarize, {"draws": None}, "draws must be a whole number, found None"),
        (longismore.summarize, {"seed": -1}, "seed must be at least 0, found -1"),
        (longismore.summarize, {"seed": 2**32}, "seed must be at most 4294967295"),
        (longismore.audit, {"draws": "x"}, "draws must be a whole number, found 'x'"),
        (longismore.audit, {"seed": None}, "seed must be a whole number, found None"),
        (longismore.audit, {"gold": [1]}, "gold must be a file, or shares by test set and id, found list"),
        (longismore.audit, {"gold": {"a": 1.0}}, "found the key 'a'"),
        (longismore.audit, {"gold": {("a", "b"): "x"}}, "a share of gold must be a number, found 'x'"),
    ],
)
def test_what_will_not_do_is_said(call: Any, named: dict[str, Any], message: str, lexical: Compared) -> None:
    """The message has the name, the value, and what is allowed."""
    with pytest.raises(ConfigError, match=message):
        call(lexical, **named)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"margin": "x"}, "margin must be a number, found 'x'"),
        ({"alpha": None}, "alpha must be a number, found None"),
        ({"max_unjudged": True}, "max_unjudged must be a number, found True"),
        ({"looks": 2.5}, "looks must be a whole number, found 2.5"),
        ({"seed": "x"}, "seed must be a whole number, found 'x'"),
        ({"metric": 3}, "metric must be a word, found 3"),
    ],
)
def test_options_of_a_gate_are_of_their_kind(option: dict[str, Any], message: str, lexical: Compared) -> None:
    """Also those that the gate would have come to late, or never."""
    with pytest.raises(ConfigError, match=message):
        longismore.gate(judged=lexical, **option)
