"""A comparison that several processes share, seen from the one that keeps the run folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from longismore.comparison import compare_pairs
from longismore.errors import JudgeError
from longismore.judges import JudgeOptions, make_judge
from longismore.run_folder import RunFolder
from longismore.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.records import Judgment, Pair


class LeftAlone:
    """The others have given up."""

    def gather(self, mine: list[Judgment]) -> list[Judgment]:
        """Say so."""
        raise JudgeError("rank 1 could not judge its share: the key was withdrawn")

    def abandon(self, error: Exception) -> None:
        """Nobody listens."""


def test_a_run_that_another_process_abandons_is_called_stopped(tmp_path: Path, pairs: list[Pair]) -> None:
    """With the reason; what this process judged stays in the folder."""
    folder = RunFolder.fresh(tmp_path, "tuned", {"testsets": {}})
    judge = make_judge("length", JudgeOptions())
    with Store(tmp_path / "store.sqlite") as store, pytest.raises(JudgeError, match="rank 1"):
        compare_pairs(pairs, judge, store=store, folder=folder, team=LeftAlone())
    run = json.loads((folder.path / "run.json").read_text(encoding="utf-8"))
    assert "stopped" == run["status"]
    assert "the key was withdrawn" in run["reason"]
    assert 2 * len(pairs) == len((folder.path / "judgments.jsonl").read_text(encoding="utf-8").splitlines())
