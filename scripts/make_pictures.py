"""Make the pictures of the documentation: `python scripts/make_pictures.py`, by the project's own commands.

Everything is computed from what the package contains, and from made-up MT-Bench scores with a fixed seed. Needs the
extras `plot` and `select`; the same data give the same bytes with the same version of matplotlib.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
RUNS = (
    "compare mini:better mini:longer --testset mini --judge lexical --output runs/lexical",
    "compare mini:better mini:longer --testset mini --judge length --output runs/length",
    "report runs/lexical/* runs/length/* --output report.html --figures figures",
    "data stats candidate.json --plot figures/lengths.svg",
    "mtbench show mt_bench --plot figures/radar.svg",
)
"""The commands, in the order in which they run; each is one of `longismore`."""
KEPT = ("agreement", "curve-1", "forest", "lengths", "outcomes", "radar")
"""Which of the figures the pages show."""


def main(folder: Path = PICTURES) -> None:
    """Run the commands in a folder of their own, and take the figures over."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        work = Path(place)
        write_scores(work / "mt_bench" / "model_judgment" / "gpt-4_single.jsonl")
        for command in RUNS:
            if "candidate.json" in command:
                shutil.copy(next(work.glob("runs/lexical/*/candidate.json")), work)
            run(command, work)
        for name in KEPT:
            shutil.copy(work / "figures" / f"{name}.svg", folder)
    print(f"{len(KEPT)} pictures in {folder}")


def run(command: str, work: Path) -> None:
    """One command of longismore; folders with a star in their names are looked up."""
    words = [
        str(found.relative_to(work))
        for word in command.split()
        for found in (sorted(work.glob(word)) if "*" in word else [work / word])
    ]
    environ = {**os.environ, "LONGISMORE_STORE": str(work / "store.sqlite")}
    subprocess.run([sys.executable, "-m", "longismore", *words], cwd=work, env=environ, check=True, capture_output=True)


def write_scores(path: Path, seed: int = 2) -> None:
    """Made-up MT-Bench grades of two models, in FastChat's format; the page on MT-Bench scores has the same."""
    drawn = random.Random(seed)  # noqa: S311  not for secrets
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8") as file:
        for question in range(81, 161):
            hard = drawn.gauss(6, 2)
            for model, gain in (("base", 0.0), ("tuned", 0.8)):
                for turn in (1, 2):
                    score = min(10, max(1, round(drawn.gauss(hard + gain - turn / 2, 1.5))))
                    row = {
                        "question_id": question,
                        "model": model,
                        "judge": ["gpt-4", "single-v1" if turn == 1 else "single-v1-multi-turn"],
                        "user_prompt": "",
                        "judgment": f"[[{score}]]",
                        "score": score,
                        "turn": turn,
                        "tstamp": 0.0,
                    }
                    file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
