"""Gates whose judgments are made: what is asked, what is saved, what stays behind."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, chat_reply
from longismore.comparison import compare_pairs
from longismore.errors import ConfigError, DataError
from longismore.gating import choose_judged, gate_judged, gate_pairs
from longismore.judged import read_judged
from longismore.judges import JudgeOptions, make_judge
from longismore.records import Judged
from longismore.reports.gate import Decision, GateResult, GateRule
from longismore.run_folder import RunFolder
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from judge_server import Body, Reply
    from longismore.records import Pair


def likes_plums(body: Body) -> Reply:
    """9 for the answer that has plums, 2 for the other."""
    text = body["messages"][-1]["content"]
    return chat_reply(body, "9 2" if text.index("plums") < text.index("pears") else "2 9")


@pytest.fixture
def many(make_pair: Callable[..., Pair]) -> list[Pair]:
    """100 pairs; the reference has the plums, in every fifth the candidate."""
    pairs = [
        make_pair(f"p{number}", prompt=f"Question {number}", reference=f"{number} plums", candidate=f"{number} pears")
        for number in range(100)
    ]
    return [pair if number % 5 else _exchanged(pair) for number, pair in enumerate(pairs)]


def _exchanged(pair: Pair) -> Pair:
    return replace(
        pair,
        reference=replace(pair.reference, output=pair.candidate.output),
        candidate=replace(pair.candidate, output=pair.reference.output),
    )


def gate(
    pairs: Sequence[Pair], tmp_path: Path, base_url: str | None = None, spec: str = "openai/test-judge", **rule: Any
) -> GateResult:
    """Run a gate with the store and the runs of one test."""
    options = JudgeOptions(base_url=base_url, retries=0)
    folder = RunFolder.fresh(tmp_path / "runs", "tuned", {"testsets": {}})
    with Store(tmp_path / "store.sqlite") as store:
        return gate_pairs(pairs, make_judge(spec, options), GateRule(**rule), store=store, folder=folder)


def run_folders(tmp_path: Path) -> list[Path]:
    """Oldest first."""
    return sorted((tmp_path / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def read(path: Path) -> Any:
    """One JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_clear_regress_saves_most_calls_and_a_second_run_all(tmp_path: Path, many: list[Pair]) -> None:
    """100 losses of 100: decided at the second of five looks, after 80 of 200 calls; then from the store."""
    with JudgeServer(reply=likes_plums) as server:
        first = gate(many, tmp_path, server.base_url)
        asked = len(server.requests)
        second = gate(many, tmp_path, server.base_url)
        assert (80, 80) == (asked, len(server.requests))
    assert (Decision.REGRESS, 2, 40, 40, 0) == (
        first.decision, len(first.looks), first.asked, first.results.pooled.n, first.results.pooled.failed,
    )  # fmt: skip
    assert first.to_dict() == second.to_dict()


def test_the_sequential_mode_stops_after_any_batch(tmp_path: Path, many: list[Pair]) -> None:
    """The same losses are enough after 3 of 20 batches of 5 pairs, both orders."""
    with JudgeServer(reply=likes_plums) as server:
        result = gate(many, tmp_path, server.base_url, mode="sequential", margin=0.05)
        assert 2 * result.asked == len(server.requests)
    assert (Decision.REGRESS, 20) == (result.decision, result.planned_looks)
    assert result.asked <= 20


def test_the_run_folder_is_one_for_all_looks(tmp_path: Path, many: list[Pair]) -> None:
    """It says how far the gate went, has the judgments of the pairs asked, and can be read again."""
    with JudgeServer(reply=likes_plums) as server:
        result = gate(many, tmp_path, server.base_url, seed=7)
    (folder,) = run_folders(tmp_path)
    run = read(folder / "run.json")
    assert ("done", "regress", 7, 2) == (
        run["status"], run["gate"]["verdict"], run["seeds"]["gate"], len(run["gate"]["looks"]),
    )  # fmt: skip
    assert result.results.to_dict() == read(folder / "results.json")
    lines = (folder / "judgments.jsonl").read_text(encoding="utf-8").splitlines()
    order = [(json.loads(line)["id"], json.loads(line)["order"]) for line in lines]
    assert (80, sorted(order, key=lambda each: (int(each[0][1:]), each[1] != "reference_first"))) == (len(lines), order)
    (judged,) = read_judged([folder])
    again = gate_judged(judged, GateRule(mode="fixed"))
    assert (40, 40, 0.2) == (again.asked, again.planned_pairs, again.looks[-1].rate)


def test_everything_is_asked_where_nothing_is_decided(tmp_path: Path, many: list[Pair]) -> None:
    """Even candidates on 40 pairs are inconclusive after the last look, and no pair is asked twice."""
    swapped = [(pair if number % 2 else _exchanged(pair)) for number, pair in enumerate(many[:40])]
    with JudgeServer(reply=likes_plums) as server:
        result = gate(swapped, tmp_path, server.base_url)
        assert 80 == len(server.requests)
    assert (Decision.INCONCLUSIVE, 5, 40) == (result.decision, len(result.looks), result.asked)


def test_a_judge_that_stops_makes_the_gate_inconclusive(tmp_path: Path, many: list[Pair]) -> None:
    """A key withdrawn at the second look: no decision on half a look; the next run goes on from the store."""
    valid = {"key": True}
    script = lambda number, _: None if number < 50 or valid["key"] else "401"  # noqa: E731
    with JudgeServer(reply=likes_plums, script=script) as server:
        valid["key"] = False
        result = gate(many, tmp_path, server.base_url)
        assert (Decision.INCONCLUSIVE, 1) == (result.decision, len(result.looks))
        assert "ended early" in result.reason
        assert 20 <= result.asked <= 30
        (folder,) = run_folders(tmp_path)
        run = read(folder / "run.json")
        assert ("stopped", "inconclusive") == (run["status"], run["gate"]["verdict"])
        before, valid["key"] = len(server.answered), True
        assert Decision.REGRESS is gate(many, tmp_path, server.base_url).decision
        assert (50, 80) == (before, len(server.answered))


def test_an_unsteady_judge_is_refused_after_the_first_look(tmp_path: Path, many: list[Pair]) -> None:
    """It always prefers what it sees first: 40 calls are spent, not 200; with a warning only, all are."""
    with JudgeServer(reply="first") as server, pytest.raises(ConfigError, match=r"only 0\.0% .* --audit warn"):
        gate(many, tmp_path, server.base_url, audit="refuse")
    assert 40 == len(server.requests)
    assert "stopped" == read(run_folders(tmp_path)[0] / "run.json")["status"]
    with JudgeServer(reply="first") as server:
        result = gate(many, tmp_path, server.base_url, audit="warn", margin=0.03)
    assert 2 == len(result.audit)


def test_unreadable_answers_never_let_a_candidate_pass(tmp_path: Path, many: list[Pair]) -> None:
    """Every tenth answer is prose: the looks go on to the end, and the result is inconclusive."""
    exchanged = [_exchanged(pair) for pair in many]
    with JudgeServer(reply=_prose_at_times) as server:
        result = gate(exchanged, tmp_path, server.base_url)
    assert (Decision.INCONCLUSIVE, 5, True) == (result.decision, len(result.looks), result.looks[-1].withheld)
    assert "could not be judged" in result.reason


def _prose_at_times(body: Body) -> Reply:
    return chat_reply(body, "Hard to say.") if "7 plums" in body["messages"][-1]["content"] else likes_plums(body)


def test_progress_counts_towards_all_pairs(tmp_path: Path, many: list[Pair]) -> None:
    """Judgments made, of those that may be wanted."""
    seen = []
    with Store(tmp_path / "store.sqlite") as store:
        judge = make_judge("length", JudgeOptions())
        gate_pairs(many, judge, GateRule(looks=2, margin=0), store=store, on_progress=seen.append)
    assert (1, 200, 200) == (seen[0].made, seen[0].wanted, seen[-1].made)


def judged_by(many: list[Pair], tmp_path: Path, spec: str = "length") -> Judged:
    """All pairs, judged offline."""
    folder = RunFolder.fresh(tmp_path / "from", spec, {"testsets": {}, "judge": {"note": "a control"}})
    with Store(tmp_path / "store.sqlite") as store:
        compare_pairs(many, make_judge(spec, JudgeOptions()), store=store, folder=folder)
    (judged,) = read_judged([folder.path])
    return judged


def test_judgments_from_files_give_what_asking_gives(tmp_path: Path, pairs: list[Pair], many: list[Pair]) -> None:
    """Look by look, as if they were made now; the judge's caveat comes along; test sets can be chosen."""
    judged = judged_by([*many, *pairs], tmp_path)
    made = gate([*many, *pairs], tmp_path, spec="length", looks=4)
    recorded = gate_judged(judged, GateRule(looks=4))
    assert (made.looks, made.decision, "a control") == (recorded.looks, recorded.decision, recorded.note)
    assert 103 == gate_judged(judged, GateRule(), testsets=["mini"]).asked
    with pytest.raises(DataError, match='test set "koala"; known: mini'):
        gate_judged(judged, GateRule(), testsets=["koala"])


def test_what_a_gate_did_not_need_is_not_unjudged(
    tmp_path: Path, many: list[Pair], caplog: pytest.LogCaptureFixture
) -> None:
    """A gate on the folder of a gate that stopped early says so, and counts only what was asked."""
    with JudgeServer(reply=likes_plums) as server:
        gate(many, tmp_path, server.base_url)
    (judged,) = read_judged(run_folders(tmp_path))
    never_asked = replace(judged.verdicts[0], id="more", statuses=(None, None), preferences=(None, None), outcome=None)
    result = gate_judged(replace(judged, verdicts=(*judged.verdicts, never_asked)), GateRule())
    assert (40, 0.0) == (result.asked, result.results.pooled.unjudged)
    assert "may have stopped early" in caplog.text


def test_one_comparison_is_chosen_by_name() -> None:
    """None, one and several; the message lists what there is and the options that choose."""

    def judged(judge: str, candidate: str) -> Judged:
        return Judged(judge=judge, fingerprint=None, reference="base", candidate=candidate, verdicts=())

    found = [judged("one", "a"), judged("one", "b"), judged("two", "a")]
    assert found[2] == choose_judged(found, judge="two")
    assert found[1] == choose_judged(found, candidate="b")
    with pytest.raises(DataError, match=r"found 2; choose with --judge-name, --candidate, --reference:\na against"):
        choose_judged(found, candidate="a")
    with pytest.raises(DataError, match=r'judge "three"(.|\n)*b against base, judged by one'):
        choose_judged(found, judge="three")
    with pytest.raises(DataError, match="none"):
        choose_judged([])
    with pytest.raises(DataError, match="no judgment to decide on"):
        gate_judged(found[0], GateRule())
