"""Where answers and judgments come from: files, models, or what a program has in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from longismore.errors import ConfigError
from longismore.judges import JudgeOptions, make_judge
from longismore.store import default_store_path
from longismore.testsets import outputs_of, read_outputs

if TYPE_CHECKING:
    from longismore.judges import Judge
    from longismore.testsets import OutputsFile

__all__ = ["Answers", "JudgeSettings", "kept_in", "listed", "make_judge_of", "outputs_in", "source_path"]

Answers: TypeAlias = str | Path | Sequence[Mapping[str, Any]]
"""A file, an lm_eval output folder, ``mini:better``, a model such as ``openai/gpt-4.1``, or rows in memory."""


class JudgeSettings(TypedDict, total=False):
    """Settings of a judge that do not stand in its spec: see `longismore.judges.JudgeOptions`."""

    protocol: str
    base_url: str | None
    temperature: float | None
    max_tokens: int | None
    parameters: Mapping[str, Any]
    concurrency: int | None
    timeout_s: float
    retries: int
    api_key_env: str | None
    max_cost_usd: float | None
    price_input: float | None
    price_output: float | None
    batch: bool
    batch_poll_s: float


def make_judge_of(judge: str | Judge, settings: Mapping[str, Any], environ: Mapping[str, str]) -> Judge:
    """Make the judge of a spec; one that is made already stays as it is.

    Raises:
        ConfigError: Settings of a judge that is made already, or settings that do not fit.
        UnknownNameError: No judge has that name.
    """
    if isinstance(judge, str):
        return make_judge(judge, JudgeOptions.from_mapping(settings, environ))
    if settings:
        raise ConfigError(
            f"{', '.join(settings)}: the judge {judge.name} is made already; make it with these settings, or give its "
            "spec, e.g. openai/gpt-4.1"
        )
    return judge


def outputs_in(source: Answers, role: str) -> OutputsFile:
    """Read answers.

    Args:
        source: A path, or rows.
        role: Whose they are: ``reference`` or ``candidate``.

    Raises:
        DataError: They cannot be read; the message has the row.
    """
    return read_outputs(source) if isinstance(source, str | Path) else outputs_of(source, role)


def source_path(source: Answers) -> str | Path | None:
    """Where answers come from, for ``run.json``; ``None``: from memory."""
    return source if isinstance(source, str | Path) else None


def kept_in(store: str | Path | None, environ: Mapping[str, str]) -> Path:
    """The database of paid answers: as given, else as ``LONGISMORE_STORE`` says, else the user's own."""
    given = store or environ.get("LONGISMORE_STORE")
    return Path(given) if given else default_store_path()


def listed(names: str | Sequence[str]) -> list[str]:
    """One name, or several."""
    return [names] if isinstance(names, str) else list(names)
