"""Say which prompts an outputs file does not answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from longismore.testsets._row import first_chars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Example, ModelOutput

__all__ = ["missing_problem"]

_IDS_SHOWN = 10


def missing_problem(
    missing: Sequence[Example], examples: Sequence[Example], unused: Sequence[ModelOutput], *, role: str
) -> str:
    """The problem, and what to do about it, in one sentence.

    Args:
        missing: The examples without an answer.
        examples: All that were asked for.
        unused: The rows of the file that answer none of them.
        role: Whose answers they are: ``"reference"`` or ``"candidate"``.
    """
    sizes = Counter(example.testset for example in examples)
    lacking: dict[str, list[str]] = defaultdict(list)
    for example in missing:
        lacking[example.testset].append(example.id)
    counts = [
        f"{len(ids)} of {sizes[testset]} prompts of {testset}: {_shorten(ids)}" for testset, ids in lacking.items()
    ]
    parts = [
        f"no answer for {', '.join(counts)}",
        f'first missing prompt: "{first_chars(missing[0].prompt)}"',
        _about_unused(unused),
        f"generate the missing answers of the {role}, or ask for fewer prompts with --limit",
    ]
    return "; ".join(part for part in parts if part)


def _shorten(ids: Sequence[str]) -> str:
    more = len(ids) - _IDS_SHOWN
    return ", ".join(ids[:_IDS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _about_unused(unused: Sequence[ModelOutput]) -> str:
    if not unused:
        return ""
    first = unused[0]
    said = f'"{first_chars(first.instruction)}"' if first.instruction else f'the id "{first_chars(first.id or "")}"'
    return f"rows of the file that match no prompt: {len(unused)}, the first is {first.where} with {said}"
