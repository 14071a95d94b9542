from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("polars")

from study_runs import write_pool, write_study
from tiny_models import make_tiny_llama

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rows, ratings, and a model's folder in which nothing is."""
    write_pool(tmp_path, rows=200)
    (tmp_path / "base").mkdir()
    return tmp_path


def test_plan_prints_commands_and_estimate(command: Callable[..., Any], folder: Path) -> None:
    """The plan is a shell script whose remarks say what it takes; nothing is written."""
    ended = command("study", write_study(folder, model="base"), "--plan", "--output", "out")
    assert 0 == ended.code
    assert "longismore select longest --set measure=chars --data " in ended.out
    assert "# 5 cells, 0 of them done\n" in ended.out
    assert "# judging: 560 judgments, no calls, no cost\n" in ended.out
    assert all(line.startswith(("longismore ", "# ")) for line in ended.out.splitlines() if line)
    assert not (folder / "out").exists()


def test_dry_run_as_json(command: Callable[..., Any], folder: Path) -> None:
    """A dry run gives the estimate alone; what cannot be known is null."""
    ended = command("study", write_study(folder, model="base"), "--dry-run", "--json", "--only", "*longest*")
    told = json.loads(ended.out)
    assert ["estimate"] == list(told)
    assert (1, 40, 40, None) == tuple(
        told["estimate"][name] for name in ("cells", "rows", "generations", "train_tokens")
    )


def test_a_bad_file_ends_with_2(command: Callable[..., Any], folder: Path) -> None:
    """All problems are named, with the file's lines, and nothing is computed."""
    ended = command("study", write_study(folder, trials=0, judge="lenght"))
    assert 2 == ended.code
    assert "trials must be a whole number of at least 2; found 0" in ended.err
    assert "did you mean length?" in ended.err
    assert not (folder / "runs").exists()


def test_what_cannot_come_out_is_said_before_anything_is_made(command: Callable[..., Any], folder: Path) -> None:
    """More rows than there are, and answers as long as all that the model takes."""
    ended = command("study", write_study(folder, model="base", budgets=[40, 300, 500]))
    assert 2 == ended.code
    assert "study.yaml: budgets: 300 is more than the 200 rows of pool; set a smaller one" in ended.err
    assert "500 is more than the 200 rows" in ended.err
    assert 0 == command("study", write_study(folder, model="base", budgets=[40, 300]), "--plan").code
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    make_tiny_llama(folder / "tiny")
    ended = command("study", write_study(folder, model="tiny", max_new_tokens=2048))
    assert 2 == ended.code
    assert "max_new_tokens=2048 leaves no room for a prompt in the 2048 tokens that" in ended.err
    assert not (folder / "runs").exists()


def test_unknown_cell(command: Callable[..., Any], folder: Path) -> None:
    """A cell that does not exist is refused with near names."""
    ended = command("study", write_study(folder, model="base"), "--only", "pool--longes--40--s0")
    assert 2 == ended.code
    assert "did you mean pool--longest--40--s0" in ended.err


def test_failing_cells_end_with_1(command: Callable[..., Any], folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no model can be trained, every cell is named, and the results say so."""
    pytest.importorskip("torch")
    ended = command("study", write_study(folder, model="base", strategies=["longest:measure=chars"]), "--json")
    assert 1 == ended.code
    told = json.loads(ended.out)
    assert {"training"} == {each["stage"] for each in told["failed"]}
    assert "failed: pool--random.1--40--s0, pool--random.2--40--s0, pool--longest--40--s0" in caplog.text
    assert (folder / "runs" / "study" / "report.html").exists()


def test_a_missing_package_ends_with_2(
    command: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no cell could be trained on this installation, the first one ends the study, and the extra is named."""
    monkeypatch.setitem(sys.modules, "torch", None)
    ended = command("study", write_study(folder, model="base", strategies=["longest:measure=chars"]))
    assert 2 == ended.code
    assert 'pip install "longismore[train]"' in ended.err
    assert not (folder / "runs" / "study" / "report.html").exists()


@pytest.mark.slow
def test_a_study_from_file_to_report(
    command: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real selections, trainings of a tiny model, answers and verdicts: all is done once, and the report is there."""
    for package in ("torch", "transformers", "trl", "peft"):
        pytest.importorskip(package)
    import torch

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    make_tiny_llama(folder / "tiny")
    file = write_study(folder, model="tiny", train={"max_steps": 3}, limit=10, max_new_tokens=16)
    ended = command("study", file, "--json")
    assert 0 == ended.code, ended.err
    told = json.loads(ended.out)
    assert ([], []) == (told["failed"], told["waiting"])
    assert {"longest": 2, "score": 2, "strict": 2} == {each["strategy"]: each["matches_done"] for each in told["rows"]}
    models = {path: path.stat().st_mtime_ns for path in folder.glob("runs/study/cells/*/train/model/model.safetensors")}
    assert 5 == len(models)
    assert not list(folder.glob("runs/study/cells/*/train/model/checkpoints/checkpoint-*"))
    again = command("study", file)
    assert 0 == again.code
    assert models == {path: path.stat().st_mtime_ns for path in models}
    assert "strategies against random, judged by length" in again.out
