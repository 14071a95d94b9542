"""Runs that are cut off: they go on, and end with the weights that they would have had."""

from __future__ import annotations

import json
import logging
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
transformers = pytest.importorskip("transformers")
from longismore.train import _run  # noqa: E402
from longismore.train._checkpoints import list_checkpoints  # noqa: E402
from tiny_models import make_tiny_llama  # noqa: E402  it needs torch
from training_runs import largest_difference, one_thread, run, run_program, write_rows  # noqa: E402

# 26 rows: 7 batches of 4, so 4 steps an epoch, the last one of one batch; 10 steps: two epochs and a half.
COMMON: dict[str, Any] = {"batch_size": 4, "global_batch_size": 8, "epochs": 2.5, "save_steps": 3, "warmup_ratio": 0.2}
KINDS: dict[str, dict[str, Any]] = {
    "all weights": {"neftune_alpha": 5, "keep_checkpoints": 2},
    "an adapter with dropout, packed": {
        "lora_rank": 2,
        "lora_alpha": 4,
        "lora_dropout": 0.2,
        "learning_rate": 0.01,
        "batching": "pack",
        "max_length": 256,
        "batch_size": 1,
    },
}


class CutOffError(Exception):
    """Instead of a process that is killed."""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model."""
    return make_tiny_llama(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of rows."""
    return write_rows(tmp_path_factory.mktemp("data") / "pool.json", 26)


def run_until(at: int, *given: Any, **changes: Any) -> None:
    """Train, and be cut off after a step, before anything is saved."""
    make = _run.make_trainer

    class Cut(transformers.TrainerCallback):
        def on_step_end(self, _: Any, state: Any, control: Any, **__: Any) -> None:
            if state.global_step == at:
                raise CutOffError

    def cut(*parts: Any, **named: Any) -> Any:
        trainer = make(*parts, **named)
        trainer.add_callback(Cut())
        return trainer

    with pytest.MonkeyPatch.context() as only_now:
        only_now.setattr(_run, "make_trainer", cut)
        with pytest.raises(CutOffError):
            run(*given, **changes)


@pytest.mark.slow
def test_killed_and_resumed(model: Path, pool: Path, tmp_path: Path) -> None:
    """A process that is killed with signal 9 and started again ends with the same weights, bit by bit, and losses."""
    common = {"model": model, "data": pool, "settings": {**COMMON, **KINDS["all weights"]}}
    whole = json.loads(run_program(output=tmp_path / "whole", **common).stdout)
    killed = run_program(output=tmp_path / "parts", kill_at=8, check=False, **common)
    assert killed.returncode == -9
    assert not (tmp_path / "parts" / "longismore_training.json").exists()
    parts = json.loads(run_program(output=tmp_path / "parts", **common).stdout)
    assert (whole["resumed_from"], parts["resumed_from"]) == (None, 6)
    assert parts["losses"] == whole["losses"]
    assert [step for step, _ in parts["losses"]] == list(range(1, len(parts["losses"]) + 1))
    assert largest_difference(tmp_path / "whole", tmp_path / "parts") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_place_to_go_on_from(kind: str, model: Path, pool: Path, tmp_path: Path) -> None:
    """Cut off in an epoch, at its end and at the last step, a run makes the model of one that is not cut off."""
    changes = {**COMMON, **KINDS[kind], "save_steps": 1}
    whole = run(model, pool, tmp_path / "whole", **changes)
    assert whole.steps > 5
    for step in (2, 3, 5, whole.steps):
        run_until(step, model, pool, tmp_path / "parts", **changes)
    parts = run(model, pool, tmp_path / "parts", **changes)
    assert parts.resumed_from == whole.steps - 1
    assert parts.losses == whole.losses
    assert largest_difference(tmp_path / "whole", tmp_path / "parts") == 0


def test_epochs_are_saved_too(model: Path, pool: Path, tmp_path: Path) -> None:
    """Without save_steps a run goes on from the end of the last epoch."""
    changes = {**COMMON, "save_steps": "none"}
    whole = run(model, pool, tmp_path / "whole", **changes)
    run_until(7, model, pool, tmp_path / "parts", **changes)
    parts = run(model, pool, tmp_path / "parts", **changes)
    assert (parts.resumed_from, parts.losses) == (4, whole.losses)
    assert largest_difference(tmp_path / "whole", tmp_path / "parts") == 0


@pytest.mark.parametrize("damage", ["cut", "missing", "unmarked"])
def test_a_checkpoint_that_was_not_written_to_its_end(
    damage: str, model: Path, pool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named and passed over; the run goes on from the one before."""
    changes = {**COMMON, "keep_checkpoints": 2}
    whole = run(model, pool, tmp_path / "whole", **changes)
    run_until(8, model, pool, tmp_path / "parts", **changes)
    last = tmp_path / "parts" / "checkpoints" / "checkpoint-6"
    if damage == "cut":
        optimizer = last / "optimizer.pt"
        optimizer.write_bytes(optimizer.read_bytes()[:-100])
    else:
        (last / ("scheduler.pt" if damage == "missing" else "longismore_checkpoint.json")).unlink()
    with caplog.at_level(logging.WARNING, "longismore"):
        parts = run(model, pool, tmp_path / "parts", **changes)
    assert f"{last} was not written to its end" in caplog.text
    assert parts.resumed_from == 3
    assert parts.losses == whole.losses
    assert largest_difference(tmp_path / "whole", tmp_path / "parts") == 0


def test_a_model_that_could_not_be_saved(
    model: Path, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all steps are done and the model is not there, it is made of the last checkpoint; in an epoch, too."""
    whole = run(model, pool, tmp_path / "whole", **COMMON)
    with monkeypatch.context() as only_now:
        only_now.setattr(_run, "save_trained", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(UsageError, match=r"cannot be written to .*No space left; its last checkpoint is whole"):
            run(model, pool, tmp_path / "parts", **COMMON)
    parts = run(model, pool, tmp_path / "parts", **COMMON)
    assert (parts.resumed_from, parts.losses) == (10, whole.losses)
    assert largest_difference(tmp_path / "whole", tmp_path / "parts") == 0


@pytest.mark.slow
def test_a_full_disk(model: Path, pool: Path, tmp_path: Path) -> None:
    """The error names the step and the last whole checkpoint, nothing half-written stays, and the run can go on."""
    common = {"model": model, "data": pool, "settings": {**COMMON, "save_steps": 1}}
    weights = (model / "model.safetensors").stat().st_size
    full = run_program(output=tmp_path / "out", file_limit=weights + 50_000, check=False, **common)
    checkpoints = tmp_path / "out" / "checkpoints"
    assert full.returncode == 1
    assert "usage error: the checkpoint of step 2 cannot be written" in full.stderr
    assert f"{checkpoints / 'checkpoint-1'} is whole; make room" in full.stderr
    assert [(each.step, each.is_whole) for each in list_checkpoints(checkpoints)] == [(1, True)]
    assert json.loads(run_program(output=tmp_path / "out", **common).stdout)["resumed_from"] == 1


def test_another_run(model: Path, pool: Path, tmp_path: Path) -> None:
    """Other settings, rows or weights than a run was begun with are named, all of them; what decides nothing is not."""
    run_until(4, model, pool, tmp_path / "out", **COMMON)
    other_rows = write_rows(tmp_path / "other.json", 20)
    other_model = make_tiny_llama(tmp_path / "other", seed=1)
    with pytest.raises(ConfigError) as told:
        run(other_model, other_rows, tmp_path / "out", **{**COMMON, "learning_rate": 0.5, "seed": 7})
    assert [problem.split(" was ")[0].strip(": ") for problem in told.value.problems[1:]] == [
        "learning_rate",
        "seed",
        "the data's files (SHA-256)",
        "the model",
    ]
    assert "--fresh" in told.value.problems[0]
    moved = tmp_path / "moved.json"
    shutil.copy(pool, moved)
    changed = {**COMMON, "keep_checkpoints": 3, "logging_steps": 2, "save_steps": 5}
    assert run(model, moved, tmp_path / "out", **changed).resumed_from == 3
    found = [each.step for each in list_checkpoints(tmp_path / "out" / "checkpoints")]
    assert found == [10, 5, 3]


def test_settings_may_change_before_the_first_checkpoint(model: Path, pool: Path, tmp_path: Path) -> None:
    """A run that was cut off before anything was saved is begun anew, with whatever settings."""
    run_until(2, model, pool, tmp_path / "out", **COMMON)
    result = run(model, pool, tmp_path / "out", **{**COMMON, "seed": 7, "max_steps": 2})
    assert [step for step, _ in result.losses] == [1, 2]
