"""LIMA: 300 test prompts, of which 39 are also questions of Vicuna.

The published file wraps each prompt in a list of one. The scripts of Long Is More paste that list, brackets
and quotes included, into what model and judge see; here the prompt is the string inside.

Source: Zhou et al., LIMA: Less Is More for Alignment, NeurIPS 2023, https://arxiv.org/abs/2305.11206
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.testsets import TESTSETS
from longismore.testsets._published import PublishedSet, make_example

if TYPE_CHECKING:
    from longismore.records import Example
    from longismore.testsets._row import Row

__all__ = ["LIMA"]


def _parse(row: Row) -> Example:
    match row.value("conversations"):
        case [str(prompt)]:
            return make_example("lima", f"lima_{row.position}", prompt)
        case other:
            raise row.wrong("conversations", "a list of one string", other)


LIMA = PublishedSet(
    name="lima",
    size=300,
    licence="CC BY-NC-SA or stricter, as the sources of the prompts (dataset card GAIR/lima)",
    source="Zhou et al., LIMA, NeurIPS 2023, https://arxiv.org/abs/2305.11206",
    filename="lima_test.jsonl",
    sha256="4584225a820754afd473de7a37c2ff912cd9a4b6ae44ec5c7419d6e875f01fac",
    parse=_parse,
)

TESTSETS.register("lima", LIMA)
