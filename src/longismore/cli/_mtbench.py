"""``longismore mtbench``: let models answer MT-Bench, let a judge grade or compare them, show what it said."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import typer

from longismore.cli._judge_options import JudgeSpec, given_settings, with_judge_settings

__all__ = ["app"]

app = typer.Typer(help="Generate, judge and show MT-Bench, in FastChat's files.", no_args_is_help=True)

_FOLDER = typer.Argument(Path("mt_bench"), help="Folder with model_answer and model_judgment.")
_QUESTIONS = typer.Option("", help="Only these: 81-90, 101, math, ...; default: all 80.")
_JSON = typer.Option(False, "--json", help="Print one JSON object.")


@app.command("generate")
def generate(
    folder: Path = _FOLDER,
    model: str = typer.Option(help="Type of the model, as lm_eval names it: hf, vllm, local-chat-completions, ..."),
    model_args: str = typer.Option("", "--model_args", "--model-args", help="As for lm_eval: pretrained=PATH,..."),
    name: str | None = typer.Option(None, help="The model's name in the files; default: the end of its path."),
    conversation: str | None = typer.Option(None, help="A template of fschat, or chat for the model's own."),
    batch_size: str = typer.Option("1", "--batch_size", "--batch-size", help="As for lm_eval; auto is possible."),
    device: str | None = typer.Option(None, help="As for lm_eval: cuda:0, cpu, ..."),
    seed: int = typer.Option(0, min=0, max=2**32 - 1, help="Of sampling."),
    max_new_tokens: int = typer.Option(1024, min=1, help="Of one turn."),
    temperature: float | None = typer.Option(None, min=0, help="For all; default: MT-Bench's own, by category."),
    questions: str = _QUESTIONS,
    limit: int | None = typer.Option(None, min=1, help="Only the first so many questions."),
    as_json: bool = _JSON,
) -> None:
    """Let any model of lm_eval answer, both turns; a killed run goes on where it was."""
    from longismore.cli._run_mtbench_generate import GenerateRequest, run_generate

    run_generate(
        GenerateRequest(
            folder=folder,
            model=model,
            model_args=model_args,
            name=name,
            conversation=conversation,
            batch_size=batch_size,
            device=device,
            seed=seed,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            questions=questions,
            limit=limit,
            environ=dict(os.environ),
        ),
        as_json=as_json,
    )


@app.command("judge")
@with_judge_settings
def judge(
    folder: Path = _FOLDER,
    judge: JudgeSpec = "",
    mode: str = typer.Option("single", help="single, pairwise-baseline or pairwise-all."),
    baseline: str | None = typer.Option(None, help="Whom pairwise-baseline compares every model with."),
    models: str = typer.Option("", help="Only these, separated by commas; default: all with answers."),
    questions: str = _QUESTIONS,
    judge_name: str | None = typer.Option(None, help="The judge's name in the files; default: openai/gpt-4 is gpt-4."),
    store: Path | None = typer.Option(None, envvar="LONGISMORE_STORE", help="Database of paid answers."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print calls, tokens and cost; send nothing."),
    as_json: bool = _JSON,
    **settings: Any,
) -> None:
    """Grade every turn from 1 to 10, or compare two models in both orders, by the published prompts.

    The same command again pays only for what is missing.
    """
    from longismore.cli._run_mtbench_judge import JudgeRequest, run_judge

    found = run_judge(
        JudgeRequest(
            folder=folder,
            judge=judge,
            options=given_settings(settings),
            mode=mode,
            baseline=baseline,
            models=[name.strip() for name in models.split(",") if name.strip()],
            questions=questions,
            judge_name=judge_name,
            store=store,
            dry_run=dry_run,
            environ=dict(os.environ),
        ),
        show=not as_json,
    )
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")


@app.command("show")
def show(
    paths: list[Path] = typer.Argument(None, help="Folders, or files of judgments; default: mt_bench."),
    mode: str | None = typer.Option(None, help="single, pairwise-baseline or pairwise-all; default: what is there."),
    baseline: str | None = typer.Option(None, help="Of pairwise-baseline."),
    plot: Path | None = typer.Option(None, help="Draw the categories as a radar: .png, .svg or .pdf."),
    csv: Path | None = typer.Option(None, help="Write the numbers."),
    markdown: Path | None = typer.Option(None, help="Write the tables."),
    latex: Path | None = typer.Option(None, help="Write the tables."),
    as_json: bool = _JSON,
) -> None:
    """Say what judges said: means of each turn and category, or win rates, with intervals."""
    from longismore.cli._run_mtbench_show import ShowRequest, run_show

    request = ShowRequest(
        paths=paths or [Path("mt_bench")],
        mode=mode,
        baseline=baseline,
        plot=plot,
        csv=csv,
        markdown=markdown,
        latex=latex,
    )
    if not run_show(request, out=sys.stdout, as_json=as_json):
        raise typer.Exit(1)


@app.command("fetch")
def fetch() -> None:
    """Fetch questions, judge's prompts and reference answers from their public address into the cache."""
    from longismore.mtbench._published import PUBLISHED
    from longismore.testsets import folder_in

    for file in PUBLISHED:
        file.fetch(folder_in(os.environ))
        sys.stdout.write(f"{file.name}: at hand\n")
