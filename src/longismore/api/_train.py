"""`longismore.train`: fine-tune a model on instruction data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from longismore.api._launch import check_launch
from longismore.api._rows import are_files, open_rows
from longismore.api._trained import Trained
from longismore.errors import ConfigError
from longismore.train._run import train as train_model
from longismore.train.settings import load_preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.api._rows import Rows
    from longismore.train._watch import OnProgress

__all__ = ["train"]


def train(
    data: Rows,
    *,
    preset: str,
    model: str | Path,
    output: str | Path,
    format: str = "auto",  # noqa: A002  the field's word
    resume: bool = True,
    on_progress: OnProgress | None = None,
    **settings: object,
) -> Trained:
    """Fine-tune a model on instruction data, for what it becomes to be compared.

    A call that was broken off goes on from its last checkpoint.

    Args:
        data: A file of instruction data, several that are one data set, or rows in memory.
        preset: Settings of a paper or of our own: see ``longismore train --list``.
        model: What is trained: a folder, or an id of the Hugging Face Hub.
        output: Gets an ordinary Hugging Face model with its tokenizer, its record and its checkpoints.
        format: Of the data, where its fields do not tell.
        resume: Go on with what was begun in *output*; else it is removed.
        on_progress: Called after every step: steps done, steps wanted, the last loss.
        settings: Other values than the preset's: ``epochs``, ``learning_rate``, ``max_steps``, ...; see
            `longismore.train.TrainSettings`.

    Raises:
        UsageError: The data, the model or a setting will not do.
    """
    _check(preset, model, output, resume)
    chosen = load_preset(preset, settings)
    check_launch(chosen, _arguments(data, preset, model, output, settings), os.environ)
    with open_rows(data, format=format) as rows:
        return Trained(result=train_model(chosen, rows, str(model), output, resume=resume, on_progress=on_progress))


def _check(preset: object, model: object, output: object, resume: object) -> None:
    """Refuse what is of another kind, all of it at once."""
    problems = [
        f"{name} must be {wanted}, found {value!r:.80}"
        for name, value, kinds, wanted in (
            ("preset", preset, str, "a name"),
            ("model", model, (str, Path), "a folder or an id"),
            ("output", output, (str, Path), "a path"),
            ("resume", resume, bool, "True or False"),
        )
        if not isinstance(value, kinds)
    ]
    if problems:
        raise ConfigError(problems)


def _arguments(
    data: Rows, preset: str, model: str | Path, output: str | Path, settings: Mapping[str, object]
) -> list[str]:
    """The same training as arguments of the command; rows in memory are to be a file there."""
    paths = ([data] if isinstance(data, str | os.PathLike) else list(data)) if are_files(data) else ["DATA.jsonl"]
    given = [word for path in paths for word in ("--data", str(path))]
    changed = [word for name, value in settings.items() for word in ("--set", f"{name}={_as_text(value)}")]
    return ["train", "--preset", preset, *given, "--model", str(model), "--output", str(output), *changed]


def _as_text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)
