"""``longismore import``: published reviews as judgments, to be analysed again without a call."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import typer

__all__ = ["import_reviews"]

logger = logging.getLogger(__name__)


def import_reviews(
    files: list[Path] = typer.Argument(help="Review files: one for cherry, two (one an order) for alpagasus."),
    format: str = typer.Option(..., "--format", "-f", help="cherry (Cherry_LLM) or alpagasus (AlpaGasus2-QLoRA)."),  # noqa: A002
    testset: str = typer.Option(..., "--testset", "-t", help="The test set whose order the rows have."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder to write into."),
    judge: str | None = typer.Option(None, help="Name of the judge; default: what the file's name says."),
    reference: str | None = typer.Option(None, help="Name of the reference model."),
    candidate: str | None = typer.Option(None, help="Name of the candidate; alpagasus: which model is the candidate."),
) -> None:
    """Read published review files and write judgments.jsonl, reference.json and candidate.json."""
    from longismore._jsonl import write_json
    from longismore.comparison import pair_of
    from longismore.errors import UnknownNameError
    from longismore.judges import REVIEW_FORMATS, ReviewNames, write_judgments
    from longismore.records import Status
    from longismore.run_folder import output_rows
    from longismore.testsets import TESTSETS

    if format not in REVIEW_FORMATS:
        raise UnknownNameError("format of reviews", format, REVIEW_FORMATS)
    folder = os.environ.get("LONGISMORE_TESTSETS")
    examples = TESTSETS.get(testset).load(Path(folder) if folder else None)
    names = ReviewNames(judge=judge, reference=reference, candidate=candidate)
    judgments = REVIEW_FORMATS[format](files, examples, names)
    pairs = {each.id: pair_of(each) for each in judgments}
    write_judgments(output / "judgments.jsonl", judgments)
    for role in ("reference", "candidate"):
        write_json(output / f"{role}.json", output_rows(list(pairs.values()), role))
    unparsed = sum(each.status is Status.UNPARSED for each in judgments)
    logger.info(
        "%d judgments of %d pairs of %s by %s, %d of them unparsed; written to %s",
        len(judgments), len(pairs), testset, judgments[0].judge, unparsed, output,
    )  # fmt: skip
    logger.info(
        "next: longismore compare %s %s --testset %s --judge replay:%s",
        output / "reference.json", output / "candidate.json", testset, output / "judgments.jsonl",
    )  # fmt: skip
