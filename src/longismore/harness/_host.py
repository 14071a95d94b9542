"""What the running evaluation of lm_eval says about itself: the model, the output folder, its log and bars."""

from __future__ import annotations

import copy
import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.harness._lm_eval import latest_tracker
from longismore.reports import printable
from longismore.testsets import read_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from longismore.comparison import Progress
    from longismore.harness._settings import PairwiseSettings

__all__ = ["candidate_name", "candidate_path", "join_host_logging", "output_folder", "progress_bar"]

_NAMES = ("peft", "delta", "pretrained", "model", "engine")
"""Model arguments that name a model, most telling first."""


def candidate_path(metadata: Mapping[str, Any]) -> str | None:
    """The file of answers that ``longismore_outputs`` replays; ``None`` where a model ran."""
    tracker = latest_tracker()
    source = getattr(getattr(tracker, "general_config_tracker", None), "model_source", None)
    if source not in {None, "longismore_outputs"} or any(name in metadata for name in _NAMES):
        return None
    return str(metadata["path"]) if "path" in metadata else None


def candidate_name(settings: PairwiseSettings, metadata: Mapping[str, Any]) -> str:
    """What the evaluated model is called: as the user says, else as its answers or arguments say."""
    if settings.candidate is not None:
        return settings.candidate
    path = candidate_path(metadata)
    if path is not None:
        return read_outputs(path).model or Path(path).stem
    for name in _NAMES:
        if name in metadata:
            return str(metadata[name])
    return "candidate"


def output_folder(settings: PairwiseSettings) -> Path | None:
    """Where the run folder goes: where the user says, else beside the files that lm_eval will write."""
    if settings.output is not None:
        return Path(settings.output)
    tracker = latest_tracker()
    given = getattr(tracker, "output_path", None)
    if tracker is None or not given:
        return None
    path = Path(given)
    if path.suffix == ".json":
        return path.parent
    return path / str(tracker.general_config_tracker.model_name_sanitized or "")


class _Printable(logging.Handler):
    """Hands our messages to a handler of lm_eval as text that does nothing to the terminal."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler

    def emit(self, record: logging.LogRecord) -> None:
        """Show the record where the other handler does."""
        shown = copy.copy(record)
        shown.msg, shown.args = printable(record.getMessage()).replace("\n", "\n  "), None
        if record.levelno >= self._handler.level:
            self._handler.handle(shown)


def join_host_logging() -> None:
    """Send our messages where lm_eval sends its own, in its format and at its level."""
    ours, theirs = logging.getLogger("longismore"), logging.getLogger("lm_eval")
    if theirs.handlers and not ours.handlers:
        ours.handlers = [_Printable(handler) for handler in theirs.handlers]
        ours.setLevel(theirs.level)
        ours.propagate = False


@contextmanager
def progress_bar(*, total: int, shown: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar like lm_eval's own, on stderr; yields what to call with the progress."""
    from tqdm import tqdm  # a dependency of lm_eval

    with tqdm(total=total, desc="Judging", unit="call", disable=not shown or total == 0) as bar:

        def advance(progress: Progress) -> None:
            bar.update(progress.made - bar.n)
            if progress.spent_usd:
                bar.set_postfix_str(f"US$ {progress.spent_usd:.2f}", refresh=False)

        yield advance
