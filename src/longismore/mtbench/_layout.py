"""Where files lie in a folder of MT-Bench, as FastChat lays them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from longismore._jsonl import explained
from longismore.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "MODES",
    "answers_path",
    "check_mode",
    "check_place",
    "judge_file_name",
    "judgments_path",
    "model_names",
    "writing",
]

MODES = ("single", "pairwise-baseline", "pairwise-all")
"""Ways to judge: each answer by itself; each model against one; every two models."""

_HOSTED = re.compile(r"^(?:openai|anthropic|google)/")
_UNFIT = re.compile(r"[^A-Za-z0-9._@+=-]+")
_MOST_BYTES = 180
"""Of a name: file systems take 255 with what is put before and behind it."""


def answers_path(folder: Path, model: str) -> Path:
    """``FOLDER/model_answer/MODEL.jsonl``.

    Raises:
        ConfigError: The name cannot be that of a file.
    """
    return folder / "model_answer" / f"{_checked(model, 'model')}.jsonl"


def check_mode(mode: str) -> None:
    """Find out whether there is such a way to judge.

    Raises:
        ConfigError: There is none.
    """
    if mode not in MODES:
        raise ConfigError(f'mode must be {", ".join(MODES)}, found "{mode}"')


def judgments_path(folder: Path, judge: str, mode: str) -> Path:
    """``FOLDER/model_judgment/JUDGE_single.jsonl``, or ``JUDGE_pair.jsonl`` for both pairwise modes.

    Raises:
        ConfigError: The name cannot be that of a file, or there is no such mode.
    """
    check_mode(mode)
    kind = "single" if mode == "single" else "pair"
    return folder / "model_judgment" / f"{_checked(judge, 'judge')}_{kind}.jsonl"


def _checked(name: str, whose: str) -> str:
    option = "--name" if whose == "model" else "--judge-name"
    if name.isprintable() and len(name.encode()) > _MOST_BYTES:
        raise ConfigError(
            f'a {whose} called "{name:.80}..." has a name of {len(name.encode())} bytes, and a file of that name can '
            f"have {_MOST_BYTES}; give a shorter one ({option} NAME)"
        )
    if name.startswith(".") or not name.strip() or not name.isprintable() or set(name) & {"/", "\\"}:
        raise ConfigError(
            f'a {whose} called "{name:.80}" can have no file of that name; give one without / ({option} NAME)'
        )
    return name


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say of an error of the operating system what cannot be written, and why.

    Raises:
        DataError: The place is no folder, is full, or nobody may write there.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written: {error.strerror}; make that possible, or take another folder"
        ) from error


def check_place(path: Path) -> None:
    """Find out, before anything is paid or generated, whether a file can be written; nothing is left behind.

    Raises:
        DataError: It cannot.
    """
    with writing(path):
        folder = next(each for each in path.parents if each.exists())
        with TemporaryFile(dir=folder):
            pass


def judge_file_name(judge: str) -> str:
    """What a judge is called in files: FastChat calls ``openai/gpt-4`` only ``gpt-4``.

    Example:
        >>> judge_file_name("openai/gpt-4"), judge_file_name("hf/my/judge")
        ('gpt-4', 'hf-my-judge')
    """
    return _UNFIT.sub("-", _HOSTED.sub("", judge)).strip("-.") or "judge"


def model_names(folder: Path) -> list[str]:
    """The models that have a file of answers, sorted.

    Raises:
        DataError: There is none.
    """
    with explained(folder):
        found = list((folder / "model_answer").glob("*.jsonl"))
    names = sorted(path.stem for path in found if not path.name.startswith("."))
    if not names:
        raise DataError(
            f"{folder / 'model_answer'}: has no answers (MODEL.jsonl); make them: longismore mtbench generate"
        )
    return names
