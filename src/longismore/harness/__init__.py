"""The hosts: everything that knows lm_eval and alpaca_eval from the inside.

Importing this package imports no host.
"""

from __future__ import annotations

from pathlib import Path

from longismore.harness._alpaca_official import official_lc
from longismore.harness._alpaca_plugin import register as register_alpaca_eval

__all__ = ["TASKS_FOLDER", "official_lc", "register_alpaca_eval"]

TASKS_FOLDER = Path(__file__).parent / "tasks"
"""The folder of task files, for ``lm_eval --include_path`` where the hook does not work."""
