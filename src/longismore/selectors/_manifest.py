"""What a selection says of itself: how it was made, of what, and why each row that is not in it is not."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longismore
from longismore._jsonl import explained, read_json, write_json
from longismore.errors import SchemaError
from longismore.selectors._scorer import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.instructions import InstructionData
    from longismore.selectors._scorer import RowScorer
    from longismore.selectors._selector import Choice, Selector, Work

__all__ = ["is_done", "manifest_path", "read_manifest", "request_of", "write_manifest"]

_PACKAGES = ("polars", "pyarrow", "msgspec", "nltk", "xxhash", "numpy", "scikit-learn", "torch", "transformers", "ray")
_FORMAT = 1


def manifest_path(output: str | Path) -> Path:
    """Where the manifest of a file stands, which says what it was made of: beside it."""
    output = Path(output)
    return output.with_name(f"{output.name}.manifest.json")


def read_manifest(output: str | Path) -> dict[str, Any]:
    """Read a selection's manifest.

    Raises:
        DataError: There is none, or it cannot be read.
        SchemaError: It is none.
    """
    path = manifest_path(output)
    document = read_json(path)
    if not isinstance(document, dict) or "strategy" not in document or "output" not in document:
        raise SchemaError(str(path), "is no manifest of a selection: strategy and output are missing")
    return document


def request_of(strategy: str, selector: Selector, data: InstructionData, work: Work) -> dict[str, Any]:
    """What decides about a selection: strategy, parameters, budget, and what the files and models named there contain.

    A strategy whose parameters name files has a method ``files()`` that lists them; one that needs scores has
    ``scorers()``.
    """
    checksums = data.checksums()
    scorers: Sequence[RowScorer] = getattr(selector, "scorers", tuple)()
    return {
        "strategy": strategy,
        "parameters": asdict(selector),  # type: ignore[call-overload]
        "budget": work.budget,
        "drop_duplicates": work.drop_duplicates,
        "files": {str(path): _sha256(Path(path)) for path in getattr(selector, "files", tuple)()},
        "scorers": {scorer.name: fingerprint(scorer) for scorer in scorers},
        "data": {
            "format": data.format,
            "files": [{"path": str(path), "sha256": checksums[str(path)]} for path in data.paths],
        },
    }


def write_manifest(request: dict[str, Any], data: InstructionData, choice: Choice, output: Path) -> dict[str, Any]:
    """Write the manifest beside the selection, and return it."""
    document = {
        "manifest": _FORMAT,
        "longismore": longismore.__version__,
        **request,
        "rows": data.size,
        "selected": len(choice.rows),
        "dropped": dict(choice.dropped),
        "facts": dict(choice.facts),
        "output": {"path": output.name, "sha256": _sha256(output)},
        "packages": _versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(manifest_path(output), document)
    return document


def is_done(request: dict[str, Any], output: Path) -> dict[str, Any] | None:
    """The manifest of the selection that *output* holds already, if it is the one that is wanted."""
    if not output.exists() or not manifest_path(output).exists():
        return None
    try:
        found = read_manifest(output)
    except SchemaError:
        return None
    same = found.get("longismore") == longismore.__version__ and found.get("packages") == _versions()
    if (
        same
        and _told(request) == {key: found.get(key) for key in request}
        and found["output"]["sha256"] == _sha256(output)
    ):
        return found
    return None


def _told(request: Any) -> Any:
    """A request as JSON gives it back: lists for tuples."""
    if isinstance(request, dict):
        return {key: _told(value) for key, value in request.items()}
    return [_told(value) for value in request] if isinstance(request, list | tuple) else request


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _sha256(path: Path) -> str:
    with explained(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
