"""The template of a training: the named one, which of a tokenizer may have to be told where answers end."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from longismore.instructions._templates import ChatTemplate, load_template
from longismore.train._answer_form import AnswerForm, answer_form

if TYPE_CHECKING:
    from longismore.instructions._templates import Template
    from longismore.train.settings import TrainSettings

__all__ = ["training_template"]

_WITH_ENDS = (
    "{% set ended = namespace(messages=[]) %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' and message['content'] is string and message['content'] | trim %}"
    "{% set message = dict(message, content=message['content'] ~ eos_token) %}"
    "{% endif %}"
    "{% set ended.messages = ended.messages + [message] %}"
    "{% endfor %}"
    "{% set messages = ended.messages %}\n"
)
"""Before a chat template: the end-of-text token becomes part of every answer. Ours, and without text of its own: tools
of chat templates leave out the line end after a statement, and the template begins with a line, as it did."""


def training_template(settings: TrainSettings, tokenizer: Any) -> tuple[Template, AnswerForm]:
    """The template that rows are written with, and what it writes around an answer.

    A chat template may write no token after an answer. The training teaches the model to end there all the same, with
    the end-of-text token; then that is what stands between two turns, and the template that is used and recorded says
    so: a model must not be asked in another way than it was trained.

    Args:
        settings: With the template's name.
        tokenizer: Of the model; it is left as it is.

    Raises:
        UsageError: The template cannot be read.
    """
    template = load_template(settings.template, tokenizer)
    form = answer_form(template, tokenizer)
    if settings.append_eos and not form.end and isinstance(template, ChatTemplate):
        own = copy.copy(tokenizer)
        own.chat_template = _WITH_ENDS + str(tokenizer.get_chat_template())
        ended = ChatTemplate(tokenizer=own)
        found = answer_form(ended, own)
        if found.end_token == tokenizer.eos_token:  # not where a template rewrites former answers
            return ended, found
    return template, form
