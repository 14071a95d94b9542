"""`longismore.train`, and how a trained model is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import longismore
from longismore.api import Trained
from longismore.errors import ConfigError, UsageError
from longismore.train import TrainResult
from training_runs import rows


def result(**changed: Any) -> TrainResult:
    """What a training left."""
    values: dict[str, Any] = {
        "folder": Path("model"),
        "losses": ((1, 2.5), (2, 2.0), (4, 1.25)),
        "steps": 4,
        "tokens": 1234,
        "seconds": 7.5,
        "resumed_from": None,
        "was_finished": False,
    }
    return TrainResult(**(values | changed))


def test_a_result_is_said_in_two_lines() -> None:
    """What was done, and how the loss went."""
    trained = Trained(result=result())
    assert "model: trained on 1,234 tokens, 4 steps, 7.5 s\n  loss 2.500 at step 1, 1.250 at step 4" == str(trained)
    assert "<Trained: model: trained on 1,234 tokens, 4 steps, 7.5 s>" == repr(trained)
    assert [[1, 2.5], [2, 2.0], [4, 1.25]] == json.loads(json.dumps(trained.to_dict()))["losses"]


def test_a_result_says_what_was_there_before() -> None:
    """A run that went on says from where, and one that was finished that nothing was done."""
    assert "trained, from step 2 on, on" in str(Trained(result=result(resumed_from=2)))
    finished = Trained(result=result(was_finished=True, losses=()))
    assert "was trained already" in str(finished)
    assert "<svg" not in finished._repr_html_()


def test_the_loss_is_drawn() -> None:
    """The line falls as the loss does: three points, whose heights are apart as the losses are."""
    page = Trained(result=result())._repr_html_()
    assert "Loss from step 1 to step 4: 2.500 to 1.250" in page
    points = page.partition('<path class="fit" d="M')[2].partition('"')[0].split("L")
    heights = [float(point.split()[1]) for point in points]
    assert sorted(heights) == heights  # counted from above
    assert pytest.approx(2.0 / 3, rel=1e-3) == (heights[1] - heights[0]) / (heights[2] - heights[1])


def test_equal_losses_are_drawn_too() -> None:
    """A loss that stays as it is makes a level line."""
    assert "<path" in Trained(result=result(losses=((1, 2.0), (2, 2.0))))._repr_html_()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"preset": "tiny-cpux"}, "did you mean tiny-cpu"),
        ({"epoch": 3}, '"epoch" is no setting of training; did you mean epochs'),
        ({"preset": None}, "preset must be a name, found None"),
        ({"model": None}, "model must be a folder or an id, found None"),
        ({"output": 3}, "output must be a path, found 3"),
        ({"resume": "no"}, "resume must be True or False, found 'no'"),
    ],
)
def test_settings_are_checked_first(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Nothing is loaded before a setting is known to be wrong."""
    with pytest.raises(UsageError, match=message):
        longismore.train(rows(2), **{"preset": "tiny-cpu", "model": "m", "output": tmp_path / "o", **changed})


@pytest.mark.slow
def test_a_divided_model_needs_a_launcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One process cannot divide a model: the command that starts several is in the message."""
    pytest.importorskip("torch")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(UsageError, match=r"parallel=fsdp2 divides the model") as error:
        longismore.train(
            "rows.json", preset="alpagasus-7b", model="m", output=tmp_path / "o", epochs=2, lora_targets=None
        )
    command = "-m longismore train --preset alpagasus-7b --data rows.json --model m --output"
    assert command in str(error.value)
    assert "--set epochs=2 --set lora_targets=none" in str(error.value)


@pytest.mark.slow
def test_rows_in_memory_are_trained_on(tmp_path: Path) -> None:
    """The model has a record without a temporary path; what is finished stays, and other rows are another run."""
    for package in ("torch", "transformers", "trl", "peft", "accelerate"):
        pytest.importorskip(package)
    from tiny_models import make_tiny_llama
    from training_runs import write_rows

    model = make_tiny_llama(tmp_path / "model")
    named: dict[str, Any] = {"preset": "tiny-cpu", "model": model, "output": tmp_path / "one", "max_steps": 2}
    steps: list[int] = []
    trained = longismore.train(rows(8), on_progress=lambda step, _wanted, _loss: steps.append(step), **named)
    assert (2, 2, tmp_path / "one") == (steps[-1], trained.result.steps, trained.folder)
    assert trained.record is not None
    assert ("rows.jsonl", 8) == (trained.record.data[0].name, trained.record.rows)
    assert longismore.train(write_rows(tmp_path / "lines.json", 8), resume=False, **named).record is not None
    assert longismore.train(write_rows(tmp_path / "lines.json", 8), **named).result.was_finished
    with pytest.raises(ConfigError, match="the data's files"):
        longismore.train(rows(9), **named)
