"""Which cells a study has, and which of them play against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from longismore.errors import UnknownNameError
from longismore.study import cells_of, chosen_cells, matches_of, read_study
from study_runs import write_pool, write_study

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.study import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Three strategies, full and three trials, at two budgets and with two seeds."""
    pytest.importorskip("msgspec")
    write_pool(tmp_path, rows=8)
    strategies = ["longest", "full", "strict_random", "score:column=x"]
    file = write_study(tmp_path, strategies=strategies, budgets=[2, 4], trials=3, seeds=[0, 1])
    return read_study(file, environ={})


def test_cells_come_after_what_they_depend_on(study: Study) -> None:
    """Random comes first, then strategies, the strict draw after them; full is there once a seed."""
    cells = cells_of(study)
    assert [
        *(f"pool--{label}--2--s{seed}" for label in ("random.1", "random.2", "random.3") for seed in (0, 1)),
    ] == sorted((cell.name for cell in cells[:6]), key=lambda name: (name.split("--")[1], name))
    labels = [cell.label for cell in cells if cell.budget in {2, None} and cell.seed == 0]
    assert ["random.1", "random.2", "random.3", "longest", "score", "strict_random", "full"] == labels
    assert 2 * (2 * 6 + 1) == len(cells)
    assert len(cells) == len({cell.name for cell in cells})


def test_matches_are_of_the_same_budget_and_seed(study: Study) -> None:
    """Every strategy plays against each random trial of its budget and seed, and random trials against each other."""
    matches = matches_of(study, cells_of(study))
    assert 2 * 2 * (3 + 4 * 3) == len(matches)
    assert len(matches) == len({match.name for match in matches})
    for match in matches:
        assert match.reference.trial is not None
        assert match.candidate.seed == match.reference.seed
        assert match.candidate.budget in {None, match.reference.budget}
    floors = {match.name for match in matches if match.is_floor}
    assert "pool--random.2--2--s0--vs--random.1--2" in floors
    assert 2 * 2 * 3 == len(floors)


def test_cells_are_chosen_by_name(study: Study) -> None:
    """A name or a pattern chooses; one that no cell has is an error with near names."""
    cells = cells_of(study)
    assert cells == chosen_cells(cells, [])
    assert ["pool--longest--2--s1"] == [cell.name for cell in chosen_cells(cells, ["pool--longest--2--s1"])]
    assert 4 == len(chosen_cells(cells, ["*longest*"]))
    with pytest.raises(UnknownNameError, match="did you mean pool--longest--2--s1"):
        chosen_cells(cells, ["pool--longest--2-s1"])
