"""`longismore.collecting`: run folders, alpaca_eval and MT-Bench, with their own intervals, costs and versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from longismore.collecting import collect
from longismore.errors import DataError
from longismore.reports import mean_interval
from result_files import annotation, grade, harness, put, put_lines, put_run

if TYPE_CHECKING:
    from longismore.reports.collection import Collection, Number

WIN = "mini win_rate, by lexical, against base"


def cells(collection: Collection) -> dict[tuple[str, str], Number]:
    """The numbers by model and column."""
    return {(model, collection.columns[place].name): number for (model, place), number in collection.cells.items()}


def test_a_run_folder_keeps_its_own_intervals(tmp_path: Path) -> None:
    """The numbers, limits and versions are those of its files, and nothing is computed again."""
    put_run(tmp_path / "run")
    found = cells(collect([tmp_path]))
    win, equal = found["tuned", WIN], found["tuned", "mini lc_win_rate, by lexical, against base"]
    assert (0.625, (0.5, 0.75), 40, "clustered by prompt") == (win.value, win.interval, win.n, win.interval_kind)
    assert (0.5, (0.25, 0.75)) == (equal.value, equal.interval)
    assert "f" * 64 == win.versions["judge fingerprint"]
    assert {"longismore": "0.1.0"} == win.source.versions


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run": {"judge": {"name": "lexical", "fingerprint": "e" * 64}}}, "judge fingerprint: ffffffffffff in"),
        ({"run": {"testsets": {"mini": {"version": 2, "size": 40}}}}, "test set version: 1 in"),
        ({"answer": "The Rhine."}, "reference answers: 1 with sha256"),
        ({"asked": "Name a lake."}, "instructions: 1 with sha256"),
    ],
)
def test_what_was_judged_otherwise_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    """Another judge's settings, test set, or answers of a reference of the same name do not meet in one column."""
    put_run(tmp_path / "one", "first")
    put_run(tmp_path / "two", "second", **change)
    with pytest.raises(DataError) as error:
        collect([tmp_path])
    assert said in str(error.value)
    assert str(tmp_path / "one") in str(error.value)
    assert str(tmp_path / "two") in str(error.value)
    assert collect([tmp_path], allow_mixed=True).marks


def test_judges_and_references_have_columns_of_their_own(tmp_path: Path) -> None:
    """Names tell them apart, so nothing is refused."""
    put_run(tmp_path / "one", "first")
    put_run(tmp_path / "two", "first", run={"judge": {"name": "length", "fingerprint": "e" * 64}})
    put_run(tmp_path / "three", "second", run={"reference": {"model": "other"}}, answer="None.")
    found = collect([tmp_path], metrics=["win_rate"])
    assert {WIN, "mini win_rate, by length, against base", "mini win_rate, by lexical, against other"} == {
        column.name for column in found.columns
    }


def test_fewer_pairs_have_a_column_of_their_own(tmp_path: Path) -> None:
    """A trial over ten pairs does not stand beside all forty."""
    put_run(tmp_path / "one", "first")
    put_run(tmp_path / "two", "second", rates={"pairs": 10, "n": 10}, asked="One of ten.")
    found = collect([tmp_path], metrics=["win_rate"])
    assert [f"{WIN}", f"{WIN}, 10 of 40 pairs"] == [column.name for column in found.columns]


def test_several_sets_are_shown_together(tmp_path: Path) -> None:
    """The pooled rate stands for its sets, which are there for those who choose them."""
    folder = put_run(tmp_path / "run")
    results = json.loads((folder / "results.json").read_text())
    results["testsets"]["koala"] = results["pooled"] | {"win_rate": 0.75}
    put(folder / "results.json", results)
    assert ["mini+koala win_rate"] == [
        column.name.split(",")[0] for column in collect([tmp_path]).columns if column.metric == "win_rate"
    ]
    assert [0.75] == [number.value for number in collect([tmp_path], metrics=["koala/win_rate"]).cells.values()]


def test_the_parts_of_one_set_are_called_like_it(tmp_path: Path) -> None:
    """The data sets of AlpacaEval together are AlpacaEval; one of them alone has its own name."""
    folder = put_run(tmp_path / "run")
    results = json.loads((folder / "results.json").read_text())
    rates = results["pooled"]
    parts = {"alpaca_eval/koala": rates, "alpaca_eval/oasst": rates}
    put(folder / "results.json", results | {"testsets": parts})
    assert {"alpaca_eval"} == {column.benchmark for column in collect([tmp_path]).columns}
    assert 1 == len(collect([tmp_path], metrics=["alpaca_eval/koala/win_rate"]).columns)
    put(folder / "results.json", results | {"testsets": {"alpaca_eval/koala": rates}})
    assert {"alpaca_eval/koala"} == {column.benchmark for column in collect([tmp_path]).columns}


def test_a_run_that_did_not_end_is_named(tmp_path: Path) -> None:
    """Its numbers would be of a part, so it is counted among what cannot be read, with its status."""
    put_run(tmp_path / "good")
    put_run(tmp_path / "bad", run={"status": "stopped", "reason": "no balance"})
    (left,) = collect([tmp_path]).unreadable
    assert str(tmp_path / "bad") == left.path
    assert 'status "stopped": no balance' in left.reason


@pytest.mark.parametrize(("cost", "expected"), [(1.25, (1.25, 0)), (0.0, (0.0, 0)), (None, (None, 1))])
def test_costs_are_said_and_unknown_is_no_zero(
    tmp_path: Path, cost: float | None, expected: tuple[float | None, int]
) -> None:
    """A judge without a price makes the cost unknown; a judge that costs nothing makes it zero."""
    put_run(tmp_path / "run", run={"usage": {"cost_usd": cost}})
    assert expected == collect([tmp_path]).costs("tuned")


def test_costs_of_several_runs_add_up(tmp_path: Path) -> None:
    """Each run counts once, however many numbers it has, and the unknown ones are counted beside the sum."""
    put_run(tmp_path / "one", run={"usage": {"cost_usd": 1.0}})
    put_run(tmp_path / "two", run={"usage": {"cost_usd": 0.5}, "reference": {"model": "two"}})
    put_run(tmp_path / "three", run={"usage": {}, "reference": {"model": "three"}})
    assert (1.5, 1) == collect([tmp_path]).costs("tuned")


def test_a_gate_that_stopped_early_stands_in_no_column(tmp_path: Path) -> None:
    """It stopped because of what it saw, so its rate is said with its verdict and not compared."""
    pairs = {"planned": 40, "asked": 16}
    gate = {"verdict": "pass", "reason": "above the bar", "candidate": "tuned", "reference": "base", "judge": "lexical"}
    put_run(tmp_path / "gate", "gated", run={"gate": gate | {"pairs": pairs}})
    put_run(tmp_path / "run")
    found = collect([tmp_path])
    assert ("tuned",) == found.models
    assert any("gate of tuned against base by lexical: pass" in note and "16 of 40" in note for note in found.notes)
    put_run(tmp_path / "gate", "gated", run={"gate": gate | {"pairs": pairs | {"asked": 40}}})
    assert ("gated", "tuned") == collect([tmp_path]).models


def test_lm_eval_repeats_a_run_folder(tmp_path: Path) -> None:
    """Its copy of our rates is left out where the run folder lies beside it, and stands where there is none."""
    metrics = {"win_rate,none": 0.625, "win_rate_stderr,none": 0.1, "lc_win_rate,none": 0.5}
    ours = harness(
        "out/tuned", task="longismore_mini", metrics=metrics, metadata={"judge": "lexical", "judge_candidate": "tuned"}
    )
    put(tmp_path / "results_1.json", ours)
    put_run(tmp_path / "20261121T170115Z-tuned")
    found = collect([tmp_path])
    assert {"mini"} == {column.benchmark for column in found.columns}
    assert any(note.startswith("numbers of lm_eval's tables") and note.endswith(": 2") for note in found.notes)
    for alone in (harness("x", task="longismore_mini", metrics=metrics, metadata={"judge": "length"}), ours):
        place = tmp_path if alone is not ours else tmp_path / "alone"
        put(place / "results_1.json", alone)
        benchmarks = {column.benchmark for column in collect([place]).columns}
        assert "longismore_mini" in benchmarks


_BOARD = ",win_rate,length_controlled_winrate\ntuned,50,40\n"


def put_alpaca_eval(folder: Path, judge: str, annotator: str) -> None:
    """What the task of AlpacaEval leaves: lm_eval's table, and the annotations below."""
    metrics = {"win_rate,none": 0.5, "lc_win_rate,none": 0.4, "length_controlled_v1,none": 0.4}
    told = harness(
        "out/tuned",
        task="longismore_alpaca_eval",
        metrics=metrics,
        metadata={"judge": judge, "judge_candidate": "tuned"},
    )
    put(folder / "results_1.json", told)
    rows = [annotation(1, 2.0, price_per_example=0.25), annotation(2, 1.0, price_per_example=0.25)]
    put(folder / "alpaca_eval" / annotator / "annotations.json", rows)
    (folder / "alpaca_eval" / annotator / "leaderboard.csv").write_text(_BOARD, encoding="utf-8")


def test_annotations_of_our_judge_repeat_the_run_folder_beside_them(tmp_path: Path) -> None:
    """The task of AlpacaEval says everything three times; only the official rate is not in the run folder."""
    put_alpaca_eval(tmp_path, "openai/large", "longismore_openai__large")
    run = {"judge": {"spec": "openai/large", "name": "openai/large"}, "usage": {"cost_usd": 0.5}}
    put_run(tmp_path / "20261121T170115Z-tuned", run=run)
    found = collect([tmp_path])
    assert {"mini win_rate", "mini lc_win_rate", "mini length_ratio", "alpaca_eval length_controlled_winrate"} == {
        column.name.partition(",")[0] for column in found.columns
    }
    assert (0.5, 0) == found.costs("tuned")
    assert 2 == len(found.sources)
    every = {column.name.partition(",")[0] for column in collect([tmp_path], metrics=["*"]).columns}
    assert {"alpaca_eval n_total"} == {name for name in every if name.startswith("alpaca_eval n")}
    put_run(tmp_path / "20261121T170115Z-tuned", run=run | {"candidate": {"model": "other"}})
    assert "alpaca_eval win_rate" in {column.name.partition(",")[0] for column in collect([tmp_path]).columns}


def test_annotations_of_the_plugin_repeat_the_runs_below_them(tmp_path: Path) -> None:
    """Where our judge is an annotator of alpaca_eval, its run folders lie in the annotator's."""
    folder = tmp_path / "results" / "tuned" / "longismore_openai__large"
    put(folder / "annotations.json", [annotation(1, 2.0)])
    put_run(folder / "runs" / "one", run={"judge": {"spec": "openai/large"}, "usage": {"cost_usd": 0.5}})
    found = collect([tmp_path])
    assert {"mini"} == {column.benchmark for column in found.columns}
    assert (0.5, 0) == found.costs("tuned")


def test_lm_eval_repeats_the_annotations_of_alpaca_evals_own_evaluator(tmp_path: Path) -> None:
    """Which has no run folder: its annotations have the intervals and the costs."""
    put_alpaca_eval(tmp_path, "alpaca_eval:lmsys_gpt4", "lmsys_gpt4")
    found = collect([tmp_path])
    assert {"alpaca_eval"} == {column.benchmark for column in found.columns}
    assert (("tuned",), (0.5, 0)) == (found.models, found.costs("tuned"))


def test_annotations_give_an_interval_clustered_by_instruction(tmp_path: Path) -> None:
    """The win rate is the mean preference, over those that have one, with the project's own interval."""
    rows = [annotation(1, 2.0), annotation(2, 1.25), annotation(3, None), annotation(4, 1.0)]
    put(tmp_path / "judge" / "annotations.json", rows)
    (number,) = collect([tmp_path], metrics=["win_rate"]).cells.values()
    assert (1.25 / 3, 3) == (pytest.approx(number.value), number.n)
    assert mean_interval([1.0, 0.25, 0.0], [1, 2, 3]) == pytest.approx(number.interval)
    assert {"judge": "judge", "reference": "base"} == number.settings


def test_a_leaderboard_alone_is_normal_and_its_spread_is_no_error(tmp_path: Path) -> None:
    """Percent become rates; lc_standard_error is no sampling error, so no interval is made of it."""
    text = ",win_rate,standard_error,n_total,length_controlled_winrate,lc_standard_error,mode\nm,40,2,805,35,0.1,x\n"
    (tmp_path / "leaderboard.csv").write_text(text, encoding="utf-8")
    found = {number.metric: number for number in collect([tmp_path]).cells.values()}
    assert (0.4, 805) == (found["win_rate"].value, found["win_rate"].n)
    assert (0.3608, 0.4392) == pytest.approx(found["win_rate"].interval, abs=1e-4)
    assert (0.35, None) == (found["length_controlled_winrate"].value, found["length_controlled_winrate"].interval)


def test_a_leaderboard_that_contradicts_its_annotations_is_said(tmp_path: Path) -> None:
    """The annotations are taken, and both numbers are in the note."""
    put(tmp_path / "annotations.json", [annotation(1, 2.0), annotation(2, 1.0)])
    (tmp_path / "leaderboard.csv").write_text(",win_rate,standard_error\ntuned,40,2\n", encoding="utf-8")
    found = collect([tmp_path], metrics=["win_rate"])
    assert [0.5] == [number.value for number in found.cells.values()]
    assert any("40.00% there and 50.00%" in note for note in found.notes)


def test_a_model_with_two_lines_is_said(tmp_path: Path) -> None:
    """The last line of a leaderboard is taken, and nothing is dropped without a word."""
    (tmp_path / "leaderboard.csv").write_text(",win_rate\nm,40\nother,10\nm,50\n", encoding="utf-8")
    found = collect([tmp_path])
    assert [0.5, 0.1] == [number.value for number in found.cells.values()]
    assert any("leaderboard.csv: m has 2 lines, of which the last one is taken" in note for note in found.notes)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", ",win_rate\nm,1,2\n", ',win_rate\n"m,1\n'])
def test_a_broken_leaderboard_is_named(tmp_path: Path, text: str) -> None:
    """No column is guessed."""
    (tmp_path / "leaderboard.csv").write_text(text, encoding="utf-8")
    put_run(tmp_path / "run")
    assert [str(tmp_path)] == [left.path for left in collect([tmp_path]).unreadable]


def test_prices_of_annotations_are_costs(tmp_path: Path) -> None:
    """They add up where every row has one, and are unknown where one has none."""
    priced = [annotation(number, 1.5, price_per_example=0.25) for number in (1, 2)]
    put(tmp_path / "annotations.json", priced)
    assert (0.5, 0) == collect([tmp_path]).costs("tuned")
    put(tmp_path / "annotations.json", [*priced, annotation(3, 1.5)])
    assert (None, 1) == collect([tmp_path]).costs("tuned")


def test_the_published_annotations_give_the_published_rate(data: Path) -> None:
    """Of alpaca-7b the leaderboard has 2.59 %."""
    found = collect([data / "alpaca_eval" / "alpaca-7b"])
    (number,) = found.cells.values()
    assert (0.02591, 805) == (pytest.approx(number.value, abs=1e-5), number.n)
    assert "gpt4_1106_preview" == number.settings["reference"]


def test_scores_of_mt_bench(tmp_path: Path) -> None:
    """Turns and both, by judge; -1 enters nothing and is counted; fewer than 80 questions are said in the column."""
    rows = [grade(81, 8), grade(81, 4, turn=2), grade(82, 10), grade(82, -1, turn=2)]
    put_lines(tmp_path / "model_judgment" / "gpt-4_single.jsonl", rows)
    found = collect([tmp_path])
    values = {column.metric: cells(found)["tuned", column.name].value for column in found.columns}
    assert {"score": 22 / 3, "turn 1": 9.0, "turn 2": 4.0} == pytest.approx(values)
    assert "mt_bench score, by gpt-4, 2 of 80 questions" == found.columns[0].name
    assert any(
        "of tuned by gpt-4, grades that cannot be read and enter nothing: 1 of 4" in each for each in found.notes
    )
    assert (None, 1) == found.costs("tuned")


def test_models_of_one_file_have_their_own_costs_and_fingerprints(tmp_path: Path) -> None:
    """What rows of longismore say beyond FastChat's is used: two fingerprints of one judge are not mixed."""
    rows = [
        grade(81, 8, "a", cost_usd=0.5, fingerprint="x"),
        grade(81, 8, "b", cost_usd=0.25, fingerprint="x"),
        grade(82, 8, "b", cost_usd=0.25, fingerprint="x"),
        grade(82, 8, "a", cost_usd=0.75, fingerprint="x"),
    ]
    path = put_lines(tmp_path / "judged.jsonl", rows)
    found = collect([path])
    assert [(1.25, 0), (0.5, 0)] == [found.costs(model) for model in found.models]
    put_lines(path, [*rows[1:3], *(row | {"fingerprint": "y"} for row in (rows[0], rows[3]))])
    with pytest.raises(DataError, match="mt_bench: judge fingerprint: y in"):
        collect([path])


def test_as_many_other_questions_are_not_the_same(tmp_path: Path) -> None:
    """Ten easy questions say nothing about ten hard ones, of scores and of comparisons."""
    asked = {"a": (81, 82, 83, 101), "b": (81, 82, 83, 102)}
    path = put_lines(tmp_path / "judged.jsonl", [grade(each, 8, name) for name in asked for each in asked[name]])
    with pytest.raises(DataError, match=r"mt_bench: questions: 81-83, 101 in .* and 81-83, 102 in"):
        collect([path])
    put_lines(path, [_pair(81, "tie", "tie"), _pair(82, "tie", "tie", "third")])
    with pytest.raises(DataError, match=r"mt_bench: questions: 82 in .* and 81 in"):
        collect([path])
    put_lines(path, [grade(each, 8, name) for name in asked for each in asked["a"]])
    assert {"81-83, 101"} == {number.versions["questions"] for number in collect([path]).cells.values()}


def _pair(question: int, first: str, second: str, other: str = "tuned") -> dict[str, Any]:
    return {
        "question_id": question,
        "model_1": "base",
        "model_2": other,
        "g1_winner": first,
        "g2_winner": second,
        "judge": ["gpt-4", "pair-v2"],
        "turn": 1,
        "tstamp": 1_700_000_000.0,
    }


def test_comparisons_of_mt_bench(tmp_path: Path) -> None:
    """Against a common model, the others have win rates; a turn whose orders differ counts half."""
    rows = [_pair(81, "model_2", "model_2"), _pair(82, "model_1", "model_2"), _pair(83, "model_1", "model_1", "third")]
    put_lines(tmp_path / "model_judgment" / "gpt-4_pair.jsonl", rows)
    found = cells(collect([tmp_path], metrics=["win rate"]))
    assert {
        ("tuned", "mt_bench win rate, by gpt-4, against base, 2 of 80 questions"): 0.75,
        ("third", "mt_bench win rate, by gpt-4, against base, 1 of 80 questions"): 0.0,
    } == {key: number.value for key, number in found.items()}


def test_of_two_models_alone_the_second_is_the_baseline(tmp_path: Path) -> None:
    """So FastChat writes them, and so do we: the rate is that of the model that was compared with it."""
    rows = [_pair(81, "model_1", "model_1"), _pair(82, "model_1", "tie")]
    put_lines(tmp_path / "model_judgment" / "gpt-4_pair.jsonl", rows)
    found = cells(collect([tmp_path], metrics=["win rate"]))
    assert {("base", "mt_bench win rate, by gpt-4, against tuned, 2 of 80 questions"): 0.75} == {
        key: number.value for key, number in found.items()
    }


def test_the_published_judgments_give_their_means(data: Path) -> None:
    """The means of both turns are those of a plain computation over the readable rows."""
    path = data / "reviews" / "mt_bench" / "gpt-4_single-origin.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = cells(collect([path]))
    for turn in (1, 2):
        for model in {row["model"] for row in rows}:
            scores = [r["score"] for r in rows if (r["turn"], r["model"]) == (turn, model) and r["score"] != -1]
            number = found[model, f"mt_bench turn {turn}, by gpt-4"]
            assert (sum(scores) / len(scores), len(scores)) == (pytest.approx(number.value), number.n)


def test_paths_from_elsewhere_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path and a run's own file find what the folder finds."""
    put_run(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    for given in ("run", Path("run") / "run.json", "."):
        assert ("tuned",) == collect([given]).models


def test_an_annotator_has_its_name_from_within_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder names it, also where it is given as ``.``."""
    put(tmp_path / "some_judge" / "annotations.json", [annotation(1, 2.0)])
    monkeypatch.chdir(tmp_path / "some_judge")
    for given in (".", "annotations.json"):
        (number,) = collect([given], metrics=["win_rate"]).cells.values()
        assert "some_judge" == number.settings["judge"]
