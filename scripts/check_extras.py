"""Install every extra by itself into a fresh environment, and try there what needs it and what needs another.

    python scripts/check_extras.py [EXTRA ...] [--resolve vllm] [--uv]

Each extra of the wheel gets an environment of its own, and so does no extra at all, ``none``. There, ``pip check`` is
content, every package that the source imports from the extra can be imported, every command that the extra is enough
for does its work, and every other one ends with exit code 2 and names the extra that it lacks. One row an extra;
exit code 1 where something of this is not so. Settings of pip hold (``PIP_CONSTRAINT``, ``PIP_FIND_LINKS``, ...).

An environment with torch takes 2 GB or more, one with CUDA much more; each is removed before the next is made.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extra_trials import TRIALS, Trial

NONE = "none"
ROOT = Path(__file__).parents[1]
INSIDE = Path(__file__).with_name("extra_trials.py")


@dataclass(slots=True)
class Row:
    """What became of one extra."""

    extra: str
    seconds: float = 0.0
    packages: int = 0
    megabytes: float = 0.0
    does: int = 0
    """Commands that did their work, or found another fault than a missing package."""
    names: int = 0
    """Commands that named the extra which they lack."""
    problems: list[str] = field(default_factory=list)


def extras_of(wheel: Path) -> dict[str, set[str]]:
    """The extras of a wheel, each with all that it brings: itself, and those that it is made of."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    brings = {extra: {extra} for extra in re.findall(r"^Provides-Extra: (\S+)$", text, flags=re.MULTILINE)}
    parts = re.findall(r"^Requires-Dist: longismore\[([^]]+)\].*extra == '([^']+)'", text, flags=re.MULTILINE)
    for _ in brings:  # as often as they may be nested
        for inner, extra in parts:
            brings[extra] |= set().union(*(brings[name.strip()] for name in inner.split(",")))
    return brings


def judge(trial: Trial, ended: dict[str, Any], provided: set[str]) -> str | None:
    """What is wrong with how a command ended where these extras are installed; ``None`` if nothing is."""
    code, named = ended["code"], set(ended["named"])
    if code == 0:  # it did its work, and may have said what it leaves out
        named = set()
    said = f"longismore {trial.command}: exit code {code}: {ended['said'].strip()[-300:]}"
    if code is None and not (trial.host and "ModuleNotFoundError" not in ended["said"]):
        return f"an exception was let through: {said}"
    if set(trial.needs) <= provided:
        if named:
            return f"the extra is not enough: {said}"
        return said if trial.ends not in {None, code} else None
    if named:
        return None if code == 2 and named <= set(trial.needs) - provided else f"names the wrong extra: {said}"  # noqa: PLR2004
    # Its packages are there all the same, since something else brings them.
    return said if trial.ends not in {None, code} else None


def check(extra: str, wheel: Path, provided: set[str], *, uv: bool) -> Row:
    """Install one extra, and try everything."""
    row = Row(extra)
    with tempfile.TemporaryDirectory(prefix=f"longismore-{extra}-") as folder:
        environment = Path(folder) / "env"
        venv.create(environment, with_pip=not uv, symlinks=True)
        python = environment / "bin" / "python"
        pip = ["uv", "pip"] if uv else [str(python), "-m", "pip"]
        here = ["--python", str(python)] if uv else []
        target = str(wheel) if extra == NONE else f"longismore[{extra}] @ {wheel.resolve().as_uri()}"
        started = time.monotonic()
        installed = _run([*pip, "install", "-q", *here, target])
        row.seconds = time.monotonic() - started
        if installed.returncode:
            row.problems.append(f"cannot be installed: {installed.stderr.strip()[-1000:]}")
            return row
        checked = _run([*pip, "check", *here])
        if checked.returncode:
            row.problems.append(f"pip check: {(checked.stdout + checked.stderr).strip()[-1000:]}")
        (site,) = environment.glob("lib/python*/site-packages")
        row.packages = len(list(site.glob("*.dist-info")))
        row.megabytes = sum(path.lstat().st_size for path in environment.rglob("*")) / 1e6
        (Path(folder) / "work").mkdir()
        command = [str(python), str(INSIDE), "--folder", str(Path(folder) / "work"), "--imports", extra]
        tried = _run(command)
        if tried.returncode:
            row.problems.append(f"the commands could not be tried: {tried.stderr.strip()[-1000:]}")
            return row
        found = json.loads(tried.stdout.splitlines()[-1])
    row.problems += [f"cannot be imported: {each}" for each in found["failed_imports"]]
    for trial, ended in zip(TRIALS, found["trials"], strict=True):
        problem = judge(trial, ended, provided)
        row.problems += [problem] if problem else []
        lacks = bool(ended["named"]) and ended["code"] != 0
        row.names += lacks
        row.does += not lacks
    return row


def resolve(extra: str, wheel: Path) -> Row:
    """Only find out whether one version of everything can be chosen; nothing is installed."""
    started = time.monotonic()
    target = f"longismore[{extra}] @ {wheel.resolve().as_uri()}"
    found = _run([sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", target])
    row = Row(extra, seconds=time.monotonic() - started)
    if found.returncode:
        row.problems.append(f"cannot be resolved: {found.stderr.strip()[-1000:]}")
    return row


def build(source: Path, folder: Path) -> Path:
    """The wheel itself, or that of a checkout."""
    if source.is_file():
        return source
    made = _run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(folder), str(source)])
    if made.returncode:
        sys.exit(made.stderr)
    (wheel,) = folder.glob("longismore-*.whl")
    return wheel


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LONGISMORE_", "PYTHON"))}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def main() -> None:
    """Print a row an extra as it is done, then what is wrong."""
    parser = argparse.ArgumentParser(description="Check that every extra installs and works by itself.")
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"default: all, and {NONE}")
    parser.add_argument("--source", type=Path, default=ROOT, help="a wheel or a checkout (default: this one)")
    parser.add_argument("--resolve", action="append", default=[], metavar="EXTRA", help="resolve only, install nothing")
    parser.add_argument("--uv", action="store_true", help="install with uv, which must be on the PATH")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="longismore-wheel-") as folder:
        wheel = build(options.source, Path(folder))
        brings = {NONE: set(), **extras_of(wheel)}
        wanted = list(dict.fromkeys([*(options.extras or brings), *options.resolve]))
        if unknown := set(wanted) - set(brings):
            parser.error(f"unknown extras: {', '.join(sorted(unknown))}; known: {', '.join(brings)}")
        print(f"{'extra':12}{'packages':>9}{'MB':>7}{'s':>6}{'does':>6}{'names':>7}  result")
        problems = {}
        for extra in wanted:
            only = extra in options.resolve
            row = resolve(extra, wheel) if only else check(extra, wheel, brings[extra], uv=options.uv)
            problems[extra] = row.problems
            result = f"{len(row.problems)} problems" if row.problems else "resolves" if only else "ok"
            numbers = f"{row.packages or '':>9}{row.megabytes:7.0f}{row.seconds:6.0f}{row.does:6}{row.names:7}"
            print(f"{extra:12}{numbers}  {result}", flush=True)
    for extra, found in problems.items():
        for problem in found:
            print(f"\n{extra}: {problem}")
    sys.exit(1 if any(problems.values()) else 0)


if __name__ == "__main__":
    main()
