"""What jobs that share the work leave for the one that chooses: the candidates of each shard, a Parquet file each.

A file's name says what it was made for: a fingerprint of the strategy's parameters and the data's checksums, which
shard of how many, and how many rows were wanted. A file made for more rows serves for fewer. Files are written to a
neighbour and renamed, so that a killed job leaves none or a whole one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import DataError
from longismore.selectors._length.topk import Candidates, Largest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from longismore.selectors._selector import Shard

__all__ = ["ShardResult", "ShardResults", "results_for"]

_NOTE = b"longismore"
_KEYS = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardResult:
    """What one pass over a part of the data has found."""

    largest: Largest
    seen: int
    """Rows of the part."""
    empty: int
    """Rows of the part without any answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardResults:
    """The results that a folder has for one purpose."""

    folder: Path
    stem: str
    """Strategy and fingerprint."""
    distinct: bool

    def add(self, result: ShardResult, shard: Shard) -> None:
        """Commit a shard's result."""
        arrow = require("pyarrow", extra="select")
        parquet = require("pyarrow.parquet", extra="select")
        kept = result.largest.candidates()
        columns = {"least": kept.least, "most": kept.most, "row": kept.rows, "copies": kept.copies}
        arrays = {name: arrow.array(values) for name, values in columns.items()}
        if kept.keys is not None:
            arrays[_KEYS] = arrow.array(kept.keys.astype("U32").tolist(), type=arrow.string())
        note = {
            "floor": result.largest.floor,
            "beaten": result.largest.beaten,
            "seen": result.seen,
            "empty": result.empty,
        }
        table = arrow.table(arrays).replace_schema_metadata({_NOTE: json.dumps(note).encode()})
        path = self.folder / f"{self.stem}-{shard.index}-of-{shard.count}-{result.largest.k}.parquet"
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            parquet.write_table(table, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def finished(self, k: int) -> dict[int, dict[int, Path]]:
        """The results that serve for *k* rows, by the number of shards and the shard's index."""
        name = re.compile(re.escape(self.stem) + r"-(\d+)-of-(\d+)-(\d+)\.parquet")
        found: dict[int, dict[int, Path]] = {}
        made_for: dict[Path, int] = {}
        for path in sorted(self.folder.glob(f"{self.stem}-*.parquet")):
            if not (match := name.fullmatch(path.name)) or int(match[3]) < k:
                continue
            index, count, made_for[path] = map(int, match.groups())
            known = found.setdefault(count, {}).get(index)
            if known is None or made_for[known] > made_for[path]:
                found[count][index] = path
        return found

    def take(self, path: Path, largest: Largest) -> tuple[int, int]:
        """Merge a result into *largest*; gives how many rows the part has, and how many of them without any answer.

        Raises:
            DataError: The file is damaged.
        """
        arrow = require("pyarrow", extra="select")
        parquet = require("pyarrow.parquet", extra="select")
        try:
            table = parquet.read_table(path)
            note = json.loads(table.schema.metadata[_NOTE])
            kept = Candidates(
                least=table["least"].to_numpy(),
                most=table["most"].to_numpy(),
                rows=table["row"].to_numpy(),
                copies=table["copies"].to_numpy(),
                keys=_keys(table) if self.distinct else None,
            )
            seen, empty, floor, beaten = (note[name] for name in ("seen", "empty", "floor", "beaten"))
        except (arrow.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: is damaged ({error}); delete it, and that part is measured again") from error
        largest.merge(kept, floor=floor, beaten=beaten)
        return seen, empty


def _keys(table: Any) -> Any:
    import numpy as np

    return np.array(table[_KEYS].to_pylist(), dtype="S32")


def results_for(folder: Path, name: str, purpose: Mapping[str, object], *, distinct: bool) -> ShardResults:
    """The results of a strategy.

    Args:
        folder: Where strategies keep what they commit.
        name: The strategy's.
        purpose: Everything that changes the candidates, but for how many are wanted; as JSON.
        distinct: Whether duplicates are looked for; they go by keys, which are kept then.
    """
    text = json.dumps({**purpose, "distinct": distinct}, sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
    return ShardResults(folder=folder, stem=f"{name}-{fingerprint}", distinct=distinct)
