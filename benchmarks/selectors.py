"""What selecting costs, beside plain loops that do what the published scripts do, in one run of one process.

    OMP_NUM_THREADS=1 python benchmarks/selectors.py [rows] [ifd] [deita] [rerun] [scale]

Ratios are of single-thread CPU time; both sides are checked to give the same results. `scale` makes 10 million rows and
selects from them in a process of its own, whose memory is reported.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

if __name__ != "__main__":
    # The standard library has a module of this name, and whatever is run in this folder finds this file first.
    _spec = importlib.util.spec_from_file_location(__name__, Path(sysconfig.get_path("stdlib"), "selectors.py"))
    assert _spec is not None  # noqa: S101
    assert _spec.loader is not None  # noqa: S101
    sys.modules[__name__] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[__name__])
else:
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(_name, "1")

_PARTS = ("rows", "ifd", "deita", "rerun", "scale")


def main() -> None:
    """Print what, the ratio, its limit, and a note."""
    wanted = sys.argv[1:] or list(_PARTS)
    for part in wanted:
        if part not in _PARTS:
            sys.exit(f"there is no part {part}; parts: {', '.join(_PARTS)}")
    missed = 0
    for part in wanted:
        for what, ratio, limit, note in importlib.import_module(f"selectors_{part}").measure():
            missed += ratio < limit
            print(
                f"{what:55} {ratio:8.2f}x  (at least {limit:g}x{'' if ratio >= limit else ': MISSED'})  {note}",
                flush=True,
            )
    if missed:
        sys.exit(f"{missed} limits were missed")


if __name__ == "__main__":
    main()
