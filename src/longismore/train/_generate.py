"""Answers of a trained model to a test set, asked exactly as it was trained.

Prompts go through the model in batches of nearly equal length, longest first, padded at the left. What a prompt is
answered does not depend on the batch that it is in, but for the rounding of sums: padding is masked, and a sample has
noise of its own.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from longismore._gumbel_noise import GumbelNoise
from longismore._optional import require
from longismore.errors import ConfigError, UsageError
from longismore.records import Answer
from longismore.train._answers_file import AnswersFile
from longismore.train._trained import Trained, load_trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from longismore.records import Example

__all__ = ["generate"]

logger = logging.getLogger(__name__)

_ON_PROCESSOR, _MOST = 16, 256
"""Prompts in a batch: without a GPU, and at most."""
_SHARE = 0.7
"""Of the GPU's free memory that keys and values may take."""


class _Asked(NamedTuple):
    example: Example
    prompt: list[int]


def generate(
    model: str | Path | Trained,
    examples: Sequence[Example],
    *,
    max_new_tokens: int = 1024,
    batch_size: int | Literal["auto"] = "auto",
    device: str = "auto",
    dtype: str = "auto",
    template: str | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    checkpoint: str | Path | None = None,
) -> dict[tuple[str, str], Answer]:
    """Let a model answer.

    Args:
        model: Its folder, or what :func:`~longismore.train._trained.load_trained` made of it.
        examples: What it is asked.
        max_new_tokens: Of an answer, at most.
        batch_size: Prompts at a time; one that does not fit into memory is halved.
        device: As for ``load_trained``.
        dtype: As for ``load_trained``.
        template: Only for a model that other tools made: what it was trained with.
        temperature: 0: the likeliest token each time.
        seed: Of samples.
        on_progress: Told how many answers there are, and how many there will be.
        checkpoint: A file to which answers are added as they come, and that is gone on with where it is there.

    Returns:
        By test set and id, in the order of *examples*.

    Raises:
        ConfigError: A setting cannot be had.
        UsageError: The model cannot be loaded, prompts leave no room for an answer, or *checkpoint* is of another
            model or of other settings.
    """
    problems = []
    if max_new_tokens < 1:
        problems.append(f"max_new_tokens must be at least 1, found {max_new_tokens}")
    if batch_size != "auto" and batch_size < 1:
        problems.append(f'batch_size must be "auto" or at least 1, found {batch_size}')
    if temperature < 0:
        problems.append(f"temperature must be at least 0, found {temperature:g}")
    if problems:
        raise ConfigError(problems)
    loaded = model if isinstance(model, Trained) else load_trained(model, template=template, device=device, dtype=dtype)
    wanted = {(example.testset, example.id): example for example in examples}
    file = None
    answers: dict[tuple[str, str], Answer] = {}
    if checkpoint is not None:
        file = AnswersFile(checkpoint, _made_with(loaded, max_new_tokens, temperature, seed))
        answers = file.read(list(wanted.values()))
    missing = [example for place, example in wanted.items() if place not in answers]
    asked = [_Asked(*each) for each in zip(missing, loaded.prompts(missing), strict=True)]
    _check_room(asked, loaded, max_new_tokens)
    if on_progress is not None:
        on_progress(len(answers), len(wanted))
    run = _Run(loaded, max_new_tokens, batch_size, temperature, seed)
    for part in run.answers(asked):
        if file is not None:
            file.add(part)
        answers |= {(example.testset, example.id): answer for example, answer, *_ in part}
        if on_progress is not None:
            on_progress(len(answers), len(wanted))
    return {place: answers[place] for place in wanted}


def _made_with(loaded: Trained, max_new_tokens: int, temperature: float, seed: int) -> dict[str, object]:
    found = {
        "model": loaded.fingerprint,
        "template": loaded.template.digest,
        "dtype": loaded.dtype,
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
    }
    return {**found, "seed": seed} if temperature else found


def _check_room(asked: Sequence[_Asked], loaded: Trained, max_new_tokens: int) -> None:
    """Refuse prompts after which an answer of that length does not fit into the model's context."""
    if loaded.limit is None:
        return
    long = [each for each in asked if len(each.prompt) + max_new_tokens > loaded.limit]
    if not long:
        return
    worst = max(long, key=lambda each: len(each.prompt))
    room = loaded.limit - len(worst.prompt)
    remedy = f"set max_new_tokens={room} or less" if room > 0 else "take a model with a longer context"
    raise UsageError(
        f"{len(long)} of {len(asked)} prompts leave no room for an answer of {max_new_tokens} tokens in the "
        f"{loaded.limit} that the model takes; the longest, {worst.example.id} of {worst.example.testset}, has "
        f"{len(worst.prompt)}; {remedy}"
    )


@dataclass(slots=True)
class _Run:
    loaded: Trained
    max_new_tokens: int
    batch_size: int | Literal["auto"]
    temperature: float
    seed: int
    most: int = _MOST
    """Larger batches did not fit into memory."""

    def answers(self, asked: Sequence[_Asked]) -> Iterator[list[tuple[Example, Answer, int, bool]]]:
        """The answers, batch by batch: each with its tokens, and whether it came to its end."""
        left = sorted(asked, key=lambda each: -len(each.prompt))
        torch = require("torch", extra="train")
        while left:
            size = min(self._size(len(left[0].prompt)), len(left))
            try:
                rows = self._rows(left[:size])
            except torch.OutOfMemoryError as error:
                if size == 1:
                    raise UsageError(
                        f"an answer of {self.max_new_tokens} tokens to a prompt of {len(left[0].prompt)} does not fit "
                        "into memory; set a smaller max_new_tokens, or take a larger device"
                    ) from error
                torch.cuda.empty_cache()
                self.most = size // 2
                logger.warning("%d prompts at a time do not fit into memory; taking %d", size, self.most)
                continue
            yield [self._answer(each.example, row) for each, row in zip(left[:size], rows, strict=True)]
            left = left[size:]

    def _size(self, longest: int) -> int:
        if self.batch_size != "auto":
            return min(self.batch_size, self.most)
        model = self.loaded.model
        if model.device.type != "cuda":
            return min(_ON_PROCESSOR, self.most)
        torch = require("torch", extra="train")
        config = model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        a_token = 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize
        free, _ = torch.cuda.mem_get_info(model.device)
        fitting = int(_SHARE * free / (a_token * (longest + self.max_new_tokens)))
        return max(1, min(fitting, self.most))

    def _rows(self, batch: Sequence[_Asked]) -> list[list[int]]:
        """The tokens that follow each prompt, its end and padding among them."""
        torch = require("torch", extra="train")
        transformers = require("transformers", extra="train")
        model, pad, longest = self.loaded.model, self.loaded.pad_id, len(batch[0].prompt)
        missing = [longest - len(each.prompt) for each in batch]
        ids = [[pad] * count + each.prompt for count, each in zip(missing, batch, strict=True)]
        mask = [[0] * count + [1] * (longest - count) for count in missing]
        config = transformers.GenerationConfig(
            max_new_tokens=self.max_new_tokens,
            do_sample=False,
            use_cache=True,
            eos_token_id=sorted(self.loaded.ends) or None,
            pad_token_id=pad,
        )
        with torch.inference_mode():
            output = model.generate(
                input_ids=torch.tensor(ids, device=model.device),  # (b, s)
                attention_mask=torch.tensor(mask, device=model.device),
                generation_config=config,
                logits_processor=self._processors(batch),
            )
        return output[:, longest:].tolist()  # type: ignore[no-any-return]

    def _processors(self, batch: Sequence[_Asked]) -> Any:
        """What changes the logits before the likeliest token is taken."""
        transformers = require("transformers", extra="train")
        torch = require("torch", extra="train")
        found: list[Any] = []
        if self.temperature:
            seeds = [_seed_of(each.example, self.seed) for each in batch]
            device = self.loaded.model.device
            found.append(transformers.TemperatureLogitsWarper(self.temperature))
            found.append(GumbelNoise([torch.Generator(device).manual_seed(seed) for seed in seeds]))
        return transformers.LogitsProcessorList(found)

    def _answer(self, example: Example, row: list[int]) -> tuple[Example, Answer, int, bool]:
        end = next((place for place, token in enumerate(row) if token in self.loaded.ends), None)
        answer = Answer(self.loaded.name, self.loaded.text(row[:end]))
        return example, answer, len(row) if end is None else end + 1, end is not None


def _seed_of(example: Example, seed: int) -> int:
    """A seed that differs from prompt to prompt, and depends on nothing else."""
    digest = hashlib.sha256(f"{seed}\0{example.testset}\0{example.id}".encode()).digest()
    return int.from_bytes(digest[:7])
