"""What padding costs: useful tokens a second of training, rows padded to 2,048 tokens beside our batches.

    OMP_NUM_THREADS=1 python benchmarks/training.py
    python benchmarks/training.py --gpu

Published scripts pad every row to the maximum length. Both sides train the same model (random weights, with which speed
has nothing to do) on the same rows, with the same batch size, loss and optimizer; tokens that are no padding count, and
CPU seconds on one thread. Padded rows take the same time whatever stands in them, so that a few, spread evenly over the
lengths, will do; of our batches every eighth is run, in the order of their lengths.

With ``--gpu``: tokens a second of a Llama of 1.1 billion parameters in bf16, beside what the card can do at most.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.instructions import open_data
from longismore.train._batching import count_positions, make_batches
from longismore.train._collator import Collator
from longismore.train._encode import encode_rows
from longismore.train._machine import resolved, this_machine
from longismore.train.settings import load_preset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.train._encode import Encoded
    from longismore.train.settings import TrainSettings

MAX_LENGTH = 2048
BATCH = 4
REPEATS = 3
PADDED_STEPS = 1
VOCABULARY = 4096
SMALL = {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4}
"""2.4 million parameters, with tied embeddings."""
LARGE = {
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_hidden_layers": 22,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "tie_word_embeddings": False,
}
"""1.1 billion parameters with a vocabulary of 32,000."""
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12}
"""Operations a second in bf16, dense, by the makers' data sheets (SXM where there are several)."""
_POOLS = Path(__file__).resolve().parents[2] / "shared" / "data" / "pools"


def measure() -> list[tuple[str, float, float, str]]:
    """What was compared, how many times more useful tokens a second, the least that is wanted, and a note."""
    import torch

    torch.set_num_threads(1)
    tokenizer = make_tokenizer()
    settings = _settings(batching="auto")
    found = []
    for name, pool, most, limit in (
        ("filtered_alpaca_1k_score", "filtered_alpaca_1k_score.json", None, 15.0),
        ("longest 1,000 of random_9k", "random_9k.json", 1000, 6.0),
    ):
        rows = _rows(pool, most, tokenizer, settings)
        found.append(_compare(name, rows, resolved(settings, this_machine()), limit))
    return found


def _compare(name: str, rows: Sequence[Encoded], ours: TrainSettings, limit: float) -> tuple[str, float, float, str]:
    padded = replace(ours, batching="pad", pad_to=MAX_LENGTH)
    lengths = [len(row) for row in rows]
    order = sorted(range(len(rows)), key=lengths.__getitem__)
    few = order[:: len(order) // (BATCH * PADDED_STEPS)][: BATCH * PADDED_STEPS]
    sides = {
        "padded": (padded, [few[step::PADDED_STEPS] for step in range(PADDED_STEPS)]),
        "ours": (ours, _every_eighth(make_batches(lengths, ours, 0, 0), lengths)),
    }
    speeds: dict[str, list[float]] = {side: [] for side in sides}
    models = {side: _Loop(SMALL, VOCABULARY, each) for side, (each, _) in sides.items()}
    for side, (_, batches) in sides.items():
        models[side].run([[rows[place] for place in batch] for batch in batches[:1]])  # not counted: warms up
    for _ in range(REPEATS):
        for side, (_, batches) in sides.items():
            read = [[rows[place] for place in batch] for batch in batches]
            spent = _timed(lambda side=side, read=read: models[side].run(read))
            speeds[side].append(sum(len(row) for batch in read for row in batch) / spent)
    middle = {side: statistics.median(values) for side, values in speeds.items()}
    spread = {side: (max(values) - min(values)) / middle[side] for side, values in speeds.items()}
    # The few padded rows stand for all: what counts is the time of a row.
    mean = statistics.mean(lengths)
    theirs = middle["padded"] * mean / statistics.mean(lengths[place] for place in few)
    fill = {
        side: sum(lengths) / count_positions(lengths, make_batches(lengths, each, 0, 0), each)
        for side, (each, _) in sides.items()
    }
    note = (
        f"{len(rows)} rows of {mean:.0f} tokens; {theirs:.0f} and {middle['ours']:.0f} useful tokens a CPU second "
        f"(spread {spread['padded']:.0%} and {spread['ours']:.0%}); useful are {fill['padded']:.1%} and "
        f"{fill['ours']:.1%} of all positions; ours is batching={ours.batching}"
    )
    return name, middle["ours"] / theirs, limit, note


def _every_eighth(batches: list[list[int]], lengths: Sequence[int]) -> list[list[int]]:
    return sorted(batches, key=lambda batch: sum(lengths[row] for row in batch))[4::8]


def _timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


class _Loop:
    """Forward, backward and AdamW: what a step consists of, and nothing else."""

    def __init__(self, config: dict[str, Any], vocabulary: int, settings: TrainSettings, device: str = "cpu") -> None:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(0)
        whole = {"vocab_size": vocabulary, "max_position_embeddings": MAX_LENGTH, "tie_word_embeddings": True} | config
        self.model = LlamaForCausalLM(LlamaConfig(**whole)).to(device).train()
        self.model.config.use_cache = False
        self.model.set_attn_implementation(settings.attention)
        if settings.gradient_checkpointing:
            self.model.gradient_checkpointing_enable()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=device != "cpu")
        self.collate, self.device, self.is_bf16 = Collator(settings, 1), device, settings.precision == "bf16"

    def run(self, batches: Sequence[Sequence[Encoded]]) -> None:
        """Train on some batches, one step each."""
        import torch

        for rows in batches:
            batch = {name: tensor.to(self.device) for name, tensor in self.collate(rows).items()}
            with torch.autocast(self.device, torch.bfloat16, enabled=self.is_bf16):
                loss = self.model(**batch).loss
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()

    @property
    def parameters(self) -> int:
        """Of the matrices that every token goes through: all but the table of embeddings."""
        embeddings = self.model.get_input_embeddings().weight.numel()
        tied = self.model.config.tie_word_embeddings
        return sum(each.numel() for each in self.model.parameters()) - (0 if tied else embeddings)


def _settings(**changes: object) -> TrainSettings:
    fixed = {"max_length": MAX_LENGTH, "batch_size": BATCH, "global_batch_size": BATCH, "attention": "sdpa"}
    return load_preset("tiny-cpu", fixed | changes)


def _rows(pool: str, longest: int | None, tokenizer: Any, settings: TrainSettings) -> list[Encoded]:
    """The rows of a pool, or those with the longest answers, as ``longest`` chooses them by characters."""
    rows = list(open_data(_POOLS / pool).rows())
    if longest is not None:
        rows = sorted(rows, key=lambda row: -len(row.response))[:longest]
    return encode_rows(rows, tokenizer, settings).examples


def make_tokenizer(vocabulary: int = VOCABULARY) -> Any:
    """A tokenizer made of the pools' texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    records = [
        record for path in sorted(_POOLS.glob("*.json")) for record in json.loads(path.read_text(encoding="utf-8"))
    ]
    tokenizer.train_from_iterator((text for record in records for text in map(str, record.values())), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")  # noqa: S106  tokens


def measure_gpu(config: dict[str, Any] | None = None, *, packs: int = 8, steps: int = 20) -> list[str]:
    """Tokens a second of every way to batch, one line each; nothing where there is no CUDA.

    A step computes about as many positions in all of them: so many packs.
    """
    import torch

    if not torch.cuda.is_available():
        return []
    tokenizer = make_tokenizer(32_000)
    rows = _rows("random_9k.json", 1000, tokenizer, _settings(batching="pad"))
    lengths = [len(row) for row in rows]
    grouped = packs * MAX_LENGTH * len(rows) // sum(lengths)
    lines = []
    for batching, pad_to, size in (("pad", MAX_LENGTH, packs), ("group", None, grouped), ("pack", None, packs)):
        given = _settings(batching=batching, pad_to=pad_to, batch_size=size, global_batch_size=size)
        settings = resolved(replace(given, precision="bf16", attention="auto"), this_machine())
        batches = [batch for epoch in range(steps) for batch in make_batches(lengths, settings, 0, epoch)][: steps + 3]
        loop = _Loop(config or LARGE, len(tokenizer), settings, "cuda")
        loop.run([[rows[place] for place in batch] for batch in batches[:3]])  # not counted: warms up
        torch.cuda.synchronize()
        started = time.perf_counter()
        loop.run([[rows[place] for place in batch] for batch in batches[3:]])
        torch.cuda.synchronize()
        spent = time.perf_counter() - started
        useful = sum(lengths[place] for batch in batches[3:] for place in batch)
        lines.append(
            f"batching={batching}, attention={settings.attention}: "
            + _speed(loop.parameters, useful, count_positions(lengths, batches[3:], settings), spent)
            + f"; {torch.cuda.max_memory_allocated() / 2**30:.0f} GiB"
        )
        del loop
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return lines


def _speed(parameters: int, useful: int, computed: int, spent_s: float) -> str:
    """In words; six operations a parameter and token, those of attention not counted."""
    import torch

    name = torch.cuda.get_device_name()
    peak = next((value for card, value in PEAKS.items() if card in name), None)
    rate, with_padding = (6.0 * parameters * tokens / spent_s for tokens in (useful, computed))
    share = "" if peak is None else f", {rate / peak:.1%} of the {peak / 1e12:.0f} TFLOP/s of the {name}"
    if peak is not None:
        share += f" ({with_padding / peak:.1%} with padding)"
    return (
        f"{parameters / 1e9:.2f}B parameters in bf16, {useful / spent_s:,.0f} useful tokens/s "
        f"({useful / computed:.1%} of all), {rate / 1e12:.0f} TFLOP/s{share or f' on {name}'}"
    )


def main() -> int:
    """Print the ratios; returns 1 if one is below what is wanted."""
    parser = argparse.ArgumentParser(description="Training with our batches beside rows padded to 2,048 tokens.")
    parser.add_argument(
        "--gpu", action="store_true", help="measure a model of 1.1 billion parameters on the GPU instead"
    )
    options = parser.parse_args()
    # The file selectors.py beside this one would pass for the standard library's module.
    sys.path[:] = [each for each in sys.path if Path(each).resolve() != Path(__file__).resolve().parent]
    if options.gpu:
        lines = measure_gpu()
        print("\n".join(lines) or "no GPU here that PyTorch can use: nothing was measured")
        return 0
    found = measure()
    for what, ratio, limit, note in found:
        print(f"{what}: {ratio:.1f}x (at least {limit:g}x wanted); {note}")
    return int(any(ratio < limit for _, ratio, limit, _ in found))


if __name__ == "__main__":
    sys.exit(main())
