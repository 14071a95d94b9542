"""From a judge's spec to the judge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from longismore.errors import ConfigError, UnknownNameError
from longismore.judges._files import file_names, find_file, read_file

if TYPE_CHECKING:
    from longismore.judges._judge import Judge
    from longismore.judges._options import JudgeOptions

__all__ = ["CHOICES", "make_judge"]

CHOICES = """\
  openai/MODEL         OpenAI, or with judge_base_url=URL any compatible server (vLLM, SGLang, TGI, Ollama, OpenRouter)
  anthropic/MODEL      Anthropic; key in ANTHROPIC_API_KEY
  google/MODEL         Gemini; key in GOOGLE_API_KEY or GEMINI_API_KEY
  hf/PATH, vllm/PATH   a local model, run by transformers or by vLLM
  alpaca_eval:CONFIG   an evaluator of the installed alpaca_eval, e.g. alpaca_eval:lmsys_gpt4
  NAME or FILE.yaml    a judge file: gpt4-alpagasus, gpt-4.1-mini, claude, gemini, local, or your own
  replay:FILE          recorded judgments (judgments.jsonl), e.g. made by `longismore import`; free
  lexical              a transparent word-overlap heuristic for smoke runs; free, offline, no substitute for a judge
  length               prefers the longer answer: a control; free, offline"""
"""What a message lists where no judge was given."""


def make_judge(spec: str, options: JudgeOptions) -> Judge:
    """Make the judge that *spec* names: ``PROVIDER/MODEL``, ``PROVIDER:ARGUMENT``, ``NAME`` or ``FILE.yaml``.

    Raises:
        UnknownNameError: No judge has that name.
        ConfigError: The spec is empty or lacks its second part, or the options do not fit.
        DataError: A judge file cannot be used.
        MissingDependencyError: The judge's extra is not installed.
    """
    from longismore.judges import JUDGES  # the registry is made after this module

    spec = spec.strip()
    if not spec:
        raise ConfigError(f"no judge was given; choose one:\n{CHOICES}")
    if (path := find_file(spec)) is not None:
        file = read_file(path)
        return make_judge(file.judge, file.fill(options))
    match = re.fullmatch(r"([^/:]+)(?:[/:](.*))?", spec, flags=re.DOTALL)
    if match is None:
        raise ConfigError(f'"{spec}" is no judge; choose one:\n{CHOICES}')
    if match[2] is None and match[1] not in JUDGES.names():
        raise UnknownNameError("judge", match[1], {*JUDGES.names(), *file_names()})
    return JUDGES.get(match[1])(match[2] or "", options)
