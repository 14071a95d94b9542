"""An instruction of a test set, as a trained model is asked it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longismore.instructions._templates import Template
    from longismore.records import Example

__all__ = ["prompt_of"]


def prompt_of(template: Template, example: Example, system: str = "") -> str:
    """The prompt, as a row of training data with this instruction and input would have it.

    Where the template has no form for an input, none was trained on; the input is part of the instruction then.

    Args:
        template: Of the training.
        example: What is asked.
        system: The system message.
    """
    if example.input and not template.takes_input:
        return template.prompt(example.prompt, system=system)
    return template.prompt(example.instruction, example.input, system)
