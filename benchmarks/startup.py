"""What starting costs: of every Python where longismore is installed, of importing it, and of its commands' help.

    python benchmarks/startup.py [--runs 300] [--starts 30]

The hook: virtual environments take turns, so that whatever else the machine does hits them alike: one without the
hook, one with it, and one with it where LONGISMORE_AUTOLOAD=0 switches it off. They hold the installed package's own
files and start as Python always does, with site. The low percentiles are what to read: the higher ones measure the
other work of the machine. The limit is one millisecond.

Importing and help: the installed package with the Python that runs this, taking turns too. The time is that of the
processor, which other work changes little, beside the time on the clock; and the packages that were loaded.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from statistics import median, quantiles

import longismore

LIMIT_MS = 1.0
PERCENTILES = (10, 25, 50)
PTH = "import longismore._autoload\n"
"""What longismore_autoload.pth says."""
VARIANTS = {"bare": (False, {}), "hook": (True, {}), "switched off": (True, {"LONGISMORE_AUTOLOAD": "0"})}
STARTS = {
    "python -c pass": ("", None),
    "import longismore": ("import longismore", 300.0),
    "longismore --help": ("--help", 400.0),
    "longismore gate --help": ("gate --help", None),
    "longismore train --help": ("train --help", None),
}
"""What is started, and its limit in milliseconds."""
RUN = "import sys; sys.argv = ['longismore', *{words}]\nfrom longismore.cli import main\nmain()"
LOADED = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(" ".join({m.partition(".")[0] for m in sys.modules})))
"""


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


def start_ms(python: Path, environ: dict[str, str], code: str = "pass") -> tuple[float, float]:
    """From starting an interpreter to its end, in milliseconds: the time on the clock, and that of the processor."""
    environment = {name: value for name, value in os.environ.items() if name != "LONGISMORE_AUTOLOAD"} | environ
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    started = time.perf_counter()
    process = os.posix_spawn(python, [str(python), "-c", code], environment, file_actions=silent)
    _, status, used = os.wait4(process, 0)
    elapsed_ms = 1000 * (time.perf_counter() - started)
    if status != 0:
        sys.exit(f"{python} ended with status {status}")
    return elapsed_ms, 1000 * (used.ru_utime + used.ru_stime)


def measure_hook(runs: int) -> dict[str, list[float]]:
    """The starts of every variant, in milliseconds."""
    times_ms: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as folder:
        pythons = {
            name: make_environment(Path(folder) / str(number), hooked=hooked)
            for number, (name, (hooked, _)) in enumerate(VARIANTS.items())
        }
        for _ in range(runs + 5):  # the first ones fill the caches of files
            for name, (_, environ) in VARIANTS.items():
                times_ms[name].append(start_ms(pythons[name], environ)[0])
    return {name: each[5:] for name, each in times_ms.items()}


def show_hook(runs: int) -> None:
    """Print a table of the variants, and the cost of the hook against the limit."""
    times_ms = measure_hook(runs)
    cuts = {name: quantiles(each, n=100) for name, each in times_ms.items()}
    print(f"{'':14}" + "".join(f"{f'p{p} ms':>10}" for p in PERCENTILES))
    for name, cut in cuts.items():
        print(f"{name:14}" + "".join(f"{cut[p - 1]:10.2f}" for p in PERCENTILES))
    for name in list(VARIANTS)[1:]:
        for p in PERCENTILES[:2]:
            cost_ms = cuts[name][p - 1] - cuts["bare"][p - 1]
            print(f"{name}: p{p} {cost_ms:+.2f} ms, {cost_ms / LIMIT_MS:.2f} x the limit of {LIMIT_MS:g} ms")


def code_of(name: str) -> str:
    """What Python runs for one of the starts."""
    text = STARTS[name][0]
    return RUN.format(words=text.split()) if name.startswith("longismore") else text or "pass"


def loaded_by(name: str) -> list[str]:
    """The packages, other than Python's own, that are there at the end."""
    command = [sys.executable, "-c", LOADED + code_of(name)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return sorted(set(told.split()) - sys.stdlib_module_names - {"__main__", "longismore"})


def show_starts(runs: int) -> None:
    """Print what importing and help cost, against their limits, and what they load."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    for _ in range(runs + 2):
        for name in STARTS:
            times[name].append(start_ms(Path(sys.executable), {}, code_of(name)))
    print(f"\n{'median':24}{'cpu ms':>8}{'clock ms':>10}{'limit ms':>10}{'cpu/limit':>11}  packages loaded")
    for name, (_, limit_ms) in STARTS.items():
        clock_ms, cpu_ms = (median(column) for column in zip(*times[name][2:], strict=True))
        limit = f"{limit_ms:10.0f}{cpu_ms / limit_ms:11.2f}" if limit_ms else " " * 21
        print(f"{name:24}{cpu_ms:8.0f}{clock_ms:10.0f}{limit}  {' '.join(loaded_by(name)) or '-'}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Measure what starting costs.")
    parser.add_argument("--runs", type=int, default=300, help="of each variant of the hook; 0 leaves it out")
    parser.add_argument("--starts", type=int, default=30, help="of each import and command")
    options = parser.parse_args()
    if options.runs:
        show_hook(options.runs)
    show_starts(options.starts)


if __name__ == "__main__":
    main()
