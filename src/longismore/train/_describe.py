"""What is written down of a training: its template, its data, what became of them."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.instructions._templates import ChatTemplate, TextTemplate
from longismore.train._chat_jinja import chat_jinja, find_lead
from longismore.train._record import FORMS, DataFile, RecordedTemplate, TrainingRecord
from longismore.train._template import training_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.instructions import InstructionData
    from longismore.train._encode import EncodedData
    from longismore.train.settings import TrainSettings

__all__ = ["describe_template", "describe_training", "set_chat_template"]

_PACKAGES = ("longismore", "torch", "transformers", "tokenizers", "trl", "peft", "accelerate")
_EXAMPLE = "Name three rivers of Europe."


def describe_template(settings: TrainSettings, tokenizer: Any) -> RecordedTemplate:
    """The template of a training, ready to be written down.

    Args:
        settings: Of the training.
        tokenizer: Of the model, as it is when the rows are encoded.

    Raises:
        UsageError: The template cannot be read.
    """
    template, form = training_template(settings, tokenizer)
    lead = find_lead(template, tokenizer)
    forms: dict[str, Any] | None = None
    if isinstance(template, ChatTemplate):
        program = str(template.tokenizer.get_chat_template())
    elif isinstance(template, TextTemplate):
        forms = {each: getattr(template, each) for each in FORMS}
        program = chat_jinja(template, tokenizer, lead, append_eos=settings.append_eos)
    else:
        raise TypeError(template)
    ends = [form.end_token] if form.end_token else []
    if settings.append_eos and tokenizer.eos_token not in ends:
        ends.append(tokenizer.eos_token)
    return RecordedTemplate(
        name=_shown_name(template.name),
        digest=template.digest,
        forms=forms,
        chat_template=program,
        example=template.prompt(_EXAMPLE),
        lead=lead,
        ends=tuple(ends),
    )


def _shown_name(name: str) -> str:
    """A name, or that of a file without its folder."""
    return Path(name).name


def describe_training(
    settings: TrainSettings,
    *,
    template: RecordedTemplate,
    model: str,
    data: InstructionData,
    encoded: EncodedData,
    losses: Sequence[tuple[int, float]] = (),
    steps: int | None = None,
    seconds: float | None = None,
    device: str | None = None,
) -> TrainingRecord:
    """The record of a training that has ended.

    Args:
        settings: With every ``auto`` decided.
        template: See :func:`describe_template`.
        model: What was trained, as the user named it.
        data: The rows.
        encoded: What became of them.
        losses: Step and loss, in their order.
        steps: Of the optimizer.
        seconds: Of the training.
        device: For people, e.g. the GPU's name.
    """
    sums = data.checksums()
    return TrainingRecord(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        base_model=Path(model).resolve().name if Path(model).exists() else model,
        preset=settings.preset,
        settings={**settings.to_mapping(), "template": template.name},
        template=template,
        data=tuple(
            DataFile(name=path.name, sha256=sums[str(path)], rows=size)
            for path, size in zip(data.paths, data.sizes, strict=True)
        ),
        data_format=data.format,
        rows=encoded.rows,
        examples=len(encoded.examples),
        dropped=dict(encoded.dropped),
        truncated=encoded.truncated,
        tokens=encoded.tokens,
        loss_tokens=encoded.loss_tokens,
        steps=steps,
        final_loss=losses[-1][1] if losses else None,
        seconds=seconds,
        device=device,
        versions={"python": platform.python_version(), **_versions()},
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def set_chat_template(tokenizer: Any, template: RecordedTemplate) -> None:
    """Let the tokenizer, which is saved beside the model, write prompts as the training did.

    Any tool that asks by the tokenizer's chat template then asks with the template of the training.
    """
    if template.forms is not None or template.chat_template != tokenizer.get_chat_template():
        tokenizer.chat_template = template.chat_template
