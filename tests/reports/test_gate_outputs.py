"""What people, CI systems and programs are told of a gate."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from hostile import HOSTILE, UNPRINTABLE
from longismore.reports._gate.looks import design_looks
from longismore.reports._gate.outputs import gate_headline, gate_junit, gate_markdown, gate_sentences, set_sentences
from longismore.reports.gate import GateResult, GateRule, conclude, take_look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.records import Verdict

    Make = Callable[..., Verdict]

NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


def decide(
    verdicts: Sequence[Verdict], names: tuple[str, str, str] = ("base", "tuned", "j"), **rule: Any
) -> GateResult:
    """Look at all pairs once, or until a look decides."""
    settled = GateRule(**rule).settled(calls=False)
    design = design_looks([verdict.prompt for verdict in verdicts], settled)
    looks, asked = [], list[int]()
    for number, group in enumerate(design.groups, start=1):
        asked += group
        taken = [verdicts[place] for place in sorted(asked)]
        looks.append(take_look(number, taken, design, settled))
        if looks[-1].decision is not None:
            break
    return conclude(taken, looks, design, settled, names=(names[0], names[1], names[2]))


@pytest.fixture
def passed(make: Make) -> GateResult:
    """Two test sets, one look."""
    return decide([make(share, share, testset=name) for name in ("koala", "vicuna") for share in [1.0, 0.5, 0.5] * 30])


@pytest.fixture
def regressed(make: Make) -> GateResult:
    """Stopped at the second of five looks."""
    return decide([make(share, share) for share in [1.0, 0.0, 0.0, 0.5, 0.0] * 40], mode="obrien-fleming")


@pytest.fixture
def unknown(make: Make) -> GateResult:
    """Too few pairs, and a test set of which nothing was judged."""
    return decide([*(make(share, share) for share in [1.0, 0.0] * 10), make(None, None, testset="lima")])


def test_the_headline_says_all_in_one_line(passed: GateResult, regressed: GateResult, unknown: GateResult) -> None:
    """Who, against whom, by how much."""
    assert [
        "pass: tuned is not worse than base by more than 3.0 points",
        "regress: tuned is worse than base by more than 3.0 points",
        "inconclusive: tuned against base, with a margin of 3.0 points",
    ] == [gate_headline(each) for each in (passed, regressed, unknown)]
    assert "pass: tuned is better than base" == gate_headline(replace(passed, rule=GateRule(margin=0)))


def test_the_sentences_have_both_rates_the_progress_and_the_power(regressed: GateResult) -> None:
    """Raw and length-controlled always stand together; what was saved is counted in judgments."""
    text = "\n".join(gate_sentences(regressed))
    for part in (
        "the upper limit, ", "is below the bar of 47.0%", "raw win rate 27.5", "at equal length 2",
        "stopped at look 2 of 5 (O'Brien-Fleming boundaries): 80 of 200 pairs judged; 240 of 400 judgments saved",
        "power: an equal candidate would pass ", "minimum detectable effect: ", "looking early saves ",
    ):  # fmt: skip
        assert part in text


def test_unjudged_and_withheld_pairs_are_told_apart_from_those_not_asked(make: Make) -> None:
    """Stopped early: what was not needed is no failure of the judge."""
    wanted = [make(share, share) for share in [0.0] * 190]
    result = decide([*wanted, *(make(None, None) for _ in range(10))], mode="sequential")
    (progress,) = [each for each in gate_sentences(result) if "pairs judged" in each]
    asked, judged = result.asked, result.results.pooled.n
    assert judged < asked < 200
    assert f"{judged} of 200 pairs judged, {asked - judged} asked in vain; {2 * (200 - asked)} of 400" in progress


def test_test_sets_by_themselves_are_adjusted_and_decide_nothing(passed: GateResult, regressed: GateResult) -> None:
    """With Holm's p values where there are several; of a single one nothing is repeated."""
    said = set_sentences(passed)
    assert [re.sub(r"[\d.\u2013]+", "#", each) for each in said] == [
        "koala: win rate #% (#) of # pairs, p = # (Holm)",
        "vicuna: win rate #% (#) of # pairs, p = # (Holm)",
    ]
    assert [] == set_sentences(regressed)


def test_junit_has_one_case_for_the_decision_and_one_for_each_set(passed: GateResult) -> None:
    """A pass: no failure anywhere, counts and properties as the schemas of Ant and Jenkins want them."""
    suite = junit_suite(gate_junit(passed, now=NOW, elapsed_s=1.5))
    assert ["properties", "testcase", "testcase", "testcase", "system-out", "system-err"] == [
        each.tag for each in suite
    ]
    assert {
        "name": "longismore gate", "package": "longismore", "id": "0", "hostname": "localhost",
        "timestamp": "2025-01-02T03:04:05", "time": "1.500",
        "tests": "3", "failures": "0", "errors": "0", "skipped": "0",
    } == suite.attrib  # fmt: skip
    assert ["pooled: tuned against base", "test set koala", "test set vicuna"] == [
        case.get("name") for case in suite.iter("testcase")
    ]
    assert "pass" == {each.get("name"): each.get("value") for each in suite.iter("property")}["verdict"]


def test_junit_fails_for_a_regress_and_errs_where_nothing_can_be_told(
    regressed: GateResult, unknown: GateResult
) -> None:
    """Both turn a CI job red, apart; a test set without a judged pair is skipped."""
    failed, erred = (junit_suite(gate_junit(each, now=NOW)) for each in (regressed, unknown))
    (failure,) = failed.iter("failure")
    (error,) = erred.iter("error")
    (skipped,) = erred.iter("skipped")
    assert ("regress", "1", "0") == (failure.get("type"), failed.get("failures"), failed.get("errors"))
    assert ("inconclusive", "0", "1", "1") == (
        error.get("type"), erred.get("failures"), erred.get("errors"), erred.get("skipped"),
    )  # fmt: skip
    assert "none of 1 pairs was judged" == skipped.get("message")
    assert gate_headline(regressed) in str(failure.get("message"))
    assert gate_headline(regressed) in str(failure.text)


def junit_suite(text: str) -> ET.Element:
    """Parse, and check what the schemas of Ant (2011) and Jenkins (junit-10) have in common."""
    root = ET.fromstring(text)  # noqa: S314  our own
    assert ("testsuites", {}, 1) == (root.tag, root.attrib, len(root))
    suite = root[0]
    cases = list(suite.iter("testcase"))
    assert int(str(suite.get("tests"))) == len(cases)
    for case in cases:
        assert {"classname", "name", "time"} == set(case.attrib)
        assert len(case) <= 1
        assert {each.tag for each in case} <= {"skipped", "error", "failure"}
        assert float(str(case.get("time"))) >= 0
    return suite


def test_json_is_complete_and_plain(regressed: GateResult, unknown: GateResult) -> None:
    """Every number at full precision; it survives JSON."""
    for result in (regressed, unknown):
        document = result.to_dict()
        assert document == json.loads(json.dumps(document, allow_nan=False))
    document = regressed.to_dict()
    assert ("regress", 1, 0.47, 240) == tuple(
        document[name] for name in ("verdict", "exit_code", "bar", "judgments_saved")
    )
    assert {"planned": 200, "asked": 80, "judged": 80} == document["pairs"]
    assert [1, 2] == [look["number"] for look in document["looks"]]
    assert regressed.results.pooled.lc_win_rate == document["results"]["pooled"]["lc_win_rate"]


def test_markdown_has_decision_rates_and_looks(regressed: GateResult) -> None:
    """As a CI job shows it."""
    lines = gate_markdown(regressed).splitlines()
    assert "### longismore gate: regress" == lines[0]
    assert "**regress: tuned is worse than base by more than 3.0 points**" == lines[2]
    assert any(line.startswith("| koala | 80 |") for line in lines)
    assert "| look | pairs asked | judged | rate % | lower limit | upper limit |" in lines
    assert any(line.startswith("| 2 | 80 | 80 |") for line in lines)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_names_from_anywhere_stay_text(make: Make, text: str) -> None:
    """A candidate, judge, note or test set of any name breaks neither XML nor Markdown, and prints nothing else."""
    verdicts = [make(share, share, testset=name) for name in (text, "x") for share in [1.0, 0.0, 0.5]]
    result = replace(decide(verdicts, names=(text, text, text)), note=text[:1000])
    markdown, xml = gate_markdown(result), gate_junit(result, now=NOW)
    sentences = "\n".join([gate_headline(result), *gate_sentences(result), *set_sentences(result)])
    for output in (markdown, xml, sentences):
        assert re.search(UNPRINTABLE, output) is None
        output.encode()
    suite = junit_suite(xml)
    assert {"property", "testcase", "error", "properties", "system-out", "system-err", "testsuite"} == {
        each.tag for each in suite.iter()
    }
    plain = gate_markdown(replace(decide(verdicts, names=("a", "b", "c")), note=text and "n"))
    assert markdown.count("\n") == plain.count("\n")
    assert re.search(r"(?<!\\)<[a-zA-Z/!]", markdown) is None
