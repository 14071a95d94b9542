"""What a gate leaves for a CI system: files that are checked before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from longismore._jsonl import write_text
from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.reports.gate import GateResult

__all__ = ["GateFiles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFiles:
    """Where the decision goes, beside the terminal."""

    junit: Path | None
    markdown: Path | None
    summary: Path | None
    """Of the job, as GitHub Actions shows it; added to."""
    outputs: Path | None
    """Of the step, as GitHub Actions reads it; added to."""
    started: datetime

    @classmethod
    def checked(
        cls, *, junit: Path | None, markdown: Path | None, github: bool, environ: Mapping[str, str]
    ) -> GateFiles:
        """Find out now, not after the judging, whether the files can be written.

        Raises:
            ConfigError: A file cannot be written, or GitHub Actions is not there.
        """
        named = {name: Path(environ[name]) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT") if environ.get(name)}
        if github and "GITHUB_STEP_SUMMARY" not in named:
            raise ConfigError("--github: GITHUB_STEP_SUMMARY is not set, as it is in a job of GitHub Actions")
        for path in filter(None, (junit, markdown, *(named.values() if github else ()))):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a", encoding="utf-8"):
                    pass
            except OSError as error:
                raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
        return cls(
            junit=junit,
            markdown=markdown,
            summary=named.get("GITHUB_STEP_SUMMARY") if github else None,
            outputs=named.get("GITHUB_OUTPUT") if github else None,
            started=datetime.now(UTC),
        )

    def write(self, result: GateResult) -> None:
        """Write all of them."""
        from longismore.reports._gate.outputs import gate_junit, gate_markdown

        now = datetime.now(UTC)
        if self.junit is not None:
            write_text(self.junit, gate_junit(result, now=now, elapsed_s=(now - self.started).total_seconds()))
        if self.markdown is not None:
            write_text(self.markdown, gate_markdown(result))
        if self.summary is not None:
            _add(self.summary, f"{gate_markdown(result)}\n")
        if self.outputs is not None:
            _add(self.outputs, f"verdict={result.decision}\n")


def _add(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)
