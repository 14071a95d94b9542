"""Where answers and judgments come from: files, models, or what a program has in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, cast

from longismore.api._given import path_of, rows_in
from longismore.errors import ConfigError
from longismore.judges import JudgeOptions, make_judge
from longismore.store import default_store_path
from longismore.testsets import outputs_of, read_outputs

if TYPE_CHECKING:
    from longismore.judges import Judge
    from longismore.testsets import OutputsFile

__all__ = ["Answers", "JudgeSettings", "kept_in", "make_judge_of", "outputs_in", "source_path"]

Answers: TypeAlias = str | Path | Sequence[Mapping[str, Any]]
"""A file, an lm_eval output folder, ``mini:better``, a model such as ``openai/gpt-4.1``, or rows in memory."""


class JudgeSettings(TypedDict, total=False):
    """Settings of a judge that do not stand in its spec: see `longismore.judges.JudgeOptions`."""

    protocol: str
    """``score_pair`` (default), ``choice`` or ``logprob``."""
    base_url: str | None
    """Another server than the provider's."""
    temperature: float | None
    """0 by default; ``None`` leaves it to the server."""
    max_tokens: int | None
    """Of one answer; by default what the protocol needs."""
    parameters: Mapping[str, Any]
    """Further fields of the request."""
    concurrency: int | None
    """Calls in flight; by default what suits the provider."""
    timeout_s: float
    """Of one call, in seconds; 120 by default."""
    retries: int
    """Of one call; 6 by default."""
    api_key_env: str | None
    """The environment variable with the key."""
    max_cost_usd: float | None
    """Judging stops before it can cost more, in US$."""
    price_input: float | None
    """US$ per million input tokens, above the price table; with `price_output`."""
    price_output: float | None
    """US$ per million output tokens."""
    batch: bool
    """Use the provider's batch API."""
    batch_poll_s: float
    """Seconds between two looks at a batch; 30 by default."""


def make_judge_of(judge: str | Judge, settings: Mapping[str, Any], environ: Mapping[str, str]) -> Judge:
    """Make the judge of a spec; one that is made already stays as it is.

    Raises:
        ConfigError: Settings of a judge that is made already, or settings that do not fit.
        UnknownNameError: No judge has that name.
    """
    if isinstance(judge, str):
        return make_judge(judge, JudgeOptions.from_mapping(settings, environ))
    if isinstance(judge, type) or not all(hasattr(judge, name) for name in ("name", "fingerprint", "check", "judge")):
        raise ConfigError(
            "judge must be a spec, e.g. openai/gpt-4.1, or what longismore.judges.make_judge gives, found "
            f"{judge!r:.80}"
        )
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
        ConfigError: They are neither.
        DataError: They cannot be read; the message has the row.
    """
    if isinstance(source, str | Path):
        return read_outputs(source)
    return outputs_of(cast("Sequence[Mapping[str, Any]]", rows_in(source, role)), role)


def source_path(source: Answers) -> str | Path | None:
    """Where answers come from, for ``run.json``; ``None``: from memory."""
    return source if isinstance(source, str | Path) else None


def kept_in(store: str | Path | None, environ: Mapping[str, str]) -> Path:
    """The database of paid answers: as given, else as ``LONGISMORE_STORE`` says, else the user's own."""
    given = path_of("store", store or environ.get("LONGISMORE_STORE") or None)
    return given or default_store_path()
