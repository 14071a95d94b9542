"""Short trainings of tiny models, in this process or in others, and what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.instructions import open_data
from longismore.train import TrainResult, load_preset, train

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).with_name("training_program.py")
_WORDS = [
    "salt",
    "river",
    "stone",
    "bread",
    "winter",
    "letter",
    "cloud",
    "engine",
    "garden",
    "window",
    "paper",
    "silver",
]


def rows(count: int = 24) -> list[dict[str, str]]:
    """Alpaca rows of very different lengths, some with an input."""
    return [
        {
            "instruction": f"Say {number} words of {_WORDS[number % 12]}.",
            "input": _WORDS[number % 7] if number % 3 == 0 else "",
            "output": " ".join(_WORDS[(number * each) % 12] for each in range(1, 4 + (number * 7) % 24)) + ".",
        }
        for number in range(count)
    ]


def write_rows(path: Path, count: int = 24) -> Path:
    """The rows as a file."""
    path.write_text(json.dumps(rows(count)), encoding="utf-8")
    return path


def run(model: Path, data: Path, output: Path, *, resume: bool = True, **changes: object) -> TrainResult:
    """Train with the tiny preset and other values, every step logged."""
    settings = load_preset("tiny-cpu", {"logging_steps": 1, **changes})
    return train(settings, open_data(data), str(model), output, resume=resume)


def weights(folder: Path) -> dict[str, Any]:
    """All weights in a folder."""
    from safetensors.torch import load_file

    return {name: weight for path in sorted(folder.glob("*.safetensors")) for name, weight in load_file(path).items()}


def largest_difference(one: Path, other: Path) -> float:
    """Between the weights in two folders."""
    mine, theirs = weights(one), weights(other)
    assert mine
    assert set(mine) == set(theirs)
    return max(float((mine[name] - theirs[name]).abs().max()) for name in mine)


def run_program(*, processes: int = 1, check: bool = True, **request: Any) -> subprocess.CompletedProcess[str]:
    """Train in other processes, see ``training_program.py``."""
    text = json.dumps({name: str(value) if isinstance(value, Path) else value for name, value in request.items()})
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    found = subprocess.run(
        [sys.executable, *(launcher if processes > 1 else []), str(PROGRAM), text],
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        check=False,
    )
    if check:
        assert found.returncode == 0, found.stderr[-3000:]
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums depend on how they are divided among threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
