"""What a trained model was made of: ``longismore_training.json`` in its folder.

Whoever asks the model later needs the template of the training, word for word; so the record has its text, and not
only its name: the package or file that it came from may be another one by then, or be gone.
"""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json, write_json, write_text
from longismore.errors import SchemaError
from longismore.instructions._templates import ChatTemplate, TextTemplate
from longismore.train._card import model_card
from longismore.train._chat_jinja import Lead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.instructions._templates import Template

__all__ = [
    "FORMS",
    "RECORD",
    "DataFile",
    "RecordedTemplate",
    "TrainingRecord",
    "read_record",
    "write_record",
]

RECORD = "longismore_training.json"
"""Name of the file."""

_FORMAT = 1
FORMS = tuple(each.name for each in fields(TextTemplate) if each.name not in {"name", "remedy"})
"""What makes up a template of texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTemplate:
    """A template, with everything that is needed to use it again."""

    name: str
    """Of the template, or of its file."""
    digest: str
    """Hash of everything that changes the text."""
    forms: Mapping[str, Any] | None
    """The fields of a :class:`~longismore.instructions._templates.TextTemplate`; ``None`` for a chat template."""
    chat_template: str
    """The program that the model's tokenizer has, and that writes the same."""
    lead: Lead
    """What has to stand before a prompt where the tokenizer adds nothing."""
    ends: tuple[str, ...]
    """The tokens that an answer ends with."""
    example: str
    """A prompt."""

    def load(self, tokenizer: Any = None) -> Template:
        """The template itself.

        Args:
            tokenizer: Of the model; only a chat template needs it. It is left as it is.
        """
        if self.forms is not None:
            return TextTemplate(name=self.name, **self.forms)
        own = copy.copy(tokenizer)
        own.chat_template = self.chat_template
        return ChatTemplate(tokenizer=own)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A file that was trained on."""

    name: str
    """Without its folder."""
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """How a model was trained. Unknown is ``None``."""

    created: str
    """ISO 8601, UTC."""
    base_model: str
    """An id of the Hugging Face Hub, or the name of a folder."""
    preset: str | None
    settings: Mapping[str, Any]
    """Of the training, see :class:`longismore.train.settings.TrainSettings`."""
    template: RecordedTemplate
    data: tuple[DataFile, ...]
    data_format: str
    rows: int
    """In the data."""
    examples: int
    """Rows that were trained on."""
    dropped: Mapping[str, int]
    """Rows that were not, by reason."""
    truncated: int
    """Rows that lost the end of their last answer."""
    tokens: int
    """Of an epoch, as is the next."""
    loss_tokens: int
    steps: int | None
    """Of the optimizer."""
    final_loss: float | None
    seconds: float | None
    device: str | None
    versions: Mapping[str, str]


def write_record(folder: str | Path, record: TrainingRecord) -> None:
    """Write the record and the model card, ``README.md``, into a model's folder."""
    write_json(Path(folder, RECORD), {"format": _FORMAT, **asdict(record)})
    write_text(Path(folder, "README.md"), model_card(record))


def read_record(folder: str | Path) -> TrainingRecord | None:
    """Read the record of a model's folder.

    Returns:
        ``None`` where there is none: another tool made the model.

    Raises:
        DataError: It cannot be read.
        SchemaError: It is not as :func:`write_record` writes it.
    """
    path = Path(folder, RECORD)
    if not path.is_file():
        return None
    document = read_json(path)
    where = str(path)
    if not isinstance(document, dict):
        raise SchemaError(where, "a JSON object is wanted")
    found = document.pop("format", None)
    if found != _FORMAT:
        raise SchemaError(
            where, f"format {found!r} is not known to this version of longismore, which reads {_FORMAT}; update it"
        )
    values = _checked(TrainingRecord, document, where, "")
    told = _checked(RecordedTemplate, values["template"], where, "template.")
    lead = Lead(**_checked(Lead, told["lead"], where, "template.lead."))
    template = RecordedTemplate(**{**told, "lead": lead, "ends": tuple(told["ends"])})
    _check_template(template, where)
    files = [DataFile(**_checked(DataFile, each, where, "data.")) for each in values["data"]]
    return TrainingRecord(**{**values, "template": template, "data": tuple(files)})


def _checked(kind: Any, document: object, where: str, prefix: str) -> dict[str, Any]:
    """The fields of a dataclass, each of the type that its annotation says."""
    if not isinstance(document, dict):
        raise SchemaError(where, f'the field "{prefix.rstrip(".")}" must be an object')
    for each in fields(kind):
        if each.name not in document:
            raise SchemaError(where, f'the field "{prefix}{each.name}" is missing')
        options = [_KINDS[part.strip().partition("[")[0]] for part in str(each.type).split("|")]
        value = document[each.name]
        right = isinstance(value, tuple(options)) and (not isinstance(value, bool) or bool in options)
        if not right:
            raise SchemaError(where, f'the field "{prefix}{each.name}" must be {each.type}, found {value!r:.80}')
    return {each.name: document[each.name] for each in fields(kind)}


_KINDS: Mapping[str, Any] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "None": type(None),
    "tuple": list,
    "Mapping": dict,
    "RecordedTemplate": dict,
    "Lead": dict,
}


def _check_template(template: RecordedTemplate, where: str) -> None:
    """Refuse a template that was changed since."""
    if template.forms is None:
        text = template.chat_template
    else:
        if unknown := set(template.forms) - set(FORMS):
            raise SchemaError(where, f"template.forms: {', '.join(sorted(unknown))} is not known to this version")
        text = json.dumps(dict(template.forms), sort_keys=True)
    if hashlib.sha256(text.encode()).hexdigest()[:16] != template.digest:
        raise SchemaError(
            where, f"the text of the template is not the one with the digest {template.digest}: it was changed"
        )
