"""WizardLM: 218 instructions over 29 skills and 10 levels of difficulty.

This is the copy that AlpaGasus and Long Is More used; it differs from the original in two rows: wizardlm_27
repeats wizardlm_20, and in wizardlm_141 a blank was added.

Source: Xu et al., WizardLM, ICLR 2024, https://arxiv.org/abs/2304.12244
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.testsets import TESTSETS
from longismore.testsets._published import PublishedSet, make_example

if TYPE_CHECKING:
    from longismore.records import Example
    from longismore.testsets._row import Row

__all__ = ["WIZARDLM"]


def _parse(row: Row) -> Example:
    return make_example(
        "wizardlm",
        f"wizardlm_{row.integer('idx')}",
        row.text("Instruction"),
        category=row.text("Skill"),
    )


WIZARDLM = PublishedSet(
    name="wizardlm",
    size=218,
    licence="CC BY-NC 4.0 (DATA_LICENSE of the repository nlpxucan/WizardLM)",
    source="Xu et al., WizardLM, ICLR 2024, https://arxiv.org/abs/2304.12244",
    filename="wizardlm_test_set.jsonl",
    sha256="1a39103c4ad7e0b68a0f7ed770f13a60cc60749418263dafb20cfe8f5e51901e",
    parse=_parse,
)

TESTSETS.register("wizardlm", WIZARDLM)
