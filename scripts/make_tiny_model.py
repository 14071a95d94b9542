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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

EOS, PAD, BOS = "<|end|>", "<|pad|>", "<|begin|>"
VOCABULARY = 1000
LENGTH_TOKENS = 2048
"""lm_eval cuts prompts to what is left of this after max_gen_toks, 1,024 in the tasks of longismore."""
WINDOW_TOKENS, BATCH = 128, 8
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '[' + message['role'] + ']\n' + message['content'] + '" + EOS + "\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '[assistant]\n' }}{% endif %}"
)


def packaged_texts() -> list[str]:
    """The instructions of the test set ``mini``, each followed by its two shipped answers."""
    data = files("longismore.testsets").joinpath("data")
    rows = [json.loads(line) for line in data.joinpath("mini.jsonl").read_text(encoding="utf-8").splitlines()]
    questions = [f"{row['instruction']}\n\n{row['input']}".strip() for row in rows]
    answers = [
        json.loads(data.joinpath(name).read_text(encoding="utf-8")) for name in ("mini_better.json", "mini_longer.json")
    ]
    return [f"{question}\n\n{row['output']}" for each in answers for question, row in zip(questions, each, strict=True)]


def make_tokenizer(texts: Sequence[str]) -> Any:
    """Train a byte-level BPE tokenizer: every text can be encoded, and decodes to itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[EOS, PAD, BOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        pad_token=PAD,
        bos_token=BOS,
        chat_template=CHAT_TEMPLATE,
        model_max_length=LENGTH_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: Any, seed: int) -> Any:
    """A Llama of about 0.4 million random parameters."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=LENGTH_TOKENS,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    return LlamaForCausalLM(config)


def train(model: Any, tokenizer: Any, texts: Sequence[str], *, steps: int, seed: int) -> float:
    """Take *steps* of AdamW on random windows of the texts; returns the last loss, in nats a token."""
    import torch

    ids = [token for text in texts for token in [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]]
    tokens = torch.tensor(ids * (1 + WINDOW_TOKENS // len(ids)))
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loss = torch.tensor(float("nan"))
    model.train()
    for _ in range(steps):
        starts = torch.randint(len(tokens) - WINDOW_TOKENS + 1, (BATCH,), generator=generator).tolist()
        batch = torch.stack([tokens[start : start + WINDOW_TOKENS] for start in starts])  # (b, s)
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    return float(loss.item())


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
    model = make_model(tokenizer, options.seed)
    if options.steps > 0:
        loss = train(model, tokenizer, texts, steps=options.steps, seed=options.seed)
        print(f"{options.steps} steps, last loss {loss:.3f}", file=sys.stderr)
    model.save_pretrained(options.output)
    tokenizer.save_pretrained(options.output)
    print(f"{options.output}: {model.num_parameters():,} parameters, {len(tokenizer):,} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
