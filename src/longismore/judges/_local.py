"""What the judges share that run in this process: ``hf/PATH`` and ``vllm/PATH``."""

from __future__ import annotations

import hashlib
import math
import re
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._checkpoint import WEIGHTS
from longismore._jsonl import read_json
from longismore._optional import require
from longismore.errors import ConfigError
from longismore.judges._client import Messages, TokenLogprobs
from longismore.judges._prices import Price, find_price

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from longismore.judges._options import JudgeOptions

__all__ = [
    "find_checkpoint",
    "keeps_system",
    "local_price",
    "seed_of",
    "token_logprobs",
    "without_control_tokens",
    "without_system",
]

_WHOLE = frozenset({"model.safetensors", "pytorch_model.bin"})
"""Weights that are not divided into several files."""
_HUB_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?", flags=re.ASCII)
_ZERO_WIDTH_SPACE = "\u200b"


def find_checkpoint(path: str, *, provider: str) -> Path:
    """The folder of a model: *path* itself, or where the Hugging Face cache has the model of that id.

    Nothing is downloaded.

    Args:
        path: As it stands in the judge's spec.
        provider: The same; names the extra, too.

    Raises:
        ConfigError: There is no such folder, or it holds no whole model.
        DataError: A file of it cannot be read.
    """
    folder = Path(path).expanduser()
    if not (folder / "config.json").is_file():
        cached = _cached(path, provider)
        if cached is None:
            raise ConfigError(_missing(path, folder, provider))
        folder = cached
    names = {file.name for file in folder.iterdir()}
    if not any(Path(name).suffix in WEIGHTS for name in names):
        wanted = ", ".join(f"*{suffix}" for suffix in sorted(WEIGHTS))
        raise ConfigError(f"{provider}/{path}: {folder} has a config.json, but no weights ({wanted})")
    lacking = [_lacking(folder / name, names) for name in sorted(names) if name.endswith(".index.json")]
    if lacking and all(lacking) and not names & _WHOLE:
        missing = ", ".join(lacking[0])
        raise ConfigError(f"{provider}/{path}: the weights in {folder} are not complete; missing: {missing}")
    return folder


def _lacking(index: Path, names: set[str]) -> list[str]:
    """Files that the index of divided weights names, and that are not there."""
    document = read_json(index)
    files = document.get("weight_map") if isinstance(document, dict) else None
    return sorted({str(file) for file in files.values()} - names) if isinstance(files, dict) else []


def _cached(path: str, provider: str) -> Path | None:
    if not _HUB_ID.fullmatch(path):
        return None
    hub = require("huggingface_hub", extra=provider)
    try:
        config = hub.try_to_load_from_cache(path, "config.json")
    except ValueError:  # not an id after all, e.g. "a..b"
        return None
    return Path(config).parent if isinstance(config, str) else None


def _missing(path: str, folder: Path, provider: str) -> str:
    if folder.is_dir():
        adapter = (folder / "adapter_config.json").is_file()
        why = "it holds an adapter: merge it into its model first" if adapter else "there is no config.json in it"
        return f"{provider}/{path}: the folder {folder} is no model: {why}"
    problem = f"{provider}/{path}: there is no folder {folder}"
    if not _HUB_ID.fullmatch(path):
        return problem
    return f"{problem}, and no model of that id in the Hugging Face cache; download it first: hf download {path}"


def local_price(provider: str, model: str, options: JudgeOptions) -> Price:
    """Nobody bills a model that runs here, unless the user says so."""
    own = find_price(provider, model, options, is_listed=False)
    return own or Price(input=0.0, output=0.0, source="local model")


def seed_of(messages: Messages, seed: int = 0) -> int:
    """A seed below 2**31 that depends on the chat alone, so that it gets the same answer in every batch."""
    text = "\0".join([str(seed), *(f"{message['role']}\0{message['content']}" for message in messages)])
    return int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:4], "big") >> 1


def without_control_tokens(messages: Messages, tokenizer: Any) -> Messages:
    """The chat, with the tokenizer's control tokens in its texts broken by a zero-width space.

    Answers are untrusted: one that contains ``<|im_end|>`` must not end its own quotation.
    """
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    tokens = {token.content for token in added if token.special} | set(getattr(tokenizer, "all_special_tokens", ()))
    control = sorted(token for token in tokens if token.strip())
    if not control:
        return messages
    pattern = re.compile("|".join(re.escape(token) for token in control))

    def broken(match: re.Match[str]) -> str:
        token = match[0]
        return token[0] + _ZERO_WIDTH_SPACE + token[1:]

    return [{**message, "content": pattern.sub(broken, message["content"])} for message in messages]


def keeps_system(tokenizer: Any, more: Mapping[str, Any]) -> bool:
    """Whether the tokenizer's chat template writes instructions down: some refuse them, some leave them out.

    Args:
        tokenizer: With a chat template.
        more: Further arguments of the template.
    """
    import jinja2

    probe = [{"role": "system", "content": "instructions"}, {"role": "user", "content": "text"}]
    try:
        written = tokenizer.apply_chat_template(probe, tokenize=False, add_generation_prompt=True, **more)
    except jinja2.TemplateError:
        return False
    return "instructions" in written


def without_system(messages: Messages) -> Messages:
    """The chat with its instructions at the head of the first other message."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    first, *rest = [message for message in messages if message["role"] != "system"]
    return [{**first, "content": "\n\n".join([*system, first["content"]])}, *rest]


def token_logprobs(chosen: str, logprob: float, top: Iterable[tuple[str, float]]) -> TokenLogprobs:
    """One token with its alternatives; those that read the same, e.g. with and without a space, are added up."""
    texts: dict[str, list[float]] = {}
    for text, value in top:
        texts.setdefault(text, []).append(value)
    summed = {text: reduce(_log_sum, values) for text, values in texts.items()}
    return TokenLogprobs(chosen, summed.get(chosen, logprob), summed)


def _log_sum(one: float, other: float) -> float:
    larger, smaller = max(one, other), min(one, other)
    return larger if larger == -math.inf else larger + math.log1p(math.exp(smaller - larger))
