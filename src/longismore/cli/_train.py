"""``longismore train``: fine-tune a model on instruction data."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

__all__ = ["train"]


def train(
    preset: str | None = typer.Option(None, help="Settings of a paper or of our own, see --list."),
    data: list[Path] | None = typer.Option(
        None, help="Instruction data: JSON array, JSON lines or Parquet; several files are one data set."
    ),
    model: str | None = typer.Option(None, help="What is trained: a folder, or an id of the Hugging Face Hub."),
    output: Path | None = typer.Option(
        None, "--output", "-o", help="Gets the trained model, and its checkpoints while it is trained."
    ),
    settings: list[str] | None = typer.Option(
        None, "--set", metavar="KEY=VALUE", help="Another value than the preset's; a list's entries with commas."
    ),
    data_format: str = typer.Option("auto", "--format", help="Of the data, where its fields do not tell."),
    resume: bool = typer.Option(True, "--resume/--fresh", help="Go on from the last checkpoint, or begin anew."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what the run would take, and stop."),
    gpus: int | None = typer.Option(
        None, min=1, help="Of a dry run: plan for so many GPUs, whatever this machine has; default: this machine."
    ),
    plot: Path | None = typer.Option(None, metavar="FILE", help="Draw the loss: PNG, SVG or PDF."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object: the result, the plan or the presets."),
    list_all: bool = typer.Option(False, "--list", help="List every preset with its main values and its source."),
) -> None:
    """Fine-tune a model on instruction data, for what it becomes to be compared.

    OUTPUT is an ordinary Hugging Face model with its tokenizer; longismore_training.json in it says how it was made.
    """
    from longismore.cli._run_train import TrainRequest, list_presets, run_train

    if list_all:
        list_presets(out=sys.stdout, as_json=as_json)
        return
    request = TrainRequest(
        preset=preset,
        data=[str(path) for path in data or []],
        data_format=data_format,
        model=model,
        output=output,
        settings=settings or [],
        resume=resume,
        dry_run=dry_run,
        gpus=gpus,
        plot=plot,
        arguments=sys.argv[1:],
        environ=os.environ,
    )
    run_train(request, out=sys.stdout, as_json=as_json)
