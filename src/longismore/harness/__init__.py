"""The hosts: everything that knows lm_eval (and, one day, alpaca_eval) from the inside.

Importing this package imports no host.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["TASKS_FOLDER"]

TASKS_FOLDER = Path(__file__).parent / "tasks"
"""The folder of task files, for ``lm_eval --include_path`` where the hook does not work."""
