"""One row of an outputs file, in any of the formats that models' answers are published in.

alpaca_eval (``instruction, output, generator, dataset``), lm-eval's logged samples (the prompt in ``doc``,
the text in ``resps[0][0]``), and the generation files of AlpaGasus and Long Is More (``question_id``, the
set's own instruction field, and a field named like the model).
"""

from __future__ import annotations

import re

from longismore.errors import SchemaError
from longismore.records import ModelOutput
from longismore.testsets._row import Row, listed

__all__ = ["is_sample", "parse_output"]

_INSTRUCTION_FIELDS = ("instruction", "Instruction", "conversations", "text", "prompt")
"""In order of trust: the published script writes the templated text to ``prompt``, beside the set's own."""

_NOT_A_MODEL = {
    *_INSTRUCTION_FIELDS,
    *("answer_id", "category", "dataset", "datasplit", "Difficulty", "generator", "id", "idx", "input"),
    *("instances", "metadata", "model_id", "motivation_app", "question_id", "Skill", "source"),
}

_ALPACA_TEMPLATE = re.compile(r"Below is an instruction.*?### Instruction:(.*)### Response:\s*", re.DOTALL)

_REGENERATE = 'generate this answer again; an answer that is really empty is written ""'


def is_sample(row: Row) -> bool:
    """Whether the row is one of lm-eval's logged samples."""
    return "doc" in row.fields and "resps" in row.fields


def parse_output(row: Row, *, folder: str) -> ModelOutput:
    """Read one row, in the format that its fields show.

    Args:
        row: The row.
        folder: Name of the folder of the file: lm-eval names it after the model.

    Raises:
        SchemaError: No format fits, the answer is not a string, or nothing says what was asked.
    """
    if is_sample(row):
        output = _sample(row, folder)
    elif "output" in row.fields or "question_id" not in row.fields:
        output = _alpaca_eval(row)
    else:
        output = _generation(row)
    if output.instruction is None and output.id is None:
        raise SchemaError(
            row.where,
            f"nothing says which prompt this answers; found: {row.names()}; "
            'add "instruction" with the text of the prompt, or "id" with its id in the test set',
        )
    return output


def _alpaca_eval(row: Row) -> ModelOutput:
    return ModelOutput(
        output=_answer(row, "output"),
        where=row.where,
        instruction=_blank_to_none(row.optional_text("instruction")),
        input=row.optional_text("input") or "",
        id=_optional_id(row, "id") or _optional_id(row, "question_id"),
        dataset=row.optional_text("dataset"),
        generator=row.optional_text("generator"),
    )


def _sample(row: Row, folder: str) -> ModelOutput:
    match row.value("doc"):
        case dict(fields):
            doc = Row(fields, row.where)
        case other:
            raise row.wrong("doc", "an object", other)
    match row.value("resps"):
        case [[str(text), *_], *_]:
            pass
        case [[other, *_], *_]:
            raise row.wrong("resps[0][0]", "a string", other, "only tasks that generate text have answers")
        case other:
            raise row.wrong("resps", "a list of lists of strings", other)
    return ModelOutput(
        output=text,
        where=row.where,
        instruction=_first_text(doc, ("instruction", "prompt", "question")),
        input=doc.optional_text("input") or "" if "instruction" in fields else "",
        id=_optional_id(doc, "id"),
        dataset=doc.optional_text("testset"),
        generator=folder or None,
    )


def _generation(row: Row) -> ModelOutput:
    model = _model_field(row)
    question_id = _optional_id(row, "question_id")
    instruction = _instruction(row)
    return ModelOutput(
        output=_answer(row, model),
        where=row.where,
        instruction=_blank_to_none(instruction),
        input=_input(row),
        id=question_id,
        # The published ids are "<set>_<n>": they name the set, but their n counts from 1 in every set.
        dataset=row.optional_text("dataset") or (question_id or "").rpartition("_")[0] or None,
        generator=model,
    )


def _model_field(row: Row) -> str:
    others = [name for name in row.fields if name not in _NOT_A_MODEL]
    named = [name for name in others if isinstance(row.fields[name], str)] or others
    if len(named) == 1:
        return named[0]
    several = f"several fields could hold the answer: {listed(named)}"
    raise SchemaError(
        row.where,
        f"{several if named else 'no field holds an answer'}; found: {row.names()}; "
        "beside question_id and the instruction, exactly one field, named like the model, holds its answer; "
        'or write "instruction", "output" and "generator"',
    )


def _instruction(row: Row) -> str | None:
    name = next((name for name in _INSTRUCTION_FIELDS if name in row.fields), None)
    if name is None:
        return None
    match row.value(name):
        case str(text) | [str(text)]:
            templated = _ALPACA_TEMPLATE.fullmatch(text) if name == "prompt" else None
            return templated[1] if templated else text
        case other:
            raise row.wrong(name, "a string or a list of one string", other)


def _input(row: Row) -> str:
    match row.fields.get("instances"):
        case None:
            return row.optional_text("input") or ""
        case [{"input": str(text)}]:
            return text
        case other:
            raise row.wrong("instances", 'a list of one object with a string "input"', other)


def _answer(row: Row, name: str) -> str:
    if name not in row.fields:
        raise SchemaError(
            row.where,
            f'field "{name}" is missing; found: {row.names()}; write "instruction", "output" and "generator" '
            "as alpaca_eval does, or give the samples that lm_eval logs",
        )
    value = row.fields[name]
    if not isinstance(value, str):
        raise row.wrong(name, "a string", value, _REGENERATE)
    return value


def _first_text(row: Row, names: tuple[str, ...]) -> str | None:
    texts = (row.fields.get(name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text.strip()), None)


def _optional_id(row: Row, name: str) -> str | None:
    match row.fields.get(name):
        case None:
            return None
        case str(text):
            return text or None
        case int(number) if not isinstance(number, bool):
            return str(number)
        case other:
            raise row.wrong(name, "a string or a whole number", other)


def _blank_to_none(text: str | None) -> str | None:
    return text if text and text.strip() else None
