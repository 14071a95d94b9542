"""Make a tiny causal language model with its tokenizer, offline: for tests and smoke runs, not for answers.

    python scripts/make_tiny_model.py --output tiny
    lm_eval run --model hf --model_args pretrained=tiny,dtype=float32 --device cpu \
        --tasks longismore_mini --metadata judge=lexical --gen_kwargs max_gen_toks=16 --limit 4

The weights of a fresh model are random; ``--steps 200`` (about half a minute) trains it on the text until its
answers look like words. The same arguments give the same files, on the same versions of torch and tokenizers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from longismore.train._tiny import BOS, make_network, make_tokenizer, train_on_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BOS", "main", "make_tokenizer", "packaged_texts"]


def packaged_texts() -> list[str]:
    """The instructions of the test set ``mini``, each followed by its two shipped answers."""
    data = files("longismore.testsets").joinpath("data")
    rows = [json.loads(line) for line in data.joinpath("mini.jsonl").read_text(encoding="utf-8").splitlines()]
    questions = [f"{row['instruction']}\n\n{row['input']}".strip() for row in rows]
    answers = [
        json.loads(data.joinpath(name).read_text(encoding="utf-8")) for name in ("mini_better.json", "mini_longer.json")
    ]
    return [f"{question}\n\n{row['output']}" for each in answers for question, row in zip(questions, each, strict=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the model that the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description="Make a tiny causal language model, offline, for tests.")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for model and tokenizer")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights and of training (default: 0)")
    parser.add_argument("--steps", type=int, default=0, help="training steps (default: 0, random weights)")
    parser.add_argument("--text", type=Path, nargs="+", metavar="FILE", help="UTF-8 text (default: the test set mini)")
    options = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import torch
        import transformers  # noqa: F401  only whether it is there
    except ModuleNotFoundError as error:
        print(f'{error.name} is not installed; do: pip install "longismore[hf]"', file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # sums depend on how they are divided among threads
    texts = [path.read_text(encoding="utf-8") for path in options.text] if options.text else packaged_texts()
    tokenizer = make_tokenizer(texts)
    model = make_network(tokenizer, options.seed)
    if options.steps > 0:
        loss = train_on_text(model, tokenizer, texts, steps=options.steps, seed=options.seed)
        print(f"{options.steps} steps, last loss {loss:.3f}", file=sys.stderr)
    model.save_pretrained(options.output)
    tokenizer.save_pretrained(options.output)
    print(f"{options.output}: {model.num_parameters():,} parameters, {len(tokenizer):,} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
