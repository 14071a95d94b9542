"""What lm_eval's own tasks need and a machine without network may lack, said so that somebody can put it right.

Only where a group of longismore was asked for: the errors of other people's commands stay theirs.
"""

from __future__ import annotations

import importlib.util
import os
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from longismore.errors import DataError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import FrameType

    import yaml

__all__ = ["HOST_GROUPS", "check_ifeval", "explained", "host_groups", "missing_model", "task_names"]

HOST_GROUPS = (
    "longismore_chasing_random",
    "longismore_ci",
    "longismore_ifeval",
    "longismore_openllm",
    "longismore_openllm_v1",
)
"""Our groups of lm_eval's own tasks."""
_NEEDED = 'pip install "lm-eval[{}]"'
_MODELS = {"torch": "hf", "transformers": "hf", "accelerate": "hf", "vllm": "vllm"}
"""Packages of lm_eval's models, with the extra of ours that brings each."""
_EXTRAS = {"langdetect": "ifeval", "immutabledict": "ifeval", "nltk": "ifeval"}
_TASKS = Path(__file__).parent / "tasks"


def task_names(arguments: Sequence[str]) -> list[str]:
    """What follows ``--tasks`` in a command line of lm_eval."""
    names: list[str] = []
    takes_names = False
    for argument in arguments:
        flag, equals, value = argument.partition("=")
        if argument.startswith("-"):
            takes_names = flag in {"--tasks", "-t"}
            names += value.split(",") if takes_names and equals else []
        elif takes_names:
            names += argument.split(",")
    return [name for name in names if name]


def host_groups(names: Iterable[str]) -> list[str]:
    """Those of our groups that *names*, which may have wildcards, ask for."""
    return [group for group in HOST_GROUPS if any(fnmatch(group, name) for name in names)]


def explained(error: BaseException, arguments: Sequence[str]) -> UsageError | None:
    """The same error as a sentence of ours, where lm_eval could not load what a group of ours is made of.

    Args:
        error: What was raised.
        arguments: Of the command line.
    """
    groups = host_groups(task_names(arguments))
    if not groups:
        return None
    for frame in _frames(error):
        task = frame.f_locals.get("self")
        if frame.f_code.co_name == "download" and hasattr(task, "DATASET_PATH"):
            return DataError(_data_set(task, groups, error))
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing in _EXTRAS:
        extra = _EXTRAS[missing]
        group = _group_of(extra, groups)
        return UsageError(f'{group}: lm_eval\'s task needs the package "{missing}": {_NEEDED.format(extra)}')
    return None


def missing_model(error: BaseException) -> UsageError | None:
    """The same error as a sentence of ours, where a model of lm_eval needs a package that is not installed.

    Args:
        error: What was raised.
    """
    if not isinstance(error, ModuleNotFoundError):
        return None
    if error.name in _MODELS:
        return MissingDependencyError(error.name, _MODELS[error.name])
    if "lm-eval[api]" in str(error):  # lm_eval's own words, without a name
        return UsageError(f"this model of lm_eval asks a server, and needs more packages: {_NEEDED.format('api')}")
    return None


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _group_of(task: str, groups: Sequence[str]) -> str:
    """The first of the groups that are asked for that has the task, or a group of its name: ``mmlu_anatomy``."""
    for group in groups:
        if any(task == member or task.startswith(f"{member}_") for member in _members(group)):
            return group
    return groups[0]


def _members(group: str) -> Iterator[str]:
    """The tasks, and groups of them, in the file of one of our groups."""
    import yaml

    # Nodes, and no objects: what !function names need not be there.
    file = yaml.compose((_TASKS / f"{group}.yaml").read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    for member in _fields(file)["task"].value:
        if isinstance(member, yaml.ScalarNode):
            yield member.value
        else:
            fields = _fields(member)
            yield fields["task" if "task" in fields else "group"].value


def _fields(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {} if node is None else {key.value: value for key, value in node.value}


def _data_set(task: object, groups: Sequence[str], error: BaseException) -> str:
    path, part = getattr(task, "DATASET_PATH", None), getattr(task, "DATASET_NAME", None)
    name = f"{path} ({part})" if part else str(path)
    asked = getattr(getattr(task, "config", None), "task", None) or "a task"
    group = _group_of(asked, groups)
    return (
        f"{asked} of {group} needs the data set {name}, which lm_eval fetches from the Hugging Face hub: "
        f"{type(error).__name__}: {error}\n"
        f"it is not in the cache ({_hugging_face()}) either. Where there is a network, this fetches all that the group "
        "needs:\n"
        f"  HF_HOME=hf lm_eval run --model dummy --tasks {group} --limit 1\n"
        "then copy the folder hf here, and set HF_HOME=hf HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1"
    )


def _hugging_face() -> str:
    given = os.environ.get("HF_DATASETS_CACHE") or os.environ.get("HF_HOME")
    return given or str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")


def check_ifeval(tasks: Iterable[str]) -> None:
    """IFEval counts sentences with data of nltk, and would miss them when all answers are there.

    Args:
        tasks: The names of those that were loaded, which fetches the data where there is a network.

    Raises:
        DataError: The data are not at hand.
    """
    if "ifeval" not in tasks or importlib.util.find_spec("nltk") is None:
        return
    import nltk

    try:
        nltk.data.find("tokenizers/punkt_tab")
    except LookupError as error:
        raise DataError(
            "ifeval counts sentences with the data punkt_tab of nltk, which are not at hand and cannot be fetched. "
            "Where there is a network: python -m nltk.downloader -d nltk_data punkt_tab; then copy the folder "
            "nltk_data here, and set NLTK_DATA=nltk_data"
        ) from error
