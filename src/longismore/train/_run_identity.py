"""What a run is, so that another one does not go on from its checkpoints: ``longismore_run.json`` beside them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json, write_json
from longismore.errors import ConfigError, SchemaError
from longismore.train._model import model_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from longismore.instructions import InstructionData
    from longismore.train._encode import EncodedData
    from longismore.train._record import RecordedTemplate
    from longismore.train.settings import TrainSettings

__all__ = ["RUN", "RunIdentity", "check_same_run", "identify_run", "read_identity", "write_identity"]

RUN = "longismore_run.json"
"""Name of the file."""

_FORMAT = 1
_FREE = {"preset", "save_steps", "keep_checkpoints", "logging_steps", "report_to"}
"""Settings that decide nothing about the weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """Everything that decides the weights after a step."""

    settings: Mapping[str, Any]
    data: tuple[str, ...]
    """SHA-256 of each file."""
    tokens: str
    """Hash of the encoded rows."""
    template: str
    """Digest of the template."""
    model: str
    """Digest of what is trained, see :func:`longismore.train._model.model_digest`."""
    processes: int


_WORDS = {
    "data": "the data's files (SHA-256)",
    "tokens": "the tokens of the rows (the tokenizer or longismore itself encodes them in another way)",
    "template": "the template's text",
    "model": "the model",
    "processes": "the number of processes",
}


def identify_run(
    settings: TrainSettings,
    *,
    data: InstructionData,
    encoded: EncodedData,
    template: RecordedTemplate,
    model: str,
    processes: int,
) -> RunIdentity:
    """Describe a run before it begins; *settings* have every ``auto`` decided."""
    digest = hashlib.sha256()
    for example in encoded.examples:
        digest.update(f"{example.row} {len(example)} ".encode())
        digest.update(example.input_ids.tobytes() + example.loss.tobytes())
    return RunIdentity(
        settings={
            **{name: value for name, value in settings.to_mapping().items() if name not in _FREE},
            "template": template.name,  # without the folder of its file
        },
        data=tuple(data.checksums().values()),
        tokens=digest.hexdigest()[:16],
        template=template.digest,
        model=model_digest(model),
        processes=processes,
    )


def write_identity(folder: Path, identity: RunIdentity) -> None:
    """Write it into the folder of the checkpoints."""
    write_json(folder / RUN, {"format": _FORMAT, **asdict(identity)})


def read_identity(folder: Path) -> RunIdentity | None:
    """Read it from the folder of the checkpoints.

    Returns:
        ``None`` where there is none.

    Raises:
        DataError: It cannot be read.
        SchemaError: It is not as :func:`write_identity` writes it.
    """
    path = Path(folder, RUN)
    if not path.exists():
        return None
    told = read_json(path)
    names = {each.name for each in fields(RunIdentity)}
    if not isinstance(told, dict) or told.get("format") != _FORMAT or set(told) != {*names, "format"}:
        raise SchemaError(str(path), "it was written by another version of longismore, or changed; begin anew: --fresh")
    return RunIdentity(**{**{name: told[name] for name in names}, "data": tuple(told["data"])})


def check_same_run(found: RunIdentity, wanted: RunIdentity, folder: Path) -> None:
    """Find out whether a run may go on from the checkpoints of another.

    Args:
        found: The run that wrote them.
        wanted: The run that would go on.
        folder: Where they are, for the message.

    Raises:
        ConfigError: It is another run; everything that differs is named.
    """
    problems = list(_differences(found, wanted))
    if problems:
        remedy = "run it as it was begun, begin anew with --fresh (resume=False), or choose another output folder"
        raise ConfigError([f"{folder} has a run that was begun otherwise; {remedy}:", *problems])


def _differences(found: RunIdentity, wanted: RunIdentity) -> Iterator[str]:
    for name in sorted({*found.settings, *wanted.settings}):
        before, now = found.settings.get(name), wanted.settings.get(name)
        if before != now:
            yield f"  {name} was {_shown(before)}, is {_shown(now)}"
    same_texts = found.data == wanted.data and found.template == wanted.template
    for name, words in _WORDS.items():
        before, now = getattr(found, name), getattr(wanted, name)
        if before != now and (name != "tokens" or same_texts):
            yield f"  {words}: was {_shown(before)}, is {_shown(now)}"


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(each)[:12] for each in value)
    return "none" if value is None else str(value)
