"""What a scoring model is asked: the wording, and the digits it answers with.

The default wording is our own, for any instruction-tuned model. A model that was trained to score, such as those
that hkust-nlp published with DEITA, must be asked in the words of its training: give them as a file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from longismore._jsonl import read_text
from longismore.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.instructions import Row

__all__ = [
    "COMPLEXITY_PROMPT",
    "DIGITS",
    "QUALITY_PROMPT",
    "digit_tokens",
    "filled",
    "instructions_of",
    "read_prompt",
]

DIGITS = "123456"

COMPLEXITY_PROMPT = """\
How demanding is the following request? Think of the steps, the conditions and the knowledge that a good answer needs.

### Request:
{instruction}

### Demand, one digit from 1 (trivial) to 6 (very demanding):
"""

QUALITY_PROMPT = """\
How well does the following response serve the request? Think of whether it is correct, complete, clear and concise.

### Request:
{instruction}

### Response:
{output}

### Quality, one digit from 1 (useless) to 6 (excellent):
"""

_PLACEHOLDER = re.compile(r"\{(instruction|output)\}")


def read_prompt(path: str, *, fields: Sequence[str]) -> str:
    """The prompt in a file, without one line end at its very end; other white space there counts.

    Args:
        path: The file, UTF-8.
        fields: The placeholders that must stand in it, and no other may.

    Raises:
        DataError: It cannot be read, or cannot serve as a prompt.
    """
    prompt = read_text(path).removesuffix("\n").removesuffix("\r")
    found = set(_PLACEHOLDER.findall(prompt))
    problems = [f"{{{name}}} is missing" for name in fields if name not in found]
    problems += [f"{{{name}}} is not known here" for name in sorted(found - set(fields))]
    if prompt.endswith(("{instruction}", "{output}")):
        problems.append("it ends with a placeholder; end it with words that ask for a digit from 1 to 6")
    if problems:
        wanted = " and ".join(f"{{{name}}}" for name in fields)
        raise DataError(f"prompt {path}: {'; '.join(problems)}; its placeholders are {wanted}")
    return prompt


def filled(prompt: str, *, instruction: str, output: str = "") -> str:
    """The prompt with the texts in it; a placeholder inside a text stays as it is."""
    texts = {"instruction": instruction, "output": output}
    return _PLACEHOLDER.sub(lambda match: texts[match[1]], prompt)


def instructions_of(row: Row) -> list[str]:
    """What the user says in each turn; the input of the first stands on a line of its own below it."""
    first = f"{row.instruction}\n{row.input}" if row.input else row.instruction
    return [first, *(turn.instruction for turn in row.turns[1:])]


def digit_tokens(encode: Callable[[Sequence[str]], list[list[int]]], prompt: str, *, model: str) -> list[int]:
    """The tokens by which the digits 1 to 6 continue the prompt.

    Args:
        encode: Gives the tokens of each text, as the model gets them.
        prompt: With its placeholders.
        model: For messages.

    Raises:
        UsageError: A digit after the prompt is not one token more than the prompt.
    """
    start = filled(prompt, instruction="a", output="a")
    before, *after = encode([start, *(start + digit for digit in DIGITS)])
    tokens = [ids[-1] for ids in after]
    joined = [digit for digit, ids in zip(DIGITS, after, strict=True) if ids[:-1] != before]
    if joined or len(set(tokens)) < len(DIGITS):
        wrong = f"{', '.join(joined)} would not be one token more" if joined else "1 to 6 would not be six tokens"
        space = "end the prompt without its white space, or " if start[-1].isspace() else ""
        raise UsageError(
            f'model "{model}": after the prompt, which ends with {start[-20:]!r}, {wrong}; scores are read from the '
            f"logits of these digits: {space}take a model whose tokenizer has a token for each of them"
        )
    return tokens
