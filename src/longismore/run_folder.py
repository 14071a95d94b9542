"""The folder of one run: everything that is needed to read, to repeat and to continue it.

``run.json``, the answers of both models (written before the first judge call), ``judgments.jsonl`` (a line as soon
as it is made), ``results.json``, ``report.md`` and ``report.html``.
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from longismore._jsonl import dump_line, write_json, write_text
from longismore.errors import DataError
from longismore.judges import combine, judgment_to_row, write_judgments
from longismore.reports import run_html, run_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from longismore.judges import Judge, Usage
    from longismore.records import Judgment, Pair
    from longismore.reports import Results
    from longismore.testsets import TestSet

__all__ = ["RunFolder", "check_writable", "describe_run", "output_rows", "source_of"]

_VERSIONED = (
    "longismore",
    "lm_eval",
    "alpaca_eval",
    "numpy",
    "aiohttp",
    "openai",
    "anthropic",
    "google-genai",
    "transformers",
    "vllm",
)


def output_rows(pairs: Sequence[Pair], role: str) -> list[dict[str, str]]:
    """The answers of one role in alpaca_eval's ``model_outputs.json`` shape, with the ids of the test set."""
    return [
        {
            "id": pair.id,
            "instruction": pair.prompt,
            "output": getattr(pair, role).output,
            "generator": getattr(pair, role).model,
            "dataset": pair.testset,
        }
        for pair in pairs
    ]


def source_of(path: str | Path | None) -> dict[str, str | None]:
    """Where answers came from, for ``run.json``: the path, and the checksum of a file."""
    if path is None:
        return {"source": None, "sha256": None}
    file = Path(path)
    checksum = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
    return {"source": str(path), "sha256": checksum}


def describe_run(
    *,
    judge: Judge,
    spec: str,
    sources: Mapping[str, str | Path | None],
    testsets: Sequence[TestSet],
    command: Sequence[str],
) -> dict[str, Any]:
    """What ``run.json`` says before the run: versions, specs, sources and checksums.

    Args:
        judge: The judge.
        spec: As the user gave it.
        sources: Where the answers of ``reference`` and ``candidate`` come from; ``None`` for a model that ran.
        testsets: The test sets of the run.
        command: The command line that started it.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "judge": {
            "spec": spec,
            "name": judge.name,
            "fingerprint": judge.fingerprint,
            "note": judge.note,
            "settings": dict(judge.settings),
        },
        **{role: source_of(path) for role, path in sources.items()},
        "testsets": {
            testset.name: {"version": testset.version, "size": testset.size, "sha256": testset.sha256}
            for testset in testsets
        },
        "versions": {"python": platform.python_version()} | _versions(),
        "command": [*_program(command), *command[1:]],
        "seeds": {},
    }


def _program(command: Sequence[str]) -> list[str]:
    """The program as one types it, without the folder in which this machine has it."""
    path = Path(command[0]) if command else Path("longismore")
    return ["python", "-m", path.parent.name] if path.stem == "__main__" else [path.name]


def _versions() -> dict[str, str]:
    found = {}
    for package in _VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path}: run folders cannot be written here: {error.strerror}; name another folder with "
            "--output, in lm_eval --output_path or judge_output"
        ) from error


def check_writable(parent: Path) -> None:
    """Find out, before anything is generated or paid, whether a run folder can be made below *parent*.

    Raises:
        DataError: It cannot.
    """
    with _explained(parent):
        parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=parent):
            pass


@dataclass(slots=True)
class RunFolder:
    """The folder of one run, filled while it goes on.

    Args:
        path: Where; it exists.
        run: What ``run.json`` will say (:func:`describe_run`).
    """

    path: Path
    run: dict[str, Any]
    _lines: Any = field(default=None, init=False)
    _pairs: Sequence[Pair] = field(default=(), init=False)

    @classmethod
    def fresh(cls, parent: Path, name: str, run: dict[str, Any]) -> RunFolder:
        """A new folder below *parent*, named after the time and *name*; two runs never get the same.

        Raises:
            DataError: It cannot be made.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[-60:] or "run"
        path = parent / f"{stamp}-{safe}"
        number = 2
        with _explained(parent):
            parent.mkdir(parents=True, exist_ok=True)
            while True:
                try:
                    path.mkdir()
                    break
                except FileExistsError:
                    path = parent / f"{stamp}-{safe}-{number}"
                    number += 1
        return cls(path, run | {"name": path.name})

    def begin(self, pairs: Sequence[Pair]) -> None:
        """Save the answers of both models and what the run is about; nothing was judged yet.

        Raises:
            DataError: The folder cannot be written.
        """
        self._pairs = pairs
        for role in ("reference", "candidate"):
            names = sorted({getattr(pair, role).model for pair in pairs})
            self.run[role] = {"model": ", ".join(names)} | self.run.get(role, {})
        for testset, count in Counter(pair.testset for pair in pairs).items():
            self.run["testsets"].setdefault(testset, {})["pairs"] = count
        with _explained(self.path):
            for role in ("reference", "candidate"):
                write_json(self.path / f"{role}.json", output_rows(pairs, role))
            self._write_run("judging")
            self._lines = (self.path / "judgments.jsonl").open("w", encoding="utf-8", newline="\n")

    def record(self, judgment: Judgment) -> None:
        """Write one judgment down at once."""
        self._lines.write(dump_line(judgment_to_row(judgment)) + "\n")
        self._lines.flush()

    def stop(self, reason: str, usage: Usage | None = None) -> None:
        """The run ends early: what was judged stays, ``run.json`` says why, and what the calls took."""
        self._close()
        self._note(usage)
        self._write_run("stopped", reason=reason)

    def end(self, judgments: Sequence[Judgment], results: Results, usage: Usage | None = None) -> None:
        """The run is complete: all files in their final form."""
        self._close()
        self._note(usage)
        write_judgments(self.path / "judgments.jsonl", judgments)
        self._write_run("done")
        write_json(self.path / "results.json", results.to_dict())
        write_text(self.path / "report.md", run_markdown(self.run, results))
        asked = {(judgment.testset, judgment.id) for judgment in judgments}
        verdicts = combine([pair for pair in self._pairs if (pair.testset, pair.id) in asked], judgments)
        write_text(self.path / "report.html", run_html(self.run, results, judgments, verdicts))

    def _close(self) -> None:
        if self._lines is not None:
            self._lines.close()

    def _note(self, usage: Usage | None) -> None:
        """What the calls of this process took."""
        if usage is not None:
            self.run["usage"] = usage.to_dict()

    def _write_run(self, status: str, **more: str) -> None:
        self.run |= {"status": status, **more}
        write_json(self.path / "run.json", self.run)
