"""IFD computed one row and one token at a time, straight from the published definitions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Losses", "cherry", "middle", "prompt_features", "superfiltering", "token_losses"]


@dataclass(frozen=True)
class Losses:
    """Mean losses of an answer, or why a row has none."""

    conditional: float = math.nan
    direct: float = math.nan
    reason: str = ""


def token_losses(model: Any, ids: Sequence[int]) -> list[float]:
    """The loss of each token but the first, by the definition of cross entropy, in 64 bits from the logits on."""
    import torch

    with torch.no_grad():
        logits = model(input_ids=torch.tensor([list(ids)])).logits[0].double()
    losses = []
    for place in range(1, len(ids)):
        row = logits[place - 1].tolist()
        largest = max(row)
        losses.append(largest + math.log(sum(math.exp(value - largest) for value in row)) - row[ids[place]])
    return losses


def mean(values: Sequence[float]) -> float:
    """The plain mean; of nothing, not a number."""
    return math.fsum(values) / len(values) if values else math.nan


def cherry(
    model: Any,
    tokenizer: Any,
    prompt: str,
    prefix: str,
    answer: str,
    *,
    max_length: int,
    extra: int | None = None,
) -> Losses:
    """Cherry's losses of a row.

    Args:
        model: In 32 bits.
        tokenizer: Of the model.
        prompt: What stands before the answer.
        prefix: What stands before it when it stands by itself.
        answer: The answer.
        max_length: Of prompt and answer.
        extra: The published 4; none: the tokens of the prefix.
    """
    if not answer.strip():
        return Losses(reason="empty response")
    room = max_length - len(tokenizer.encode(prompt)[:max_length])
    if room <= 0:
        return Losses(reason="prompt fills max_length")
    more = len(tokenizer.encode(prefix)) if extra is None else extra
    means, counts = [], []
    for text, most in ((prefix + answer, room + more), (prompt + answer, max_length)):
        ids = tokenizer.encode(text)[:most]
        start = len(tokenizer.encode(text[: text.rfind(answer)]))
        if len(ids) - start <= 0:
            return Losses(reason="no answer token within max_length")
        means.append(mean(token_losses(model, ids)[start - 1 :]))
        counts.append(len(ids) - start)
    if max_length - room + counts[0] > max_length:
        return Losses(reason="prompt and answer exceed max_length")
    return Losses(conditional=means[1], direct=means[0])


def superfiltering(model: Any, tokenizer: Any, prompt: str, answer: str, *, max_length: int) -> Losses:
    """Superfiltering's losses of a row: nothing stands before an answer by itself."""
    if not answer.strip():
        return Losses(reason="empty response")
    start = len(tokenizer.encode(prompt))
    if start >= max_length:
        return Losses(reason="prompt fills max_length")
    direct = tokenizer.encode(answer)[: max_length - start + 1]
    whole = tokenizer.encode(prompt + answer)[:max_length]
    alone, after = token_losses(model, direct), token_losses(model, whole)[max(start, 1) - 1 :]
    if not alone or not after:
        return Losses(reason="no token of the answer has a loss")
    return Losses(conditional=mean(after), direct=mean(alone))


def prompt_features(model: Any, tokenizer: Any, prompt: str, *, max_length: int) -> tuple[list[float], float]:
    """Mean of the last hidden layer over the prompt's tokens, and mean loss."""
    import torch

    ids = tokenizer.encode(prompt)[:max_length]
    with torch.no_grad():
        hidden = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0].double()
    return [mean(column) for column in hidden.T.tolist()], mean(token_losses(model, ids))


def middle(labels: Sequence[int], perplexities: Sequence[float], *, count: int, low: float, high: float) -> list[int]:
    """Evenly spaced rows of middling perplexity of each cluster; percentiles by linear interpolation."""
    chosen: list[int] = []
    for label in sorted(set(labels)):
        rows = [row for row, other in enumerate(labels) if other == label]
        if len(rows) >= count:
            values = [perplexities[row] for row in rows]
            bounds = percentile(values, low), percentile(values, high)
            rows = [row for row in rows if bounds[0] <= perplexities[row] <= bounds[1]]
        chosen += rows if len(rows) < count else [rows[place * (len(rows) // count)] for place in range(count)]
    return sorted(chosen)


def percentile(values: Sequence[float], percent: float) -> float:
    """Between the two nearest of the sorted values."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    lower = math.floor(place)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (place - lower) * (ordered[upper] - ordered[lower])
