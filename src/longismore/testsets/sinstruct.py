"""Self-Instruct: 252 expert-written tasks around everyday applications, 208 of them with an input.

Source: Wang et al., Self-Instruct, ACL 2023, section 5.4, https://arxiv.org/abs/2212.10560
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.testsets import TESTSETS
from longismore.testsets._published import PublishedSet, make_example

if TYPE_CHECKING:
    from longismore.records import Example
    from longismore.testsets._row import Row

__all__ = ["SINSTRUCT"]


def _parse(row: Row) -> Example:
    match row.value("instances"):
        case [{"input": str(text)}]:
            return make_example(
                "sinstruct",
                row.text("id"),
                row.text("instruction"),
                input=text,
                category=row.text("motivation_app"),
            )
        case other:
            raise row.wrong("instances", 'a list of one object with a string "input"', other)


SINSTRUCT = PublishedSet(
    name="sinstruct",
    size=252,
    licence="Apache-2.0 (dataset card yizhongw/self_instruct)",
    source="Wang et al., Self-Instruct, ACL 2023, https://arxiv.org/abs/2212.10560",
    filename="sinstruct_test_set.jsonl",
    sha256="81d60a117db495cecedecd9193504fd07c5b5a42f6699ef6b0f9da10fc22f42e",
    parse=_parse,
)

TESTSETS.register("sinstruct", SINSTRUCT)
