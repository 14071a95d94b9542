"""Judges and metric of longismore in alpaca_eval, from Python, beside the real alpaca_eval."""

from __future__ import annotations

import json
import math
import os
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alpaca_answers import needs_alpaca_eval, needs_sdks
from judge_server import JudgeServer
from longismore.errors import CompatError, ConfigError, DataError, SchemaError, UnknownNameError, UsageError
from longismore.harness import register_alpaca_eval
from longismore.harness._alpaca_import import alpaca_module
from longismore.harness._alpaca_metric import SORT_BY
from longismore.harness._alpaca_plugin import main_imported

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = needs_alpaca_eval

Rows = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched, and what is written without a folder is written here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LONGISMORE_STORE", str(tmp_path / "store.sqlite"))
    monkeypatch.setenv("OPENAI_API_KEY", "k")


@pytest.fixture
def evaluate() -> Callable[..., Any]:
    """alpaca_eval's own function, which gives leaderboard and annotations in the place of printing."""
    package: Any = alpaca_module()
    register_alpaca_eval()

    def call(**arguments: Any) -> Any:
        leaderboard, annotations = package.evaluate(is_return_instead_of_print=True, **arguments)
        return leaderboard, annotations

    return call


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_HUB_OFFLINE=1 does when it is set before the start: no attempts, and no pauses between them."""
    import datasets
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def answers(generator: str, chars: Callable[[int], int], count: int = 12) -> Rows:
    """Rows of a ``model_outputs.json``."""
    return [
        {"instruction": f"question {n}", "output": "word " * chars(n), "generator": generator, "dataset": f"set{n % 2}"}
        for n in range(count)
    ]


BASE = answers("base", lambda n: 5)
TUNED = answers("tuned", lambda n: 3 + n)


def test_a_judge_is_named_like_any_annotator(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    """Leaderboard and annotations in alpaca_eval's format, in a folder of the judge's name, with our run folder."""
    leaderboard, annotations = evaluate(
        model_outputs=TUNED, reference_outputs=BASE, annotators_config="longismore_length",
        fn_metric="longismore_lc_winrate", output_path=tmp_path / "out",
    )  # fmt: skip
    # Of 12 answers of 3 to 14 words against 5: two are shorter, one is equal.
    line = leaderboard.loc["tuned"]
    assert (9, 2, 1, 12) == tuple(line[["n_wins", "n_wins_base", "n_draws", "n_total"]])
    assert pytest.approx(100 * 9.5 / 12) == line["win_rate"]
    assert [True] * 3 == [math.isfinite(line[name]) for name in (SORT_BY, "longismore_lc_low", "longismore_lc_high")]
    assert [1.0, 1.0, 1.5, 2.0] == [row["preference"] for row in annotations[:4]]
    written = json.loads((tmp_path / "out" / "longismore_length" / "annotations.json").read_text())
    assert annotations == written
    assert ["instruction", "output_1", "generator_1", "dataset", "output_2", "generator_2", "annotator"] == list(
        written[0]
    )[:7]
    assert (tmp_path / "out" / "longismore_length" / "leaderboard.csv").is_file()
    [run] = (tmp_path / "out" / "longismore_length" / "runs").iterdir()
    assert {"judgments.jsonl", "results.json", "report.html", "run.json"} <= {path.name for path in run.iterdir()}


def test_the_metric_need_not_be_named(evaluate: Callable[..., Any]) -> None:
    """The default of alpaca_eval would fetch from a hub when all is judged; a judge of ours has ours as default."""
    leaderboard, _ = evaluate(
        model_outputs=TUNED, reference_outputs=BASE, annotators_config="longismore_length", output_path=None
    )
    assert SORT_BY in leaderboard.columns
    assert "length_controlled_winrate" not in leaderboard.columns


def test_alpaca_evals_own_win_rate_can_be_had(evaluate: Callable[..., Any]) -> None:
    """get_winrate of our annotations, sorted by what it gives."""
    leaderboard, _ = evaluate(
        model_outputs=TUNED, reference_outputs=BASE, annotators_config="longismore_length", output_path=None,
        fn_metric="get_winrate",
    )  # fmt: skip
    assert pytest.approx(100 * 9.5 / 12) == leaderboard.loc["tuned", "win_rate"]
    assert SORT_BY not in leaderboard.columns


def test_metrics_of_annotations_that_are_there(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    """is_recompute_metrics_only reads what was written, asks nobody, and writes where it has read."""
    out = tmp_path / "out"
    arguments = {"annotators_config": "longismore_length", "output_path": out}
    (tmp_path / "model.json").write_text(json.dumps(TUNED))
    first, _ = evaluate(model_outputs=tmp_path / "model.json", reference_outputs=BASE, **arguments)
    before = sorted(path.relative_to(out) for path in out.rglob("*"))
    again, _ = evaluate(model_outputs=tmp_path / "model.json", is_recompute_metrics_only=True, **arguments)
    assert first.loc["tuned"].to_dict() == pytest.approx(again.loc["tuned"].to_dict(), nan_ok=True)
    assert before == sorted(path.relative_to(out) for path in out.rglob("*"))


def test_annotations_of_another_annotator_get_our_metric(
    evaluate: Callable[..., Any], data: Path, tmp_path: Path
) -> None:
    """Published annotations, with no leaderboard beside them and no reference given: our figures beside its own."""
    name = "weighted_alpaca_eval_gpt4_turbo"
    source = data / "alpaca_eval" / "alpaca-7b"
    (tmp_path / name).mkdir()
    (tmp_path / name / "annotations.json").write_bytes((source / name / "annotations.json").read_bytes())
    leaderboard, _ = evaluate(
        model_outputs=source / "model_outputs.json", annotators_config=name, fn_metric="longismore_lc_winrate",
        is_recompute_metrics_only=True, output_path=tmp_path, metric_kwargs={"draws": 20},
    )  # fmt: skip
    line = leaderboard.loc["alpaca-7b"]
    assert (17, 785, 3, 805) == tuple(line[["n_wins", "n_wins_base", "n_draws", "n_total"]])
    assert (pytest.approx(2.591, abs=5e-4), 396) == (line["win_rate"], line["avg_length"])
    assert line["win_rate"] < line[SORT_BY]
    assert (tmp_path / name / "leaderboard.csv").is_file()


@needs_sdks
def test_a_paid_judge_is_asked_once_for_each_order_and_never_again(
    evaluate: Callable[..., Any], tmp_path: Path
) -> None:
    """23 calls for 12 pairs, one of them of equal answers, which is one text in both orders; then none."""
    (tmp_path / "model.json").write_text(json.dumps(TUNED))
    with JudgeServer() as server:
        arguments = {
            "model_outputs": tmp_path / "model.json", "reference_outputs": BASE, "base_url": server.base_url,
            "annotators_config": "longismore_openai/test-judge", "output_path": tmp_path / "out",
        }  # fmt: skip
        first, rows = evaluate(**arguments)
        assert 23 == len(server.requests)
        again, same = evaluate(**arguments)
        assert 23 == len(server.requests)
    assert first.loc["tuned"].to_dict() == pytest.approx(again.loc["tuned"].to_dict(), nan_ok=True)
    assert [row["preference"] for row in rows] == [row["preference"] for row in same]
    assert ["longismore_openai__test-judge"] == [path.name for path in (tmp_path / "out").iterdir()]
    assert {"longismore_openai__test-judge"} == {row["annotator"] for row in rows}


@needs_sdks
def test_two_judges_do_not_overwrite_each_other(
    evaluate: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the environment names them, what they write is in folders of their own."""
    for judge in ("length", "lexical"):
        monkeypatch.setenv("LONGISMORE_JUDGE", judge)
        evaluate(
            model_outputs=TUNED,
            reference_outputs=BASE,
            annotators_config="longismore_judge",
            output_path=tmp_path / "o",
        )
    assert ["longismore_length", "longismore_lexical"] == sorted(path.name for path in (tmp_path / "o").iterdir())


@needs_sdks
def test_what_cannot_be_read_is_null_and_counted(
    evaluate: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An answer in prose is no preference: the pair is null, and both counts and log say so."""
    with JudgeServer(script=["prose"]) as server:
        leaderboard, rows = evaluate(
            model_outputs=TUNED, reference_outputs=BASE, annotators_config="longismore_openai/test-judge",
            base_url=server.base_url, concurrency=1, output_path=None,
        )  # fmt: skip
    assert (11, 1) == tuple(leaderboard.loc["tuned", ["n_total", "longismore_n_unjudged"]])
    assert [None] == [row["preference"] for row in rows if row["preference"] is None]
    assert any("1 of 12 pairs were not judged in both orders" in message for message in caplog.messages)


def test_nothing_is_written_into_the_installed_package(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    """No cache, no weights, no leaderboard: they would outlive the package and need its folder to be writable."""
    package = Path(alpaca_module().__file__ or "").parent
    before = {path: path.stat().st_mtime_ns for path in package.rglob("*") if "__pycache__" not in path.parts}
    evaluate(model_outputs=TUNED, reference_outputs=BASE, annotators_config="longismore_length", output_path=tmp_path)
    after = {path: path.stat().st_mtime_ns for path in package.rglob("*") if "__pycache__" not in path.parts}
    assert before == after
    with pytest.raises(ConfigError, match="must not be written into the installed alpaca_eval"):
        evaluate(
            model_outputs=TUNED, reference_outputs=BASE, annotators_config="longismore_length",
            precomputed_leaderboard=package / "leaderboards" / "longismore_leaderboard.csv",
        )  # fmt: skip


def test_more_rows_than_alpacaeval_has(evaluate: Callable[..., Any]) -> None:
    """900 pairs are 900 pairs, and alpaca_eval's own length control says at once that it knows 805."""
    base, tuned = answers("base", lambda n: 5, 900), answers("tuned", lambda n: 3 + n % 7, 900)
    arguments = {"model_outputs": tuned, "reference_outputs": base, "annotators_config": "longismore_length"}
    leaderboard, _ = evaluate(output_path=None, metric_kwargs={"draws": 10}, **arguments)
    assert 900 == leaderboard.loc["tuned", "n_total"]
    with pytest.raises(ConfigError, match="knows the 805 instructions of AlpacaEval by their place only"):
        evaluate(fn_metric="get_length_controlled_winrate", **arguments)


def test_their_length_control_without_a_hub_fails_before_anything_is_judged(
    evaluate: Callable[..., Any], tmp_path: Path, offline: None
) -> None:
    """alpaca_eval itself would find out when everything is paid."""
    with pytest.raises(ConfigError, match="neither in the cache nor can be fetched") as raised:
        evaluate(
            model_outputs=TUNED, reference_outputs=BASE, annotators_config="longismore_length",
            fn_metric="get_length_controlled_winrate", output_path=tmp_path / "out",
        )  # fmt: skip
    assert "--fn_metric longismore_lc_winrate" in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_without_a_reference_it_says_how_to_give_one(evaluate: Callable[..., Any], offline: None) -> None:
    """alpaca_eval's own default comes from a hub, by a script that datasets refuses today."""
    with pytest.raises(ConfigError, match="give a file, --reference_outputs FILE"):
        evaluate(model_outputs=TUNED, annotators_config="longismore_length")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"annotators_config": "longismore_lenght"}, UnknownNameError, "did you mean length"),
        ({"fn_metric": "longismore_lc_win_rate"}, UnknownNameError, "known: get_length.*longismore_lc_winrate"),
        ({"concurency": 3}, ConfigError, "did you mean concurrency"),
        ({"p_label_flip": 0.2}, ConfigError, "no noise is added"),
        ({"model_outputs": []}, UsageError, "there are no answers"),
        ({"annotation_kwargs": {"keys_to_merge": ["id"]}}, ConfigError, "paired by instruction and input"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_judged(
    evaluate: Callable[..., Any], tmp_path: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Judge, metric, settings and answers."""
    given = {
        "model_outputs": TUNED, "reference_outputs": BASE, "annotators_config": "longismore_length",
        "output_path": tmp_path / "out",
    }  # fmt: skip
    with pytest.raises(error, match=message):
        evaluate(**given | arguments)
    assert [] == list((tmp_path / "out").rglob("*.json"))


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_an_answer_that_is_missing_is_named(evaluate: Callable[..., Any], missing: object) -> None:
    """alpaca_eval would have the word None judged."""
    rows = [dict(row) for row in TUNED]
    rows[4]["output"] = missing
    with pytest.raises(SchemaError, match='model_outputs: row 5: field "output" must be a string, found null'):
        evaluate(model_outputs=rows, reference_outputs=BASE, annotators_config="longismore_length")


def test_answers_that_look_like_numbers_stay_texts(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    """Read by pandas they would be numbers, at which alpaca_eval stops when it counts characters."""
    for name, text in (("base", "07"), ("tuned", "042")):
        rows = [{"instruction": f"{n}", "output": text, "generator": name} for n in range(6)]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    leaderboard, rows = evaluate(
        model_outputs=tmp_path / "tuned.json", reference_outputs=tmp_path / "base.json",
        annotators_config="longismore_length",
    )  # fmt: skip
    assert (6, 3) == tuple(leaderboard.loc["tuned", ["n_wins", "avg_length"]])
    assert ("0", "07", "042") == (rows[0]["instruction"], rows[0]["output_1"], rows[0]["output_2"])
    assert (tmp_path / "longismore_length" / "leaderboard.csv").is_file()


def test_answers_in_a_folder_that_cannot_be_written(
    evaluate: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Published files often lie where one can only read: what is written goes below the folder where one is."""
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "tuned.json").write_text(json.dumps(TUNED))
    # Root may write everywhere, so the system's answer is given here.
    monkeypatch.setattr(os, "access", lambda path, mode: "published" not in str(path))
    evaluate(
        model_outputs=tmp_path / "published" / "tuned.json", reference_outputs=BASE,
        annotators_config="longismore_length",
    )  # fmt: skip
    assert (tmp_path / "results" / "tuned" / "longismore_length" / "leaderboard.csv").is_file()
    assert ["tuned.json"] == [path.name for path in (tmp_path / "published").iterdir()]
    assert any("published cannot be written: everything goes to results/tuned" in each for each in caplog.messages)


def test_empty_answers_are_answers(evaluate: Callable[..., Any]) -> None:
    """An empty text loses to a longer one, and is no missing answer."""
    rows = [{**row, "output": ""} for row in TUNED]
    leaderboard, _ = evaluate(
        model_outputs=rows, reference_outputs=BASE, annotators_config="longismore_length", output_path=None
    )
    assert (12, 0) == tuple(leaderboard.loc["tuned", ["n_wins_base", "avg_length"]])


def test_max_instances_takes_as_many(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    """The same instructions of both, though alpaca_eval shuffles them, under the ids that they always have."""
    _, rows = evaluate(
        model_outputs=TUNED, reference_outputs=BASE, annotators_config="longismore_length", output_path=None,
        max_instances=5, judge_output=tmp_path / "runs",
    )  # fmt: skip
    assert 5 == len(rows)
    [run] = (tmp_path / "runs").iterdir()
    lines = [json.loads(line) for line in (run / "judgments.jsonl").read_text().splitlines()]
    assert {f"question {int(line['id']) - 1}" for line in lines} == {row["instruction"] for row in rows}


def test_a_model_on_the_leaderboard_is_not_judged_again(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    """As in alpaca_eval: unless is_overwrite_leaderboard says so."""
    arguments = {
        "model_outputs": TUNED, "reference_outputs": BASE, "annotators_config": "longismore_length",
        "output_path": tmp_path,
    }  # fmt: skip
    evaluate(**arguments)
    precomputed = tmp_path / "longismore_length" / "leaderboard.csv"
    _, rows = evaluate(**arguments, precomputed_leaderboard=precomputed)
    assert rows is None
    _, rows = evaluate(**arguments, precomputed_leaderboard=precomputed, is_overwrite_leaderboard=True)
    assert 12 == len(rows)


def test_pairs_can_be_judged_without_a_leaderboard(tmp_path: Path) -> None:
    """annotate_pairs, for who uses alpaca_eval's annotators by themselves."""
    from longismore.harness._alpaca_annotator import LongismoreAnnotator

    pairs = [
        {"instruction": "a", "output_1": "long enough", "output_2": "short"},
        {"instruction": "a", "output_1": "short", "output_2": "long enough"},
    ]
    rows = LongismoreAnnotator("longismore_length").annotate_pairs(pairs)
    assert [(1.0, "long enough"), (2.0, "short")] == [(row["preference"], row["output_1"]) for row in rows]


def test_without_a_judge_or_metric_of_ours_nothing_changes(evaluate: Callable[..., Any]) -> None:
    """alpaca_eval's own errors, its own defaults."""
    with pytest.raises(FileNotFoundError, match="no_such_config"):
        evaluate(model_outputs=TUNED, reference_outputs=BASE, annotators_config="no_such_config", output_path=None)


def fake_main(evaluate: Callable[..., Any]) -> Any:
    """A module that looks like ``alpaca_eval.main`` as far as the plug-in can see."""
    module: Any = types.ModuleType("fake_alpaca_eval.main")
    module.evaluate, module.ALL_FUNCTIONS, module.metrics = evaluate, {"evaluate": evaluate}, types.ModuleType("m")
    return module


def test_registering_twice_wraps_once() -> None:
    """The hook and register_alpaca_eval() may both come."""
    register_alpaca_eval()
    package: Any = alpaca_module()
    once = package.evaluate
    register_alpaca_eval()
    assert once is package.evaluate is alpaca_module("main").evaluate is alpaca_module("main").ALL_FUNCTIONS["evaluate"]


def test_an_evaluate_that_does_not_fit_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that lacks an argument is named, and not wrapped; the hook makes a warning of it."""
    monkeypatch.setitem(sys.modules, "fake_alpaca_eval", types.ModuleType("fake_alpaca_eval"))

    def other(model_outputs: object = None) -> None:
        """Of another version."""

    module = fake_main(other)
    with pytest.raises(CompatError, match="has no Annotator, annotators_config"):
        main_imported(module)
    assert other is module.evaluate


def test_two_models_under_one_instruction_are_refused(evaluate: Callable[..., Any]) -> None:
    """What belongs together must be known: alpaca_eval would judge each with each."""
    with pytest.raises(DataError, match="which belong together is not known"):
        evaluate(
            model_outputs=[*TUNED, {**TUNED[0], "output": "another"}], reference_outputs=BASE,
            annotators_config="longismore_length",
        )  # fmt: skip
