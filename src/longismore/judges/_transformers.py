"""A causal language model of Transformers that answers batches of chats."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore._gumbel_noise import GumbelNoise
from longismore._optional import require
from longismore.errors import ConfigError, JudgeError
from longismore.judges._client import Completion
from longismore.judges._local import keeps_system, seed_of, token_logprobs, without_control_tokens, without_system

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.judges._client import Messages, TokenLogprobs
    from longismore.judges._options import JudgeOptions

__all__ = ["TransformersModel", "load_model", "parameter_problems"]

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class TransformersModel:
    """A model with its tokenizer, in memory.

    Args:
        model: A causal language model.
        tokenizer: Its tokenizer.
        limit: Of prompt and answer together, in tokens; ``None`` where the model has none.
        options: Temperature, length of the answer, parameters.
    """

    model: Any
    tokenizer: Any
    limit: int | None
    options: JudgeOptions
    keeps_system: bool = field(init=False)

    def __post_init__(self) -> None:
        more = self.options.parameters.get("chat_template_kwargs", {})
        self.keeps_system = self.tokenizer.chat_template is None or keeps_system(self.tokenizer, more)

    @property
    def _length(self) -> int:
        return self.options.max_tokens or 1

    def answer(self, chats: Sequence[Messages], stop: threading.Event) -> list[Completion | Exception]:
        """One answer, or error, for each chat; ended early when *stop* is set."""
        answers: list[Completion | Exception] = [JudgeError("was not answered") for _ in chats]
        fitting: list[tuple[int, list[int], int]] = []
        for number, messages in enumerate(chats):
            prompt = self.prompt_tokens(messages)
            if self.limit is not None and len(prompt) + self._length > self.limit:
                answers[number] = JudgeError(
                    f"the chat has {len(prompt)} tokens and its answer may have {self._length}, but the model takes "
                    f"{self.limit} together; lower max_tokens, or take a model with a longer context"
                )
            else:
                fitting.append((number, prompt, seed_of(messages, self.options.parameters.get("seed", 0))))
        completions = self._generate([prompt for _, prompt, _ in fitting], [seed for *_, seed in fitting], stop)
        for (number, *_), completion in zip(fitting, completions, strict=True):
            answers[number] = completion
        return answers

    def prompt_tokens(self, messages: Messages) -> list[int]:
        """The chat in the layout of the model's template, as tokens."""
        messages = without_control_tokens(messages, self.tokenizer)
        if not self.keeps_system:
            messages = without_system(messages)
        if self.tokenizer.chat_template is None:
            plain = "".join(f"{message['role']}: {message['content']}\n\n" for message in messages) + "assistant:"
            return list(self.tokenizer(plain)["input_ids"])
        text = self._templated(messages)
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _templated(self, messages: Messages) -> str:
        import jinja2

        more = self.options.parameters.get("chat_template_kwargs", {})
        try:
            text: str = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **more)
        except jinja2.TemplateError as error:
            raise ConfigError(f"the model's chat template does not take the chat: {error}") from error
        return text

    def _generate(
        self, prompts: Sequence[list[int]], seeds: Sequence[int], stop: threading.Event
    ) -> Sequence[Completion | Exception]:
        """Answer prompts that fit; a batch that does not fit into memory is halved."""
        if not prompts:
            return []
        torch = require("torch", extra="hf")
        try:
            return self._generate_at_once(prompts, seeds, stop)
        except torch.OutOfMemoryError as error:
            half = len(prompts) // 2
            if half == 0:
                return [JudgeError(f"a chat of {len(prompts[0])} tokens does not fit into memory: {error}")]
            torch.cuda.empty_cache()
            logger.warning("a batch of %d chats does not fit into memory; halving it", len(prompts))
        except RuntimeError as error:  # of CUDA, or numbers that are none
            return [JudgeError(f"the model failed: {' '.join(str(error).split())[:300]}") for _ in prompts]
        return [
            *self._generate(prompts[:half], seeds[:half], stop),
            *self._generate(prompts[half:], seeds[half:], stop),
        ]

    def _generate_at_once(
        self, prompts: Sequence[list[int]], seeds: Sequence[int], stop: threading.Event
    ) -> Sequence[Completion | Exception]:
        torch = require("torch", extra="hf")
        device, longest = self.model.device, max(map(len, prompts))
        pad = self.model.generation_config.pad_token_id
        padded = [[pad] * (longest - len(prompt)) + prompt for prompt in prompts]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=torch.tensor(padded, device=device),  # (b, s)
                attention_mask=torch.tensor(mask, device=device),
                max_new_tokens=self._length,
                do_sample=False,
                logits_processor=self._processors(seeds, device),
                stopping_criteria=_stop_when(stop),
                output_logits=bool(self.options.top_logprobs),
                return_dict_in_generate=True,
            )
        if stop.is_set():
            return [JudgeError("the run was stopped") for _ in prompts]
        rows = output.sequences[:, longest:].tolist()  # b times up to max_new_tokens
        return [self._completion(prompts[number], row, number, output.logits) for number, row in enumerate(rows)]

    def _completion(self, prompt: list[int], row: list[int], number: int, logits: Any) -> Completion:
        ends = _as_set(self.model.generation_config.eos_token_id)
        end = next((place for place, token in enumerate(row) if token in ends), len(row))
        generated = row[:end]
        return Completion(
            text=self.tokenizer.decode(generated, skip_special_tokens=True),
            input_tokens=len(prompt),
            output_tokens=min(end + 1, len(row)),
            logprobs=None if logits is None else tuple(self._logprobs(generated, number, logits)),
        )

    def _logprobs(self, generated: list[int], number: int, logits: Any) -> list[TokenLogprobs]:
        """Of the tokens of one row, from the model's own logits, before any temperature."""
        found = []
        for token, step in zip(generated, logits, strict=False):  # step: (b, v)
            values = step[number].float().log_softmax(-1)
            top = values.topk(min(self.options.top_logprobs or 1, len(values)))
            pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
            named = [(self.tokenizer.decode([other]), value) for other, value in pairs]
            found.append(token_logprobs(self.tokenizer.decode([token]), values[token].item(), named))
        return found

    def _processors(self, seeds: Sequence[int], device: Any) -> list[Any]:
        """What changes the logits before the likeliest token is taken."""
        transformers = require("transformers", extra="hf")
        torch = require("torch", extra="hf")
        parameters, temperature = self.options.parameters, self.options.temperature
        found: list[Any] = []
        if temperature:
            found.append(transformers.TemperatureLogitsWarper(temperature))
            if (top_k := parameters.get("top_k")) is not None:
                found.append(transformers.TopKLogitsWarper(top_k=top_k))
            if (top_p := parameters.get("top_p")) is not None:
                found.append(transformers.TopPLogitsWarper(top_p=float(top_p)))
            found.append(GumbelNoise([torch.Generator(device).manual_seed(seed) for seed in seeds]))
        return transformers.LogitsProcessorList(found)  # type: ignore[no-any-return]


def load_model(folder: Path, options: JudgeOptions) -> TransformersModel:
    """Load tokenizer and weights, onto the GPU if there is one.

    Of ``generation_config.json`` only the tokens that end a text count.

    Raises:
        ConfigError: They cannot be loaded.
    """
    torch = require("torch", extra="hf")
    transformers = require("transformers", extra="hf")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    logger.info("loading %s onto %s", folder, device)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), local_files_only=True, dtype="auto")
        model = model.eval().to(device)
    except Exception as error:  # of Transformers, safetensors, CUDA: they have no base in common
        raise ConfigError(f"the model in {folder} cannot be loaded: {' '.join(str(error).split())[:500]}") from error
    ends = _as_set(model.generation_config.eos_token_id) or _as_set(tokenizer.eos_token_id)
    pads = [tokenizer.pad_token_id, *sorted(ends), 0]
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=sorted(ends) or None, pad_token_id=next(pad for pad in pads if pad is not None)
    )
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return TransformersModel(model=model, tokenizer=tokenizer, limit=limit, options=options)


def _as_set(tokens: int | Sequence[int] | None) -> set[int]:
    if tokens is None:
        return set()
    return {tokens} if isinstance(tokens, int) else set(tokens)


def _stop_when(stop: threading.Event) -> list[Any]:
    torch = require("torch", extra="hf")
    transformers = require("transformers", extra="hf")

    def is_over(input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG001  as generate() calls it
        return torch.full((len(input_ids),), stop.is_set(), device=input_ids.device, dtype=torch.bool)

    return transformers.StoppingCriteriaList([is_over])  # type: ignore[no-any-return]


def parameter_problems(parameters: Mapping[str, Any]) -> list[str]:
    """What is wrong with the user's parameters, one sentence each."""
    problems = []
    for name, value in parameters.items():
        if name not in _PARAMETERS:
            problems.append(f'"{name}" is no parameter of hf/PATH; known: {", ".join(sorted(_PARAMETERS))}')
            continue
        kind, is_fine = _PARAMETERS[name]
        if not is_fine(value):
            problems.append(f"the parameter {name} must be {kind}, found {value!r}")
    return problems


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_PARAMETERS: Mapping[str, Any] = {
    "chat_template_kwargs": ("a JSON object", lambda value: isinstance(value, dict)),
    "seed": ("a whole number", _is_whole),
    "top_k": ("a positive whole number", lambda value: _is_whole(value) and value > 0),
    "top_p": ("a number above 0, at most 1", lambda value: _is_number(value) and value <= 1),
}
