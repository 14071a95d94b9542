"""Answers to a few instructions, in memory and as files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["salt", "melts", "ice", "because", "water", "with", "it", "freezes", "at", "lower", "temperatures", "alone"]


def answers(model: str, length: int, count: int = 12) -> list[dict[str, str]]:
    """Answers of *model*, about as long as *length* words."""
    return [
        {
            "instruction": f"Why does salt melt ice? Say it in {number} words.",
            "output": " ".join(WORDS[(number * word) % len(WORDS)] for word in range(1, length + number % 4)),
            "generator": model,
        }
        for number in range(count)
    ]


@pytest.fixture
def reference() -> list[dict[str, str]]:
    """Short answers."""
    return answers("base", 5)


@pytest.fixture
def candidate() -> list[dict[str, str]]:
    """Longer ones to the same instructions."""
    return answers("tuned", 9)


@pytest.fixture
def files(tmp_path: Path, reference: list[dict[str, str]], candidate: list[dict[str, str]]) -> tuple[Path, Path]:
    """Both as files."""
    paths = tmp_path / "base.json", tmp_path / "tuned.json"
    for path, rows in zip(paths, (reference, candidate), strict=True):
        path.write_text(json.dumps(rows), encoding="utf-8")
    return paths
