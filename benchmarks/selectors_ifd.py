"""What IFD scores cost: the scorer of ``ifd`` beside a plain loop that does what the published script does.

    OMP_NUM_THREADS=1 python benchmarks/selectors_ifd.py
    python benchmarks/selectors_ifd.py --gpu

The plain loop takes one text at a time: two forwards a row with all hidden states and a loss of their own, full logits,
a Python loop over every token of the text, and every text encoded anew for its filter. Both sides read the same rows
with the same model (random weights: speed does not depend on them, and losses near the logarithm of the vocabulary make
a difference in the last digit no smaller than real ones do), on one thread, turn and turn about. CPU seconds count.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import logging
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.instructions import open_data
from longismore.instructions._templates import load_template
from longismore.selectors import Skipped
from longismore.selectors._ifd.scorers import Instrument, LossScorer
from longismore.selectors._ifd.texts import Layout, prompt_of
from longismore.selectors._models.causal_lm import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.instructions import Row

VOCABULARY = 32_000
MAX_LENGTH = 512
SMALL = {"hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 4, "num_attention_heads": 4}
"""19.5 million parameters."""
MEDIUM = {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 4, "num_attention_heads": 12}
"""77.5 million parameters."""
LARGE = {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14}
"""0.4 billion parameters, for a GPU."""
LIMITS = {"float32": 1.4, "bfloat16": 2.4}
REPEATS = 5
"""On a GPU."""
FORM = (
    "Somebody wants something done, as is told here. Say all that there is to be said about it.\n\n"
    "### Instruction:\n{instruction}\n\n"
)
TEMPLATE = f"{FORM}### Response:\n=== with input ===\n{FORM}### Input:\n{{input}}\n\n### Response:\n"
"""As long as Alpaca's, in other words."""
_POOL = Path(__file__).resolve().parents[2] / "shared" / "data" / "pools" / "random_9k.json"


def measure() -> list[tuple[str, float, float, str]]:
    """What was compared, how many times less it costs, the least that is wanted, and a note."""
    import torch

    torch.set_num_threads(1)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, config, rows, repeats in (("19.5M", SMALL, 100, 5), ("77.5M", MEDIUM, 80, 3)):
            found += _compare(make_model(Path(folder) / name, config), name, _rows(rows), repeats)
    return found


def _compare(path: Path, name: str, rows: Sequence[Row], repeats: int) -> list[tuple[str, float, float, str]]:
    """The plain loop in float32, as the published script loads its model, beside ours in every number format."""
    plain = PlainLoop(path, "cpu", "float32")
    scorers = {dtype: _scorer(path, dtype) for dtype in LIMITS if dtype != "bfloat16" or _has_bfloat16()}
    sides: dict[str, Callable[[Sequence[Row]], Any]] = {"plain": plain.score}
    sides |= {dtype: scorer.score for dtype, scorer in scorers.items()}
    results: dict[str, Any] = {}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for side in sides.values():  # not counted: loads, and warms up
        side(rows[:2])
    for _ in range(repeats):
        for side, work in sides.items():
            started = time.process_time()
            results[side] = work(rows)
            seconds[side].append(time.process_time() - started)
    middle = {side: statistics.median(values) for side, values in seconds.items()}
    spread = {side: (max(values) - min(values)) / middle[side] for side, values in seconds.items()}
    lines = []
    for dtype in scorers:
        gap = _difference(results[dtype], results["plain"], 1e-5 if dtype == "float32" else 1e-2)
        note = (
            f"{len(rows)} rows; {middle['plain']:.2f} s and {middle[dtype]:.2f} s of CPU (spread {spread['plain']:.0%} "
            f"and {spread[dtype]:.0%}); largest difference of an IFD {gap:.1e}; same rows skipped"
        )
        lines.append((f"IFD scores, {name}, {dtype}", middle["plain"] / middle[dtype], LIMITS[dtype], note))
    return lines


def _scorer(path: Path, dtype: str, device: str = "cpu", rows: int = 256) -> LossScorer:
    layout = Layout(max_length=MAX_LENGTH, prefixed=True, direct_extra=None)
    instrument = Instrument(model=str(path), template=str(path / "template.txt"), dtype=dtype, device=device)
    return LossScorer(instrument=instrument, layout=layout, batch_rows=rows)


def _difference(ours: Sequence[Any], theirs: Sequence[float | None], most: float) -> float:
    scores = [None if isinstance(each, Skipped) else each[0] / each[1] for each in ours]
    if [one is None for one in scores] != [one is None for one in theirs]:
        raise AssertionError("the two sides skip different rows")
    gap = max(abs(one - other) for one, other in zip(scores, theirs, strict=True) if one is not None)
    if gap > most:
        raise AssertionError(f"the two sides differ by {gap}")
    return float(gap)


def _has_bfloat16() -> bool:
    """Whether the processor multiplies numbers of 16 bits."""
    if platform.system() != "Linux":
        return False
    words = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return "avx512_bf16" in words or "amx_bf16" in words


class PlainLoop:
    """IFD scores, one text at a time."""

    def __init__(self, path: Path, device: str, dtype: str) -> None:
        lm = load(str(path), dtype=dtype, device=device)
        self.model, self.tokenizer, self.device = lm.model, lm.tokenizer, device
        self.template = load_template(str(path / "template.txt"))

    def score(self, rows: Sequence[Row]) -> list[float | None]:
        """The IFD of each row, or nothing where the published filter leaves it out."""
        stored = [self._losses(row) for row in rows]
        return [self._ratio(row, *losses) for row, losses in zip(rows, stored, strict=True)]

    def _texts(self, row: Row) -> list[tuple[str, int]]:
        prompt, prefix = prompt_of(row, self.template), self.template.response_prefix
        room = MAX_LENGTH - len(self._encode(prompt, MAX_LENGTH)[0])
        return [(prefix + row.response, room + len(self.tokenizer.encode(prefix))), (prompt + row.response, MAX_LENGTH)]

    def _encode(self, text: str, most: int) -> Any:
        return self.tokenizer.encode(text, return_tensors="pt", truncation=True, max_length=most)

    def _losses(self, row: Row) -> list[list[float]]:
        import torch

        found = []
        for text, most in self._texts(row):
            ids = self._encode(text, most).to(self.device)
            labels = ids.clone()
            labels[0, : len(self.tokenizer.encode(text[: text.rfind(row.response)]))] = -100
            with torch.no_grad():
                outputs = self.model(ids, labels=labels, output_hidden_states=True)
            outputs.loss.to("cpu")
            losses = []
            for place in range(1, ids.shape[1]):
                likelihood = torch.log_softmax(outputs.logits[0, place - 1], dim=-1)
                losses.append(torch.nn.functional.nll_loss(likelihood[None], ids[0, place][None]).item())
            found.append(losses)
        return found

    def _ratio(self, row: Row, direct: list[float], conditional: list[float]) -> float | None:
        import numpy as np

        means = []
        room = MAX_LENGTH - len(self._encode(prompt_of(row, self.template), MAX_LENGTH)[0])
        for (text, most), losses in zip(self._texts(row), (direct, conditional), strict=True):
            end = self._encode(text, most).shape[1]
            start = len(self.tokenizer.encode(text[: text.rfind(row.response)]))
            if room <= 0 or end <= start or not row.response.strip():
                return None
            means.append(np.array(losses[start - 1 : end - 1]).mean())
        return float(means[1] / means[0])


def make_model(folder: Path, config: dict[str, int], **more: Any) -> Path:
    """Save a Llama with random weights, and a tokenizer made of the rows' texts."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    records = json.loads(_POOL.read_text(encoding="utf-8"))
    tokenizer.train_from_iterator((text for record in records for text in map(str, record.values())), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")  # noqa: S106  tokens
    torch.manual_seed(0)
    settings = {"vocab_size": VOCABULARY, "max_position_embeddings": 2048, "bos_token_id": 0, "eos_token_id": 1}
    model = LlamaForCausalLM(LlamaConfig(**settings, **config, **more))
    with torch.no_grad():
        model.lm_head.weight.mul_(4)  # so that losses differ
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    (folder / "template.txt").write_text(TEMPLATE, encoding="utf-8")
    return folder


def _rows(count: int) -> list[Row]:
    """Rows spread evenly over the pool, with one that is too long and one without an answer."""
    data = open_data(_POOL)
    return data.pick(range(0, data.size, max(1, data.size // count)))[:count]


def measure_gpu(rows: int = 2000, single: int = 100) -> list[tuple[str, float, float, str]]:
    """Rows a second of a model of 0.4 billion parameters: our batches beside the plain loop, both in bfloat16.

    Nothing where there is no CUDA.
    """
    import torch

    if not torch.cuda.is_available():
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = make_model(Path(folder) / "large", LARGE, num_key_value_heads=2)
        scorer = _scorer(path, "bfloat16", "cuda", rows)
        plain = PlainLoop(path, "cuda", "bfloat16")
        many, few = _rows(rows), _rows(single)
        scorer.score(many)
        plain.score(few[:3])
        speeds: dict[str, list[float]] = {"plain": [], "ours": []}
        for _ in range(REPEATS):
            for side, work, count in (
                ("plain", lambda: plain.score(few), len(few)),
                ("ours", lambda: scorer.score(many), len(many)),
            ):
                torch.cuda.synchronize()
                started = time.perf_counter()
                work()
                torch.cuda.synchronize()
                speeds[side].append(count / (time.perf_counter() - started))
    middle = {side: statistics.median(values) for side, values in speeds.items()}
    note = f"{torch.cuda.get_device_name()}; {middle['plain']:.0f} and {middle['ours']:.0f} rows/s"
    return [("IFD scores, 0.4B on a GPU, bfloat16", middle["ours"] / middle["plain"], 15.0, note)]


def main() -> int:
    """Print the ratios; returns 1 if one is below what is wanted."""
    parser = argparse.ArgumentParser(description="IFD scores beside a plain loop.")
    parser.add_argument("--gpu", action="store_true", help="compare on the GPU instead")
    options = parser.parse_args()
    found = measure_gpu() if options.gpu else measure()
    for what, ratio, limit, note in found:
        print(f"{what}: {ratio:.2f}x (at least {limit:g}x wanted); {note}")
    return int(any(ratio < limit for _, ratio, limit, _ in found))


if __name__ == "__main__":
    sys.exit(main())
