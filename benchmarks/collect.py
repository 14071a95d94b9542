"""What gathering fifty mixed results takes.

    python benchmarks/collect.py [--results 50]

The files have the shapes and the sizes of real ones: lm_eval with 57 subtasks of a group and their configurations, run
folders over 1,030 pairs with the reference's answers, alpaca_eval over 805 instructions with judges' explanations,
MT-Bench with 160 grades a model. The command runs in a process of its own. The limit is five seconds for fifty.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LIMIT_S = 5.0
SETS = {"koala": 180, "lima": 300, "sinstruct": 252, "vicuna": 80, "wizardlm": 218}
WORDS = ("the", "of", "and", "to", "in", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not")
PROGRAM = """
import sys
from pathlib import Path
from longismore.cli._run_collect import CollectRequest, run_collect
folder, table = map(Path, sys.argv[1:])
run_collect(CollectRequest(paths=[folder], outputs=[table]), out=sys.stdout, as_json=False)
"""


def text(rng: random.Random, words: int) -> str:
    """So many words."""
    return " ".join(rng.choices(WORDS, k=words))


def put(path: Path, document: object) -> None:
    """Write one JSON document, indented as the programs do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def make_harness(folder: Path, model: str, rng: random.Random) -> None:
    """A group of 57 tasks, four other tasks, and 40 KiB of what lm_eval says of the machine and of each task."""
    parts = [f"mmlu_{number}" for number in range(57)]
    tasks = [*parts, "arc_challenge", "winogrande", "truthfulqa_mc2", "ifeval"]
    scores = {task: {"alias": task, "acc,none": rng.random(), "acc_stderr,none": 0.01} for task in [*tasks, "mmlu"]}
    config = {"description": text(rng, 60), "doc_to_text": text(rng, 30), "metadata": {"version": 1.0}}
    document = {
        "results": scores,
        "group_subtasks": {"mmlu": parts},
        "configs": {task: {"task": task, "num_fewshot": 5, **config} for task in tasks},
        "versions": dict.fromkeys(tasks, 1.0) | {"mmlu": 2},
        "n-shot": dict.fromkeys(tasks, 5),
        "n-samples": {task: {"original": 100, "effective": 100} for task in tasks},
        "config": {"model": "hf", "model_args": f"pretrained={model}", "limit": None},
        "date": 1_795_000_000.0,
        "pretty_env_info": text(rng, 1500),
        "lm_eval_version": "0.4.13",
        "model_name": model,
    }
    put(folder / model / "results_2026-11-21T15-29-53.566667.json", document)


def make_run(folder: Path, model: str, rng: random.Random, answers: list[dict[str, str]]) -> None:
    """A run over the five sets."""
    rates = {"pairs": 1030, "n": 1030, "win_rate": rng.random(), "win_rate_ci": [0.4, 0.6], "lc_win_rate": 0.5}
    run = {
        "created": "2026-11-21T17:01:15+00:00",
        "status": "done",
        "judge": {"spec": "openai/gpt-4.1", "name": "openai/gpt-4.1", "fingerprint": "f" * 64},
        "reference": {"model": "base"},
        "candidate": {"model": model},
        "testsets": {name: {"version": 1, "size": size, "pairs": size} for name, size in SETS.items()},
        "usage": {"cost_usd": 2.5},
    }
    place = folder / f"20261121T170115Z-{model}"
    put(place / "run.json", run)
    put(
        place / "results.json",
        {"pooled": rates, "testsets": {name: rates | {"pairs": size} for name, size in SETS.items()}},
    )
    put(place / "reference.json", answers)
    put(place / "candidate.json", [row | {"generator": model} for row in answers])


def make_annotations(folder: Path, model: str, rng: random.Random, answers: list[dict[str, str]]) -> None:
    """The annotations of 805 instructions, with what the judge wrote."""
    rows = [
        {
            "instruction": row["instruction"],
            "output_1": row["output"],
            "generator_1": "gpt4_1106_preview",
            "output_2": text(rng, 150),
            "generator_2": model,
            "annotator": "weighted_alpaca_eval_gpt4_turbo",
            "preference": 1 + rng.random(),
            "raw_completion": text(rng, 200),
            "price_per_example": 0.01,
        }
        for row in answers[:805]
    ]
    put(folder / model / "weighted_alpaca_eval_gpt4_turbo" / "annotations.json", rows)


def make_grades(folder: Path, model: str, rng: random.Random) -> None:
    """The grades of 80 questions of two turns, with what the judge was asked and said."""
    rows = [
        {
            "question_id": question,
            "model": model,
            "judge": ["gpt-4", "single-v1" if turn == 1 else "single-v1-multi-turn"],
            "user_prompt": text(rng, 700),
            "judgment": text(rng, 150),
            "score": rng.randint(1, 10),
            "turn": turn,
            "tstamp": 1_700_000_000.0,
        }
        for question in range(81, 161)
        for turn in (1, 2)
    ]
    path = folder / model / "model_judgment" / "gpt-4_single.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def make_results(folder: Path, count: int) -> None:
    """As many results of each kind, of as many models."""
    rng = random.Random(0)  # noqa: S311  made-up texts
    answers = [
        {"instruction": text(rng, 40), "output": text(rng, 250), "dataset": name, "generator": "base"}
        for name, size in SETS.items()
        for _ in range(size)
    ]
    kinds: list[Any] = [
        lambda model: make_harness(folder / "lm_eval", model, rng),
        lambda model: make_run(folder / "runs", model, rng, answers),
        lambda model: make_annotations(folder / "alpaca_eval", model, rng, answers),
        lambda model: make_grades(folder / "mt_bench", model, rng),
    ]
    for number in range(count):
        kinds[number % len(kinds)](f"model-{number // len(kinds)}")


def main() -> None:
    """Print the time of the command, and its share of the limit."""
    parser = argparse.ArgumentParser(description="Measure longismore collect.")
    parser.add_argument("--results", type=int, default=50, help="how many (default: 50)")
    count = parser.parse_args().results
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_results(folder / "results", count)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        times = []
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", PROGRAM, str(folder / "results"), str(folder / "table.html")],
                check=True,
                capture_output=True,
            )
            times.append(time.perf_counter() - started)
    best = min(times)
    print(f"{count} results, {size / 2**20:.0f} MiB: {best:.2f} s, {best / LIMIT_S:.2f} x the limit of {LIMIT_S:g} s")


if __name__ == "__main__":
    main()
