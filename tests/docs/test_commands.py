"""Every command that a page shows exists, with its options; nothing that was renamed lives on in the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from docs_blocks import ROOT, all_pages
from docs_commands import Shown, problem_of, shown_commands

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [*all_pages(), ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_on_a_page_exist(path: Path) -> None:
    """In blocks of any language, and between back quotes."""
    wrong = {str(shown): problem for shown in shown_commands(path) if (problem := problem_of(shown)) is not None}
    assert {} == wrong


def test_commands_are_found_wherever_they_stand(tmp_path: Path) -> None:
    """After a prompt, a variable, a folder or ``-m``, over several lines, beside others, and in a sentence."""
    page = tmp_path / "page.md"
    page.write_text(
        "Say `longismore doctor`, or `longismore store\nstats`, not `longismore` alone.\n"
        "```text\n$ longismore judge A B \\\n      --judge length [--json] > x.json\n"
        "OPENAI_API_KEY=k longismore compare a b -t mini | tail && .venv/bin/longismore gate a b  # done\n"
        "accelerate launch --num_processes 8 -m longismore train --list\npip install longismore\n```\n"
    )
    assert [
        (1, ("doctor",)),
        (1, ("store", "stats")),
        (4, ("judge", "A", "B", "--judge", "length", "--json")),
        (6, ("compare", "a", "b", "-t", "mini")),
        (6, ("gate", "a", "b")),
        (7, ("train", "--list")),
    ] == [(shown.line, shown.words) for shown in shown_commands(page)]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("judge A B --judge length", None),
        ("compare a b --testset koala vicuna --judge length", None),
        ("-v store prune --older-than 90d", None),
        ("eval ls tasks", None),
        ("jugde A B", 'has no command "jugde"'),
        ("store forget", 'longismore store has no command "forget"'),
        ("judge A B --jugde length", "--jugde"),
        ("judge A B --judge", "--judge"),
        ("doctor now", "unexpected now"),
    ],
)
def test_what_does_not_exist_is_found(words: str, problem: str | None) -> None:
    """Names, options, values and arguments are those of the real commands."""
    found = problem_of(Shown("page", 1, tuple(words.split())))
    assert found is None if problem is None else problem in str(found), found
