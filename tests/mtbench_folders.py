"""A small folder of MT-Bench with questions, prompts and answers of our own, and a model that judges them.

Every answer names its model, and the judge knows who is better: so what it has to say follows from what it is shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from judge_server import JudgeServer, chat_reply
from longismore._jsonl import read_jsonl
from longismore.judges._asker import make_asker
from longismore.mtbench import ModelAnswer, Question, answers_path, write_answers
from longismore.mtbench._chat_judge import ChatTurnJudge
from longismore.mtbench._prompts import JudgePrompts
from longismore.mtbench._run import judge_folder, plan_judging

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from judge_server import Body, Reply
    from longismore.mtbench._run import JudgedFolder
    from longismore.mtbench._turn_judge import TurnJudge
    from longismore.store import Store

__all__ = ["GRADES", "PROMPTS", "QUESTIONS", "answer", "chat_judge", "judged", "judging", "rows", "write_folder"]

GRADES = {"good": 9, "fair": 6.5, "poor": 2, "even": 6.5}
"""What the judge gives a model; the second turn gets half a point less."""

_CATEGORIES = {81: "writing", 82: "writing", 101: "reasoning", 111: "math", 121: "coding", 151: "humanities"}
QUESTIONS = [
    Question(
        id=number,
        category=category,
        turns=(f"Ask {number} {{first}}.", f"Ask {number} again."),
        reference=(f"True {number}.", f"True {number} again.") if category in {"reasoning", "math", "coding"} else None,
    )
    for number, category in _CATEGORIES.items()
]

_ONE = "[{question}] ({answer})"
_ONE_LATER = "[{question_1}] ({answer_1}) [{question_2}] ({answer_2})"
_TWO = "[{question}] A ({answer_a}) B ({answer_b})"
_TWO_LATER = "[{question_1}] [{question_2}] A ({answer_a_1}) ({answer_a_2}) B ({answer_b_1}) ({answer_b_2})"
_TRUE = "<{ref_answer_1}> "
_TRUE_LATER = "<{ref_answer_1}> <{ref_answer_2}> "
_KINDS = {
    "single-v1": _ONE,
    "single-math-v1": _TRUE + _ONE,
    "single-v1-multi-turn": _ONE_LATER,
    "single-math-v1-multi-turn": _TRUE_LATER + _ONE_LATER,
    "pair-v2": _TWO,
    "pair-math-v1": _TRUE + _TWO,
    "pair-v2-multi-turn": _TWO_LATER,
    "pair-math-v1-multi-turn": _TRUE_LATER + _TWO_LATER,
}
PROMPTS = JudgePrompts(texts={name: (f"Judge by {name}.", text) for name, text in _KINDS.items()})
"""Short ones under the names of the published ones."""


def answer(model: str, question: int, *turns: str) -> ModelAnswer:
    """An answer that names its model, or the given turns."""
    said = turns or (f"{model} says {{{question}}}.", f"{model} says {question} again.")
    return ModelAnswer(question=question, model=model, turns=said, answer_id=f"{model}{question}", created=1.5)


def write_folder(folder: Path, *models: str, but: Mapping[tuple[str, int], tuple[str, ...]] | None = None) -> Path:
    """Write the answers of models to all questions; *but* gives the turns of some."""
    for model in models or ("good", "fair", "poor"):
        answers = [answer(model, each.id, *(but or {}).get((model, each.id), ())) for each in QUESTIONS]
        write_answers(answers_path(folder, model), answers)
    return folder


def judging(body: Body) -> Reply:
    """Grades the one model that is shown, or says which of two is better."""
    text = body["messages"][-1]["content"]
    shown = list(dict.fromkeys(re.findall(r"\b(\w+) says\b", text)))
    first = GRADES[shown[0]]
    if len(shown) == 1:
        return chat_reply(body, f"Quite so. Rating: [[{first - 0.5 * ('again' in text)}]]")
    second = GRADES[shown[1]]
    verdict = "C" if first == second else ("A" if first > second else "B")
    return chat_reply(body, f"I compared them. [[{verdict}]]")


def chat_judge(server: JudgeServer, *, pairwise: bool = False, **settings: Any) -> ChatTurnJudge:
    """The model behind a server, with our short prompts."""
    asker = make_asker(
        "openai/test-judge",
        {"base_url": server.base_url, "retries": 0, **settings},
        {},
        purpose={"mt_bench": 1},
        max_tokens=2048,
        usual_output_tokens=200,
    )
    return ChatTurnJudge(asker=asker, prompts=PROMPTS, pairwise=pairwise)


def judged(
    folder: Path, judge: TurnJudge, store: Store, questions: Sequence[Question] = QUESTIONS, **options: Any
) -> JudgedFolder:
    """Plan and judge."""
    return judge_folder(plan_judging(folder, judge, questions, **options), store=store)


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    return [row for _, row in read_jsonl(path)]
