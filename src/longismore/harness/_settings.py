"""What a run of the tasks is told: ``--metadata judge=... judge_reference=...``, or the environment.

lm_eval merges ``--model_args`` and ``--metadata`` into one mapping, so every key of ours begins with ``judge``.
All of it is written into lm_eval's results file: keys of providers come from the environment only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, near_names
from longismore.judges import REFERENCE_OPTIONS, JudgeOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["KEYS", "PairwiseSettings", "asks_as_trained"]

_OPTIONS = JudgeOptions.names()
KEYS: Mapping[str, str] = {
    "judge": "the judge's spec, e.g. openai/gpt-4.1, replay:FILE, lexical, length",
    "judge_reference": "answers of the reference: a file, an lm_eval output folder, or a model, e.g. openai/gpt-4.1",
    "judge_output": "folder in which the run folder is made; default: lm_eval's --output_path, else runs",
    "judge_store": "the database of paid answers (also LONGISMORE_STORE)",
    "judge_candidate": "what the model is called in reports; default: its path or name",
    "judge_candidate_template": "none: a model that longismore trained is asked without the template of its training",
    **{f"judge_{name}": f"setting of the judge: {name}" for name in _OPTIONS},
    **{f"judge_reference_{name}": f"setting of a reference that is a model: {name}" for name in REFERENCE_OPTIONS},
}
"""Every key, with what it means. Each may also come from the environment: LONGISMORE_ and the key in capitals."""

_ALIASES = {"judge_store": "LONGISMORE_STORE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseSettings:
    """The settings of one run; equal settings are judged in one pool."""

    judge: str | None
    reference: str | None
    output: str | None
    store: str | None
    candidate: str | None
    options: tuple[tuple[str, Any], ...]
    """Settings of the judge that were given, by name."""
    reference_options: tuple[tuple[str, Any], ...] = ()
    """Settings of a reference that is a model."""

    @classmethod
    def read(cls, metadata: Mapping[str, Any], environ: Mapping[str, str]) -> PairwiseSettings:
        """Take our keys out of *metadata*, then out of *environ*; metadata wins.

        Raises:
            ConfigError: A key begins with ``judge`` and is none of ours; all such keys are named.
        """
        unknown = [key for key in metadata if str(key).startswith("judge") and key not in KEYS]
        problems = [f'unknown key in --metadata: "{key}"{near_names(key, list(KEYS))}' for key in unknown]
        if any("api_key" in key or key.endswith("_key") for key in unknown):
            problems.append("keys of providers are read from the environment only, e.g. export OPENAI_API_KEY=...")
        found = {key: _value(key, metadata, environ) for key in KEYS}
        given = {key: value for key, value in found.items() if value is not None and value != ""}
        problems += [
            f"{key} must be text or a number, found {value!r}"
            for key, value in given.items()
            if not isinstance(value, str | int | float) and not key.endswith("_parameters")
        ]
        if problems:
            raise ConfigError(problems)
        return cls(
            judge=_text(given.get("judge")),
            reference=_text(given.get("judge_reference")),
            output=_text(given.get("judge_output")),
            store=_text(given.get("judge_store")),
            candidate=_text(given.get("judge_candidate")),
            options=_named(given, "judge_", _OPTIONS),
            reference_options=_named(given, "judge_reference_", REFERENCE_OPTIONS),
        )


def asks_as_trained(metadata: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether a model's recorded template is used, as it is unless the user says otherwise.

    Raises:
        ConfigError: The setting has a value that it cannot have.
    """
    value = _value("judge_candidate_template", metadata, environ)
    if value not in {None, "", "recorded", "none"}:
        raise ConfigError(f"judge_candidate_template must be recorded or none, found {value!r}")
    return bool(value != "none")


def _named(given: Mapping[str, Any], prefix: str, names: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, given[prefix + name]) for name in names if prefix + name in given)


def _value(key: str, metadata: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    if key in metadata:
        return metadata[key]
    return environ.get(f"LONGISMORE_{key.upper()}") or environ.get(_ALIASES.get(key, ""))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
