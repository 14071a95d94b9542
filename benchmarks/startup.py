"""What the start-up hook costs every Python that is started where longismore is installed.

    python benchmarks/startup.py [--runs 300]

Three interpreters take turns, so that whatever else the machine does hits them alike: one that does not load
the hook, one that loads it, and one where LONGISMORE_AUTOLOAD=0 switches it off. The low percentiles are what
to read: the higher ones measure the other work of the machine. The limit is one millisecond.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from statistics import quantiles

import longismore

LIMIT_MS = 1.0
PERCENTILES = (10, 25, 50)
HOOK = "import longismore._autoload"
"""What longismore_autoload.pth says. No .pth file is read here (-S), so that each variant is explicit."""
VARIANTS = {"bare": ("pass", {}), "hook": (HOOK, {}), "switched off": (HOOK, {"LONGISMORE_AUTOLOAD": "0"})}


def start_ms(code: str, environ: dict[str, str]) -> float:
    """The time from starting an interpreter with *code* to its end, in milliseconds."""
    # A usual start has os loaded before any .pth file is read.
    path = str(Path(longismore.__file__).parents[1])
    arguments = [sys.executable, "-S", "-c", f"import os, sys; sys.path.append({path!r}); {code}"]
    # Installed packages have their bytecode; a source tree gets it in the first runs, unless that is forbidden.
    changed = {"LONGISMORE_AUTOLOAD", "PYTHONDONTWRITEBYTECODE"}
    environment = {name: value for name, value in os.environ.items() if name not in changed} | environ
    started = time.perf_counter()
    process = os.posix_spawn(sys.executable, arguments, environment)
    _, status = os.waitpid(process, 0)
    elapsed_ms = 1000 * (time.perf_counter() - started)
    if status != 0:
        raise SystemExit(f"{code!r} ended with status {status}")
    return elapsed_ms


def main() -> None:
    """Print a table of the variants, and the cost of the hook against the limit."""
    parser = argparse.ArgumentParser(description="Measure what the start-up hook costs.")
    parser.add_argument("--runs", type=int, default=300, help="of each variant (default: 300)")
    runs = parser.parse_args().runs
    times_ms: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(runs + 5):  # the first ones fill the caches of files and bytecode
        for name, (code, environ) in VARIANTS.items():
            times_ms[name].append(start_ms(code, environ))
    cuts = {name: quantiles(each[5:], n=100) for name, each in times_ms.items()}
    print(f"{'':14}" + "".join(f"{f'p{p} ms':>10}" for p in PERCENTILES))
    for name, cut in cuts.items():
        print(f"{name:14}" + "".join(f"{cut[p - 1]:10.2f}" for p in PERCENTILES))
    for name in list(VARIANTS)[1:]:
        for p in PERCENTILES[:2]:
            cost_ms = cuts[name][p - 1] - cuts["bare"][p - 1]
            print(f"{name}: p{p} {cost_ms:+.2f} ms, {cost_ms / LIMIT_MS:.2f} x the limit of {LIMIT_MS:g} ms")


if __name__ == "__main__":
    main()
