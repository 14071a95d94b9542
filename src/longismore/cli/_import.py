"""``longismore import``: published reviews as judgments, to be analysed again without a call."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
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
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Read published review files and write judgments.jsonl, reference.json and candidate.json."""
    from longismore._jsonl import write_json
    from longismore.comparison import pair_of
    from longismore.errors import UnknownNameError
    from longismore.judges import REVIEW_FORMATS, ReviewNames, write_judgments
    from longismore.run_folder import output_rows
    from longismore.testsets import TESTSETS, folder_in

    if format not in REVIEW_FORMATS:
        raise UnknownNameError("format of reviews", format, REVIEW_FORMATS)
    examples = TESTSETS.get(testset).load(folder_in(os.environ))
    names = ReviewNames(judge=judge, reference=reference, candidate=candidate)
    judgments = REVIEW_FORMATS[format](files, examples, names)
    pairs = list({each.id: pair_of(each) for each in judgments}.values())
    paths = {name: output / name for name in ("judgments.jsonl", "reference.json", "candidate.json")}
    write_judgments(paths["judgments.jsonl"], judgments)
    for role in ("reference", "candidate"):
        write_json(paths[f"{role}.json"], output_rows(pairs, role))
    counts = Counter(each.status.value for each in judgments)
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    logger.info("%d pairs of %s by %s: %s calls; written to %s", len(pairs), testset, judgments[0].judge, said, output)
    logger.info(
        "next: longismore compare %s %s --testset %s --judge replay:%s",
        paths["reference.json"], paths["candidate.json"], testset, paths["judgments.jsonl"],
    )  # fmt: skip
    if as_json:
        document = {"testset": testset, "judge": judgments[0].judge, "pairs": len(pairs), "judgments": counts}
        sys.stdout.write(json.dumps(document | {"files": {name: str(path) for name, path in paths.items()}}) + "\n")
