"""Run lm_eval's command line from ours."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from longismore.harness._evaluated import evaluator_imported
from longismore.harness._host_data import explained, host_groups, missing_model, task_names
from longismore.harness._lm_eval import (
    check_version,
    models_imported,
    only_our_tasks,
    tasks_imported,
    tracker_imported,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["run_lm_eval"]

_COMMANDS = frozenset({"run", "ls", "validate"})


def run_lm_eval(arguments: Sequence[str]) -> None:
    """Do what ``lm_eval ARGUMENTS`` does, hooked whether or not the interpreter's start-up hook ran.

    Args:
        arguments: Of lm_eval; ``run`` may be left out, as there.
    """
    check_version()
    import lm_eval.evaluator
    import lm_eval.loggers.evaluation_tracker
    import lm_eval.models
    import lm_eval.tasks
    from lm_eval.__main__ import cli_evaluate

    tasks_imported(lm_eval.tasks)
    models_imported(lm_eval.models)
    tracker_imported(lm_eval.loggers.evaluation_tracker)
    evaluator_imported(lm_eval.evaluator)
    first = arguments[0] if arguments else "--help"
    command = [] if first in _COMMANDS or first in {"-h", "--help"} else ["run"]
    sys.argv = ["lm_eval", *command, *(arguments or [first])]
    with only_our_tasks() if _wants_only_ours(arguments) else nullcontext():
        try:
            cli_evaluate()
        except Exception as error:
            if (ours := explained(error, arguments) or missing_model(error)) is None:
                raise
            raise ours from error


def _wants_only_ours(arguments: Sequence[str]) -> bool:
    """Whether lm_eval's own tasks can be left out: it is our list, or our tasks, and no group of lm_eval's."""
    if arguments[:1] == ["ls"]:
        return True
    names = task_names(arguments)
    return bool(names) and all(name.startswith("longismore_") for name in names) and not host_groups(names)
