"""The first stage: a selection, with what it cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json
from longismore.errors import UsageError
from longismore.selectors import Work as SelectorWork
from longismore.selectors import select_rows
from longismore.selectors._manifest import request_of
from longismore.study._stage import Stage
from longismore.study._strategy import STRICT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.instructions import InstructionData
    from longismore.selectors import Engine, OnProgress, RowScorer, Selector
    from longismore.study._strategy import Strategy

__all__ = ["Selected", "Selecting", "cost_of"]

_FREE = {"longest", "random", "strict_random"}
"""They ask no model and no judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """A selection that was made; of ``full`` it is the data themselves."""

    paths: tuple[Path, ...]
    format: str
    digest: str
    """Of the rows."""
    rows: int
    pool: int
    """Rows that there were to choose from."""
    cost: dict[str, Any]
    """``scored``, ``from_store``, ``calls``, ``cost_usd`` and ``seconds``; unknown is ``None``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selecting:
    """How selections of a study are made."""

    engine: Engine
    folder: Path
    """Where strategies keep what they commit."""
    drop_duplicates: bool
    allow_fewer: bool
    on_progress: OnProgress | None = None

    def stage(
        self, strategy: Strategy, trial: int | None, data: InstructionData, budget: int, *, folder: Path,
        exclude: Sequence[Path],
    ) -> tuple[Stage, Callable[[], dict[str, Any]]]:  # fmt: skip
        """The stage of a selection, and what makes it.

        Args:
            strategy: Any but ``full``.
            trial: Of random.
            data: Where it selects from.
            budget: How many rows.
            folder: Of the stage.
            exclude: Selections that a strict draw leaves out.
        """
        selector: Selector = strategy.selector
        if trial is not None:
            selector = replace(selector, trial=trial)  # type: ignore[type-var]
        if strategy.kind == STRICT:
            selector = replace(selector, exclude=tuple(map(str, exclude)))  # type: ignore[type-var]
        work = SelectorWork(
            budget=budget,
            engine=self.engine,
            folder=self.folder,
            drop_duplicates=self.drop_duplicates,
            on_progress=self.on_progress,
        )
        stage = Stage(folder, _without_places(request_of(strategy.kind, selector, data, work)))

        def make() -> dict[str, Any]:
            output = folder / f"rows{data.suffix}"
            scorers: Sequence[RowScorer] = getattr(selector, "scorers", tuple)()
            before = [self.engine.missing(data, scorer) for scorer in scorers]
            selection = select_rows(strategy.kind, selector, data, work, output, allow_fewer=self.allow_fewer)
            assert selection is not None  # noqa: S101  there is no shard
            scored = sum(before) - sum(self.engine.missing(data, scorer) for scorer in scorers)
            known = len(scorers) * data.size - scored if scorers else None
            facts = {
                "selected": selection.manifest["selected"],
                "pool": data.size,
                "digest": selection.manifest["output"]["sha256"],
                "cost": cost_of(strategy.kind, selector, scored=scored if scorers else None, from_store=known),
            }
            return stage.end([output], facts)

        return stage, make


def _without_places(request: dict[str, Any]) -> dict[str, Any]:
    """What decides about a selection, seen from whatever folder: files by their contents, models by their names."""
    contents = {**request["files"], **{each["path"]: each["sha256"] for each in request["data"]["files"]}}

    def placeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {contents.get(name, name): placeless(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [placeless(each) for each in value]
        if isinstance(value, str) and value not in contents and "/" in value and Path(value).exists():
            return Path(value).name  # what is in it is in the scorer's fingerprint
        return contents.get(value, value) if isinstance(value, str) else value

    return {name: placeless(each) for name, each in request.items()}


def cost_of(kind: str, selector: Any, *, scored: int | None, from_store: int | None) -> dict[str, Any]:
    """What a selection took, beside its seconds; unknown is ``None``.

    A file of ratings says in its manifest what it cost, where ``longismore rate`` has made it.
    """
    if kind in _FREE or scored is not None:
        return {"scored": scored or 0, "from_store": from_store or 0, "calls": 0, "cost_usd": 0.0}
    calls: int | None = 0
    cost: float | None = 0.0
    files = list(getattr(selector, "files", tuple)())
    for path in files:
        usage = _usage(Path(path))
        answered, stored, paid = (usage.get(name) for name in ("answered", "from_store", "cost_usd"))
        calls = None if calls is None or answered is None else calls + answered + (stored or 0)
        cost = None if cost is None or paid is None or stored else cost + paid
    return {
        "scored": None,
        "from_store": None,
        "calls": calls if files else None,
        "cost_usd": cost if files else None,
    }


def _usage(path: Path) -> dict[str, Any]:
    manifest = path.with_name(f"{path.name}.manifest.json")
    if not manifest.is_file():
        return {}
    try:
        usage = read_json(manifest).get("usage")
    except (UsageError, AttributeError):
        return {}
    return usage if isinstance(usage, dict) else {}
