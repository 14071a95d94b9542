"""The model card of a trained model, ``README.md`` in its folder: what it is, how it was made, how it is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from longismore.train._record import TrainingRecord

__all__ = ["model_card"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_TELLING = (
    *("loss_on", "max_length", "overlong", "append_eos", "batching", "batch_size", "global_batch_size", "batch_unit"),
    *("epochs", "max_steps", "learning_rate", "schedule", "warmup_ratio", "weight_decay", "optimizer", "max_grad_norm"),
    *("neftune_alpha", "neftune_reference_length", "lora_rank", "lora_alpha", "lora_dropout", "lora_targets"),
    *("quantization", "precision", "seed"),
)
"""Settings that decide what comes out."""


def model_card(record: TrainingRecord) -> str:
    """The text of the card.

    Args:
        record: Of the training.
    """
    parts = [_front_matter(record), *_made_from(record), *_asked(record), *_settings(record), *_limits(record)]
    return "\n".join(parts) + "\n"


def _front_matter(record: TrainingRecord) -> str:
    import yaml

    told: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["longismore", "instruction-tuning", *([record.preset] if record.preset else [])],
    }
    if _HUB_ID.fullmatch(record.base_model):  # the hub knows no other names
        told = {"base_model": record.base_model, **told}
    return f"---\n{yaml.safe_dump(told, sort_keys=False, allow_unicode=True)}---\n"


def _made_from(record: TrainingRecord) -> Iterator[str]:
    preset = f"preset `{record.preset}`" if record.preset else "settings of its own"
    yield f"# {_plain(record.base_model)}, instruction-tuned\n"
    yield f"{_plain(record.base_model)}, trained with longismore on {record.examples:,} instructions, {preset}.\n"
    yield "## Data\n"
    yield from _table(
        ("file", "rows", "SHA-256"), ((_code(each.name), f"{each.rows:,}", f"`{each.sha256}`") for each in record.data)
    )
    left = "".join(f"; {number:,} dropped: {reason}" for reason, number in record.dropped.items())
    cut = f"; {record.truncated:,} lost the end of an answer" if record.truncated else ""
    yield (
        f"\nFormat {_code(record.data_format)}; {record.examples:,} of {record.rows:,} rows were trained on"
        f"{left}{cut}: {record.tokens:,} tokens, of which {record.loss_tokens:,} carry loss.\n"
    )


def _asked(record: TrainingRecord) -> Iterator[str]:
    template = record.template
    yield "## How to ask it\n"
    yield (
        f"Template {_code(template.name)} (digest `{template.digest}`); any other one costs quality without a word. "
        "The tokenizer's chat template writes the same, and `longismore_training.json` has its text. A prompt:\n"
    )
    yield _fenced(template.example)
    yield "\n## How to evaluate it\n"
    yield "```sh\nlm_eval --model hf --model_args pretrained=DIR --tasks longismore_pairwise\n```\n"
    yield (
        "DIR is this folder; `--metadata` names the judge and the reference. With longismore installed, its tasks ask "
        "with the template above by themselves; other tasks do with `--apply_chat_template`.\n"
    )


def _settings(record: TrainingRecord) -> Iterator[str]:
    yield "## Training\n"
    told = {name: record.settings[name] for name in _TELLING if record.settings.get(name) is not None}
    figures = {
        "steps": None if record.steps is None else f"{record.steps:,}",
        "final loss": None if record.final_loss is None else f"{record.final_loss:.4f}",
        "duration": None if record.seconds is None else f"{record.seconds:,.0f} s",
        "device": record.device,
    }
    yield from _table(("setting", "value"), ((f"`{name}`", _code(_value(value))) for name, value in told.items()))
    yield ""
    yield from _table(
        ("result", "value"), ((name, _plain(value)) for name, value in figures.items() if value is not None)
    )
    yield f"\n{_versions(record.versions)}\n"


def _limits(record: TrainingRecord) -> Iterator[str]:
    yield "## What it is not for\n"
    yield (
        "It was made to compare selections of instruction data. It was not trained to refuse, and nobody has tested "
        "whether its answers are true, fair or safe: not for use with people, and not for advice of any kind. Its "
        "licence, and what it may be used for at all, follow from those of the base model and the data."
    )
    if record.preset == "tiny-cpu":
        yield "\nThe preset `tiny-cpu` is for trying things out: numbers of such a model mean nothing."


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (head, tuple("---" for _ in head), *rows):
        yield f"| {' | '.join(cells)} |"


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _versions(versions: Mapping[str, str]) -> str:
    return "Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + "."


def _plain(text: str) -> str:
    """Text that is nothing but text in Markdown, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Text as code in a cell of a table, on one line."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', '/')}`"


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
