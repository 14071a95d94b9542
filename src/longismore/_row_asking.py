"""What rating and refining rows have in common: say what it will take, ask, and note where a file came from."""

from __future__ import annotations

import logging
import platform
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from longismore import __version__
from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from longismore.instructions import InstructionData, Row
    from longismore.judges import Estimate, Usage
    from longismore.store import Store

__all__ = ["ask_rows", "check_outputs", "first_rows", "origin"]

logger = logging.getLogger(__name__)


class _Asking(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, object]: ...

    @property
    def usage(self) -> Usage: ...

    def estimate(self, rows: Iterable[Row], store: Store) -> Estimate | None: ...

    def ask(self, rows: Iterable[Row], *, total: int, store: Store, on_answer: Callable[[], None]) -> None: ...


def first_rows(data: InstructionData, limit: int | None) -> Iterator[Row]:
    """All rows, or the first so many."""
    return islice(data.rows(), limit)


def check_outputs(data: InstructionData, *outputs: Path | None) -> None:
    """Find out, before anything is paid, whether what is written would replace what is read.

    Raises:
        ConfigError: It would, or two outputs are one file.
    """
    read = {path.resolve() for path in data.paths}
    written: set[Path] = set()
    for output in outputs:
        if output is None:
            continue
        if output.resolve() in read:
            raise ConfigError(f"{output}: would replace the data itself; name another file (--output)")
        if output.resolve() in written:
            raise ConfigError(f"{output}: two different files cannot have one name")
        written.add(output.resolve())


def ask_rows(
    asking: _Asking,
    rows: Callable[[], Iterable[Row]],
    *,
    total: int,
    store: Store,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    """Get every row's answer into the store, and say before what that will take.

    Args:
        asking: Who asks.
        rows: Gives the rows from the beginning.
        total: How many of them need an answer.
        store: Where answers are kept.
        on_progress: Called with each answer.

    Raises:
        JudgeError: No further call can succeed; what was answered is in the store.
    """
    estimate = asking.estimate(rows(), store)
    if estimate is None:
        return
    logger.info("%s: %s", asking.name, estimate.sentence())
    if estimate.calls == 0:
        asking.usage.from_store += estimate.from_store
        return
    done = 0

    def on_answer() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)

    try:
        asking.ask(rows(), total=total, store=store, on_answer=on_answer)
    except BaseException:
        logger.error(  # noqa: TRY400  the traceback belongs to whoever handles the error
            "%s stopped after %d of %d rows; what was answered is kept in %s, and the same command goes on from there",
            asking.name, done, total, store.path,
        )  # fmt: skip
        raise


def origin(data: InstructionData, asking: _Asking, *, spec: str, command: Sequence[str]) -> dict[str, Any]:
    """What a manifest says of where a file came from."""
    program = Path(command[0]).name if command else "longismore"
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [program, *command[1:]],
        "versions": {"longismore": __version__, "python": platform.python_version()},
        "data": data.checksums(),
        "format": data.format,
        "judge": {
            "spec": spec,
            "name": asking.name,
            "fingerprint": asking.fingerprint,
            "settings": dict(asking.settings),
        },
        "usage": asking.usage.to_dict(),
    }
