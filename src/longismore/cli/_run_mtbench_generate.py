"""What ``longismore mtbench generate`` does, once its arguments are read."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.mtbench import load_questions, select_questions
from longismore.reports import name_text
from longismore.reports._words import counted
from longismore.testsets import folder_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.harness.mtbench_generate import Place

__all__ = ["GenerateRequest", "run_generate"]

logger = logging.getLogger(__name__)

_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """One call of the command."""

    folder: Path
    model: str
    model_args: str
    name: str | None
    conversation: str | None
    batch_size: str
    device: str | None
    seed: int
    max_new_tokens: int
    temperature: float | None
    questions: str
    limit: int | None
    environ: Mapping[str, str]


def run_generate(request: GenerateRequest, *, as_json: bool) -> None:
    """Generate what is missing, and say what is there.

    Raises:
        UsageError: Something in the request will not do; nothing was generated.
    """
    questions = select_questions(load_questions(folder_in(request.environ)), request.questions)[: request.limit]
    from longismore.harness.mtbench_generate import generate_answers

    generated = generate_answers(
        questions,
        model=request.model,
        model_args=request.model_args,
        folder=request.folder,
        name=request.name,
        conversation=request.conversation,
        batch_size=int(request.batch_size) if request.batch_size.isdecimal() else request.batch_size,
        device=request.device,
        seed=request.seed,
        max_new_tokens=request.max_new_tokens,
        temperature=request.temperature,
    )
    if not generated.speaks:
        return
    for what, places in (
        ("turns with an empty answer", generated.empty),
        ("turns with too little room in the model's context for a whole answer", generated.shortened),
        ("turns without room for an answer, which the file has as $ERROR$", generated.without_room),
    ):
        if places:
            logger.warning("%s: %d, %s", what, len(places), _named(places))
    if as_json:
        sys.stdout.write(json.dumps(generated.to_dict(), indent=1) + "\n")
        return
    sys.stdout.write(
        f"{name_text(generated.model)}: {counted(generated.questions, 'question')}, "
        f"{counted(generated.asked, 'turn')} generated now, {generated.kept} had before\n"
    )
    if generated.prompts is not None:
        sys.stdout.write(f"asked with {name_text(generated.prompts, 300)}\n")
    sys.stdout.write(f"written to {name_text(str(generated.path), 300)}\n")


def _named(places: Sequence[Place]) -> str:
    shown = ", ".join(f"question {place.question} turn {place.turn}" for place in places[:_SHOWN])
    return shown + (f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else "")
