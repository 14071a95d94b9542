"""What DEITA costs beside plain loops that do what the published program does, with the same results.

    OMP_NUM_THREADS=1 python benchmarks/selectors_deita.py

Both sides take turns in one process, on one thread, and CPU time is counted; medians of each. The filter looks at
20,000 rows of 1,024 numbers, around 2,500 centres, for 1,000 rows. The scorers are a random LLaMA of 79 million
parameters; needs torch, and bfloat16 is measured where the processor computes in it. Prompts are as long as the
published ones are with rows of Alpaca: about 40 tokens for complexity, and 110 for quality. The plain loop computes in
float32, as the published program does on a processor. The longer the prompts, the less is gained: one of 200 tokens
keeps a processor busy by itself.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # beside this file stands one named like Python's own module selectors

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longismore.instructions import Row, Turn
from longismore.selectors._deita.diversity import DiversityFilter, Fate
from longismore.selectors._deita.prompts import filled
from longismore.selectors._deita.scorer import DigitScorer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

FILTER_ROUNDS, SCORER_ROUNDS = 5, 3
FILTER_LIMIT, FLOAT32_LIMIT, BFLOAT16_LIMIT = 20.0, 1.4, 2.4
ROWS, WIDTH, BUDGET, CENTRES = 20_000, 1024, 1000, 2500
THRESHOLD = 0.9
SCORED_ROWS = 40
PROMPTS = {
    "complexity": "Request:\n{instruction}\n\nDemand, one digit:\n",
    "quality": "Request:\n{instruction}\n\nResponse:\n{output}\n\nQuality, one digit:\n",
}
TOLERANCE = {"float32": 1e-5, "bfloat16": 0.1}


def measure() -> list[tuple[str, float, float, str]]:
    """What was measured, how often ours fits into the plain loop's time, how often it must, and details."""
    return [_filter(), *_scorers()]


def _rounds(plain: Callable[[], Any], ours: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Median CPU seconds of the two, taking turns."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for work, found in zip((plain, ours), seconds, strict=True):
            started = time.process_time()
            work()
            found.append(time.process_time() - started)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def _filter() -> tuple[str, float, float, str]:
    draw = np.random.default_rng(0)
    centres = draw.standard_normal((CENTRES, WIDTH))
    vectors = centres[draw.integers(CENTRES, size=ROWS)] + 0.3 * draw.standard_normal((ROWS, WIDTH))
    single = vectors.astype(np.float32)
    plain, ours = _plain_filter(vectors), _our_filter(single)
    if plain != ours:
        raise SystemExit("the two filters keep different rows")
    theirs_s, ours_s = _rounds(lambda: _plain_filter(vectors), lambda: _our_filter(single), FILTER_ROUNDS)
    note = f"{ROWS:,} x {WIDTH:,}, {ours[-1] + 1:,} looked at for {BUDGET:,}; {theirs_s:.2f} s and {ours_s:.3f} s"
    return "DEITA filter", theirs_s / ours_s, FILTER_LIMIT, note


def _plain_filter(vectors: np.ndarray) -> list[int]:
    """Row by row: copy the kept rows, normalise them and the candidate twice, multiply."""
    kept = [0]
    for row in range(1, len(vectors)):
        candidate = vectors[row : row + 1].astype(np.float32)
        others = vectors[kept].astype(np.float32)
        for _ in range(2):
            candidate = candidate / np.linalg.norm(candidate, axis=1)[:, None]
            others = others / np.linalg.norm(others, axis=1)[:, None]
        if not (candidate @ others.T > THRESHOLD).any():
            kept.append(row)
        if len(kept) >= BUDGET:
            break
    return kept


def _our_filter(vectors: np.ndarray) -> list[int]:
    return np.flatnonzero(DiversityFilter(threshold=THRESHOLD, budget=BUDGET).add(vectors) == Fate.KEPT).tolist()


def _scorers() -> list[tuple[str, float, float, str]]:
    try:
        import torch
        import transformers

        from tiny_models import make_tiny_llama
    except ImportError as error:
        print(f"DEITA scorer: not measured, {error.name} is not installed", file=sys.stderr)
        return []
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"hidden_size": 640, "intermediate_size": 1632, "num_hidden_layers": 8, "num_attention_heads": 10}
        model = make_tiny_llama(Path(folder), vocab_size=32_000, **sizes)
        plain = _Plain(model)
        rows = _rows(SCORED_ROWS, plain.tokenizer)
        for dtype, limit in (("float32", FLOAT32_LIMIT), ("bfloat16", BFLOAT16_LIMIT)):
            if dtype == "bfloat16" and not torch.cpu._is_avx512_bf16_supported():  # noqa: SLF001  there is no other way
                print("DEITA scorer, bfloat16: not measured, this processor does not compute in it", file=sys.stderr)
                continue
            scorers = [
                DigitScorer(kind=kind, model=str(model), prompt=prompt, dtype=dtype, device="cpu")
                for kind, prompt in PROMPTS.items()
            ]
            difference = float(np.abs(np.subtract(plain.scores(rows), _ours(scorers, rows))).max())
            if not difference <= TOLERANCE[dtype]:
                raise SystemExit(f"the scores in {dtype} differ by {difference}")
            theirs_s, ours_s = _rounds(
                lambda: plain.scores(rows), lambda each=scorers: _ours(each, rows), SCORER_ROUNDS
            )
            note = (
                f"79M LLaMA, {len(rows)} rows, both scores, prompts of {plain.mean_tokens(rows):.0f} tokens; one at a "
                f"time in float32 {theirs_s:.1f} s, ours in {dtype} {ours_s:.1f} s; scores within {difference:.0e}"
            )
            found.append((f"DEITA scorer, {dtype}", theirs_s / ours_s, limit, note))
    return found


class _Plain:
    """One prompt at a time: generate two tokens, with the logits of the whole vocabulary."""

    def __init__(self, model: Path) -> None:
        import torch
        import transformers

        self.tokenizer = transformers.AutoTokenizer.from_pretrained(str(model))
        self.model = transformers.AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32).eval()
        self.digits = self.tokenizer.convert_tokens_to_ids(list("123456"))

    def scores(self, rows: Sequence[Row]) -> list[float]:
        """Complexity of all rows, and then quality."""
        return [self._score(prompt) for prompt in _prompts(rows)]

    def mean_tokens(self, rows: Sequence[Row]) -> float:
        return statistics.mean(len(self.tokenizer(prompt)["input_ids"]) for prompt in _prompts(rows))

    def _score(self, prompt: str) -> float:
        import torch

        made = self.model.generate(
            **self.tokenizer(prompt, return_tensors="pt"),
            max_new_tokens=2,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
        )
        weights = made.scores[0][0][self.digits].double().softmax(-1)
        return float((weights * torch.arange(1, 7)).sum())


def _prompts(rows: Sequence[Row]) -> list[str]:
    return [
        filled(prompt, instruction=row.instruction, output=row.response) for prompt in PROMPTS.values() for row in rows
    ]


def _ours(scorers: Sequence[DigitScorer], rows: Sequence[Row]) -> list[float]:
    return [result[0][0] for scorer in scorers for result in scorer.score(rows)]  # type: ignore[index]


def _rows(count: int, tokenizer: Any) -> list[Row]:
    """Instructions of 8 to 25 words and answers of about 65, few of them long; a word is a token."""
    draw = np.random.default_rng(0)
    words = sorted(word[1:] for word in tokenizer.get_vocab() if word[0] == "\u0120" and word[1:].isalpha())
    answers = np.clip(draw.lognormal(np.log(45), 0.85, size=count), 3, 400).astype(int).tolist()

    def text(size: int) -> str:
        return " ".join(words[place] for place in draw.integers(len(words), size=size))

    return [
        Row(number=number, place=f"row {number}", turns=(Turn(text(int(draw.integers(8, 25))), text(size)),))
        for number, size in enumerate(answers)
    ]


def main() -> None:
    """Print every ratio with its limit."""
    for what, ratio, limit, note in measure():
        print(f"{what}: {ratio:.1f} times as fast (limit {limit:g}); {note}")


if __name__ == "__main__":
    main()
