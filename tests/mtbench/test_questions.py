"""The published questions and prompts."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from longismore.errors import ChecksumError, ConfigError, DataError
from longismore.mtbench import CATEGORIES, NEEDS_REFERENCE, load_questions, questions_at_hand, select_questions
from longismore.mtbench._judgments import rows_of, turn_of
from longismore.mtbench._prompts import load_prompts, prompt_name
from longismore.mtbench._published import PUBLISHED
from mtbench_folders import QUESTIONS, answer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def published(data: Path) -> Path:
    """The folder that LONGISMORE_TESTSETS would name."""
    return data / "testsets"


def test_eighty_questions(published: Path) -> None:
    """Ten a category, two turns each, with GPT-4's answer where the judge needs one and nowhere else."""
    questions = load_questions(published)
    assert list(range(81, 161)) == [question.id for question in questions]
    assert dict.fromkeys(CATEGORIES, 10) == Counter(question.category for question in questions)
    assert list(CATEGORIES) == list(dict.fromkeys(question.category for question in questions))
    assert {2} == {len(question.turns) for question in questions}
    assert NEEDS_REFERENCE == {question.category for question in questions if question.reference}
    assert 30 == sum(question.reference is not None for question in questions)
    assert {2} == {len(question.reference) for question in questions if question.reference}
    assert questions_at_hand(published)


def test_files_that_are_not_the_published_ones(published: Path, tmp_path: Path) -> None:
    """They are refused; what is missing is named with its address, and nothing is fetched from a folder."""
    assert not questions_at_hand(tmp_path)
    with pytest.raises(
        DataError, match=r"mt_bench: is not a folder; .* reference_answer_gpt-4\.jsonl; put it there from"
    ):
        load_questions(tmp_path)
    shutil.copytree(published / "mt_bench", tmp_path / "mt_bench")
    changed = tmp_path / "mt_bench" / "judge_prompts.jsonl"
    changed.chmod(0o644)
    changed.write_text(changed.read_text() + "\n")
    assert questions_at_hand(tmp_path)
    with pytest.raises(ChecksumError, match="not the published file"):
        load_prompts(tmp_path)


def test_addresses_are_pinned() -> None:
    """To one commit, so that checksums hold."""
    for file in PUBLISHED:
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/lm-sys/FastChat/[0-9a-f]{40}/\S+", file.address)
        assert file.name.startswith("mt_bench/")


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ("", [81, 82, 101, 111, 121, 151]),
        ("81-82", [81, 82]),
        ("121, 81", [81, 121]),
        ("writing,100-115", [81, 82, 101, 111]),
        (" , ", [81, 82, 101, 111, 121, 151]),
    ],
)
def test_questions_are_chosen(wanted: str, ids: list[int]) -> None:
    """By number, range and category, in their own order."""
    assert ids == [question.id for question in select_questions(QUESTIONS, wanted)]


def test_names_of_no_question() -> None:
    """All are told at once, with what would do."""
    with pytest.raises(ConfigError) as caught:
        select_questions(QUESTIONS, "81,maths,1-9,90-85")
    assert (
        '"maths" names no question; "1-9" names no question; "90-85" names no question; give numbers from 81 to 151, '
        "ranges (81-90) or categories (writing, reasoning, math, coding, humanities)"
    ) == str(caught.value)


def test_prompts_are_filled_as_fastchat_fills_them(data: Path, published: Path) -> None:
    """What FastChat recorded of 330 calls is what we would send, around the answers."""
    questions, prompts = {each.id: each for each in load_questions(published)}, load_prompts(published)
    rows = list(rows_of(data / "reviews" / "mt_bench" / "gpt-4_single-origin.jsonl"))
    assert 330 == len(rows)
    for row in rows:
        question, turn = questions[row.integer("question_id")], turn_of(row)
        chat = prompts.messages(question, turn, [answer("m", question.id, "<<<answer>>>", "<<<answer>>>")])
        pieces = [re.escape(piece) for piece in chat[1]["content"].split("<<<answer>>>")]
        assert turn + 1 == len(pieces)
        assert re.fullmatch(".*".join(pieces), row.text("user_prompt"), flags=re.DOTALL)
        assert prompt_name(question, turn, pairwise=False) == row.value("judge")[1]


def test_texts_stay_as_they_are(published: Path) -> None:
    """Braces and names of fields in questions and answers are nothing but text; A is who is shown first."""
    question = load_questions(published)[30]
    first, second = answer("m", 111, "{question} {0}", "{{}}"), answer("n", 111, "%s", "{answer_b}")
    for turn, texts in ((1, ("{question} {0}", "%s")), (2, ("{{}}", "{answer_b}"))):
        system, user = prompts_of(published, question.id, turn, first, second)
        assert system.startswith("Please act as an impartial judge")
        assert user.index(texts[0]) < user.index(texts[1])
        assert all(text in user for text in (*question.turns[:turn], *(question.reference or ())[:turn]))


def prompts_of(published: Path, number: int, turn: int, *answers: object) -> list[str]:
    """What the published prompts make of answers."""
    question = next(each for each in load_questions(published) if each.id == number)
    return [message["content"] for message in load_prompts(published).messages(question, turn, answers)]  # type: ignore[arg-type]
