"""A tiny causal language model with its tokenizer, made from nothing but text: for tests, smoke runs, demonstrations.

The same arguments give the same files, on the same versions of torch and tokenizers and one thread of torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longismore._optional import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["BOS", "EOS", "PAD", "make_network", "make_tokenizer", "train_on_text"]

EOS, PAD, BOS = "<|end|>", "<|pad|>", "<|begin|>"
_VOCABULARY = 1000
_LENGTH_TOKENS = 2048
"""lm_eval cuts prompts to what is left of this after max_gen_toks, 1,024 in the tasks of longismore."""
_WINDOW_TOKENS, _BATCH = 128, 8
_CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '[' + message['role'] + ']\n' + message['content'] + '" + EOS + "\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '[assistant]\n' }}{% endif %}"
)


def make_tokenizer(texts: Sequence[str]) -> Any:
    """Train a byte-level BPE tokenizer of 1,000 tokens: every text can be encoded, and decodes to itself."""
    tokenizers = require("tokenizers", extra="train")
    kinds = {name: require(f"tokenizers.{name}", extra="train") for name in ("decoders", "models", "trainers")}
    pre_tokenizers = require("tokenizers.pre_tokenizers", extra="train")
    tokenizer = tokenizers.Tokenizer(kinds["models"].BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = kinds["decoders"].ByteLevel()
    trainer = kinds["trainers"].BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[EOS, PAD, BOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return require("transformers", extra="train").PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        pad_token=PAD,
        bos_token=BOS,
        chat_template=_CHAT_TEMPLATE,
        model_max_length=_LENGTH_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def make_network(tokenizer: Any, seed: int) -> Any:
    """A Llama of about 0.4 million random parameters."""
    torch, transformers = require("torch", extra="train"), require("transformers", extra="train")
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=_LENGTH_TOKENS,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transformers.LlamaForCausalLM(config)


def train_on_text(
    network: Any,
    tokenizer: Any,
    texts: Sequence[str],
    *,
    steps: int,
    seed: int,
    on_step: Callable[[int, int, float], None] | None = None,
) -> float:
    """Take steps of AdamW on random windows of the texts.

    Args:
        network: Of :func:`make_network`; it is changed.
        tokenizer: Of :func:`make_tokenizer`.
        texts: Each ends with the end-of-text token.
        steps: How many, from 1.
        seed: Of the windows.
        on_step: Called after each: steps done, steps wanted, the loss.

    Returns:
        The last loss, in nats a token.
    """
    torch = require("torch", extra="train")
    ids = [token for text in texts for token in [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]]
    tokens = torch.tensor(ids * (1 + _WINDOW_TOKENS // len(ids)))
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    last = float("nan")
    network.train()
    for step in range(1, steps + 1):
        starts = torch.randint(len(tokens) - _WINDOW_TOKENS + 1, (_BATCH,), generator=generator).tolist()
        batch = torch.stack([tokens[start : start + _WINDOW_TOKENS] for start in starts])  # (b, s)
        loss = network(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = float(loss.item())
        if on_step is not None:
            on_step(step, steps, last)
    network.eval()
    return last
