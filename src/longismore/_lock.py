"""Let one process at a time work at a place."""

from __future__ import annotations

import errno
import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from longismore.errors import BusyError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["alone"]

logger = logging.getLogger(__name__)

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_POLL_S = 0.5


@contextmanager
def alone(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock that ends with the process, however that ends; the file itself means nothing and stays.

    On a file system that has no locks the work goes on without one, which is logged.

    Args:
        path: Of the file that is locked; its folder is made.
        wait: Whether to wait for another process, which is logged, too.

    Raises:
        BusyError: Another process has it, and *wait* is false.
        DataError: Its folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    lock: Any = FileLock(path)  # it may become one of another class
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "flock not supported")
                lock.acquire(timeout=0)
        except Timeout as error:
            if isinstance(lock, FileLock):
                if not wait:
                    told = f"{path.parent}: another process is at work there; wait until it has ended"
                    raise BusyError(told) from error
                logger.info("waiting for another process, which has locked %s", path)
                lock.acquire(poll_interval=_POLL_S)
        if not isinstance(lock, FileLock):
            # Where there are no locks, filelock takes a file for one, which a killed process would leave behind.
            lock.release()
            raise NotImplementedError
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise DataError(f"{path.parent}: cannot be written to: {error.strerror or error}") from error
        logger.warning("%s: this file system has no locks; let no two processes work there at once", path.parent)
    try:
        yield
    finally:
        lock.release()
