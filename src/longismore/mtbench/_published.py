"""The published files of MT-Bench: questions, judge's prompts, and the reference answers of GPT-4."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore._jsonl import explained
from longismore.testsets._source import fetch, is_at_hand

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["JUDGE_PROMPTS", "PUBLISHED", "QUESTIONS", "REFERENCE_ANSWERS", "PublishedFile"]

_PUBLISHED_AT = (
    "https://raw.githubusercontent.com/lm-sys/FastChat/0e6d3e4beaab66f4d3f93db72541a4abab8af28d/fastchat/llm_judge/data"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One file, pinned to a commit."""

    path: str
    """Below the address at which all are published."""
    name: str
    """In the folder of published files, and in the cache."""
    sha256: str

    @property
    def address(self) -> str:
        """Where it is published."""
        return f"{_PUBLISHED_AT}/{self.path}"

    def fetch(self, folder: Path | None = None) -> Path:
        """Its path on this machine, downloaded if need be; see :func:`longismore.testsets._source.fetch`."""
        return fetch(self.address, self.sha256, folder=folder, name=self.name, command="longismore mtbench fetch")

    def is_at_hand(self, folder: Path | None = None) -> bool:
        """Whether :meth:`fetch` would work without the network."""
        return is_at_hand(self.address, self.sha256, folder=folder, name=self.name)

    def is_copied_to(self, path: Path) -> bool:
        """Whether *path* holds the same, line ends apart.

        Raises:
            DataError: It cannot be read.
        """
        with explained(path):
            data = path.read_bytes()
        return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest() == self.sha256


QUESTIONS = PublishedFile(
    path="mt_bench/question.jsonl",
    name="mt_bench/question.jsonl",
    sha256="119565adbab82227089cefdb44c8d7e2cf04dc0a0ec233634c82e7d4e2a944f7",
)
JUDGE_PROMPTS = PublishedFile(
    path="judge_prompts.jsonl",
    name="mt_bench/judge_prompts.jsonl",
    sha256="fd283293406d024f44c174b094ef48031d0687a4682fd3a56b29b138f80281b6",
)
REFERENCE_ANSWERS = PublishedFile(
    path="mt_bench/reference_answer/gpt-4.jsonl",
    name="mt_bench/reference_answer_gpt-4.jsonl",
    sha256="f957a5bc977badb66885ec970e6cd08527845780313f0995764260e5777b9b3f",
)
PUBLISHED = (QUESTIONS, JUDGE_PROMPTS, REFERENCE_ANSWERS)
"""All that generating and judging need."""
