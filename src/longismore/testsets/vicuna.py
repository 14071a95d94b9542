"""Vicuna: 80 questions in 9 categories.

With 80 questions alone, differences below some 13 points of win rate cannot be resolved.

Source: Chiang et al., Vicuna: An Open-Source Chatbot Impressing GPT-4 with 90% ChatGPT Quality, 2023,
https://lmsys.org/blog/2023-03-30-vicuna/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.testsets import TESTSETS
from longismore.testsets._published import PublishedSet, make_example

if TYPE_CHECKING:
    from longismore.records import Example
    from longismore.testsets._row import Row

__all__ = ["VICUNA"]


def _parse(row: Row) -> Example:
    return make_example(
        "vicuna",
        f"vicuna_{row.integer('question_id')}",
        row.text("text"),
        category=row.text("category"),
    )


VICUNA = PublishedSet(
    name="vicuna",
    size=80,
    licence="Apache-2.0 (repository lm-sys/vicuna-blog-eval)",
    source="Chiang et al., Vicuna, 2023, https://lmsys.org/blog/2023-03-30-vicuna/",
    filename="vicuna_test_set.jsonl",
    sha256="590c39157bc561eadd7f03cad4be18c2b597f93029780af65f86718f39eafa87",
    parse=_parse,
)

TESTSETS.register("vicuna", VICUNA)
