"""Where DEITA's embeddings come from: a model and the score store, or a field of the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from longismore._optional import require
from longismore.errors import MissingDependencyError, SchemaError
from longismore.selectors._deita.columns import pick_vectors
from longismore.selectors._deita.turns import described_errors

if TYPE_CHECKING:
    from longismore.instructions import InstructionData
    from longismore.selectors import Work
    from longismore.selectors._deita.embedder import Embedder
    from longismore.selectors.deita import Deita

__all__ = ["Vectors", "vectors_of"]

Rows = npt.NDArray[np.int64]


class Vectors(Protocol):
    """Where embeddings come from."""

    @property
    def device(self) -> str:
        """Where the filter multiplies."""

    @property
    def cut(self) -> int:
        """Of how many rows a text was cut."""

    @property
    def errors(self) -> list[str]:
        """What went wrong, so far."""

    def read(self, block: Rows) -> tuple[Any, list[str | None]]:
        """The embeddings of those rows of *block* that have one (n, d), and of each row why it has none."""


def vectors_of(deita: Deita, data: InstructionData, work: Work) -> Vectors:
    """The embeddings that the parameters ask for."""
    if deita.embeds:
        return _Embedded(data, work, deita.embedding_scorer())
    device = "cpu" if deita.device == "auto" else _multiplies_on(deita.device)
    return _Column(data, deita.embedding_column()["embedding"], device)


@dataclass(slots=True)
class _Embedded:
    """Embeddings by a model, or from the score store."""

    data: InstructionData
    work: Work
    embedder: Embedder
    cut: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def device(self) -> str:
        return _multiplies_on(self.embedder.device)

    def read(self, block: Rows) -> tuple[Any, list[str | None]]:
        numbers = np.sort(block)
        frame = self.work.engine.scores(
            self.data, self.embedder, numbers=numbers.tolist(), on_progress=self.work.on_progress
        )
        frame = frame[np.argsort(np.argsort(block)).tolist()]
        self.cut += int((frame["cut"] > 0).sum())
        self.errors += described_errors(frame)
        lines = zip(frame["skipped"], frame["error"], strict=True)
        reasons = [skipped or ("embedding failed" if error else None) for skipped, error in lines]
        vectors = frame["embedding"].drop_nulls()
        width = len(vectors[0]) if len(vectors) else 0
        return vectors.explode().to_numpy().reshape(len(vectors), width), reasons


@dataclass(slots=True)
class _Column:
    """Embeddings that the data bring along."""

    data: InstructionData
    name: str
    device: str
    cut: int = 0
    errors: list[str] = field(default_factory=list)
    width: int | None = None

    def read(self, block: Rows) -> tuple[Any, list[str | None]]:
        order = np.argsort(block)
        vectors: list[Any] = [None] * len(block)
        for place, vector in zip(
            order.tolist(), pick_vectors(self.data, self.name, block[order].tolist()), strict=True
        ):
            vectors[place] = vector
            if vector is None:
                continue
            self.width = self.width or len(vector)
            if len(vector) != self.width:
                raise SchemaError(
                    self.data.pick([int(block[place])])[0].place,
                    f'field "{self.name}" (embedding) has {len(vector)} numbers, and that of another row {self.width}; '
                    "all must be of one model",
                )
        reasons: list[str | None] = [None if vector is not None else "embedding is missing" for vector in vectors]
        found = [vector for vector in vectors if vector is not None]
        return np.stack(found) if found else np.zeros((0, 0), dtype=np.float32), reasons


def _multiplies_on(device: str) -> str:
    """The models' GPU, if there is one: where the filter multiplies changes its time, and nothing else."""
    if device == "cpu":
        return device
    try:
        torch = require("torch", extra="hf")
    except MissingDependencyError:  # all embeddings may be in the store already
        return "cpu"
    if device == "auto":
        device = "cuda"
    is_there = torch.cuda.is_available() if device.startswith("cuda") else True
    return device if is_there else "cpu"
