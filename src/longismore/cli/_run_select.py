"""What ``longismore select`` does, once its arguments are read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from longismore.api import Selected
from longismore.cli._key_values import key_values
from longismore.cli._progress import scoring_progress
from longismore.errors import ConfigError
from longismore.instructions import open_data
from longismore.reports import printable
from longismore.selectors import SELECTORS, Shard, Work, make_selector, parameters_of, select_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.instructions import InstructionData
    from longismore.selectors import Engine, RowScorer, Selector

__all__ = ["SelectRequest", "list_strategies", "run_select"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectRequest:
    """One call of the command."""

    strategy: str
    data: Sequence[str]
    data_format: str
    output: Path | None
    budget: int | None
    settings: Sequence[str]
    scores: Path | None
    shard: str | None
    engine: str
    workers: int | None
    gpus: float
    ray_address: str | None
    drop_duplicates: bool
    allow_fewer: bool
    retry_errors: bool
    dry_run: bool
    environ: Mapping[str, str]


def run_select(request: SelectRequest, *, out: TextIO, as_json: bool) -> None:
    """Select, and say what came of it.

    Raises:
        UsageError: The data, the strategy or an option will not do.
    """
    problems, settings = key_values(request.settings)
    if not request.data:
        problems.append("no data was given; name a file: --data pool.json")
    if request.output is None and not request.dry_run:
        problems.append("no output was given; name a file: --output selection.json")
    if request.engine not in {"local", "ray"}:
        problems.append(f'--engine must be local or ray, found "{request.engine}"')
    shard = None if request.shard is None else _shard(request.shard, problems)
    if problems:
        raise ConfigError(problems)
    name = request.strategy.strip().partition(":")[0]
    selector = make_selector(request.strategy, settings)
    data = open_data(request.data, format=request.data_format)
    engine, folder = _engine(request)
    if request.dry_run:
        _estimate(selector, data, engine, name=name, out=out, as_json=as_json)
        return
    with scoring_progress() as on_progress:
        work = Work(
            budget=request.budget,
            engine=engine,
            folder=folder,
            shard=shard,
            drop_duplicates=request.drop_duplicates,
            on_progress=on_progress,
        )
        assert request.output is not None  # noqa: S101  checked above
        selection = select_rows(name, selector, data, work, request.output, allow_fewer=request.allow_fewer)
    if selection is None:
        told = {"strategy": name, "shard": request.shard, "prepared": True}
        out.write(json.dumps(told) + "\n" if as_json else f"{name}: shard {request.shard} is prepared\n")
    elif as_json:
        out.write(json.dumps(selection.manifest, indent=1) + "\n")
    else:
        from rich.console import Console

        shown = Selected(manifest=selection.manifest, output=selection.output, was_done=selection.was_done)
        Console(file=out, highlight=False).print(shown)


def list_strategies(*, out: TextIO, as_json: bool) -> None:
    """Every strategy, what it does, and its parameters with their defaults."""
    found: dict[str, dict[str, Any]] = {}
    for name in SELECTORS.names():
        kind = SELECTORS.get(name)
        summary = (kind.__doc__ or "").strip().partition("\n")[0]
        found[name] = {
            "summary": summary,
            "parameters": {
                one.name: {
                    "type": one.type,
                    "default": None if one.default is ... else one.default,
                    "required": one.default is ...,
                }
                for one in parameters_of(kind)
            },
        }
    if as_json:
        out.write(json.dumps({"strategies": found}, indent=1, default=list) + "\n")
        return
    for name, told in found.items():
        lines = [f"{name}: {told['summary']}"]
        for key, one in told["parameters"].items():
            lines.append(f"  {key}={'...' if one['required'] else _value(one['default'])}  ({one['type']})")
        out.write(printable("\n".join(lines) + "\n"))


def _value(default: Any) -> str:
    if isinstance(default, tuple):
        return "+".join(default) or "none"
    return "none" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def _shard(text: str, problems: list[str]) -> Shard | None:
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        problems.append(f'--shard must be I/N with 1 <= I <= N, e.g. 3/8, found "{text}"')
        return None
    return Shard(int(match[1]), int(match[2]))


def _engine(request: SelectRequest) -> tuple[Engine, Path]:
    from longismore.selectors import LocalEngine, RayEngine, ScoreStore, default_scores_path

    folder = request.scores or default_scores_path(request.environ)
    store = ScoreStore(folder)
    if request.engine == "ray":
        return (
            RayEngine(
                store,
                address=request.ray_address,
                workers=request.workers,
                gpus_per_worker=request.gpus,
                retry_errors=request.retry_errors,
            ),
            folder,
        )
    return LocalEngine(store, retry_errors=request.retry_errors), folder


def _estimate(
    selector: Selector, data: InstructionData, engine: Engine, *, name: str, out: TextIO, as_json: bool
) -> None:
    scorers: Sequence[RowScorer] = getattr(selector, "scorers", tuple)()
    wanted = {scorer.name: engine.missing(data, scorer) for scorer in scorers}
    if as_json:
        out.write(json.dumps({"strategy": name, "rows": data.size, "to_score": wanted}) + "\n")
        return
    out.write(printable(f"{name}: {data.size:,} rows of {data.format} data\n"))
    for scorer, missing in wanted.items():
        known = data.size - missing
        out.write(printable(f"  {scorer}: {missing:,} rows are to be scored, {known:,} are in the score store\n"))
    if not wanted:
        out.write("  no model is needed\n")
