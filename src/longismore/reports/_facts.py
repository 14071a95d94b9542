"""What a run folder says of itself, as rows that Markdown and HTML share.

``run.json`` is written by another version of the program than the one that reads it, perhaps, so every key may be
missing: what is not known is left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from longismore.reports._escape import name_text

__all__ = ["command_of", "facts", "fenced", "names_of", "note_of", "subtitle_of", "title_of"]

_LONGEST_FACT = 1000


def title_of(run: Mapping[str, Any]) -> str:
    """Name the run."""
    return name_text(run.get("name") or "") or "run"


def names_of(run: Mapping[str, Any]) -> tuple[str, str, str]:
    """Give the names of candidate, reference and judge; empty where they are not known."""
    judge = _section(run, "judge")
    candidate, reference = (str(_section(run, role).get("model") or "") for role in ("candidate", "reference"))
    return candidate, reference, str(judge.get("name") or judge.get("spec") or "")


def subtitle_of(run: Mapping[str, Any]) -> str:
    """Say who was compared with whom and by whom."""
    candidate, reference, judge = map(name_text, names_of(run))
    return (
        f"{candidate or 'the candidate'} against {reference or 'the reference'}, "
        f"judged by {judge or 'an unnamed judge'}"
    )


def note_of(run: Mapping[str, Any]) -> str | None:
    """Give the remark on the judge, where it has one."""
    note = _section(run, "judge").get("note")
    return str(note) if note else None


def command_of(run: Mapping[str, Any]) -> str | None:
    """Give the command line that made the run."""
    command = run.get("command")
    if not command:
        return None
    return command if isinstance(command, str) else shlex.join(str(word) for word in command)


def fenced(code: str) -> str:
    """Fence *code* with more backticks than it has in a row."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{code}\n{fence}"


def facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List what was compared, by whom and with what, as label and value."""
    rows = [
        ("status", str(run.get("status") or "")),
        ("created", str(run.get("created") or "")),
        ("candidate", _answers(_section(run, "candidate"))),
        ("reference", _answers(_section(run, "reference"))),
        ("judge", _judge(_section(run, "judge"))),
        ("judge's settings", _pairs(_section(run, "judge").get("settings"))),
        ("calls", _calls(_section(run, "usage"))),
        ("cost", _cost(_section(run, "usage"))),
        *((f"test set {name}", _testset(value)) for name, value in _section(run, "testsets").items()),
        ("versions", _pairs(run.get("versions"))),
        ("seeds", _pairs(run.get("seeds"))),
    ]
    short = ((name_text(label), name_text(value, _LONGEST_FACT)) for label, value in rows)
    return [(label, value) for label, value in short if value]


def _section(run: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = run.get(key)
    return value if isinstance(value, Mapping) else {}


def _answers(side: Mapping[str, Any]) -> str:
    parts = [str(side.get("model") or "")]
    parts += [f"from {side['source']}"] if side.get("source") else []
    parts += [f"sha256 {side['sha256']}"] if side.get("sha256") else []
    return ", ".join(part for part in parts if part)


def _judge(judge: Mapping[str, Any]) -> str:
    name, spec = judge.get("name"), judge.get("spec")
    parts = [str(name or spec or "")]
    parts += [f"spec {spec}"] if name and spec and name != spec else []
    parts += [f"fingerprint {judge['fingerprint']}"] if judge.get("fingerprint") else []
    return ", ".join(part for part in parts if part)


def _calls(usage: Mapping[str, Any]) -> str:
    """What the calls of the process that wrote the folder took; empty for a judge without calls."""
    if not usage.get("answered") and not usage.get("from_store"):
        return ""
    parts = [f"{usage.get('answered')} answered now", f"{usage.get('from_store')} from the store"]
    parts += [f"{usage['requests_sent']} requests sent"] if usage.get("requests_sent") else []
    sides = (("input_tokens", "in"), ("output_tokens", "out"))
    parts += [f"{usage[name]} tokens {side}" for name, side in sides if usage.get(name)]
    return ", ".join(parts)


def _cost(usage: Mapping[str, Any]) -> str:
    if not usage.get("answered"):
        return ""
    cost, lost = usage.get("cost_usd"), usage.get("lost_usd_at_most")
    parts = ["unknown: the price is in no table" if cost is None else f"US$ {cost:.4f} now"]
    if cost is not None and usage.get("answers_without_cost"):
        parts.append(f"{usage['answers_without_cost']} answers of unknown cost")
    if lost:
        parts.append(f"at most US$ {lost:.4f} for answers that never arrived")
    return ", and ".join(parts)


def _testset(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    parts = [f"version {value['version']}"] if value.get("version") is not None else []
    if value.get("pairs") is not None:
        size = value.get("size")
        parts.append(f"{value['pairs']} pairs" if size is None else f"{value['pairs']} of {size} prompts compared")
    return ", ".join(parts)


def _pairs(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)
