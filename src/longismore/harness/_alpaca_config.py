"""Evaluator configs of alpaca_eval: one YAML file and one prompt each.

Read from the installed package, or from a folder of the user's own, where alpaca_eval itself would look for both.
alpaca_eval takes a prompt file that is missing for the prompt itself; here that is an error.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longismore.errors import ConfigError, SchemaError, UnknownNameError
from longismore.harness._alpaca_import import alpaca_module

__all__ = ["AlpacaConfig", "config_names", "read_config"]

_FILE = "configs.yaml"
_COMPLETION_KEYS = ("completions", "completions_all")
_HARMLESS = frozenset({"ChainOfThoughtProcessor", "JsonKeysToColumnProcessor", "PaddingForBatchesProcessor"})
"""Processors that add columns or padding, and change neither prompt nor preference."""
_MARKUP = ("<|im_start|>", "<|im_end|>")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaConfig:
    """One evaluator, as its file describes it."""

    name: str
    version: str
    """Of alpaca_eval."""
    sha256: str
    """Of the YAML file."""
    template: str
    """The prompt, with its placeholders."""
    decoder: str
    """alpaca_eval's ``fn_completions``."""
    request: Mapping[str, Any]
    """alpaca_eval's ``completions_kwargs``."""
    parser: str | None
    """alpaca_eval's ``fn_completion_parser``; ``None`` takes the completion as it is."""
    parser_kwargs: Mapping[str, Any] = field(default_factory=dict)
    reads_logprobs: bool = False
    """The parser gets the whole answer (``completion_key: completions_all``), not its text."""
    batch_size: int = 1
    """Pairs in one prompt."""
    draws_order: bool = True
    """alpaca_eval draws for each pair which answer is shown first; else it is ``output_1``."""

    @property
    def is_chat(self) -> bool:
        """The prompt is marked up as a chat, not written for text completion."""
        text = self.template.strip()
        return text.startswith(_MARKUP[0]) and text.endswith(_MARKUP[1])


def config_names() -> list[str]:
    """Every config of the installed alpaca_eval, sorted."""
    return sorted(path.name for path in _installed().iterdir() if path.is_dir() and path.name[0] not in "_.")


def read_config(name: str) -> AlpacaConfig:
    """The installed config of that name, or the folder at a path (which has a slash).

    Raises:
        UnknownNameError: There is no such config.
        ConfigError: It cannot be a judge: several evaluators in one file, a missing prompt, unknown keys, ...
        SchemaError: The file is not what it should be.
        UsageError: alpaca_eval is not installed, or cannot be imported.
    """
    folder = Path(name).expanduser() if "/" in name else _installed() / name
    if "/" not in name and name not in (known := config_names()):
        raise UnknownNameError("config of alpaca_eval", name, known)
    path = folder / _FILE
    if not path.is_file():
        raise ConfigError(
            f"alpaca_eval:{name} cannot be a judge: it has no {_FILE}, so alpaca_eval does not find it by its name "
            f"either; looked in {folder}"
        )
    evaluators = _parsed(path)
    if len(evaluators) != 1:
        raise ConfigError(
            f"alpaca_eval:{name} cannot be a judge: it is a pool of {len(evaluators)} evaluators, each of which is "
            "asked about a part of the instructions; take a config of one evaluator, e.g. "
            "alpaca_eval:alpaca_farm_greedy_gpt4"
        )
    (values,) = evaluators.values()
    if not isinstance(values, Mapping):
        raise SchemaError(str(path), f"an evaluator must be a mapping, found {values!r:.80}")
    if problems := [f"alpaca_eval:{name}: {problem}" for problem in _problems(values)]:
        raise ConfigError(problems)
    return AlpacaConfig(
        name=folder.name,
        version=str(alpaca_module().__version__),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        template=_template(folder.parent / str(values.get("prompt_template")), name),
        decoder=str(values.get("fn_completions", "openai_completions")),
        request=dict(values.get("completions_kwargs") or {}),
        parser=values.get("fn_completion_parser", "regex_parser"),
        parser_kwargs=dict(values.get("completion_parser_kwargs") or {}),
        reads_logprobs=values.get("completion_key", "completions") == "completions_all",
        batch_size=int(values.get("batch_size", 1)),
        draws_order=bool(values.get("is_randomize_output_order", True)),
    )


def _installed() -> Path:
    return Path(alpaca_module("constants").EVALUATORS_CONFIG_DIR)


def _parsed(path: Path) -> Mapping[str, Any]:
    import yaml  # alpaca_eval brings it

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SchemaError(str(path), f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, Mapping) or not document:
        raise SchemaError(str(path), f"a mapping from a name to an evaluator was expected, found {document!r:.80}")
    return document


def _problems(values: Mapping[str, Any]) -> list[str]:
    annotators = alpaca_module("annotators.pairwise_evaluator")
    kinds = (annotators.SinglePairwiseAnnotator, annotators.SingleAnnotator)
    known = {name for kind in kinds for name in inspect.signature(kind).parameters}
    problems = [f'unknown key "{key}"' for key in values if key not in known]
    problems += [
        f"{key} must be a mapping, found {values[key]!r:.80}"
        for key in ("completions_kwargs", "completion_parser_kwargs", "processors_to_kwargs")
        if not isinstance(values.get(key) or {}, Mapping)
    ]
    if (key := values.get("completion_key", "completions")) not in _COMPLETION_KEYS:
        problems.append(f'completion_key must be one of {", ".join(_COMPLETION_KEYS)}, found "{key}"')
    processors = values.get("processors_to_kwargs") or {}
    problems += [
        f'the processor "{name}" may change prompts or preferences, which is not supported'
        for name in processors
        if name not in _HARMLESS
    ]
    return problems


def _template(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the prompt of alpaca_eval:{name} cannot be read: {error}") from error
