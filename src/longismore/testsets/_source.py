"""Fetch a published file once, and prove at every use that it is the published one.

Files come from a pinned address into a cache folder, or, on machines without network, from a folder that
somebody filled by hand; the checksum holds for both. A download goes to a temporary neighbour and is renamed
only when it is complete and right, so that the cache never holds half a file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from longismore.errors import ChecksumError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["cache_folder", "fetch", "folder_in", "is_at_hand"]

logger = logging.getLogger(__name__)


def folder_in(environ: Mapping[str, str]) -> Path | None:
    """The folder of published files that LONGISMORE_TESTSETS names, or nothing."""
    text = environ.get("LONGISMORE_TESTSETS")
    return Path(text) if text else None


def cache_folder() -> Path:
    """Where fetched files are kept: ``testsets`` in the user's cache folder of longismore."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("longismore")) / "testsets"


def fetch(
    address: str,
    sha256: str,
    *,
    folder: Path | None = None,
    cache: Path | None = None,
    name: str | None = None,
    command: str = "longismore testsets fetch",
) -> Path:
    """Give the path of a published file, downloading it if need be.

    Args:
        address: Where the file is published.
        sha256: Checksum of the published bytes, in hexadecimal digits.
        folder: Take the file from here, whatever the cache holds, and never use the network.
        cache: Keep downloads here; without it, in :func:`cache_folder`.
        name: Of the file in the folder and in the cache, perhaps with a folder of its own (``mt_bench/a.jsonl``);
            without it, the last part of the address.
        command: What gets the file on a machine with network, for messages.

    Raises:
        DataError: The file is not in *folder*, or cannot be downloaded.
        ChecksumError: The file is not the published one.
    """
    name = name or _last_part(address)
    path = (folder or cache or cache_folder()) / name
    if not path.exists():
        if folder is not None:
            raise DataError(_not_in_folder(path, address, sha256))
        _download(address, sha256, path, _by_hand(name, command))
    _check(path, sha256, address)
    return path


def is_at_hand(
    address: str, sha256: str, *, folder: Path | None = None, cache: Path | None = None, name: str | None = None
) -> bool:
    """Whether :func:`fetch` with the same arguments would succeed without the network."""
    path = (folder or cache or cache_folder()) / (name or _last_part(address))
    return path.is_file() and _sha256(path.read_bytes()) == sha256


def _last_part(address: str) -> str:
    return address.rpartition("/")[2]


def _not_in_folder(path: Path, address: str, sha256: str) -> str:
    problem = "has no file" if path.parent.is_dir() else "is not a folder; it should hold"
    return (
        f"{path.parent}: {problem} {path.name}; put it there from {address} (sha256 {sha256}); "
        "nothing is fetched while a folder is given"
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check(path: Path, sha256: str, address: str) -> None:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if _sha256(data) != sha256:
        raise ChecksumError(
            f"{path}: not the published file: {_difference(data, sha256)}; delete it and fetch it again from {address}"
        )


def _difference(data: bytes, sha256: str) -> str:
    """Name both checksums, and the cause where it is the usual one."""
    found = f"sha256 {_sha256(data)} found, {sha256} expected"
    unix = data.replace(b"\r\n", b"\n")
    if sha256 in {_sha256(unix), _sha256(unix.replace(b"\n", b"\r\n"))}:
        return f"{found}; only line ends differ, as git with core.autocrlf and some editors change them"
    return found


def _download(address: str, sha256: str, path: Path, by_hand: str) -> None:
    import pooch
    import requests

    logger.info("fetching %s to %s", address, path.parent)
    responses: list[requests.Response] = []
    get = pooch.HTTPDownloader(
        progressbar=_shows_progress(),
        hooks={"response": lambda response, **_: responses.append(response)},
    )

    def get_and_check(url: str, output_file: str, pooch_: object) -> None:
        # pooch checks as well, but its message would have to be taken apart to name the checksum found.
        get(url, output_file, pooch_)
        data = Path(output_file).read_bytes()
        if _sha256(data) != sha256:
            raise ChecksumError(
                f"{url}: what came is not the published file: {_difference(data, sha256)}; nothing was kept; "
                f"fetch it again, in case a proxy answered instead, or {by_hand}"
            )

    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(
                address,
                known_hash=f"sha256:{sha256}",
                fname=path.name,
                path=path.parent,
                downloader=get_and_check,
            )
    except requests.exceptions.RequestException as error:
        raise DataError(f"{address}: {_cause(error)}; {by_hand}; sha256 {sha256}") from error
    except OSError as error:
        raise DataError(f"{path.parent}: the cache folder cannot be written: {error}") from error
    finally:
        for response in responses:  # pooch leaves one that broke off open
            response.close()


def _cause(error: Exception) -> str:
    import requests

    match error:
        case requests.exceptions.HTTPError():
            return f"not fetched, the server answered: {error}"
        case requests.exceptions.ConnectionError() | requests.exceptions.Timeout():
            return f"not fetched, no connection: {error}"
        case _:
            return f"not fetched, the download broke off: {error}"


def _by_hand(name: str, command: str) -> str:
    folder, _, file = name.rpartition("/")
    place = f"the folder {folder} of a folder DIR" if folder else "a folder DIR"
    return (
        f"without network, put {file} into {place} and set LONGISMORE_TESTSETS=DIR; "
        f'"{command}" gets the files on a machine with network'
    )


def _shows_progress() -> bool:
    return sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None


@contextmanager
def _quiet(other: logging.Logger) -> Iterator[None]:
    """Keep pooch from printing: its logger has a handler of its own, out of reach of the user's settings."""
    level = other.level
    other.setLevel(logging.WARNING)
    try:
        yield
    finally:
        other.setLevel(level)
