"""What a results file of lm_eval says of a task: what was chosen, which version it has, and what else may matter."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.collecting._harness_model import arguments_of
from longismore.collecting._reading import number_of, section

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TaskFacts", "hidden_parts"]

_SHORT = 8
"""Characters of a checksum."""


def hidden_parts(document: Mapping[str, Any]) -> set[str]:
    """Give the tasks below a group that has numbers of its own: the group stands for them."""
    parts: set[str] = set()
    for group in section(document, "group_subtasks"):
        if any(
            number_of(value) is not None for key, value in section(document["results"], group).items() if "," in key
        ):
            parts |= _below(document, group)
    return parts


def _below(document: Mapping[str, Any], group: str, seen: frozenset[str] = frozenset()) -> set[str]:
    children = section(document, "group_subtasks").get(group)
    names = {str(name) for name in children} - seen if isinstance(children, list) else set()
    return names.union(*(_below(document, name, seen | names | {group}) for name in names))


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task, or one group."""

    task: str
    settings: dict[str, str]
    versions: dict[str, str | None]
    remarks: dict[str, str | None]
    higher_is_better: Mapping[str, Any]
    judged_by: str | None
    """The spec of the judge of one of our tasks."""
    candidate: str | None
    """What the model is called there."""
    counts: Mapping[str, Any]
    """How many items each metric of a group is over."""
    items: int | None

    @classmethod
    def read(cls, document: Mapping[str, Any], task: str) -> TaskFacts:
        """Gather them."""
        leaves = sorted(_below(document, task) - set(section(document, "group_subtasks"))) or [task]
        metadata = _metadata(document, leaves)
        metrics = section(document["results"], task)
        settings = {
            "shots": _one(_shots(document, leaf) for leaf in leaves),
            "limit": _limit(document, leaves),
            "judge": _text(metadata.get("judge")),
            "reference": _text(metadata.get("judge_reference")),
        }
        return cls(
            task=task,
            settings={name: value for name, value in settings.items() if value is not None},
            versions={"task version": _version(document, task, leaves)},
            remarks=_remarks(document, leaves),
            higher_is_better=section(section(document, "higher_is_better"), task),
            judged_by=_text(metadata.get("judge")),
            candidate=_text(metadata.get("judge_candidate")),
            counts=section(metrics, "sample_count"),
            items=_items(document, metrics, leaves),
        )

    def n(self, key: str) -> int | None:
        """How many items a metric is over."""
        count = self.counts.get(key, self.items)
        return count if isinstance(count, int) and not isinstance(count, bool) else None


def _metadata(document: Mapping[str, Any], leaves: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for leaf in leaves:
        found |= section(section(section(document, "configs"), leaf), "metadata")
    return found


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _one(values: Any) -> str | None:
    """Give what all say, or all that is said."""
    said = sorted({value for value in values if value is not None})
    return " and ".join(str(value) for value in said) or None


def _shots(document: Mapping[str, Any], task: str) -> int | None:
    """How many examples were shown: of the task, or, in files before 0.4, of all tasks."""
    for found in (
        section(document, "n-shot").get(task),
        section(section(document, "configs"), task).get("num_fewshot"),
        section(document, "config").get("num_fewshot"),
    ):
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def _limit(document: Mapping[str, Any], leaves: list[str]) -> str | None:
    """What ``--limit`` or ``--samples`` left of each task."""
    limit = number_of(section(document, "config").get("limit"))
    if limit is not None:
        return f"{limit:g}"
    counts = [section(section(document, "n-samples"), leaf) for leaf in leaves]
    pairs = [(count.get("effective"), count.get("original")) for count in counts]
    return _one(left for left, whole in pairs if isinstance(left, int) and isinstance(whole, int) and left != whole)


def _items(document: Mapping[str, Any], metrics: Mapping[str, Any], leaves: list[str]) -> int | None:
    given = metrics.get("sample_len")
    if isinstance(given, int):
        return given
    counts = [section(section(document, "n-samples"), leaf).get("effective") for leaf in leaves]
    known = [count for count in counts if isinstance(count, int)]
    return sum(known) if known and len(known) == len(counts) else None


def _version(document: Mapping[str, Any], task: str, leaves: list[str]) -> str | None:
    """Give the version of a task; of a group that of its tasks too, and how many there are."""
    versions = section(document, "versions")
    own = _plain(versions.get(task))
    if leaves == [task]:
        return own
    parts = ", ".join(sorted({_plain(versions.get(leaf)) or "unknown" for leaf in leaves}))
    return f"{own or 'none'} ({len(leaves)} tasks of version {parts})"


def _plain(version: object) -> str | None:
    """Write 1.0 and 1 alike; lm_eval says "N/A", or nothing, where there is none."""
    number = number_of(version)
    if number is not None:
        return f"{number:g}"
    return version if isinstance(version, str) and version not in {"", "N/A", "Yaml"} else None


def _remarks(document: Mapping[str, Any], leaves: list[str]) -> dict[str, str | None]:
    hashes = [section(document, "task_hashes").get(leaf) for leaf in leaves]
    whole = None if None in hashes else hashlib.sha256("".join(map(str, hashes)).encode()).hexdigest()[:_SHORT]
    arguments = arguments_of(document)
    weights = {name: arguments[name] for name in ("dtype", "load_in_8bit", "load_in_4bit") if name in arguments}
    return {
        "lm_eval": _text(document.get("lm_eval_version")),
        "chat template": _used(document, "chat_template", "chat_template_sha"),
        "system instruction": _used(document, "system_instruction", "system_instruction_sha"),
        "generation": _json(section(document, "config").get("gen_kwargs")),
        "weights": _json(weights or None),
        "prompts and items": whole,
    }


def _used(document: Mapping[str, Any], text: str, checksum: str) -> str | None:
    if text not in document and checksum not in document:
        return None
    return "used" if document.get(checksum) or document.get(text) else "not used"


def _json(value: object) -> str:
    return "as the task has it" if not value else json.dumps(value, sort_keys=True)
