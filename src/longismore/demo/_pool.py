"""Rows to choose from, made of the texts that this package has: its answers to ``mini``, and its own descriptions.

Nobody has answered these instructions: four rules put texts behind them. That is enough for rows of very different
lengths, and for nothing else. A fifth of the rows are pieces of the shipped answers to the very test set that the
models are asked later, which no real data may have.
"""

from __future__ import annotations

import ast
import json
import random
import re
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["RULES", "make_pool", "text_of"]

RULES = {
    "describe": "what a module of longismore is for, in the words of its own description",
    "brief": "the same in its first sentence",
    "both": "what two of them are for",
    "go on": "the rest of an answer of ours to an instruction of mini, after its first sentence",
}
"""How rows are made, by name: in turn, and by ``both`` where a rule has no more texts."""

_ROOMS = ("instructions", "judges", "reports", "selectors", "testsets", "train")
_ANSWERS = ("mini_better.json", "mini_longer.json")
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+")


def make_pool(rows: int, seed: int) -> list[dict[str, str]]:
    """Make instruction data in Alpaca's format.

    Args:
        rows: How many, at most 500.
        seed: Decides which texts are taken, and in which order rows stand.

    Returns:
        Rows with ``instruction``, ``input``, ``output``, and the ``rule`` that made them; no two are alike.
    """
    draw = random.Random(seed)  # noqa: S311  nothing here is secret
    texts = _descriptions()
    first, second = (draw.sample(sorted(texts), len(texts)) for _ in range(2))
    answers = _answers()
    draw.shuffle(answers)
    makers: dict[str, Iterator[dict[str, str]]] = {
        "describe": (_row(f"Describe {name}.", texts[name]) for name in first),
        "brief": (_row(f"Describe {name} in a sentence.", _split(texts[name])[0]) for name in second),
        "both": _both(first, second, texts),
        "go on": (_row("Go on with this.", rest, begin) for begin, rest in map(_split, answers) if rest),
    }
    found: list[dict[str, str]] = []
    while len(found) < rows:
        rule = list(RULES)[len(found) % len(RULES)]
        row = next(makers[rule], None)
        if row is None:
            rule, row = "both", next(makers["both"])
        found.append({**row, "rule": rule})
    draw.shuffle(found)
    return found


def text_of(row: dict[str, str]) -> str:
    """A row as text, for a model that learns to write before it learns to answer."""
    return "\n\n".join(part for part in (row["instruction"], row["input"], row["output"]) if part)


def _row(instruction: str, output: str, given: str = "") -> dict[str, str]:
    return {"instruction": instruction, "input": given, "output": output}


def _both(first: Sequence[str], second: Sequence[str], texts: dict[str, str]) -> Iterator[dict[str, str]]:
    """Pairs of neighbours in two orders, then those a place further, and so on."""
    for shift in range(len(first)):
        for one, other in zip(first, [*second[shift:], *second[:shift]], strict=True):
            if one != other:
                output = f"{one}: {texts[one]}\n\n{other}: {texts[other]}"
                yield _row("Describe both.", output, f"{one}, {other}")


def _split(text: str) -> tuple[str, str]:
    """The first sentence, and the rest."""
    begin, *rest = _SENTENCE_END.split(text, maxsplit=1)
    return begin, "".join(rest)


def _answers() -> list[str]:
    folder = files("longismore.testsets").joinpath("data")
    return [row["output"] for name in _ANSWERS for row in json.loads(folder.joinpath(name).read_text(encoding="utf-8"))]


def _descriptions() -> dict[str, str]:
    """The description of every module, by its name."""
    found = {}
    for room in _ROOMS:
        for file in files(f"longismore.{room}").iterdir():
            if file.name.endswith(".py"):
                described = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
                name = file.name.removesuffix(".py").replace("__init__", "")
                if prose := _prose(described or ""):
                    found[f"{room}.{name}".rstrip(".")] = prose
    return dict(sorted(found.items()))


def _prose(text: str) -> str:
    """The paragraphs that are sentences: no tables, no code, no addresses."""
    paragraphs = [" ".join(part.split()) for part in text.replace("``", "").split("\n\n") if not part.startswith(" ")]
    return "\n\n".join(part for part in paragraphs if part.endswith((".", ":")) and "://" not in part)
