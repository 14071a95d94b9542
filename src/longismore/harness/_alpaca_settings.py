"""What alpaca_eval is told about a judge of ours: further flags of its command, or the environment."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, near_names
from longismore.judges import JudgeOptions
from longismore.store import default_store_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["AnnotatorSettings"]

logger = logging.getLogger(__name__)

_OURS = ("store", "judge_output")
_WITHOUT_MEANING = (
    "annotation_type",
    "base_dir",
    "is_raise_if_missing_primary_keys",
    "is_store_missing_annotations",
    "other_input_keys_to_keep",
    "other_output_keys_to_keep",
    "seed",
)
"""Arguments of alpaca_eval's annotators about its prompt files, its cache and its choice of an order."""
_REFUSED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "input_keys": (lambda value: list(value) == ["instruction"], "answers are paired by instruction and input"),
    "is_avoid_reannotations": (
        bool,
        "what was paid is not asked again; for fresh answers name another store: --store FILE",
    ),
    "is_reapply_parsing": (lambda value: not value, "stored answers are read again in every run anyway"),
    "output_keys": (lambda value: list(value) == ["output_1", "output_2"], "the answers are output_1 and output_2"),
    "p_label_flip": (lambda value: not value, "no noise is added to what a judge says"),
}
"""Those that would change a result, with the values that do not, and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatorSettings:
    """The settings of one judge in alpaca_eval."""

    options: JudgeOptions
    store: Path
    """The database of paid answers."""
    runs: Path | None
    """Folder in which the run folder is made, where the user has named one."""

    @classmethod
    def read(cls, arguments: Mapping[str, Any], environ: Mapping[str, str]) -> AnnotatorSettings:
        """Take what alpaca_eval hands to its annotators, then the environment; what was handed over wins.

        Args:
            arguments: Settings of a judge by their names (``max_cost_usd``, ...), ``store``, ``judge_output``, and
                alpaca_eval's own.
            environ: The same as ``LONGISMORE_JUDGE_MAX_COST_USD``, ..., ``LONGISMORE_STORE``,
                ``LONGISMORE_JUDGE_OUTPUT``.

        Raises:
            ConfigError: Names every argument that is unknown, or would change a result and cannot.
        """
        names = JudgeOptions.names()
        known = [*names, *_OURS, "caching_path", *_WITHOUT_MEANING, *_REFUSED]
        problems = [
            f'unknown setting of a judge "{name}"{near_names(name, [*names, *_OURS])}'
            for name in arguments
            if name not in known
        ]
        problems += [
            f"{name}={arguments[name]!r} is not possible with a judge of longismore: {reason}"
            for name, (is_harmless, reason) in _REFUSED.items()
            if name in arguments and not is_harmless(arguments[name])
        ]
        if problems:
            raise ConfigError(problems)
        store = arguments.get("store") or environ.get("LONGISMORE_STORE") or default_store_path()
        runs = arguments.get("judge_output") or environ.get("LONGISMORE_JUDGE_OUTPUT")
        _note_ignored(arguments, store)
        given = {name: environ.get(f"LONGISMORE_JUDGE_{name.upper()}") or None for name in names}
        given |= {name: arguments[name] for name in names if name in arguments}
        return cls(
            options=JudgeOptions.from_mapping(
                {name: value for name, value in given.items() if value is not None}, environ
            ),
            store=Path(store),
            runs=Path(runs) if runs else None,
        )


def _note_ignored(arguments: Mapping[str, Any], store: object) -> None:
    if ignored := [name for name in _WITHOUT_MEANING if name in arguments]:
        logger.warning("%s: without meaning for a judge of longismore, and ignored", ", ".join(ignored))
    if arguments.get("caching_path", "auto") not in {"auto", None}:
        logger.warning(
            "caching_path=%s is not used: paid answers are kept in %s; name another with --store FILE",
            arguments["caching_path"], store,
        )  # fmt: skip
