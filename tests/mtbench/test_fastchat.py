"""FastChat's own readers take what we write, and give the numbers that we read."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer
from longismore.mtbench import read_comparisons, read_grades
from mtbench_folders import QUESTIONS, chat_judge, judged, judging, write_folder

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.store import Store

pytestmark = [
    pytest.mark.slow,  # fastchat imports torch
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("fastchat", "anthropic", "openai", "pandas", "torch")),
        reason="fschat is not installed with all that its llm_judge imports",
    ),
]

_PROGRAM = """
import argparse, contextlib, io, json, sys
from fastchat.llm_judge import common, show_result
folder, judge = sys.argv[1:]
answers = common.load_model_answers(f"{folder}/model_answer")
single = common.load_single_model_judgments(f"{folder}/model_judgment/{judge}_single.jsonl")
pair = common.load_pairwise_model_judgments(f"{folder}/model_judgment/{judge}_pair.jsonl")
shown = {}
for mode, baseline in (("single", None), ("pairwise-all", None), ("pairwise-baseline", "fair")):
    kind = "single" if mode == "single" else "pair"
    args = argparse.Namespace(
        bench_name="mt_bench", input_file=f"{folder}/model_judgment/{judge}_{kind}.jsonl", judge_model=judge,
        baseline_model=baseline, model_list=None, mode=mode,
    )
    with contextlib.redirect_stdout(io.StringIO()) as text:
        (show_result.display_result_single if mode == "single" else show_result.display_result_pairwise)(args)
    shown[mode] = text.getvalue()
json.dump({
    "answers": {model: {q: row["choices"][0]["turns"] for q, row in rows.items()} for model, rows in answers.items()},
    "single": [[*key, *game, found["score"]] for key, games in single.items() for game, found in games.items()],
    "pair": [[*key, *game, *found["winners"]] for key, games in pair.items() for game, found in games.items()],
    "shown": shown,
}, sys.stdout)
"""


def read_by_fastchat(folder: Path, judge: str) -> dict[str, Any]:
    """In a process of its own: importing it warns of much."""
    program = [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(folder), judge]
    return json.loads(subprocess.run(program, check=True, capture_output=True, text=True, timeout=300).stdout)  # type: ignore[no-any-return]


def test_what_we_write(tmp_path: Path, store: Store) -> None:
    """Answers, grades of both turns, comparisons; errors are errors there too, and the means are ours."""
    folder = write_folder(tmp_path / "mt", but={("poor", 82): ("poor says \u2028 {x}.", "$ERROR$")})
    with JudgeServer(reply=judging, script=["prose"]) as server:
        single = judged(folder, chat_judge(server, concurrency=1), store).judging.path
        pair = judged(folder, chat_judge(server, pairwise=True), store, mode="pairwise-all").judging.path
    theirs = read_by_fastchat(folder, "test-judge")

    assert {"good", "fair", "poor"} == set(theirs["answers"])
    assert ["poor says \u2028 {x}.", "$ERROR$"] == theirs["answers"]["poor"]["82"]
    grades = read_grades(single)
    assert sorted(theirs["single"]) == sorted(
        [each.judge, each.prompt_name, each.question, each.model, -1 if each.score is None else each.score]
        for each in grades
    )
    assert 2 == sum(each.score is None for each in grades)
    for turn, title in ((1, "First turn"), (2, "Second turn")):
        lines = theirs["shown"]["single"].partition(f"# {title} #")[2].splitlines()
        means = {model: float(mean) for model, _, mean in (line.split() for line in lines[3:6])}
        ours = {
            model: fmean(each.score for each in grades if (each.model, each.turn) == (model, turn) and each.score)
            for model in ("good", "fair", "poor")
        }
        assert ours == pytest.approx(means, abs=1e-6)

    comparisons = read_comparisons(pair)
    assert 3 * 2 * len(QUESTIONS) == len(theirs["pair"]) == len(comparisons)
    by_name = {(c.question, c.turn, *sorted([c.model_1, c.model_2])): c for c in comparisons}
    for _, prompt, question, model_1, model_2, winner in theirs["pair"]:
        ours_of = by_name[question, 2 if prompt.endswith("multi-turn") else 1, model_1, model_2]
        named = {"model_1": model_1, "model_2": model_2, "tie": "tie", "error": "error"}[winner]
        own = {"model_1": ours_of.model_1, "model_2": ours_of.model_2, "tie": "tie", None: "error"}
        assert (named, named) == (own[ours_of.winner_1st], own[ours_of.winner_2nd])
    assert "fair" not in theirs["shown"]["pairwise-baseline"]
    good = next(line for line in theirs["shown"]["pairwise-all"].splitlines() if line.startswith("good"))
    assert ["good", "23", "0", "0"] == good.split()[:4]
