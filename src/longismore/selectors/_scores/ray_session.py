"""A Ray that is there as long as it is needed, and does not talk."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from longismore._optional import require
from longismore.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

__all__ = ["running_ray"]

_CONNECT_S = 10.0
_STORE_BYTES = 256 * 2**20
"""Of shared memory: only numbers of shards go through it."""
_LOOPBACK = ("ENABLE_RAY_CLUSTER", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")
"""Ray's setting, and its environment variable, by which all its processes listen on loopback only."""
_LOCAL = {
    _LOOPBACK[1]: "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

_RAYS_OWN = ("RAY_", "PYTHONBREAKPOINT")
"""Environment variables that Ray sets, and leaves."""


@contextmanager
def running_ray(address: str | None, *, workers: int | None) -> Iterator[ModuleType]:
    """Join a cluster, or start Ray here, unless this process has done so already; what was begun is ended.

    Yields:
        ``ray.data``.

    Raises:
        MissingDependencyError: Ray is not installed.
        UsageError: There is no cluster at *address*.
    """
    # Ray prints what becomes of its workers, and standard output is for results.
    with _settings({} if address else _LOCAL), _own_signals(), redirect_stdout(sys.stderr):
        ray, ray_data = require("ray", extra="ray"), require("ray.data", extra="ray")
        with _quiet("ray", "ray.data"):
            if ray.is_initialized():
                yield ray_data
                return
            try:
                _join(address, workers)
            except (OSError, RuntimeError, ValueError) as error:
                raise UsageError(f"Ray cannot be reached at {address or 'this machine'}: {error}") from error
            try:
                yield ray_data
            finally:
                ray.shutdown()


def _join(address: str | None, workers: int | None) -> None:
    ray = require("ray", extra="ray")
    how = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
    if address is None:
        with _loopback():
            count = max(workers or 0, os.cpu_count() or 1)
            ray.init("local", num_cpus=count, object_store_memory=_STORE_BYTES, **how)
        return
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if host and port.isdecimal():  # Ray itself would try for minutes
        with socket.create_connection((host, int(port)), timeout=_CONNECT_S):
            pass
    ray.init(address, **how)


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Let these logs be silent; Ray keeps them in files of its own too."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)


@contextmanager
def _settings(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for processes started now; those that are set already stay, and Ray's own go again."""
    before = set(os.environ)
    os.environ.update({name: value for name, value in values.items() if name not in before})
    try:
        yield
    finally:
        for name in list(os.environ):
            if name not in before and name.startswith(_RAYS_OWN):
                del os.environ[name]


@contextmanager
def _loopback() -> Iterator[None]:
    """The variable is read when Ray is imported, which may have been before."""
    constants = require("ray._private.ray_constants", extra="ray")
    before = getattr(constants, _LOOPBACK[0], None)
    setattr(constants, _LOOPBACK[0], False)
    try:
        yield
    finally:
        setattr(constants, _LOOPBACK[0], before)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM over and keeps it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
