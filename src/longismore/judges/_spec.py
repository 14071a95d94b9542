"""From a judge's spec to the judge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from longismore.errors import ConfigError

if TYPE_CHECKING:
    from longismore.judges._judge import Judge, JudgeOptions

__all__ = ["CHOICES", "make_judge"]

CHOICES = """\
  openai/MODEL       any OpenAI-compatible endpoint; key in OPENAI_API_KEY, another server by judge_base_url=URL
  replay:FILE        recorded judgments (judgments.jsonl), e.g. made by `longismore import`; free
  lexical            a transparent word-overlap heuristic for smoke runs; free, offline, no substitute for a judge
  length             prefers the longer answer: a control; free, offline"""
"""What a message lists where no judge was given."""


def make_judge(spec: str, options: JudgeOptions) -> Judge:
    """Make the judge that *spec* names: ``PROVIDER/MODEL``, ``PROVIDER:ARGUMENT`` or ``NAME``.

    Raises:
        UnknownNameError: No judge has that name.
        ConfigError: The spec is empty or lacks its second part, or the options do not fit.
        MissingDependencyError: The judge's extra is not installed.
    """
    from longismore.judges import JUDGES  # the registry is made after this module

    spec = spec.strip()
    if not spec:
        raise ConfigError(f"no judge was given; choose one:\n{CHOICES}")
    match = re.fullmatch(r"([^/:]+)(?:[/:](.*))?", spec, flags=re.DOTALL)
    if match is None:
        raise ConfigError(f'"{spec}" is no judge; choose one:\n{CHOICES}')
    return JUDGES.get(match[1])(match[2] or "", options)
