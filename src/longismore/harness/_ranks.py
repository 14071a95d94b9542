"""Several processes of one evaluation: who judges, who writes, and how they share.

Data parallel (``accelerate launch -m lm_eval``): every rank generates and judges its own documents, all ranks
learn all judgments, rank 0 writes. Tensor parallel launchers: every process claims to be rank 0 of 1 and holds
the same answers, and lm_eval drops what LOCAL_RANK 1 and up return; those must not pay a judge.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, TypeVar

from longismore.errors import JudgeError

__all__ = ["Ranks"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of the evaluation."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_shadow(self) -> bool:
        """Whether this process only mirrors another one that judges and reports."""
        return self.world_size == 1 and os.environ.get("LOCAL_RANK", "0") != "0"

    def gather(self, mine: list[T]) -> list[T]:
        """The lists of all ranks joined, in the order of the ranks, on every rank.

        Raises:
            JudgeError: Another rank has abandoned the work.
        """
        if self.world_size == 1:
            return mine
        everybody = self._exchange((mine, None))
        for rank, (_, failure) in enumerate(everybody):
            if failure is not None:
                raise JudgeError(f"rank {rank} could not judge its share: {failure}")
        return [item for theirs, _ in everybody for item in theirs]

    def abandon(self, error: Exception) -> None:
        """Let the other ranks, who wait in :meth:`gather`, end as well."""
        if self.world_size > 1:
            self._exchange(([], str(error)))

    def _exchange(self, mine: tuple[list[Any], str | None]) -> list[tuple[list[Any], str | None]]:
        distributed: Any = sys.modules["torch"].distributed  # lm_eval imported it to run on several ranks
        everybody: list[Any] = [None] * self.world_size
        distributed.all_gather_object(everybody, mine)
        return everybody
