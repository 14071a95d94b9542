"""Rows as tensors: padded at the right, or one after the other without seeing each other.

Labels are the tokens that carry loss, -100 elsewhere; the first token of a row never carries any. So the labels of a
batch that are not -100 are as many as the losses that are taken, in every form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.train._packing import pack_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from longismore.train._encode import Encoded
    from longismore.train.settings import TrainSettings

__all__ = ["IGNORED", "Collator"]

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Collator:
    """Makes the tensors of a batch.

    Packs say by ``position_ids``, which begin anew with every row, what belongs together. Transformers keeps the
    rows of a pack apart by them, but only where there is no ``attention_mask`` and no cache: ``use_cache=False`` must
    stand in the model's configuration or be an argument of its call. With FlashAttention a batch is one sequence,
    without any padding.
    """

    settings: TrainSettings
    """With batching and attention decided."""
    pad_id: int
    """Any token: what is padding follows from the lengths."""

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Any]:
        """The tensors of a batch, each of shape (b, s); without rows, one sequence of one token without loss."""
        import numpy as np

        is_packed = self.settings.batching == "pack"
        sequences = self.packs(rows) if is_packed else [[row] for row in rows]
        width = self.settings.pad_to or max((sum(map(len, sequence)) for sequence in sequences), default=1)
        shape = max(len(sequences), 1), width
        input_ids = np.full(shape, self.pad_id, dtype=np.int64)
        labels = np.full(shape, IGNORED, dtype=np.int64)
        positions = np.tile(np.arange(width), (shape[0], 1))
        mask = np.full(shape, fill_value=not sequences, dtype=np.int64)
        for number, sequence in enumerate(sequences):
            end = 0
            for row in sequence:
                start, end = end, end + len(row)
                input_ids[number, start:end] = row.input_ids
                labels[number, start:end] = _labels(row)
                positions[number, start:end] = np.arange(len(row))
            mask[number, :end] = 1
            positions[number, end:] = np.arange(width - end)
        seen = {"position_ids": positions} if is_packed else {"attention_mask": mask}
        torch = require("torch", extra="train")
        return {
            name: torch.from_numpy(array) for name, array in ({"input_ids": input_ids, "labels": labels} | seen).items()
        }

    def packs(self, rows: Sequence[Encoded]) -> list[list[Encoded]]:
        """Which rows share a sequence."""
        if self.settings.attention == "flash_attention_2":
            return [list(rows)] if rows else []
        packs = pack_rows([len(row) for row in rows], self.settings.max_length)
        return [[rows[place] for place in pack] for pack in packs]


def _labels(row: Encoded) -> NDArray[np.int64]:
    import numpy as np

    labels = np.where(row.loss, row.input_ids, IGNORED).astype(np.int64)
    labels[:1] = IGNORED
    return labels
