"""``longismore eval``: lm_eval's own command, without the scan of its 14,000 task files."""

from __future__ import annotations

import typer

__all__ = ["CONTEXT", "evaluate"]

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def evaluate(context: typer.Context) -> None:
    """Run lm_eval with its own arguments: longismore eval --model hf --tasks longismore_mini ...

    Everything is lm_eval's; only its slow index of other people's tasks is left out where no such task is asked
    for. It also works where the plain lm_eval command does not find the tasks, e.g. after pip install --target.
    """
    from longismore.harness._command import run_lm_eval

    run_lm_eval(context.args)
