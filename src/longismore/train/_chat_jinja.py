"""A template of prompts as a tokenizer's chat template, so that every tool asks as the training did.

A chat template is a program of Jinja. This one has no text outside of string literals, so that nothing in it depends
on how line ends and blanks around statements are treated; what users and assistants say is a value, never a program.

Between a text and what a tokenizer puts before every text there is a difference that only shows in tokens: whoever
applies a chat template writes that beginning out, and tells the tokenizer to add nothing. Some tokenizers then read
the first word in another way; :func:`find_lead` looks for a beginning after which they do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.train._answer_form import answer_form
from longismore.train._tokens import encode

if TYPE_CHECKING:
    from longismore.instructions._templates import Template, TextTemplate

__all__ = ["Lead", "chat_jinja", "find_lead"]

_FIELD = re.compile(r"\{(instruction|input)\}")
_PROBES = ("Name a river.", "name a river", "Éa", " 1. two\n", "<x> {{ y }}")
_ROLES = "a conversation is: a system message, or none, then user and assistant in turns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What has to stand before a prompt where the tokenizer adds nothing."""

    text: str
    """As the tokenizer reads its own tokens, e.g. ``<s>``."""
    blank: bool = False
    """Whether a blank follows, unless the prompt begins with one."""
    is_exact: bool = True
    """Whether the tokens are those that the tokenizer makes of a prompt by itself, tried on a few."""

    def before(self, prompt: str) -> str:
        """The prompt with its lead."""
        return f"{self.text}{' ' if self.blank and not prompt.startswith(' ') else ''}{prompt}"


def find_lead(template: Template, tokenizer: Any) -> Lead:
    """Find out what has to stand before a prompt where the tokenizer adds nothing.

    Args:
        template: Writes the prompts.
        tokenizer: Of the model.
    """
    if template.is_complete:
        return Lead(text="")
    framed, bare = encode(tokenizer, ["a"], special=True)[0], encode(tokenizer, ["a"], special=False)[0]
    text = "".join(tokenizer.convert_ids_to_tokens(framed[: len(framed) - len(bare)]))
    prompts = [template.prompt(probe, system=system) for probe in _PROBES for system in ("", probe)]
    wanted = encode(tokenizer, prompts, special=True)
    for lead in (Lead(text=text), Lead(text=text, blank=True)):
        if encode(tokenizer, [lead.before(prompt) for prompt in prompts], special=False) == wanted:
            return lead
    return Lead(text=text, is_exact=False)


def chat_jinja(template: TextTemplate, tokenizer: Any, lead: Lead, *, append_eos: bool) -> str:
    """The chat template that writes what *template* writes, and between turns what a training row has there.

    Args:
        template: Any but a chat template.
        tokenizer: Of the model.
        lead: Of the two.
        append_eos: Whether every answer was followed by the end-of-text token.
    """
    form = answer_form(template, tokenizer)
    system = f"{{{{ system ~ {_literal(template.opening_end)} }}}}"
    opening = _shown(template.opening + template.opening_end) if template.opening else ""
    fields = _FIELD.split(template.without_input)  # text and names in turns
    asked = "".join(_shown(part) if number % 2 == 0 else _value(part) for number, part in enumerate(fields[:-1]))
    tail = f"{{% if add_generation_prompt or not loop.last %}}{_shown(fields[-1])}{{% endif %}}"
    if form.end:
        end = _shown(form.end)
        if append_eos and form.end_token != tokenizer.eos_token:
            end += "{% if loop.last %}{{ eos_token }}{% endif %}"
    elif append_eos:  # a question that was left open has no end
        end = "{% if message['content'] | trim %}{{ eos_token }}{% endif %}"
    else:
        end = ""
    rest = _shown(template.turn_end.removeprefix(form.end))
    answered = (
        f"{_shown(template.answer_gap)}{{{{ message['content'] }}}}{end}{{% if not loop.last %}}{rest}{{% endif %}}"
    )
    body = (
        "{% if messages and messages[0]['role'] == 'system' %}"
        "{% set system = messages[0]['content'] %}{% set turns = messages[1:] %}"
        "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
        f"{{% if system %}}{system}{{% else %}}{opening}{{% endif %}}"
        "{% for message in turns %}"
        f"{{% if message['role'] == 'user' %}}{asked}{tail}"
        f"{{% elif message['role'] == 'assistant' and not loop.first %}}{answered}"
        f"{{% else %}}{{{{ raise_exception({_literal(_ROLES)}) }}}}{{% endif %}}"
        "{% endfor %}"
    )
    if lead.blank:
        blank = "{% if text[:1] != ' ' %}{{ ' ' }}{% endif %}"
        body = f"{{% set text %}}{body}{{% endset %}}{blank}{{{{ text }}}}"
    return _shown(lead.text) + body


def _value(field: str) -> str:
    """What stands for a field: a message is an instruction, without an input."""
    return "{{ message['content'] }}" if field == "instruction" else ""


def _shown(text: str) -> str:
    return f"{{{{ {_literal(text)} }}}}" if text else ""


def _literal(text: str) -> str:
    """A string of Jinja: in ASCII, without braces, on one line."""
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', r"\"")
    return '"' + escaped.replace("{", r"\x7b").replace("}", r"\x7d") + '"'
