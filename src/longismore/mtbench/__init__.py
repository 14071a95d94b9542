"""MT-Bench: eighty questions of two turns, the answers of models, and what judges say of them.

Files are those of FastChat (``model_answer/MODEL.jsonl``, ``model_judgment/JUDGE_single.jsonl`` and ``_pair.jsonl``),
so that what one of the two programs wrote, the other reads. Nothing of the questions, the reference answers and the
judge's prompts is contained here: they are fetched from their pinned public address, with a checksum.

Source: Zheng et al., Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena, 2023, https://arxiv.org/abs/2306.05685
"""

from __future__ import annotations

from longismore.mtbench._answers import read_answers, write_answers
from longismore.mtbench._judgments import read_comparisons, read_grades
from longismore.mtbench._layout import answers_path, check_place, judgments_path
from longismore.mtbench._questions import load_questions, questions_at_hand, select_questions
from longismore.mtbench._records import CATEGORIES, NEEDS_REFERENCE, NO_ANSWER, ModelAnswer, Question

__all__ = [
    "CATEGORIES",
    "NEEDS_REFERENCE",
    "NO_ANSWER",
    "ModelAnswer",
    "Question",
    "answers_path",
    "check_place",
    "judgments_path",
    "load_questions",
    "questions_at_hand",
    "read_answers",
    "read_comparisons",
    "read_grades",
    "select_questions",
    "write_answers",
]
