"""`longismore.collecting`: which numbers stand in the table, in which column, and what is said of the others."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

import pytest

from longismore.collecting import check_outputs, collect
from longismore.errors import ConfigError, DataError
from longismore.reports.collection import collection_json
from result_files import OLD, harness, put, put_run

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.reports.collection import Collection, Number


def cells(collection: Collection) -> dict[tuple[str, str], Number]:
    """The numbers by model and column."""
    return {(model, collection.columns[place].name): number for (model, place), number in collection.cells.items()}


def names(collection: Collection) -> list[str]:
    """Those of the columns."""
    return [column.name for column in collection.columns]


def test_a_row_a_model_and_a_column_a_metric(tmp_path: Path) -> None:
    """Two files of lm_eval give two rows; the column says task, metric and shots."""
    put(tmp_path / "a" / "results_1.json", harness("org/base"))
    put(tmp_path / "b" / "results_1.json", harness("org/tuned", metrics={"acc,none": 0.6, "acc_stderr,none": 0.05}))
    found = collect([tmp_path])
    assert ("org/base", "org/tuned") == found.models
    assert ["arc_challenge acc, 25-shot"] == names(found)
    assert [0.5, 0.6] == [number.value for number in cells(found).values()]


def test_the_interval_of_lm_eval_is_normal(tmp_path: Path) -> None:
    """Value and standard error give value ± 1.96 errors, a rate's cut to 0..1, and it is said how."""
    metrics = {"acc,none": 0.95, "acc_stderr,none": 0.05, "acc_norm,none": 0.5, "acc_norm_stderr,none": 0.1}
    put(tmp_path / "results_1.json", harness(metrics=metrics))
    found = cells(collect([tmp_path]))
    high, middle = found["org/base", "arc_challenge acc, 25-shot"], found["org/base", "arc_challenge acc_norm, 25-shot"]
    assert (0.852, 1.0) == pytest.approx(high.interval, abs=1e-4)
    assert (0.304, 0.696) == pytest.approx(middle.interval, abs=1e-4)
    assert "1.96 standard errors" in (middle.interval_kind or "")


def test_an_error_of_zero_gives_no_interval(tmp_path: Path) -> None:
    """That all items are alike does not make a number certain."""
    put(tmp_path / "results_1.json", harness(metrics={"acc,none": 0.0, "acc_stderr,none": 0.0}))
    found = collect([tmp_path])
    assert [None] == [number.interval for number in found.cells.values()]
    assert any(note.startswith("without an interval") for note in found.notes)


def test_an_error_beyond_all_numbers_gives_no_interval(tmp_path: Path) -> None:
    """The table can be written as JSON, which knows no infinite number."""
    put(tmp_path / "results_1.json", harness(metrics={"ppl,none": 1e308, "ppl_stderr,none": 1e308}))
    found = collect([tmp_path])
    assert [None] == [number.interval for number in found.cells.values()]
    (row,) = json.loads(collection_json(found))["rows"]
    assert [1e308] == [cell["value"] for cell in row["cells"].values()]


def test_files_of_version_0_3_are_read(tmp_path: Path) -> None:
    """Metrics without filter, a model named by its arguments, shots that are said once for all tasks."""
    put(tmp_path / "anything.json", OLD)
    found = collect([tmp_path])
    assert ("org/old",) == found.models
    assert ["drop em, 2-shot", "drop f1, 2-shot", "race acc, 2-shot"] == names(found)
    assert {"task version": "1"} == cells(found)["org/old", "race acc, 2-shot"].versions


def test_arguments_as_text_name_the_model_with_its_adapter_and_revision(tmp_path: Path) -> None:
    """An adapter goes before what it sits on, and checkpoints of one repository are not one model."""
    config = {"model": "hf", "model_args": "pretrained=org/base,peft=org/adapter,revision=step100", "limit": None}
    put(tmp_path / "results_1.json", harness(config=config, model_name=None))
    put(tmp_path / "results_2.json", harness("org/base", config={"model_args": {"revision": "step200"}}))
    assert ("org/adapter@step100", "org/base@step200") == collect([tmp_path]).models


def test_a_group_stands_for_its_tasks(tmp_path: Path) -> None:
    """Tasks of a group that has numbers are shown only if they are asked for; its version names theirs."""
    document = harness(task="part_a")
    document["results"]["part_b"] = document["results"]["part_a"]
    document["versions"]["part_b"] = 2
    document["results"]["whole"] = {"alias": "whole", "acc,none": 0.5, "acc_stderr,none": 0.02, "sample_len": 80}
    document["group_subtasks"] = {"whole": ["part_a", "inner"], "inner": ["part_b"]}
    put(tmp_path / "results_1.json", document)
    found = collect([tmp_path])
    assert ["whole acc, 25-shot"] == names(found)
    (number,) = found.cells.values()
    assert {"task version": "none (2 tasks of version 1, 2)"} == number.versions
    assert 80 == number.n
    assert ["part_a acc, 25-shot", "part_b acc"] == names(collect([tmp_path], metrics=["part_*"]))


def test_a_group_without_numbers_stands_for_nothing(tmp_path: Path) -> None:
    """Then its tasks are shown."""
    document = harness()
    document["results"]["set"] = {"alias": "set", " ": " "}
    document["group_subtasks"] = {"set": ["arc_challenge"]}
    put(tmp_path / "results_1.json", document)
    assert ["arc_challenge acc, 25-shot"] == names(collect([tmp_path]))


def test_filters_and_limits_have_columns_of_their_own(tmp_path: Path) -> None:
    """A number over ten items is not in the column of all items, and two filters are two columns."""
    metrics = {"exact_match,strict": 0.2, "exact_match,flexible": 0.4}
    put(tmp_path / "a" / "results_1.json", harness("a", task="gsm8k", metrics=metrics, shots=5))
    limited = harness("b", task="gsm8k", metrics=metrics, shots=5, effective=10)
    put(tmp_path / "b" / "results_1.json", limited | {"config": {"model_args": {}, "limit": 10.0}})
    found = collect([tmp_path])
    assert [
        "gsm8k exact_match, 5-shot, flexible",
        "gsm8k exact_match, 5-shot, flexible, limit 10",
        "gsm8k exact_match, 5-shot, strict",
        "gsm8k exact_match, 5-shot, strict, limit 10",
    ] == sorted(names(found))
    assert any("limit 10 and no limit" in note for note in found.notes)


def test_shots_have_columns_of_their_own_and_it_is_said(tmp_path: Path) -> None:
    """Five shots and twenty-five are never one column, not even where mixing is allowed."""
    put(tmp_path / "a" / "results_1.json", harness("a", shots=5))
    put(tmp_path / "b" / "results_1.json", harness("b", shots=25))
    for allowed in (False, True):
        found = collect([tmp_path], allow_mixed=allowed)
        assert ["arc_challenge acc, 5-shot", "arc_challenge acc, 25-shot"] == names(found)
        assert any("25-shot and 5-shot" in note for note in found.notes)


@pytest.mark.parametrize("given", ["N/A", None, math.nan, True, [0.5]])
def test_what_is_no_number_is_counted_and_never_one(tmp_path: Path, given: Any) -> None:
    """A value of another kind leaves its cell empty, and is said."""
    put(tmp_path / "results_1.json", harness(metrics={"acc,none": given, "acc_norm,none": 0.5}))
    found = collect([tmp_path])
    assert ["arc_challenge acc_norm, 25-shot"] == names(found)
    assert "values left out, for they are no numbers: 1, in arc_challenge/acc; of org/base" in found.notes


def test_a_model_without_any_number_is_named(tmp_path: Path) -> None:
    """It has no row, so a note names it, and the error where it is alone; an endless name is cut."""
    put(tmp_path / "a" / "results_1.json", harness("a", metrics={"acc,none": 0.5, "acc_norm,none": math.nan}))
    for model in ("b", "c" * 999):
        put(tmp_path / model[:9] / "results_1.json", harness(model, metrics={"acc,none": math.nan}))
    told = [note for note in collect([tmp_path]).notes if "no numbers" in note]
    cut = f"{'c' * 120}\N{HORIZONTAL ELLIPSIS}"
    metrics = "arc_challenge/acc_norm, arc_challenge/acc"
    what = f"values left out, for they are no numbers: 3, in {metrics}"
    assert told == [f"{what}; of a, b, {cut}; without a row in the table: b, {cut}"]
    with pytest.raises(DataError, match=r"nothing to collect.*\n.*no numbers: 1, in arc_challenge/acc; of b; without"):
        collect([tmp_path / "b"])


def test_a_model_without_any_number_is_named_as_it_is_called(tmp_path: Path) -> None:
    """What has another name in the table has that in the note too, and so has its row there."""
    for model in ("a", "b"):
        metrics = {"acc,none": 0.5 if model == "a" else None}
        put(tmp_path / model / "results_1.json", harness(model, metrics=metrics))
    put(tmp_path / "mt" / "results_1.json", harness("b", task="race"))
    told = [note for note in collect([tmp_path], aliases={"b": "tuned"}).notes if "no numbers" in note]
    assert told == ["values left out, for they are no numbers: 1, in arc_challenge/acc; of tuned"]


def test_the_official_rate_of_alpaca_eval_is_a_main_metric_in_percent(tmp_path: Path) -> None:
    """By the name that the task ``longismore_alpaca_eval`` gives it; its other metrics are there when chosen."""
    metrics = {"length_controlled_v1,none": 0.125, "preference,none": 0.25, "avg_length,none": 1000.0}
    put(tmp_path / "results_1.json", harness(task="longismore_alpaca_eval", metrics=metrics))
    (number,) = collect([tmp_path]).cells.values()
    assert ("length_controlled_v1", 0.125, True) == (number.metric, number.value, number.is_rate)
    chosen = {number.metric: number.is_rate for number in collect([tmp_path], metrics=["*"]).cells.values()}
    assert {"length_controlled_v1": True, "preference": True, "avg_length": False} == chosen


def test_perplexity_is_no_rate(tmp_path: Path) -> None:
    """It is shown as it is, and lower is better."""
    put(tmp_path / "results_1.json", harness(task="wikitext", metrics={"word_perplexity,none": 0.9}, shots=0))
    (column,) = collect([tmp_path]).columns
    assert (False, True) == (column.is_rate, column.lower_is_better)


def test_answers_that_were_only_generated_are_no_result(tmp_path: Path) -> None:
    """What lm_eval writes under --predict_only is not taken for a metric."""
    put(tmp_path / "results_1.json", harness(metrics={"bypass,none": 999, "bypass_stderr,none": "N/A"}))
    with pytest.raises(DataError, match=r"nothing to collect.*\n.*predict_only"):
        collect([tmp_path])


def test_task_versions_are_not_mixed(tmp_path: Path) -> None:
    """The error names the benchmark, both versions, both files and the way out."""
    one = put(tmp_path / "a" / "results_1.json", harness("a", version=1.0))
    other = put(tmp_path / "b" / "results_1.json", harness("b", version=2))
    with pytest.raises(DataError) as error:
        collect([tmp_path])
    message = str(error.value)
    assert f"arc_challenge: task version: 1 in {one} (a) and 2 in {other} (b)" in message
    assert "--allow-mixed" in message


def test_mixed_cells_are_marked_where_that_is_allowed(tmp_path: Path) -> None:
    """The version of most models is unmarked; the other has a letter, and the letter a reason."""
    for model, version in (("a", 1), ("b", 2), ("c", 2.0)):
        put(tmp_path / model / "results_1.json", harness(model, version=version))
    found = collect([tmp_path], allow_mixed=True)
    assert {("a", 0): "a"} == {place: mark.letter for place, mark in found.marks.items()}
    assert "task version: 1, not 2" in found.marks["a", 0].reason


def test_a_version_that_is_not_known_is_said(tmp_path: Path) -> None:
    """It refuses nothing, since nothing is known, but nobody takes it for the same."""
    put(tmp_path / "a" / "results_1.json", harness("a", version=1))
    put(tmp_path / "b" / "results_1.json", harness("b", version=None))
    notes = collect([tmp_path]).notes
    assert any(note.startswith("arc_challenge: task version is not known of b") for note in notes)


def test_other_differences_within_a_column_are_said(tmp_path: Path) -> None:
    """A chat template, another lm_eval: the numbers stay together, and a sentence says what differs."""
    put(tmp_path / "a" / "results_1.json", harness("a"))
    put(tmp_path / "b" / "results_1.json", harness("b", chat_template_sha="c0ffee", lm_eval_version="0.4.12"))
    notes = collect([tmp_path]).notes
    assert "lm_eval differs: 0.4.13 (a), 0.4.12 (b); in arc_challenge" in notes
    assert "chat template differs: not used (a), used (b); in arc_challenge" in notes


def test_the_newest_of_several_is_taken_and_counted(tmp_path: Path) -> None:
    """Not the last name, but the last date; the older one is named with what replaces it."""
    new = put(tmp_path / "results_1.json", harness(date=2e9, metrics={"acc,none": 0.75}))
    old = put(tmp_path / "results_2.json", harness(date=1e9, version=0))
    found = collect([tmp_path])
    assert [0.75] == [number.value for number in found.cells.values()]
    assert [str(old)] == [left.path for left in found.superseded]
    assert f"replaced by {new} (task version 0, there 1)" in found.superseded[0].reason
    assert f"numbers left out, for a newer one of the same model is there: 1, in {old} (1)" in found.notes


def test_without_a_date_the_name_or_the_file_says_when(tmp_path: Path) -> None:
    """A date in the name goes before the time at which the file was written."""
    put(tmp_path / "results_2026-01-02T03-04-05.678901.json", harness(date=None, metrics={"acc,none": 0.75}))
    undated = put(tmp_path / "results_old.json", harness(date=None))
    os.utime(undated, (1e9, 1e9))
    found = collect([tmp_path])
    assert [0.75] == [number.value for number in found.cells.values()]
    assert ["2001-09-09"] == [f"{number.source.created:%Y-%m-%d}" for number in cells(collect([undated])).values()]


def test_the_same_file_given_twice_counts_once(tmp_path: Path) -> None:
    """A folder and a file in it are no duplicate."""
    path = put(tmp_path / "results_1.json", harness())
    assert () == collect([tmp_path, path, path.parent]).superseded


@pytest.mark.parametrize("text", ["", "{", '{"results": {"arc_challenge": [1]}}', "[]", "\xff", '{"config": {}}'])
def test_what_cannot_be_read_is_named_and_the_rest_is_there(tmp_path: Path, text: str) -> None:
    """A cut or foreign file of that name stops nothing and is not forgotten."""
    put(tmp_path / "good" / "results_1.json", harness())
    bad = tmp_path / "results_bad.json"
    bad.write_bytes(text.encode("latin-1"))
    found = collect([tmp_path])
    assert [str(bad)] == [left.path for left in found.unreadable]
    assert ("org/base",) == found.models


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    """Samples, answers, hidden folders and pipes that nobody writes to are no results, and no error."""
    put(tmp_path / "results_1.json", harness())
    put(tmp_path / "model_outputs.json", [{"instruction": "a", "output": "b"}])
    put(tmp_path / ".cache" / "results_2.json", harness("hidden"))
    (tmp_path / "samples_arc_1.jsonl").write_text("{", encoding="utf-8")
    (tmp_path / "judgments.jsonl").write_text("{", encoding="utf-8")
    os.mkfifo(tmp_path / "results_3.json")
    found = collect([tmp_path])
    assert (("org/base",), ()) == (found.models, found.unreadable)


def test_nothing_to_collect_is_an_error(tmp_path: Path) -> None:
    """It says what was expected; a file that holds no results is refused by name, and so is one that is missing."""
    with pytest.raises(DataError, match=r"nothing to collect; expected results_\*.json of lm_eval"):
        collect([tmp_path])
    with pytest.raises(DataError, match="holds no results that can be collected"):
        collect([put(tmp_path / "outputs.json", [])])
    with pytest.raises(DataError, match="no such file"):
        collect([tmp_path / "missing"])


def test_metrics_are_chosen_by_patterns(tmp_path: Path) -> None:
    """A benchmark, a metric or both, with wild cards; a pattern that names nothing is an error with near names."""
    metrics = {"acc,none": 0.5, "acc_norm,none": 0.5}
    put(tmp_path / "results_1.json", harness(metrics=metrics))
    put(tmp_path / "results_2.json", harness(task="gsm8k", metrics={"exact_match,none": 0.5}))
    for pattern, expected in (
        ("acc", ["arc_challenge acc, 25-shot"]),
        ("gsm8k", ["gsm8k exact_match, 25-shot"]),
        ("arc*/acc_*", ["arc_challenge acc_norm, 25-shot"]),
    ):
        assert expected == names(collect([tmp_path], metrics=[pattern]))
    with pytest.raises(ConfigError, match='"arc_challenge/ac" names no metric; did you mean arc_challenge/acc'):
        collect([tmp_path], metrics=["arc_challenge/ac"])


def test_one_model_of_two_names_has_a_hint_and_an_alias(tmp_path: Path) -> None:
    """Programs name models differently: rows are not joined by guessing, but the option to join them is given."""
    put(tmp_path / "results_1.json", harness("out/Tuned"))
    put_run(tmp_path / "run", "tuned")
    found = collect([tmp_path])
    assert ("out/Tuned", "tuned") == found.models
    assert any('--alias "tuned=out/Tuned"' in note for note in found.notes)
    assert ("tuned",) == collect([tmp_path], aliases={"out/Tuned": "tuned"}).models
    with pytest.raises(ConfigError, match='no model is called "tune"; did you mean tuned'):
        collect([tmp_path], aliases={"tune": "x"})


def test_everything_is_json(tmp_path: Path) -> None:
    """The whole table can be written as JSON, with source and versions of each cell."""
    path = put(tmp_path / "results_1.json", harness())
    document = json.loads(json.dumps(collect([tmp_path]).to_dict(), allow_nan=False))
    cell = document["rows"][0]["cells"]["arc_challenge acc, 25-shot"]
    assert (0.5, 40, str(path), {"task version": "1"}) == (cell["value"], cell["n"], cell["source"], cell["versions"])
    assert {"lm_eval": "0.4.13"} == document["sources"][0]["versions"]


def test_no_table_takes_the_place_of_results(tmp_path: Path) -> None:
    """A file that is collected, and one in a folder that is read as a whole; a table of earlier may be replaced."""
    put(tmp_path / "results_1.json", harness())
    put_run(tmp_path / "run")
    (tmp_path / "run" / "table.json").write_text("{}", encoding="utf-8")
    (tmp_path / "link.json").symlink_to(tmp_path / "results_1.json")
    check_outputs([tmp_path / "run" / "table.json", tmp_path / "new.csv"], [tmp_path])
    check_outputs([], ["nowhere"])
    for name in ("results_1.json", "link.json", "run/results.json", "run/../run/run.json"):
        with pytest.raises(ConfigError, match=f"{name}: is one of the results, which would be lost"):
            check_outputs([tmp_path / name], [tmp_path])
