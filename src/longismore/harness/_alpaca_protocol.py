"""Prompt and parser of an evaluator of alpaca_eval, as a prompt protocol.

The messages are those that alpaca_eval sends. Only texts that look like its own markup are treated otherwise: it
fills the prompt first and splits it into messages afterwards, so that an answer with ``<|im_start|>system`` in it
becomes a system message, one with ``<|im_end|>`` swallows the rest, and an instruction with ``{output_1}`` in it
gets the answer. Here every text stays in its place.

The prompt pastes the texts between fixed marks or none. An answer can write such marks itself, and so pretend to be
the instruction, the other answer or the judge's rules.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError
from longismore.harness._alpaca_import import alpaca_module, quiet_host
from longismore.judges._protocol import Reading
from longismore.judges._quote import shown_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longismore.harness._alpaca_config import AlpacaConfig
    from longismore.judges._client import Completion, Messages
    from longismore.records import Order, Pair

__all__ = ["ALPACA_VERSION", "AlpacaProtocol", "alpaca_protocol"]

ALPACA_VERSION = 1
"""Goes up when the same config gives other messages, or the same completion another preference."""

_KEYS = ("instruction", "output_1", "output_2")
_PLACEHOLDER = re.compile(rf"\{{({'|'.join(_KEYS)})\}}")
_ANY_PLACEHOLDER = re.compile(r"{([^ \s]+?)}")
_USUAL_TOKENS = 200
_FIRST, _SECOND, _LEGACY_TIE = 1.0, 2.0, 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaProtocol:
    """What an evaluator asks and how it reads the answer."""

    config: AlpacaConfig
    max_tokens: int
    template: Messages
    """The prompt's messages, with the placeholders."""
    parser: Callable[[Any], Any]
    padding: Mapping[str, str]
    """The pair with which alpaca_eval fills up a prompt for several pairs."""

    @property
    def name(self) -> str:
        """The config's, after the judge's."""
        return f"alpaca_eval:{self.config.name}"

    @property
    def identity(self) -> object:
        """The config, alpaca_eval's version, hashes of file and prompt, the parser and its settings as text."""
        config = self.config
        prompt = hashlib.sha256(config.template.encode()).hexdigest()
        parser = [config.parser, json.dumps(dict(config.parser_kwargs), default=str)]
        return [self.name, ALPACA_VERSION, config.version, config.sha256, prompt, parser, config.batch_size]

    @property
    def usual_output_tokens(self) -> int:
        """As many as the config allows, but no more than a paragraph."""
        return min(self.max_tokens, _USUAL_TOKENS)

    @property
    def top_logprobs(self) -> int | None:
        """As the config asks for them, where its parser reads them."""
        return self.config.request.get("top_logprobs") if self.config.reads_logprobs else None

    def render(self, pair: Pair, order: Order) -> Messages:
        """The config's messages; ``output_1`` is the answer that is shown first."""
        texts = dict(zip(_KEYS, shown_texts(pair, order).values(), strict=True))
        pairs = [texts] + [dict(self.padding)] * (self.config.batch_size - 1)
        waiting = {key: iter([each[key] for each in pairs]) for key in _KEYS}
        return [
            {**message, "content": _PLACEHOLDER.sub(lambda found: next(waiting[found[1]]), message["content"]).strip()}
            for message in self.template
        ]

    def read(self, completion: Completion) -> Reading | None:
        """What alpaca_eval's own parser says of the first pair; it may say nothing, or raise."""
        with quiet_host():
            try:
                found = list(self.parser(_choice(completion) if self.config.reads_logprobs else completion.text))
            except Exception:  # noqa: BLE001  whatever it raises, alpaca_eval takes for a missing preference
                return None
        return _reading(found[0]) if len(found) == self.config.batch_size else None


def alpaca_protocol(config: AlpacaConfig, *, max_tokens: int) -> AlpacaProtocol:
    """The protocol of an evaluator.

    Raises:
        ConfigError: The prompt asks for something that pairs do not have, or alpaca_eval has no such parser.
    """
    utils = alpaca_module("utils")
    try:
        template = utils.prompt_to_chatml(config.template.strip()) if config.is_chat else _as_user(config.template)
    except (AssertionError, IndexError) as error:
        raise ConfigError(f"the prompt of alpaca_eval:{config.name} is no chat: {error!r}") from error
    _check_placeholders(config, template)
    return AlpacaProtocol(
        config=config,
        max_tokens=max_tokens,
        template=template,
        parser=_parser(config),
        padding={key: str(utils.DUMMY_EXAMPLE[key]) for key in _KEYS},
    )


def _as_user(text: str) -> Messages:
    return [{"content": text, "role": "user"}]


def _check_placeholders(config: AlpacaConfig, template: Messages) -> None:
    asked = _ANY_PLACEHOLDER.findall("\n".join(message["content"] for message in template))
    problems = [
        f"the prompt of alpaca_eval:{config.name} asks for {{{name}}}, which pairs do not have"
        for name in sorted(set(asked) - set(_KEYS))
    ]
    problems += [
        f"the prompt of alpaca_eval:{config.name} has {{{key}}} {asked.count(key)} times, but batch_size is "
        f"{config.batch_size}: it must stand there once a pair"
        for key in _KEYS
        if asked.count(key) != config.batch_size
    ]
    if problems:
        raise ConfigError(problems)


def _parser(config: AlpacaConfig) -> Callable[[Any], Any]:
    if config.parser is None:
        return _as_it_is
    parsers = alpaca_module("completion_parsers")
    try:
        function = alpaca_module("utils").get_module_attribute(parsers, config.parser)
    except AttributeError as error:
        raise ConfigError(f"alpaca_eval:{config.name}: {error}") from error
    # A parser may compile the patterns in its settings where they lie: these are its own.
    return partial(function, **deepcopy(dict(config.parser_kwargs)))


def _as_it_is(completion: object) -> Sequence[object]:
    return [completion]


def _choice(completion: Completion) -> dict[str, Any]:
    """An answer in the shape in which alpaca_eval hands OpenAI's to a parser."""
    tokens = completion.logprobs
    content = None if tokens is None else [
        {
            **_logprob(token.token, token.logprob),
            "top_logprobs": [_logprob(*other) for other in token.top.items()],
        }
        for token in tokens
    ]  # fmt: skip
    return {
        "index": 0,
        "logprobs": None if content is None else {"content": content},
        "message": {"content": completion.text, "role": "assistant"},
        "text": completion.text,
    }


def _logprob(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "bytes": list(token.encode(errors="replace")), "logprob": logprob}


def _reading(value: object) -> Reading | None:
    """From 1 (first preferred) to 2 (second preferred), or the older 0 for a tie; anything else is no preference."""
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(number := float(value)):
        return None
    if number == _LEGACY_TIE:
        return Reading(0.5)
    return Reading(_SECOND - number) if _FIRST <= number <= _SECOND else None
