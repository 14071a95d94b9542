"""What ``longismore train`` does, once its arguments are read."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from longismore.api import Trained
from longismore.api._launch import check_launch, launch_command
from longismore.cli._key_values import key_values
from longismore.cli._show_plan import show_plan
from longismore.errors import ConfigError
from longismore.instructions import open_data
from longismore.reports import printable
from longismore.reports._figure.file import check_figure
from longismore.train._machine import Machine, lacks, this_machine
from longismore.train.settings import PRESETS, load_preset, read_preset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.train.settings import TrainSettings

__all__ = ["TrainRequest", "list_presets", "run_train"]

logger = logging.getLogger(__name__)

_MAIN = ("template", "loss_on", "max_length", "epochs", "global_batch_size", "learning_rate", "schedule")
_MORE = ("warmup_ratio", "weight_decay", "neftune_alpha", "lora_rank", "quantization", "batching", "parallel")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """One call of the command."""

    preset: str | None
    data: Sequence[str]
    data_format: str
    model: str | None
    output: Path | None
    settings: Sequence[str]
    resume: bool
    dry_run: bool
    gpus: int | None
    plot: Path | None
    arguments: Sequence[str]
    """Everything after the command's name, to be repeated under a launcher."""
    environ: Mapping[str, str]


def run_train(request: TrainRequest, *, out: TextIO, as_json: bool) -> None:
    """Train, or say what it would take.

    Raises:
        UsageError: The data, the model or a setting will not do.
    """
    problems, overrides = key_values(request.settings)
    if request.preset is None:
        problems.append(f"no preset was given; choose one: --preset {' | '.join(PRESETS)}")
    if not request.data:
        problems.append("no data was given; name a file: --data selection.json")
    if request.model is None:
        problems.append("no model was given; name its folder: --model DIR")
    if request.output is None and not request.dry_run:
        problems.append("no output was given; name a folder: --output DIR")
    elif request.output is not None and request.output.exists() and not request.output.is_dir():
        problems.append(f"--output {request.output} is a file; a folder is wanted")
    if request.gpus is not None and not request.dry_run:
        problems.append("--gpus is for --dry-run; a run uses the processes that accelerate or torchrun start")
    if problems:
        raise ConfigError(problems)
    assert request.preset is not None  # noqa: S101  checked above
    assert request.model is not None  # noqa: S101  checked above
    settings = load_preset(request.preset, overrides)
    if request.plot is not None:
        check_figure(request.plot)  # before the work, not after it
    if request.dry_run:
        _plan(request, settings, out=out, as_json=as_json)
    else:
        _train(request, settings, out=out, as_json=as_json)


def list_presets(*, out: TextIO, as_json: bool) -> None:
    """Every preset with its values and where they come from."""
    found: dict[str, dict[str, Any]] = {}
    for name in PRESETS:
        preset = read_preset(name)
        found[name] = {
            "summary": preset.summary,
            "base_model": preset.base_model,
            "source": preset.source,
            "settings": load_preset(name).to_mapping(),
            "deviations": list(preset.deviations),
        }
    if as_json:
        out.write(json.dumps({"presets": found}, indent=1) + "\n")
        return
    for name, told in found.items():
        lines = [f"{name}: {told['summary']}", f"  base model: {told['base_model']}", f"  source: {told['source']}"]
        lines += [f"  {_values(told['settings'], keys)}" for keys in (_MAIN, _MORE)]
        lines += [f"  - {deviation}" for deviation in told["deviations"]]
        out.write(printable("\n".join(lines) + "\n\n"))
    out.write("--list --json gives every value; --set key=value changes one.\n")


def _values(settings: Mapping[str, Any], keys: Sequence[str]) -> str:
    return " ".join(f"{key}={_value(settings[key])}" for key in keys)


def _value(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _plan(request: TrainRequest, settings: TrainSettings, *, out: TextIO, as_json: bool) -> None:
    from longismore.train._encode import encode_rows
    from longismore.train._model_size import load_tokenizer, model_size
    from longismore.train._plan import plan

    here = this_machine()
    machine, processes = here, int(request.environ.get("WORLD_SIZE", "1"))
    if request.gpus is not None:
        processes = request.gpus
        if here.device != "cuda":
            machine = Machine(device="cuda", has_bf16=True, name="a GPU with bf16", memory_bytes=None)
    elif settings.parallel != "none":
        processes = max(here.gpus, processes)
    data = open_data(request.data, format=request.data_format)
    model = str(request.model)
    size = model_size(model)
    encoded = encode_rows(data.rows(), load_tokenizer(model), settings)
    made = plan(settings, encoded, size, machine=machine, processes=processes)
    problems = lacks(made.settings, here) if machine is here else []
    command = launch_command(settings, processes, request.arguments) if processes > 1 else None
    if as_json:
        out.write(json.dumps({**made.to_mapping(), "lacks": problems, "command": command}, indent=1) + "\n")
        return
    show_plan(made, out)
    if command is not None:
        out.write(printable(f"To run it:\n  {command}\n"))
    out.writelines(printable(f"This machine cannot run it: {problem}\n") for problem in problems)


def _train(request: TrainRequest, settings: TrainSettings, *, out: TextIO, as_json: bool) -> None:
    check_launch(settings, request.arguments, request.environ)
    from longismore.cli._loss_curve import draw_loss_curve
    from longismore.cli._training_progress import training_progress
    from longismore.train._run import train

    data = open_data(request.data, format=request.data_format)
    assert request.model is not None  # noqa: S101  checked by run_train
    assert request.output is not None  # noqa: S101  checked by run_train
    with training_progress() as on_progress:
        result = train(settings, data, request.model, request.output, resume=request.resume, on_progress=on_progress)
    if int(request.environ.get("RANK", "0")):
        return  # one process of several speaks
    if request.plot is not None:
        draw_loss_curve(result.losses, request.plot)
        logger.info("%s written", request.plot)
    trained = Trained(result=result)
    if as_json:
        out.write(json.dumps(trained.to_dict(), indent=1) + "\n")
    else:
        out.writelines(f"{line}\n" for line in trained.lines())
