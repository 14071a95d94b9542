"""``longismore alpaca``: alpaca_eval's own command, hooked whatever the interpreter does at its start."""

from __future__ import annotations

import typer

__all__ = ["CONTEXT", "alpaca"]

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def alpaca(context: typer.Context) -> None:
    """Run alpaca_eval with its own arguments: longismore alpaca evaluate --annotators_config longismore_length ...

    It also works where the plain alpaca_eval command does not know longismore's judges and metric, e.g. after
    pip install --target.
    """
    from longismore.harness._alpaca_plugin import run_alpaca_eval

    run_alpaca_eval(context.args)
