"""What is said before and after, and on the page: that the numbers mean nothing, and what would make it real."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.demo._settings import Sizes

__all__ = ["MEANS_NOTHING", "QUESTION", "STUDY", "WHY", "real_steps", "study_text"]

QUESTION = "Does a model that learns from the longest answers get better, or only longer?"
MEANS_NOTHING = "The numbers mean nothing."
_DATA = (
    "The data are no instruction data: rules put this package's own texts behind made-up instructions, and a fifth of "
    "the rows hold pieces of the shipped answers to the very test set that is asked."
)
WHY = (
    "The model is tiny and knows nothing: it was made here, from the texts of this package.",
    _DATA,
    "The judges only count: lexical counts words, length counts characters. And 40 questions are few.",
)
"""One reason each."""

STUDY = "study.yaml"
"""Name of the file with the same comparison as a study."""

_HEAD = f"""\
# The demonstration's comparison as a study; behind every line stands what a real one has there. Change it, then:
#   longismore study {STUDY} --plan              # what it would take
#   longismore study {STUDY} --output study
"""
_COLUMN = 40

_TRAIN = (
    "longismore train --preset long-is-more-llama2-7b --data longest.json --model meta-llama/Llama-2-7b-hf "
    "--output longest --dry-run"
)
_EVAL = (
    "longismore eval --model hf --model_args pretrained=longest --tasks longismore_pairwise --metadata "
    "judge=openai/gpt-4.1 judge_reference=answers_of_random.json"
)


def study_text(sizes: Sizes, seed: int) -> str:
    """The demonstration as a file for ``longismore study``."""
    lines = {
        "name: demo": "",
        "data: {pool: data/pool.json}": "your own, e.g. {alpaca: alpaca_data.json}",
        "strategies: [longest, random, full]": "and score, ifd, deita, strict_random: longismore select --list",
        f"budgets: [{sizes.budget}]": "[1000]",
        "trials: 2": "3 or more, for how far apart random choices are",
        f"seeds: [{seed}]": "two or three",
        "model: base": "meta-llama/Llama-2-7b-hf",
        "preset: tiny-cpu": "long-is-more-llama2-7b: longismore train --list",
        f"train: {{epochs: {sizes.epochs}}}": "nothing: what the preset says",
        "testsets: [mini]": "[koala, lima, sinstruct, vicuna, wizardlm]",
        "judge: lexical": "openai/gpt-4.1, anthropic/..., google/..., hf/..., vllm/...",
        f"max_new_tokens: {sizes.answer_tokens}": "1024",
    }
    told = (f"{line:<{_COLUMN}}# real: {real}" if real else line for line, real in lines.items())
    return "".join([_HEAD, *(f"{line}\n" for line in told)])


def real_steps(study: str | Path = STUDY) -> dict[str, str]:
    """What to change, and the command for it.

    Args:
        study: Where the study's file is.
    """
    return {
        "Your own data": "longismore select longest --data alpaca_data.json --budget 1000 --output longest.json",
        "A real model, with the settings of a paper; --dry-run says what it takes": _TRAIN,
        "Real questions and a real judge; lm_eval itself takes the same arguments": _EVAL,
        f"All of it at once: {STUDY} says line by line what to change": shlex.join(
            ["longismore", "study", str(study), "--plan"]
        ),
    }
