"""The demonstration: one paper's question in miniature, on a processor and offline, from data to a report.

This package stands above the rooms, and uses them as a study does. Its numbers mean nothing.
"""

from __future__ import annotations

from longismore.demo._run import DemoResult, check_packages, run_demo
from longismore.demo._settings import SMALL, Sizes
from longismore.demo._teller import Silent, Teller

__all__ = ["SMALL", "DemoResult", "Silent", "Sizes", "Teller", "check_packages", "run_demo"]
