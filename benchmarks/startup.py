"""What the start-up hook costs every Python that is started where longismore is installed.

    python benchmarks/startup.py [--runs 300]

Virtual environments take turns, so that whatever else the machine does hits them alike: one without the hook, one
with it, and one with it where LONGISMORE_AUTOLOAD=0 switches it off. They hold the installed package's own files and
start as Python always does, with site. The low percentiles are what to read: the higher ones measure the other work
of the machine. The limit is one millisecond.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import sys
import tempfile
import time
import venv
from pathlib import Path
from statistics import quantiles

import longismore

LIMIT_MS = 1.0
PERCENTILES = (10, 25, 50)
PTH = "import longismore._autoload\n"
"""What longismore_autoload.pth says."""
VARIANTS = {"bare": (False, {}), "hook": (True, {}), "switched off": (True, {"LONGISMORE_AUTOLOAD": "0"})}


def make_environment(folder: Path, *, hooked: bool) -> Path:
    """A virtual environment with the package, compiled as pip does, and with or without the hook; gives its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    source = Path(longismore.__file__).parent
    shutil.copytree(source, site / "longismore", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(site, quiet=1)
    if hooked:
        (site / "longismore_autoload.pth").write_text(PTH)
    return folder / "bin" / "python"


def start_ms(python: Path, environ: dict[str, str]) -> float:
    """The time from starting an interpreter to its end, in milliseconds."""
    environment = {name: value for name, value in os.environ.items() if name != "LONGISMORE_AUTOLOAD"} | environ
    started = time.perf_counter()
    process = os.posix_spawn(python, [str(python), "-c", "pass"], environment)
    _, status = os.waitpid(process, 0)
    elapsed_ms = 1000 * (time.perf_counter() - started)
    if status != 0:
        sys.exit(f"{python} ended with status {status}")
    return elapsed_ms


def measure(runs: int) -> dict[str, list[float]]:
    """The starts of every variant, in milliseconds."""
    times_ms: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as folder:
        pythons = {
            name: make_environment(Path(folder) / str(number), hooked=hooked)
            for number, (name, (hooked, _)) in enumerate(VARIANTS.items())
        }
        for _ in range(runs + 5):  # the first ones fill the caches of files
            for name, (_, environ) in VARIANTS.items():
                times_ms[name].append(start_ms(pythons[name], environ))
    return {name: each[5:] for name, each in times_ms.items()}


def main() -> None:
    """Print a table of the variants, and the cost of the hook against the limit."""
    parser = argparse.ArgumentParser(description="Measure what the start-up hook costs.")
    parser.add_argument("--runs", type=int, default=300, help="of each variant (default: 300)")
    runs = parser.parse_args().runs
    times_ms = measure(runs)
    cuts = {name: quantiles(each, n=100) for name, each in times_ms.items()}
    print(f"{'':14}" + "".join(f"{f'p{p} ms':>10}" for p in PERCENTILES))
    for name, cut in cuts.items():
        print(f"{name:14}" + "".join(f"{cut[p - 1]:10.2f}" for p in PERCENTILES))
    for name in list(VARIANTS)[1:]:
        for p in PERCENTILES[:2]:
            cost_ms = cuts[name][p - 1] - cuts["bare"][p - 1]
            print(f"{name}: p{p} {cost_ms:+.2f} ms, {cost_ms / LIMIT_MS:.2f} x the limit of {LIMIT_MS:g} ms")


if __name__ == "__main__":
    main()
