"""The programs that blocks of the documentation find on their PATH.

Most are the installed ones. Where a block would install something, ask a large model or a cluster, a stand-in does
what can be done here: ``pip`` checks that the extras exist, ``python3 -m venv`` makes a folder that leads back here,
``lm_eval`` and ``longismore eval`` generate two short answers, ``accelerate`` and ``torchrun`` start two processes at
most, and ``sbatch`` and ``srun`` run their program at once.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from docs_warm import run_warm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["PROGRAMS", "make_programs"]

ROOT = Path(__file__).parents[1]
INSTALLED = Path(sys.executable).parent
LIMIT, TOKENS, PROCESSES = "2", "max_gen_toks=8", 2
_BATCH_LINE = re.compile(r"^#SBATCH +(.*)$", re.MULTILINE)
_SHORT_WITH_VALUE = frozenset("nNcptJoedaDA")
_LONG_WITH_VALUE = re.compile(
    r"account|array|chdir|cpus-per-task|dependency|error|export|gpus(-per-node)?|gres|job-name|mem|nodes|"
    r"ntasks(-per-node)?|output|partition|qos|time|wrap"
)
"""Options of Slurm whose value may be a word of its own."""


def make_programs(folder: Path) -> Path:
    """Write the stand-ins into *folder*, to stand first on a PATH."""
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        program = folder / name
        command = shlex.join([sys.executable, "-S", str(Path(__file__).resolve()), name])
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return folder


def run_python(arguments: Sequence[str]) -> int:
    """The interpreter, but for ``-m venv`` and ``-m pip``."""
    match list(arguments):
        case ["-m", "venv", *rest]:
            return make_environment(rest)
        case ["-m", "pip", *rest]:
            return run_pip(rest)
        case ["-m", ("lm_eval" | "longismore") as name, *rest]:
            return PROGRAMS[name](rest)
    return start([sys.executable, *arguments])


def make_environment(arguments: Sequence[str]) -> int:
    """A folder whose programs are those of the PATH."""
    (folder,) = (Path(each) for each in arguments if not each.startswith("-"))
    programs = folder / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    here = Path(shutil.which("longismore") or "").parent
    for name in {*PROGRAMS, *(each.name for each in INSTALLED.iterdir())} - {each.name for each in programs.iterdir()}:
        source = here / name if name in PROGRAMS else INSTALLED / name
        (programs / name).symlink_to(source)
    activate = f'export VIRTUAL_ENV="{folder.resolve()}"\nexport PATH="$VIRTUAL_ENV/bin:$PATH"\n'
    (programs / "activate").write_text(activate, encoding="utf-8")
    return 0


def run_pip(arguments: Sequence[str]) -> int:
    """Install nothing; say which extra does not exist."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for word in arguments:
        asked = re.search(r"^(?:longismore|\.|.*/)\[(?P<extras>[^\]]*)\]|#egg=longismore\[(?P<egg>[^\]]*)\]", word)
        for extra in re.split(r" *, *", (asked["extras"] or asked["egg"] or "") if asked else ""):
            if extra and extra not in extras:
                sys.stderr.write(f"pip: longismore has no extra {extra}; it has {', '.join(extras)}\n")
                return 1
    return 0


def run_lm_eval(arguments: Sequence[str]) -> int:
    """By ``longismore eval``, which takes the same arguments and does not read lm_eval's 14,000 task files."""
    return run_longismore(["eval", *arguments])


def run_longismore(arguments: Sequence[str]) -> int:
    """The command itself; ``longismore eval`` asks a model two questions only."""
    given = list(arguments)
    if given[:1] == ["eval"]:
        given = shortened(given)
    ended = run_warm(given)
    return start([sys.executable, "-m", "longismore", *given]) if ended is None else ended


def shortened(arguments: Sequence[str]) -> list[str]:
    """Few and short answers, unless they come from a file."""
    given = list(arguments)
    if "--model" not in given or "longismore_outputs" in given:
        return given
    if "--limit" not in given and "-L" not in given:
        given += ["--limit", LIMIT]
    if "--gen_kwargs" not in given:
        return [*given, "--gen_kwargs", TOKENS]
    place = given.index("--gen_kwargs") + 1
    kept = [each for each in given[place].split(",") if not each.startswith("max_gen_toks=")]
    given[place] = ",".join([*kept, TOKENS])
    return given


def run_launcher(name: str, flags: Sequence[str]) -> Callable[[Sequence[str]], int]:
    """A program that starts processes, at most two."""

    def run(arguments: Sequence[str]) -> int:
        given = without_scan(arguments)
        for place, word in enumerate(given):
            flag, equals, value = word.partition("=")
            if flag in flags and equals and value.isdigit():
                given[place] = f"{flag}={min(int(value), PROCESSES)}"
            elif flag in flags and given[place + 1].isdigit():
                given[place + 1] = str(min(int(given[place + 1]), PROCESSES))
        return start([str(INSTALLED / name), *given])

    return run


def without_scan(arguments: Sequence[str]) -> list[str]:
    """``-m lm_eval`` as :func:`run_lm_eval` has it."""
    given = list(arguments)
    for place, pair in enumerate(pairwise(given)):
        if pair == ("-m", "lm_eval"):
            return [*given[: place + 1], "longismore", *shortened(["eval", *given[place + 2 :]])]
    return given


def run_sbatch(arguments: Sequence[str]) -> int:
    """Run the script, once for each task of its array, and say the number of a job."""
    options, rest = split_options(arguments)
    wrapped = next((word.partition("=")[2] for word in options if word.startswith("--wrap=")), None)
    if wrapped is not None:
        command = ["bash", "-euo", "pipefail", "-c", wrapped]
    else:
        text = Path(rest[0]).read_text(encoding="utf-8")
        in_script, _ = split_options([word for line in _BATCH_LINE.findall(text) for word in shlex.split(line)])
        options = [*in_script, *options]
        command = ["bash", *rest]
    array = next((word.split("=", 1)[1] for word in reversed(options) if word.startswith(("--array=", "-a="))), None)
    for task in [None] if array is None else tasks_of(array):
        variables = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "1"}
        if task is not None:
            variables |= {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": str(len(tasks_of(str(array))))}
        # What the job writes goes to its log, not to whoever has submitted it.
        if code := start(command, variables, to_stderr=True):
            return code
    sys.stdout.write("1\n" if "--parsable" in options else "Submitted batch job 1\n")
    return 0


def tasks_of(array: str) -> list[int]:
    """The numbers of ``0-7``, ``1,3`` and ``0-15:4%2``."""
    numbers: list[int] = []
    for part in array.partition("%")[0].split(","):
        span, _, step = part.partition(":")
        first, _, last = span.partition("-")
        numbers += range(int(first), int(last or first) + 1, int(step or 1))
    return numbers


def run_srun(arguments: Sequence[str]) -> int:
    """Run the program once."""
    return start(split_options(arguments)[1], {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"})


def split_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Slurm's options, each as one word, and what follows them."""
    options: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        name = word.lstrip("-")
        if _LONG_WITH_VALUE.fullmatch(name) if word.startswith("--") else name in _SHORT_WITH_VALUE:
            word = f"{word}={rest.pop(0)}"
        options.append(word)
    return options, rest


def start(command: Sequence[str], variables: Mapping[str, str] | None = None, *, to_stderr: bool = False) -> int:
    """Run a command; returns its exit code."""
    if variables is None and not to_stderr:
        os.execv(command[0], list(command))  # noqa: S606
    output = sys.stderr if to_stderr else None
    return subprocess.run(command, env=os.environ | dict(variables or {}), stdout=output, check=False).returncode


PROGRAMS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "accelerate": run_launcher("accelerate", ["--num_processes"]),
    "lm_eval": run_lm_eval,
    "lm-eval": run_lm_eval,
    "longismore": run_longismore,
    "pip": run_pip,
    "pip3": run_pip,
    "python": run_python,
    "python3": run_python,
    "sbatch": run_sbatch,
    "srun": run_srun,
    "torchrun": run_launcher("torchrun", ["--nproc_per_node", "--nproc-per-node"]),
}
"""Every stand-in, by name."""


if __name__ == "__main__":
    sys.exit(PROGRAMS[sys.argv[1]](sys.argv[2:]))
