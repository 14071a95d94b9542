"""Koala: 180 questions that people asked chat models on the web.

White space at the edges of 14 prompts is part of them; one prompt is 18,598 characters long.

Source: Geng et al., Koala: A Dialogue Model for Academic Research, 2023,
https://bair.berkeley.edu/blog/2023/04/03/koala/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.testsets import TESTSETS
from longismore.testsets._published import PublishedSet, make_example

if TYPE_CHECKING:
    from longismore.records import Example
    from longismore.testsets._row import Row

__all__ = ["KOALA"]


def _parse(row: Row) -> Example:
    return make_example("koala", row.text("id"), row.text("prompt"))


KOALA = PublishedSet(
    name="koala",
    size=180,
    licence="Apache-2.0 (dataset card HuggingFaceH4/Koala-test-set)",
    source="Geng et al., Koala, 2023, https://bair.berkeley.edu/blog/2023/04/03/koala/",
    filename="koala_test_set.jsonl",
    sha256="c8cda5c53810dc30aad34fabbb828fe3eba0957119e00916650c971905d19886",
    parse=_parse,
)

TESTSETS.register("koala", KOALA)
