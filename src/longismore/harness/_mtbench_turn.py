"""One turn of MT-Bench: all its questions in one call of ``generate_until``, and each answer noted as it comes."""

from __future__ import annotations

import sys
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from longismore.errors import LongismoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.harness._mtbench_prompts import Prompts
    from longismore.mtbench import Question

__all__ = ["Ask", "Keep", "ask_turn", "check_room"]

_SHOWN = 5
"""So many questions are named in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One answer that is wanted."""

    question: Question
    answers: tuple[str | None, ...]
    """To the turns before."""
    temperature: float
    """0 is greedy."""

    @property
    def turns(self) -> tuple[str, ...]:
        """What the user has said by now."""
        return self.question.turns[: len(self.answers) + 1]


class Keep(Protocol):
    """What is called with each answer."""

    def __call__(self, ask: Ask, output: str | None, *, shortened: bool) -> None:
        """Take an answer, ``None`` where there was no room for one; *shortened*: there was less than was allowed."""


def check_room(lm: Any, prompts: Prompts, questions: Sequence[Question]) -> None:
    """Find out whether every first turn leaves room for an answer.

    Raises:
        UsageError: One does not.
    """
    rooms = {question.id: room_after(lm, prompts.write(question.turns[:1], ())) for question in questions}
    full = [str(number) for number, room in rooms.items() if room is not None and room < 1]
    if full:
        told = ", ".join(full[:_SHOWN]) + (f" and {len(full) - _SHOWN} more" if len(full) > _SHOWN else "")
        raise UsageError(
            f"the model's context of {lm.max_length} tokens has no room for an answer to question {told}; "
            "raise max_length in --model_args if the model was made for longer texts, or leave these questions out"
        )


def room_after(lm: Any, prompt: Any) -> int | None:
    """How many tokens fit into the model's context after a prompt; ``None`` where only a server knows."""
    length, encode = getattr(lm, "max_length", None), getattr(lm, "tok_encode", None)
    if not isinstance(prompt, str) or not isinstance(length, int) or encode is None:
        return None
    if getattr(lm, "tokenized_requests", True) is False or getattr(lm, "backend", "causal") != "causal":
        return None
    return length - len(encode(prompt))


def ask_turn(lm: Any, prompts: Prompts, asks: Sequence[Ask], *, max_new_tokens: int, seed: int, keep: Keep) -> None:
    """Ask, and hand every answer to *keep* as soon as it is there.

    A prompt is never cut off at its beginning, as lm_eval would do it where a prompt and the longest answer do not
    fit into the model's context together: the answer may be shorter instead.

    Raises:
        LongismoreError: The model failed.
    """
    from lm_eval.api.instance import Instance

    requests: list[Instance] = []
    wanted: list[Ask] = []
    limits: list[int] = []
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for ask in asks:
        answers = [each for each in ask.answers if each is not None]
        prompt = prompts.write(ask.turns, answers) if len(answers) == len(ask.answers) else ""
        room = room_after(lm, prompt)
        limit = max_new_tokens if room is None else min(max_new_tokens, room)
        if limit < 1 or len(answers) < len(ask.answers):
            keep(ask, None, shortened=True)
            continue
        told = _generation(lm, ask.temperature, limit, prompts.stops, seed)
        waiting[_text(prompt)].append(len(requests))
        requests.append(
            Instance("generate_until", {"question": ask.question.id}, (prompt, told), 0, ("mt_bench", len(requests), 1))
        )
        wanted.append(ask)
        limits.append(limit)
    if not requests:
        return
    said: dict[int, str] = {}

    def note(number: int, text: str) -> None:
        if said.get(number) != text:
            said[number] = text
            keep(wanted[number], text, shortened=limits[number] < max_new_tokens)

    hook, before = _Hook(waiting, note), lm.cache_hook
    _seed(lm, seed)
    lm.set_cache_hook(hook)
    try:
        with redirect_stdout(sys.stderr):  # some of its models print
            texts = lm.generate_until(requests)
    except LongismoreError:
        raise
    except Exception as error:  # of whatever the model is made of: they have no base in common
        problem = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        raise LongismoreError(
            f"the model failed in turn {len(wanted[0].turns)}, answers saved: {len(said)} of {len(requests)}; "
            f"the same command goes on from there: {problem}"
        ) from error
    finally:
        lm.set_cache_hook(before)
    for number, text in enumerate(texts):
        note(number, _cleaned(text))


class _Hook:
    """Takes the place of lm_eval's cache of answers, which is told every answer as soon as there is one."""

    def __init__(self, waiting: dict[str, list[int]], note: Callable[[int, str], None]) -> None:
        self._waiting = waiting
        self._note = note

    def add_partial(self, attr: str, req: Sequence[Any], res: object) -> None:
        """Note an answer; requests with the same prompt get theirs in turn."""
        numbers = self._waiting.get(_text(req[0]))
        if attr == "generate_until" and numbers and isinstance(res, str):
            self._note(numbers.pop(0), _cleaned(res))


def _text(prompt: Any) -> str:
    """The prompt as text: that for a server of messages is wrapped."""
    return str(getattr(prompt, "prompt", prompt))


def _cleaned(text: object) -> str:
    """An answer without the white space around it; nothing where a server said nothing."""
    api = sys.modules.get("lm_eval.models.api_models")
    nothing = getattr(api, "LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER", None)
    return "" if text is None or text == nothing else str(text).strip()


def _generation(lm: Any, temperature: float, limit: int, stops: Sequence[str], seed: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "until": list(stops),  # its own list: lm_eval appends to it
        "max_gen_toks": limit,
        "do_sample": temperature > 0,
        "temperature": float(temperature),
    }
    if type(lm).__module__.endswith(".vllm_causallms"):
        told["seed"] = seed
    return told


def _seed(lm: Any, seed: int) -> None:
    """Seed what samples: PyTorch in this process, or a server."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
    if hasattr(lm, "_seed"):
        lm._seed = seed  # noqa: SLF001  a setting of lm_eval's clients of servers, sent with each request
