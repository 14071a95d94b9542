"""Two processes on a processor, joined by gloo: what they make is what one makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
from tiny_models import make_tiny_llama  # noqa: E402  it needs torch
from training_runs import largest_difference, run_program, write_rows  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this PyTorch has no gloo"),
]

# 26 rows, 4 a batch: 7 batches, so that the second process has an empty one at the end of every epoch. Gradient
# descent without momentum: an error of scale shows, which Adam would hide.
COMMON: dict[str, Any] = {
    "batching": "pad",
    "batch_size": 4,
    "global_batch_size": 16,
    "epochs": 2,
    "neftune_alpha": 5,
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "schedule": "constant",
    "warmup_ratio": 0,
}
ADAPTER = {"lora_rank": 2, "lora_alpha": 64, "lora_dropout": 0}
DIVIDED: dict[str, dict[str, Any]] = {
    "copies": {},
    "divided": {"parallel": "fsdp2"},
    "divided, an adapter, recomputed": {"parallel": "fsdp2", "gradient_checkpointing": True, **ADAPTER},
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny random model, and rows."""
    folder = tmp_path_factory.mktemp("places")
    return {"model": make_tiny_llama(folder / "model"), "data": write_rows(folder / "pool.json", 26)}


@pytest.mark.parametrize("way", DIVIDED)
def test_two_processes_make_what_one_makes(way: str, places: dict[str, Path], tmp_path: Path) -> None:
    """Losses and weights are those of one process, step by step, with noise, accumulation and an uneven end."""
    settings = {**COMMON, **DIVIDED[way]}
    alone = json.loads(run_program(output=tmp_path / "one", settings={**settings, "parallel": "none"}, **places).stdout)
    both = json.loads(
        run_program(processes=2, output=tmp_path / "two", settings=settings, divide_on_cpu=True, **places).stdout
    )
    assert [step for step, _ in both["losses"]] == [1, 2, 3, 4]
    for (_, mine), (_, theirs) in zip(alone["losses"], both["losses"], strict=True):
        assert theirs == pytest.approx(mine, abs=1e-5, rel=0)
    assert largest_difference(tmp_path / "one", places["model"]) > 1e-3
    assert largest_difference(tmp_path / "one", tmp_path / "two") < 1e-5
    checkpoint = tmp_path / "two" / "checkpoints" / "checkpoint-4"
    assert (checkpoint / "pytorch_model_fsdp.bin").exists() == way.startswith("divided")


def test_half_precision(places: dict[str, Path], tmp_path: Path) -> None:
    """In bf16 a divided model has the losses of one process: they, and sums of gradients, are not rounded to bf16.

    A number near 6 in bf16 is a multiple of 1/32.
    """
    settings = {**COMMON, "precision": "bf16"}
    alone = json.loads(run_program(output=tmp_path / "one", settings=settings, **places).stdout)
    divided = {"settings": {**settings, "parallel": "fsdp2"}, "divide_on_cpu": True}
    both = json.loads(run_program(processes=2, output=tmp_path / "two", **divided, **places).stdout)
    for (_, mine), (_, theirs) in zip(alone["losses"], both["losses"], strict=True):
        assert theirs == pytest.approx(mine, abs=2e-3, rel=0)
    assert largest_difference(tmp_path / "one", tmp_path / "two") < 1e-3


def test_a_divided_run_goes_on(places: dict[str, Path], tmp_path: Path) -> None:
    """Killed and started again, two processes with a divided model end with the weights that they would have had."""
    settings = {**COMMON, "parallel": "fsdp2", "save_steps": 3, "optimizer": "adamw_torch", "learning_rate": 0.01}
    common = {"processes": 2, "settings": settings, "divide_on_cpu": True, **places}
    run_program(output=tmp_path / "whole", **common)
    assert run_program(output=tmp_path / "parts", kill_at=4, check=False, **common).returncode != 0
    parts = json.loads(run_program(output=tmp_path / "parts", **common).stdout)
    assert parts["resumed_from"] == 3
    assert largest_difference(tmp_path / "whole", tmp_path / "parts") <= 1e-7


def test_on_processors_models_are_not_divided(places: dict[str, Path], tmp_path: Path) -> None:
    """Where accelerate would make copies without a word, it is said that nothing is divided."""
    settings = {**COMMON, "parallel": "fsdp2"}
    found = run_program(processes=2, output=tmp_path / "out", settings=settings, check=False, **places)
    assert "usage error: parallel=fsdp2 divides a model among GPUs" in found.stderr
    alone = run_program(output=tmp_path / "out", settings=settings, check=False, **places)
    assert "usage error: parallel=fsdp2 divides a model among processes, and there is one" in alone.stderr
