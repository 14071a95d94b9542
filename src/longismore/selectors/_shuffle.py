"""The first rows of a shuffled data set, as Chasing Random draws them.

``datasets.Dataset.shuffle(seed)`` puts rows into the order ``numpy.random.default_rng(seed).permutation(n)``, and the
published script keeps the first ones, also those without an answer. Here rows without an answer are passed over, as by
every other selector, and the next ones of the same order move up: without such rows the draw is the published one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.selectors._hash_sampling import DUPLICATE, EMPTY, NOT_DRAWN, key_words, repeated
from longismore.selectors._selector import Choice

if TYPE_CHECKING:
    from longismore.instructions import InstructionData
    from longismore.selectors._selector import Work

__all__ = ["shuffled_rows"]


def shuffled_rows(data: InstructionData, work: Work, *, seed: int) -> Choice:
    """Draw as many rows as *work* has a budget for, or all that qualify.

    Memory is 9 bytes a row of the data, with ``drop_duplicates`` 24 more.
    """
    import numpy as np

    states, words = [], []
    for block in data.blocks(data.form.content_fields):
        states.append(block.response_sizes() > 0)
        if work.drop_duplicates:
            words.append(key_words(block.keys()))
        if work.on_progress:
            work.on_progress("drawing", block.start + block.size, None)
    qualifies = np.concatenate(states) if states else np.zeros(0, dtype=np.bool_)
    dropped = {EMPTY: int(len(qualifies) - qualifies.sum()), DUPLICATE: 0}
    answered = qualifies
    if work.drop_duplicates and words:
        qualifies = answered & ~repeated(np.concatenate(words))
        dropped[DUPLICATE] = int(answered.sum() - qualifies.sum())
    order = np.random.default_rng(seed).permutation(len(qualifies))
    drawn = order[qualifies[order]][: work.budget]
    passed = int((~answered[order[: work.budget]]).sum())
    dropped[NOT_DRAWN] = len(qualifies) - len(drawn) - sum(dropped.values())
    return Choice(
        rows=np.sort(drawn).tolist(),
        dropped={reason: count for reason, count in dropped.items() if count},
        facts={"without_answer_among_the_first": passed},
    )
