"""A trained model that is loaded to be asked: weights, tokenizer, template, and what ends an answer."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import ConfigError, UsageError
from longismore.instructions._templates import load_template
from longismore.train._answer_form import AnswerForm, answer_form
from longismore.train._ask import prompt_of
from longismore.train._machine import this_machine
from longismore.train._model_size import load_tokenizer
from longismore.train._record import RECORD, read_record
from longismore.train._tokens import encode, padding_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.instructions._templates import Template
    from longismore.records import Example

__all__ = ["DTYPES", "Trained", "load_trained"]

logger = logging.getLogger(__name__)

DTYPES = ("auto", "float32", "bfloat16", "float16")
_DEVICES = ("auto", "cuda", "mps", "cpu")
_WEIGHTS = (".safetensors", ".bin")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trained:
    """A model that is loaded."""

    name: str
    model: Any
    tokenizer: Any
    template: Template
    form: AnswerForm
    """Of the template."""
    ends: frozenset[int]
    """Tokens after which an answer is over."""
    pad_id: int
    limit: int | None
    """Of prompt and answer together, in tokens; ``None`` where the model has none."""
    fingerprint: str
    """Of the weights' record and sizes: another training gives another one."""
    dtype: str

    def prompts(self, examples: Sequence[Example]) -> list[list[int]]:
        """What the model reads before it answers: the tokens that stood before such a row's answer in training."""
        texts = [prompt_of(self.template, example) for example in examples]
        return encode(self.tokenizer, texts, special=not self.template.is_complete)

    def text(self, answer: Sequence[int]) -> str:
        """The answer that these tokens are, without what the template writes around it."""
        found = str(self.tokenizer.decode(list(answer), skip_special_tokens=True))
        blanks = self.form.end.removesuffix(self.form.end_token)
        return found.removeprefix(self.form.gap).removesuffix(blanks)


def load_trained(
    folder: str | Path, *, template: str | None = None, device: str = "auto", dtype: str = "auto"
) -> Trained:
    """Load a model with the template that it was trained with.

    Of ``generation_config.json`` only the tokens that end a text count.

    Args:
        folder: Of the model.
        template: A name or file, for a model that other tools made; ``None``: the recorded one.
        device: ``auto``, ``cuda``, ``cuda:1``, ``mps`` or ``cpu``.
        dtype: One of :data:`DTYPES`; ``auto``: as the weights are saved.

    Raises:
        ConfigError: *device* or *dtype* cannot be had.
        UsageError: The model cannot be loaded, or nothing says which template it was trained with.
    """
    torch = require("torch", extra="train")
    transformers = require("transformers", extra="train")
    if dtype not in DTYPES:
        raise ConfigError(f'dtype "{dtype}" is not known; allowed: {", ".join(DTYPES)}')
    device = _device(device)
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"model {folder}: there is no such folder")
    record = read_record(folder)
    tokenizer = load_tokenizer(str(folder))
    if template is not None:
        if record is not None and template != record.template.name:
            logger.warning("%s was trained with template %s; asked with %s", folder, record.template.name, template)
        used = load_template(template, tokenizer)
    elif record is None:
        raise UsageError(
            f"{folder} has no {RECORD}, so that nothing says which template the model was trained with; "
            "name it: template=plain, alpaca, vicuna, chat, none or a file"
        )
    else:
        used = record.template.load(tokenizer)
    logger.info("loading %s onto %s", folder, device)
    try:
        network = transformers.AutoModelForCausalLM.from_pretrained(
            str(folder), dtype="auto" if dtype == "auto" else getattr(torch, dtype)
        )
        network = network.eval().requires_grad_(requires_grad=False).to(device)
    except Exception as error:  # of Transformers, safetensors, CUDA: they have no base in common
        told = " ".join(str(error).split())[:300]
        raise UsageError(f"model {folder}: cannot be loaded onto {device}: {told}") from error
    form = answer_form(used, tokenizer)
    ends = {tokenizer.eos_token_id} | _as_set(network.generation_config.eos_token_id)
    ends |= {tokenizer.convert_tokens_to_ids(form.end_token)} if form.end_token else set()
    network.generation_config = transformers.GenerationConfig()  # what a call leaves open would be taken from it
    positions = getattr(network.config.get_text_config(), "max_position_embeddings", None)
    return Trained(
        name=folder.resolve().name,
        model=network,
        tokenizer=tokenizer,
        template=used,
        form=form,
        ends=frozenset(ends - {None}),
        pad_id=padding_id(tokenizer),
        limit=positions if isinstance(positions, int) and positions > 0 else None,
        fingerprint=_fingerprint(folder),
        dtype=str(network.dtype).removeprefix("torch."),
    )


def _device(name: str) -> str:
    torch = require("torch", extra="train")
    if name == "auto":
        return this_machine().device
    kind = name.partition(":")[0]
    if kind not in _DEVICES:
        raise ConfigError(f'device "{name}" is not known; allowed: {", ".join(_DEVICES)}, cuda:NUMBER')
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if not there[kind]:
        found = ", ".join(each for each, is_there in there.items() if is_there)
        raise ConfigError(f'device "{name}": this machine has none that PyTorch can use; it has: {found}')
    return name


def _as_set(tokens: int | Sequence[int] | None) -> set[int]:
    if tokens is None:
        return set()
    return {tokens} if isinstance(tokens, int) else set(tokens)


def _fingerprint(folder: Path) -> str:
    """Hash of what tells trainings apart, without reading the weights: the record has its time and its last loss."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name in {RECORD, "config.json"}:
            digest.update(path.read_bytes())
        elif path.suffix in _WEIGHTS:
            digest.update(f"{path.name} {path.stat().st_size}".encode())
    return digest.hexdigest()[:16]
