"""What a model is asked: its chat template, that of its training, or one of ``fastchat.conversation``."""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import ConfigError, LongismoreError, UnknownNameError, UsageError
from longismore.harness._evaluated import EVALUATED
from longismore.harness._mtbench_model import as_mapping
from longismore.harness._trained_model import trained_model
from longismore.records import Example
from longismore.train._model_size import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from longismore.harness._trained_model import TrainedModel
    from longismore.mtbench import Question

__all__ = ["Prompts", "check_conversation", "prompts_for"]

_CHAT = "chat"
"""The name for the model's own chat template."""
_REMEDY = "name a template of fastchat.conversation instead: --conversation NAME, e.g. vicuna_v1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Writes what stands before an answer."""

    how: str
    """The template, for people."""
    digest: str
    """Hash of the template."""
    template: Callable[[Sequence[str], Sequence[str]], Any]
    stops: tuple[str, ...] = ()
    """Where an answer ends, besides the model's own end-of-text token."""

    def write(self, turns: Sequence[str], answers: Sequence[str]) -> Any:
        """What the model is asked.

        Args:
            turns: What the user says.
            answers: To all turns but the last.

        Raises:
            UsageError: The template cannot write it.
        """
        with _explained(self.how):
            return self.template(turns, answers)


def check_conversation(name: str | None) -> None:
    """Find out whether there is such a template, without a model.

    Raises:
        MissingDependencyError: fastchat is not installed.
        UsageError: There is none, or it is no template of texts.
    """
    if name in {None, _CHAT}:
        return
    fastchat = require("fastchat.conversation", extra="fastchat")
    if name not in fastchat.conv_templates:
        raise UnknownNameError("conversation", str(name), [_CHAT, *fastchat.conv_templates])
    try:
        _conversation(str(name), ("a", "b"), ("c",))
    except ValueError as error:
        raise ConfigError(
            f'conversation "{name}" writes no text: it stands for a model behind a server of its own; '
            "leave --conversation out where the server has the chat template"
        ) from error


def prompts_for(
    lm: Any, question: Question, conversation: str | None, model_args: str | Mapping[str, Any], *, speaks: bool
) -> Prompts:
    """Find out how a model is asked.

    Args:
        lm: The model.
        question: One that will be asked.
        conversation: As the user says.
        model_args: Of the model.
        speaks: Whether this process logs what it does.

    Raises:
        UsageError: It cannot be asked so; nothing was generated.
    """
    if conversation not in {None, _CHAT}:
        return _fastchat(lm, str(conversation))
    trained = None if conversation or _takes_messages(lm) else _trained(lm, question, model_args, speaks=speaks)
    found = _chat(lm) if trained is None else _as_trained(trained)
    written = found.write(question.turns, ["An answer."] * (len(question.turns) - 1))
    if isinstance(written, str) and _takes_messages(lm):
        raise ConfigError(
            "this model takes messages, and its arguments make lm_eval send it a text; "
            "leave tokenizer_backend and tokenized_requests out of --model_args"
        )
    return found


def _fastchat(lm: Any, name: str) -> Prompts:
    if _takes_messages(lm):
        raise ConfigError(
            f'conversation "{name}" writes a text, and this model takes messages: its server applies the chat '
            "template; leave --conversation out, or use a type of models that takes texts, e.g. local-completions"
        )
    template = require("fastchat.conversation", extra="fastchat").get_conv_template(name)
    stops = [template.stop_str] if isinstance(template.stop_str, str) else list(template.stop_str or [])
    stops += _texts_of(lm, name, template.stop_token_ids or [])
    return Prompts(
        how=f"the conversation template {name} of fastchat",
        digest=_digest(str(template.dict()) + str((template.system_template, template.sep, template.sep2, stops))),
        template=lambda turns, answers: _conversation(name, turns, answers),
        stops=tuple(dict.fromkeys(stop for stop in stops if stop)),
    )


def _conversation(name: str, turns: Sequence[str], answers: Sequence[str]) -> str:
    template = require("fastchat.conversation", extra="fastchat").get_conv_template(name)
    user, assistant = template.roles[:2]  # some name a third one, of system messages
    for turn, answer in zip(turns, [*answers, None], strict=True):
        template.append_message(user, turn)
        template.append_message(assistant, answer)
    return str(template.get_prompt())


def _texts_of(lm: Any, name: str, ids: Sequence[int]) -> list[str]:
    """The texts of tokens that end an answer: lm_eval stops at texts."""
    if not ids:
        return []
    tokenizer: Any = getattr(lm, "tokenizer", None)
    if not hasattr(tokenizer, "decode"):
        raise ConfigError(
            f'conversation "{name}" ends answers at the tokens {", ".join(map(str, ids))}, and without a tokenizer '
            "their texts are not known; add tokenizer=... to --model_args"
        )
    size = len(tokenizer) if hasattr(tokenizer, "__len__") else None
    return [str(tokenizer.decode([token])) for token in ids if size is None or token < size]


def _chat(lm: Any) -> Prompts:
    """By the chat template that lm_eval applies for its tasks, or the server that the model runs on."""
    if _takes_messages(lm):
        return Prompts(
            how="the chat template of its server",
            digest="",
            template=lambda turns, answers: lm.apply_chat_template(_messages(turns, answers)),
        )
    with _explained("the model's chat template"):
        tokenizer = getattr(lm, "tokenizer", None)
        text = getattr(tokenizer, "chat_template", None)
    if _is_client(lm):
        # Such a client writes messages where it sends no tokens, and a server of texts has no use for those.
        if not hasattr(tokenizer, "apply_chat_template"):
            raise UsageError(
                "this model continues texts, and without a tokenizer there is no chat template: add tokenizer=... to "
                f"--model_args, use local-chat-completions if the server has a chat template, or {_REMEDY}"
            )
        return Prompts(how="the chat template of its tokenizer", digest=_digest(text), template=_writer(tokenizer))
    return Prompts(
        how="the model's chat template",
        digest=_digest(text),
        template=lambda turns, answers: lm.apply_chat_template(_messages(turns, answers)),
    )


def _writer(tokenizer: Any) -> Callable[[Sequence[str], Sequence[str]], str]:
    def write(turns: Sequence[str], answers: Sequence[str]) -> str:
        found = tokenizer.apply_chat_template(_messages(turns, answers), tokenize=False, add_generation_prompt=True)
        return str(found)

    return write


def _trained(lm: Any, question: Question, model_args: str | Mapping[str, Any], *, speaks: bool) -> TrainedModel | None:
    """The record of the model's training, if it has one of ours."""
    text = question.turns[0]
    example = Example(id=str(question.id), testset="mt_bench", instruction=text, prompt=text, question=text)
    token = EVALUATED.set(lm)
    try:
        return trained_model(as_mapping(model_args), None, example, task="mt_bench", speaks=speaks)
    finally:
        EVALUATED.reset(token)


def _as_trained(trained: TrainedModel) -> Prompts:
    """By the recorded chat template: it also has what a training row has between two turns."""
    recorded = trained.record.template
    tokenizer = load_tokenizer(str(trained.folder))
    tokenizer.chat_template = recorded.chat_template
    return Prompts(
        how=f"the template of its training, {recorded.name} ({recorded.digest})",
        digest=_digest(recorded.chat_template),
        template=_writer(tokenizer),
    )


def _messages(turns: Sequence[str], answers: Sequence[str]) -> list[dict[str, str]]:
    found = []
    for turn, answer in zip(turns, [*answers, None], strict=True):
        found.append({"role": "user", "content": turn})
        if answer is not None:
            found.append({"role": "assistant", "content": answer})
    return found


def _is_client(lm: Any) -> bool:
    """Whether it is one of lm_eval's clients of servers."""
    api = sys.modules.get("lm_eval.models.api_models")
    return api is not None and isinstance(lm, api.TemplateAPI)


def _takes_messages(lm: Any) -> bool:
    """Whether it is a client that sends messages, as lm_eval's own say it best: by what they would send."""
    if not _is_client(lm):
        return False
    probe = [{"role": "user", "content": "a"}]
    try:
        payload = lm._create_payload(probe, generate=True, gen_kwargs={}, seed=0, eos=None)  # noqa: SLF001
    except Exception:  # noqa: BLE001  of another's client; what is wrong shows when it is asked
        return False
    return "messages" in payload


@contextmanager
def _explained(how: str) -> Iterator[None]:
    try:
        yield
    except LongismoreError:
        raise
    except Exception as error:  # of tokenizers, Jinja, other people's models: they have no base in common
        told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise UsageError(f"a conversation cannot be written with {how}: {told}; {_REMEDY}") from error


def _digest(text: object) -> str:
    return hashlib.sha256(json.dumps(text, default=str).encode()).hexdigest()[:16]
