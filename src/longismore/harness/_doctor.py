"""Examine the installation: what ``longismore doctor`` prints."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from longismore._autoload import LmEvalFinder
from longismore.errors import LongismoreError
from longismore.harness import TASKS_FOLDER
from longismore.harness._lm_eval import check_version
from longismore.store import Store, default_store_path
from longismore.testsets import TESTSETS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["examine"]

_PACKAGES = {
    "aiohttp": "openai",
    "openai": "openai",
    "anthropic": "anthropic",
    "google-genai": "google",
    "torch": "hf",
    "transformers": "hf",
    "vllm": "vllm",
    "alpaca_eval": "alpaca",
    "pyarrow": "parquet",
    "matplotlib": "plot",
    "polars": "select",
    "ray": "ray",
    "trl": "train",
    "bitsandbytes": "qlora",
    "fschat": "fastchat",
}
"""Packages of extras, with the extra that brings each."""
_KEYS = {
    "OPENAI_API_KEY": "openai/MODEL",
    "ANTHROPIC_API_KEY": "anthropic/MODEL",
    "GOOGLE_API_KEY": "google/MODEL, GEMINI_API_KEY will do too",
}
"""Where keys of providers are looked for, and for which judges."""


def examine(environ: Mapping[str, str], *, testsets_folder: Path | None) -> dict[str, Any]:
    """Look at everything the main job needs.

    Returns:
        ``{"ok": bool, "checks": {title: [{"name", "state", "found", "remedy"}]}}``; a state is ``ok``,
        ``missing`` (optional) or ``bad`` (the main job cannot run). Keys are never shown, only whether they are set.
    """
    checks = {
        "Versions": [_ours(), _host(), *(_package(name, extra) for name, extra in _PACKAGES.items())],
        "Hosts": [_hook(environ)],
        "Keys of judges": [_key(name, environ) for name in _KEYS],
        "Test sets": [_testset(name, testsets_folder) for name in TESTSETS.names()],
        "Store of paid answers": [_store(environ)],
    }
    ok = all(check["state"] != "bad" for group in checks.values() for check in group)
    return {"ok": ok, "checks": checks}


def _check(name: str, state: str, found: str, remedy: str | None = None) -> dict[str, Any]:
    return {"name": name, "state": state, "found": found, "remedy": remedy}


def _ours() -> dict[str, Any]:
    return _check("longismore", "ok", f"{version('longismore')}, Python {platform.python_version()}")


def _host() -> dict[str, Any]:
    try:
        check_version()
        return _check("lm_eval", "ok", version("lm_eval"))
    except PackageNotFoundError:
        return _check("lm_eval", "bad", "not installed", 'pip install "lm-eval>=0.4.12,<0.5"')
    except LongismoreError as error:
        return _check("lm_eval", "bad", str(error))


def _package(name: str, extra: str) -> dict[str, Any]:
    try:
        return _check(name, "ok", version(name))
    except PackageNotFoundError:
        return _check(name, "missing", "not installed", f'pip install "longismore[{extra}]"')


def _hook(environ: Mapping[str, str]) -> dict[str, Any]:
    name = "lm_eval finds our tasks"
    if LmEvalFinder in sys.meta_path:
        return _check(name, "ok", f"by the start-up hook (longismore_autoload.pth), from {TASKS_FOLDER}")
    reason = (
        "switched off by LONGISMORE_AUTOLOAD=0"
        if environ.get("LONGISMORE_AUTOLOAD") == "0"
        else "longismore_autoload.pth was not run (installed with --target, or python -S?)"
    )
    return _check(
        name, "missing", reason, f"use `longismore eval ...`, or lm_eval run --include_path {TASKS_FOLDER} ..."
    )


def _key(name: str, environ: Mapping[str, str]) -> dict[str, Any]:
    if environ.get(name):
        return _check(name, "ok", "set")
    return _check(name, "missing", "not set", f"export {name}=... for judges {_KEYS[name]}")


def _testset(name: str, folder: Path | None) -> dict[str, Any]:
    testset = TESTSETS.get(name)
    if testset.is_at_hand(folder):
        return _check(name, "ok", f"{testset.size} instructions")
    remedy = f"put its file into {folder} (LONGISMORE_TESTSETS)" if folder else f"longismore testsets fetch {name}"
    return _check(name, "missing", "not at hand", remedy)


def _store(environ: Mapping[str, str]) -> dict[str, Any]:
    path = environ.get("LONGISMORE_STORE") or default_store_path()
    try:
        with Store(path) as store:
            return _check("database", "ok", f"{store.count()} answers in {store.path}")
    except LongismoreError as error:
        return _check("database", "bad", str(error))
