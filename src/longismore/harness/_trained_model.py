"""A model that longismore trained is asked with the template of its training, by itself.

Its folder has a record of the training. Where that is comes from the evaluated model itself, if it is known, or from
``--model_args``, which lm_eval hands to every task. Under ``--apply_chat_template`` lm_eval writes the prompts, by the
chat template of the tokenizer, which the training made the same; that is looked at, and left alone.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.harness._evaluated import EVALUATED
from longismore.harness._host import join_host_logging
from longismore.harness._settings import asks_as_trained
from longismore.train._ask import prompt_of
from longismore.train._chat_jinja import Lead
from longismore.train._model_size import load_tokenizer
from longismore.train._record import RECORD, TrainingRecord, read_record
from longismore.train._tokens import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from longismore.instructions._templates import Template
    from longismore.records import Example

__all__ = ["NOTE", "TrainedModel", "trained_model"]

logger = logging.getLogger(__name__)

NOTE = "candidate_template"
"""Where lm_eval's results file says which template was used: under this key of a task's metadata."""

_NAMES = ("peft", "pretrained", "model")
"""What a model calls its folder, as attribute or argument: that of its adapter first."""
_said: dict[str, set[str]] = {}
"""The sentence that was logged last, and the tasks that it was true of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """How a trained model is asked."""

    folder: Path
    """With the record."""
    record: TrainingRecord
    template: Template | None
    """``None``: lm_eval writes the prompts."""
    lead: Lead
    """What stands before every prompt, because the host adds other tokens than the training did."""

    def prompt(self, example: Example, system: str = "") -> str:
        """What the model is asked."""
        if self.template is None:
            raise AssertionError(self.folder)
        return self.lead.before(prompt_of(self.template, example, system))

    @property
    def cache_key(self) -> str:
        """What tells these prompts from others of the same task, where lm_eval keeps them (``--cache_requests``)."""
        if self.template is None:
            return ""
        return f"-trained-{self.record.template.digest}-{self.lead.before('').encode().hex()}"

    @property
    def note(self) -> dict[str, str]:
        """For lm_eval's results file."""
        return {
            "name": self.record.template.name,
            "digest": self.record.template.digest,
            "recorded_in": f"{self.folder.name}/{RECORD}",
            "written_by": "lm_eval" if self.template is None else "longismore",
        }


def trained_model(
    metadata: Mapping[str, Any], chat_template: Callable[..., str] | None, example: Example, *, task: str, speaks: bool
) -> TrainedModel | None:
    """Find out whether the evaluated model has a record, and how it is asked then.

    Args:
        metadata: Of the task, lm_eval's model arguments among them.
        chat_template: With which lm_eval writes the prompts; ``None``: it does not.
        example: One that will be asked.
        task: Its name.
        speaks: Whether this process logs what it does.

    Returns:
        ``None`` where no record is to be followed.

    Raises:
        UsageError: The record cannot be used.
    """
    if not asks_as_trained(metadata, os.environ):
        return None
    found = _recorded(metadata)
    if found is None:
        return None
    folder, record = found
    if chat_template is not None:
        used = TrainedModel(folder=folder, record=record, template=None, lead=Lead(text=""))
        how = "by lm_eval, with the tokenizer's chat template (--apply_chat_template)"
        problem = _other_chat_template(record, chat_template)
    else:
        template = _template(folder, record)
        lead, problem = _lead(record, prompt_of(template, example))
        used = TrainedModel(folder=folder, record=record, template=template, lead=lead)
        how = "with the template of its training"
    if speaks:
        asked = f"{folder.name} is asked {how}: {record.template.name} ({record.template.digest})"
        _say(f"{asked}, from {folder / RECORD}", problem and f"{folder}: {problem}", task)
    return used


def _say(sentence: str, problem: str | None, task: str) -> None:
    """Log once in an evaluation: within one no task comes twice."""
    tasks = _said.get(sentence)
    if tasks is not None and task not in tasks:
        tasks.add(task)
        return
    _said.clear()
    _said[sentence] = {task}
    join_host_logging()
    logger.info("%s", sentence)
    if problem:
        logger.warning("%s", problem)


def _recorded(metadata: Mapping[str, Any]) -> tuple[Path, TrainingRecord] | None:
    model = EVALUATED.get()
    for name in _NAMES:
        given = getattr(model, name, None) or metadata.get(name)
        if given is not None and not isinstance(given, str | Path):
            given = getattr(given, "name_or_path", None)  # a model that was loaded before
        if not isinstance(given, str | Path) or not str(given):
            continue
        folder = Path(given)
        # The adapter of a training lies in the folder of the model into which it was merged.
        for each in (folder, folder.parent) if name == "peft" else (folder,):
            record = read_record(each)
            if record is not None:
                return each, record
    return None


def _template(folder: Path, record: TrainingRecord) -> Template:
    needs_tokenizer = record.template.forms is None
    return record.template.load(_tokenizer(str(folder)) if needs_tokenizer else None)


@functools.lru_cache(maxsize=1)
def _tokenizer(folder: str) -> Any:
    return load_tokenizer(folder)


def _other_chat_template(record: TrainingRecord, chat_template: Callable[..., str]) -> str | None:
    tokenizer = getattr(getattr(chat_template, "__self__", None), "tokenizer", None)
    text = getattr(tokenizer, "chat_template", None)
    if not isinstance(text, str) or text == record.template.chat_template:
        return None
    return (
        f"the tokenizer's chat template is not the one that the training recorded (template {record.template.name}, "
        f"{record.template.digest}): the model is asked otherwise than it was trained; leave --apply_chat_template out"
    )


def _lead(record: TrainingRecord, prompt: str) -> tuple[Lead, str | None]:
    """What has to stand before prompts so that the model gets the tokens of its training; and what is wrong, if so."""
    nothing, trained, model = Lead(text=""), record.template.lead, EVALUATED.get()
    tokenizer, host_encode = getattr(model, "tokenizer", None), getattr(model, "tok_encode", None)
    kinds = getattr(sys.modules.get("transformers"), "PreTrainedTokenizerBase", ())
    if tokenizer is None or host_encode is None or not isinstance(tokenizer, kinds) or not trained.is_exact:
        return nothing, None
    if getattr(model, "tokenized_requests", True) is False:  # a server makes the tokens
        return nothing, None
    # The host may have told its tokenizer to begin texts otherwise than the training did.
    wanted = encode(tokenizer, [trained.before(prompt)], special=False)[0]
    for lead in (nothing, trained):
        if list(host_encode(lead.before(prompt))) == wanted:
            return lead, None
    found = list(host_encode(prompt))
    extra = found[: len(found) - len(wanted)] if found[-len(wanted) :] == wanted else []
    remedy = "; add add_bos_token=False to --model_args" if extra else ""
    told = f"it puts {tokenizer.decode(extra)!r} before a prompt" if extra else "it divides a prompt into other tokens"
    return nothing, f"lm_eval asks otherwise than the model was trained: {told}{remedy}"
