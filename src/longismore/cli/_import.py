"""``longismore import``: published reviews as judgments, to be analysed again without a call."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from longismore.judges import ReviewNames
    from longismore.judges._llmbar import LLMBar
    from longismore.records import Judgment

__all__ = ["import_reviews"]

logger = logging.getLogger(__name__)

_LLMBAR = "llmbar"


def import_reviews(
    files: list[Path] = typer.Argument(help="Review files: two (one an order) for alpagasus, one for the others."),
    format: str = typer.Option(  # noqa: A002
        ..., "--format", "-f", help="cherry (Cherry_LLM), alpagasus (AlpaGasus2-QLoRA) or llmbar (LLMBar)."
    ),
    testset: str | None = typer.Option(
        None, "--testset", "-t", help="The test set whose order the rows have; llmbar: a name, if not the folder's."
    ),
    output: Path = typer.Option(..., "--output", "-o", help="Folder to write into."),
    judge: str | None = typer.Option(None, help="Name of the judge; default: what the file's name or folder says."),
    reference: str | None = typer.Option(None, help="Name of the reference model."),
    candidate: str | None = typer.Option(None, help="Name of the candidate; alpagasus: which model is the candidate."),
    gold: Path | None = typer.Option(None, help="llmbar: the dataset.json with the labels, if not the results' own."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Read published review files and write judgments.jsonl, reference.json and candidate.json.

    llmbar also writes gold.jsonl, the labels, and takes a data set without reviews.
    """
    from longismore._jsonl import write_json
    from longismore.comparison import pair_of
    from longismore.errors import UnknownNameError
    from longismore.judges import REVIEW_FORMATS, ReviewNames, write_judgments
    from longismore.judges._gold import write_gold
    from longismore.run_folder import output_rows

    if format not in REVIEW_FORMATS:
        raise UnknownNameError("format of reviews", format, REVIEW_FORMATS)
    names = ReviewNames(judge=judge, reference=reference, candidate=candidate, testset=testset)
    if format == _LLMBAR:
        labelled = _labelled(files, names, gold)
        pairs, judgments, labels = labelled.pairs, labelled.judgments, labelled.labels
    else:
        judgments, labels = _reviews(format, files, names, gold), {}
        pairs = list({each.id: pair_of(each) for each in judgments}.values())
    paths = {f"{role}.json": output / f"{role}.json" for role in ("reference", "candidate")}
    for role in ("reference", "candidate"):
        write_json(paths[f"{role}.json"], output_rows(pairs, role))
    if judgments:
        paths["judgments.jsonl"] = output / "judgments.jsonl"
        write_judgments(paths["judgments.jsonl"], judgments)
    if labels:
        paths["gold.jsonl"] = output / "gold.jsonl"
        write_gold(paths["gold.jsonl"], labels)
    name, said_by = pairs[0].testset, judgments[0].judge if judgments else None
    counts = Counter(each.status.value for each in judgments)
    said = ", ".join(f"{count} {status}" for status, count in counts.items()) or "a data set without judgments"
    by = f" by {said_by}" if said_by else ""
    logger.info("%d pairs of %s%s: %s; written to %s", len(pairs), name, by, said, output)
    logger.info("next: %s", _next_command(format, name, paths))
    if as_json:
        document = {"testset": name, "judge": said_by, "pairs": len(pairs), "judgments": counts, "labels": len(labels)}
        sys.stdout.write(json.dumps(document | {"files": {key: str(path) for key, path in paths.items()}}) + "\n")


def _reviews(format: str, files: list[Path], names: ReviewNames, gold: Path | None) -> list[Judgment]:  # noqa: A002
    """The judgments of a format whose rows are those of a test set."""
    from longismore.errors import ConfigError
    from longismore.judges import REVIEW_FORMATS
    from longismore.testsets import TESTSETS, folder_in

    problems = []
    if names.testset is None:
        problems.append(f"the format {format} has no ids: name the test set whose order the rows have (--testset)")
    if gold is not None:
        problems.append(f"--gold is for the format {_LLMBAR}; the format {format} has no labels")
    if names.testset is None or problems:
        raise ConfigError(problems)
    examples = TESTSETS.get(names.testset).load(folder_in(os.environ))
    return REVIEW_FORMATS[format](files, examples, names)


def _labelled(files: list[Path], names: ReviewNames, gold: Path | None) -> LLMBar:
    from longismore.errors import ConfigError
    from longismore.judges._llmbar import read_llmbar

    if len(files) != 1:
        raise ConfigError(f"the format {_LLMBAR} is one file, {len(files)} files were given")
    return read_llmbar(files[0], names, gold=gold)


def _next_command(format: str, testset: str, paths: dict[str, Path]) -> str:  # noqa: A002
    if format != _LLMBAR:
        return (
            f"longismore compare {paths['reference.json']} {paths['candidate.json']} --testset {testset} "
            f"--judge replay:{paths['judgments.jsonl']}"
        )
    if "judgments.jsonl" in paths:
        return f"longismore audit {paths['judgments.jsonl']} --gold {paths['gold.jsonl']}"
    return f"longismore judge {paths['reference.json']} {paths['candidate.json']} --judge SPEC"
