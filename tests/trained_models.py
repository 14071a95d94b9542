"""Records of trainings that never took place, and tiny models that have one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longismore.instructions._templates import TextTemplate, load_template
from longismore.train._chat_jinja import Lead
from longismore.train._record import FORMS, DataFile, RecordedTemplate, TrainingRecord, write_record
from longismore.train.settings import load_preset

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_trained", "record_of"]


def record_of(template: str | TextTemplate = "plain", **changes: Any) -> TrainingRecord:
    """The record of a training with a template of texts; what is not given is the same for all."""
    used = load_template(template) if isinstance(template, str) else template
    assert isinstance(used, TextTemplate)
    recorded = RecordedTemplate(
        name=used.name,
        digest=used.digest,
        forms={name: getattr(used, name) for name in FORMS},
        chat_template="{{ messages }}",
        lead=Lead(text="<s>"),
        ends=("</s>",),
        example=used.prompt("Name three rivers of Europe."),
    )
    settings = load_preset("tiny-cpu")
    record = TrainingRecord(
        created="2025-01-02T03:04:05+00:00",
        base_model="org/base",
        preset="tiny-cpu",
        settings=settings.to_mapping(),
        template=recorded,
        data=(DataFile(name="pool.json", sha256="a" * 64, rows=12),),
        data_format="alpaca",
        rows=12,
        examples=10,
        dropped={"empty response": 2},
        truncated=1,
        tokens=1000,
        loss_tokens=600,
        steps=5,
        final_loss=1.25,
        seconds=12.5,
        device="processor",
        versions={"longismore": "0.1.0"},
    )
    return replace(record, **changes)


def make_trained(folder: Path, template: str = "plain", *, chat_template: str | None = None, **model: Any) -> Path:
    """A tiny Llama with random weights whose record says that it was trained with *template*.

    Args:
        folder: Where it is saved.
        template: A name or file.
        chat_template: What its tokenizer has before the training.
        model: As for :func:`tiny_models.make_tiny_llama`.
    """
    from longismore.train._describe import describe_template, set_chat_template
    from longismore.train._model_size import load_tokenizer
    from tiny_models import make_tiny_llama

    make_tiny_llama(folder, **({"scale": 4, "head": 4} | model))
    tokenizer = load_tokenizer(str(folder))
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    settings = load_preset("tiny-cpu", {"template": template})
    described = describe_template(settings, tokenizer)
    set_chat_template(tokenizer, described)
    tokenizer.save_pretrained(folder)
    write_record(folder, replace(record_of(), template=described))
    return folder
