"""What a chat model is asked: the published prompts, filled as FastChat fills them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore._jsonl import read_jsonl
from longismore.mtbench._published import JUDGE_PROMPTS
from longismore.mtbench._records import NEEDS_REFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.judges._client import Messages
    from longismore.mtbench._records import ModelAnswer, Question

__all__ = ["JudgePrompts", "load_prompts", "prompt_name"]


def prompt_name(question: Question, turn: int, *, pairwise: bool) -> str:
    """The name of the prompt for one turn of a question, e.g. ``single-math-v1-multi-turn``."""
    kind = "pair" if pairwise else "single"
    subject = "math-v1" if question.category in NEEDS_REFERENCE else ("v2" if pairwise else "v1")
    return f"{kind}-{subject}{'-multi-turn' if turn > 1 else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePrompts:
    """The published prompts by name: what the system says, and the template of what the user says."""

    texts: Mapping[str, tuple[str, str]]

    def messages(self, question: Question, turn: int, answers: Sequence[ModelAnswer]) -> Messages:
        """The chat about one answer, or about two in the order in which they are shown."""
        system, template = self.texts[prompt_name(question, turn, pairwise=len(answers) > 1)]
        texts = _about_turn(question, answers) if turn == 1 else _about_both_turns(question, answers)
        return [
            {"role": "system", "content": system},
            # Only the template is looked through for braces; those of questions and answers stay as they are.
            {"role": "user", "content": template.format(**texts)},
        ]


def _about_turn(question: Question, answers: Sequence[ModelAnswer]) -> dict[str, str]:
    texts = {"question": question.turns[0]}
    if question.reference is not None:
        texts["ref_answer_1"] = question.reference[0]
    for suffix, answer in _named(answers):
        texts[f"answer{suffix}"] = answer.turns[0]
    return texts


def _about_both_turns(question: Question, answers: Sequence[ModelAnswer]) -> dict[str, str]:
    texts = {f"question_{number}": text for number, text in enumerate(question.turns[:2], start=1)}
    for number, text in enumerate((question.reference or ())[:2], start=1):
        texts[f"ref_answer_{number}"] = text
    for suffix, answer in _named(answers):
        for number, text in enumerate(answer.turns[:2], start=1):
            texts[f"answer{suffix}_{number}"] = text
    return texts


def _named(answers: Sequence[ModelAnswer]) -> list[tuple[str, ModelAnswer]]:
    """Each answer with what stands behind the word ``answer`` in a template."""
    return [("", answers[0])] if len(answers) == 1 else list(zip(("_a", "_b"), answers, strict=True))


def load_prompts(folder: Path | None = None) -> JudgePrompts:
    """The prompts as they are published.

    Raises:
        DataError: The file is not in *folder*, or cannot be fetched; ``ChecksumError`` where it is another one.
    """
    rows = (row for _, row in read_jsonl(JUDGE_PROMPTS.fetch(folder)))
    return JudgePrompts(texts={row["name"]: (row["system_prompt"], row["prompt_template"]) for row in rows})
