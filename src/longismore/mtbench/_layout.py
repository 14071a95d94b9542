"""Where files lie in a folder of MT-Bench, as FastChat lays them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from longismore.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MODES", "answers_path", "judge_file_name", "judgments_path", "model_names"]

MODES = ("single", "pairwise-baseline", "pairwise-all")
"""Ways to judge: each answer by itself; each model against one; every two models."""

_HOSTED = re.compile(r"^(?:openai|anthropic|google)/")
_UNFIT = re.compile(r"[^A-Za-z0-9._@+=-]+")


def answers_path(folder: Path, model: str) -> Path:
    """``FOLDER/model_answer/MODEL.jsonl``.

    Raises:
        ConfigError: The name cannot be that of a file.
    """
    return folder / "model_answer" / f"{_checked(model, 'model')}.jsonl"


def judgments_path(folder: Path, judge: str, mode: str) -> Path:
    """``FOLDER/model_judgment/JUDGE_single.jsonl``, or ``JUDGE_pair.jsonl`` for both pairwise modes.

    Raises:
        ConfigError: The name cannot be that of a file, or there is no such mode.
    """
    if mode not in MODES:
        raise ConfigError(f'mode must be {", ".join(MODES)}, found "{mode}"')
    kind = "single" if mode == "single" else "pair"
    return folder / "model_judgment" / f"{_checked(judge, 'judge')}_{kind}.jsonl"


def _checked(name: str, whose: str) -> str:
    if name.startswith(".") or not name.strip() or not name.isprintable() or set(name) & {"/", "\\"}:
        option = "--name" if whose == "model" else "--judge-name"
        raise ConfigError(
            f'a {whose} called "{name:.80}" can have no file of that name; give one without / ({option} NAME)'
        )
    return name


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
    names = sorted(path.stem for path in (folder / "model_answer").glob("*.jsonl") if not path.name.startswith("."))
    if not names:
        raise DataError(
            f"{folder / 'model_answer'}: has no answers (MODEL.jsonl); make them: longismore mtbench generate"
        )
    return names
