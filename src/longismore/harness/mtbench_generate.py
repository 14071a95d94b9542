"""Let a model of lm_eval answer MT-Bench: all first turns, then all second turns with the first answers before them.

Any model that lm_eval knows can be asked (``hf``, ``vllm``, ``local-completions``, ``local-chat-completions``, ...); it
is built as lm_eval's own evaluation builds it. What the model says is saved as it comes, in
``FOLDER/model_generation/NAME``, so that a run that was killed goes on where it was; when all is there,
``FOLDER/model_answer/NAME.jsonl`` is written, in FastChat's format.

Temperatures are those of MT-Bench, by category. A sampled answer also depends on which questions are asked together:
the same seed gives the same answers where the same questions are asked in batches of the same size.

Source: Zheng et al., Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena, 2023, https://arxiv.org/abs/2306.05685
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import DataError
from longismore.harness._mtbench_journal import Journal
from longismore.harness._mtbench_model import build_model, model_name
from longismore.harness._mtbench_plan import TEMPERATURES, Generated, Place, Plan
from longismore.harness._mtbench_prompts import prompts_for
from longismore.harness._mtbench_turn import Ask, ask_turn, check_room
from longismore.harness._ranks import Ranks
from longismore.mtbench import NO_ANSWER, ModelAnswer, answers_path, check_place, read_answers, write_answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longismore.harness._mtbench_journal import SavedTurn
    from longismore.harness._mtbench_prompts import Prompts
    from longismore.mtbench import Question

__all__ = ["TEMPERATURES", "Generated", "Place", "generate_answers"]


def generate_answers(
    questions: Sequence[Question],
    *,
    model: str,
    model_args: str | Mapping[str, Any] = "",
    folder: str | Path = "mt_bench",
    name: str | None = None,
    conversation: str | None = None,
    batch_size: int | str = 1,
    device: str | None = None,
    seed: int = 0,
    max_new_tokens: int = 1024,
    temperature: float | None = None,
) -> Generated:
    """Ask a model every question that it has not answered before, and write the file of its answers.

    Args:
        questions: What is asked.
        model: Type of the model, as lm_eval's ``--model``.
        model_args: As lm_eval's ``--model_args``: ``name=value,...``, a JSON object, or a mapping.
        folder: Where MT-Bench's files lie.
        name: What the model is called; default: the last part of its path or id.
        conversation: A template of ``fastchat.conversation``, or ``chat`` for the chat template of the model, even if
            a training of ours recorded another one. Default: as it was trained, where that is known, else ``chat``.
        batch_size: As lm_eval's ``--batch_size``; ``auto`` is possible.
        device: As lm_eval's ``--device``.
        seed: Of sampling.
        max_new_tokens: The longest answer, in tokens.
        temperature: For all categories; default: :data:`TEMPERATURES`.

    Raises:
        UsageError: Something will not do: nothing was generated then.
        LongismoreError: The model failed; what it had answered is saved.
    """
    plan = Plan(
        model=model,
        model_args=model_args,
        conversation=conversation,
        seed=seed,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
    )
    plan.check(questions)
    folder, name = Path(folder), name or model_name(model, model_args)
    path = answers_path(folder, name)
    journal = Journal(folder / "model_generation" / name, plan.identity())
    _check_answers(path, journal)
    check_place(path)
    kept = sum(len(journal.answers(question)) for question in questions)
    ranks, prompts = Ranks(), None
    if kept < sum(len(question.turns) for question in questions):
        lm = build_model(model, model_args, batch_size=batch_size, device=device)
        ranks = Ranks(int(lm.rank), int(lm.world_size))
        try:
            prompts = _ask_all(lm, questions, plan, journal, ranks)
        except Exception as error:
            ranks.abandon(error)
            raise
        journal.learn(ranks.gather(journal.new))
    if _speaks(ranks):
        _write(path, [_answer(question, name, journal) for question in questions])
    turns = [each for question in questions for each in journal.saved(question.id, len(question.turns))]
    return Generated(
        path=path,
        model=name,
        prompts=None if prompts is None else prompts.how,
        questions=len(questions),
        asked=len(turns) - kept,
        kept=kept,
        empty=_places(each for each in turns if each.output == ""),
        shortened=_places(each for each in turns if each.shortened and each.output is not None),
        without_room=_places(each for each in turns if each.output is None),
        speaks=_speaks(ranks),
    )


def _ask_all(lm: Any, questions: Sequence[Question], plan: Plan, journal: Journal, ranks: Ranks) -> Prompts:
    """Ask what is missing of this process's share, turn by turn."""
    prompts = prompts_for(lm, questions[0], plan.conversation, plan.model_args, speaks=_speaks(ranks))
    check_room(lm, prompts, questions)

    def keep(ask: Ask, output: str | None, *, shortened: bool) -> None:
        journal.add(ask.question, ask.answers, output, shortened=shortened)

    mine = questions[ranks.rank :: ranks.world_size]
    with journal.opened(prompts.digest, ranks.rank, notes=_speaks(ranks), writes=not ranks.is_shadow):
        for turn in range(1, max((len(question.turns) for question in mine), default=0) + 1):
            asks = [
                Ask(question=question, answers=journal.answers(question), temperature=plan.temperature_of(question))
                for question in mine
                if len(question.turns) >= turn and len(journal.answers(question)) == turn - 1
            ]
            ask_turn(lm, prompts, asks, max_new_tokens=plan.max_new_tokens, seed=plan.seed, keep=keep)
    return prompts


def _speaks(ranks: Ranks) -> bool:
    return ranks.rank == 0 and not ranks.is_shadow


def _answer(question: Question, name: str, journal: Journal) -> ModelAnswer:
    saved = journal.saved(question.id, len(question.turns))
    turns = _texts(saved)
    return ModelAnswer(
        question=question.id,
        model=name,
        turns=turns,
        # The same text keeps its id, however often the file is written.
        answer_id=hashlib.sha256(json.dumps([name, question.id, turns]).encode()).hexdigest()[:22],
        created=max(each.created for each in saved),
    )


def _texts(saved: Sequence[SavedTurn]) -> tuple[str, ...]:
    return tuple(NO_ANSWER if each.output is None else each.output for each in saved)


def _write(path: Path, answers: Sequence[ModelAnswer]) -> None:
    """Write the answers, and with them those to questions that were not asked now."""
    now = {each.question for each in answers}
    before = read_answers(path) if path.exists() else []
    write_answers(path, [*(each for each in before if each.question not in now), *answers])


def _check_answers(path: Path, journal: Journal) -> None:
    """Refuse to write over answers that were not generated here."""
    for each in read_answers(path) if path.exists() else []:
        if _texts(journal.saved(each.question, len(each.turns))) != each.turns:
            raise DataError(
                f"{path}: its answer to question {each.question} was not generated by this program, or was changed "
                "since; it would be lost: give the model another name, or move the file away"
            )


def _places(turns: Iterable[SavedTurn]) -> tuple[Place, ...]:
    return tuple(Place(each.question, each.turn) for each in turns)
