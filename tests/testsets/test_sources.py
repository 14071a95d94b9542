"""Fetching published files, against a real server on the loopback interface."""

from __future__ import annotations

import gc
import hashlib
import logging
import socket
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pooch
import pytest

from longismore.errors import ChecksumError, DataError
from longismore.testsets import _source
from longismore.testsets._source import cache_folder, fetch, is_at_hand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLISHED = b'{"prompt": "one"}\r\n{"prompt": "two"}\r\n'
SHA256 = hashlib.sha256(PUBLISHED).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    """Serves the right bytes, wrong ones, half of them, or none."""

    def do_GET(self) -> None:
        self.server.requests.append(self.path)  # type: ignore[attr-defined]
        bodies = {
            "/right/set.jsonl": PUBLISHED,
            "/wrong/set.jsonl": b"other",
            "/half/set.jsonl": PUBLISHED[:9],
        }
        if self.path not in bodies:
            self.send_error(404)
            return
        self.send_response(200)
        length = len(PUBLISHED) if self.path.startswith("/half") else len(bodies[self.path])
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(bodies[self.path])

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """Run a server that records what is asked of it."""
    monkeypatch.setenv("NO_PROXY", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.requests = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(server: ThreadingHTTPServer, kind: str) -> str:
    """Where *server* serves the file in that state."""
    return f"http://127.0.0.1:{server.server_port}/{kind}/set.jsonl"


def test_a_file_is_fetched_once(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    """The second call takes the file from the cache; its bytes are the published ones, CRLF included."""
    paths = [fetch(address(server, "right"), SHA256, cache=tmp_path / "cache") for _ in range(2)]
    assert [tmp_path / "cache" / "set.jsonl"] * 2 == paths
    assert paths[0].read_bytes() == PUBLISHED
    assert ["/right/set.jsonl"] == server.requests  # type: ignore[attr-defined]


def test_a_fetch_is_logged_and_pooch_is_quiet(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The logger of pooch prints to the terminal, whatever the user has set; it is as before afterwards."""
    theirs = pooch.get_logger()
    monkeypatch.setattr(theirs, "handlers", [caplog.handler])
    before = theirs.level
    with caplog.at_level(logging.INFO):
        fetch(address(server, "right"), SHA256, cache=tmp_path)
    assert [f"fetching {address(server, 'right')} to {tmp_path}"] == caplog.messages
    assert before == theirs.level


@pytest.mark.parametrize("kind", ["half", "absent"])
def test_a_failed_download_leaves_no_connection_open(server: ThreadingHTTPServer, tmp_path: Path, kind: str) -> None:
    """Python would warn of it at some later time, in another place."""
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(DataError):
            fetch(address(server, kind), SHA256, cache=tmp_path)
        gc.collect()
    assert [] == [str(warning.message) for warning in caught]


def test_wrong_bytes_are_named_and_not_kept(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    """The error has both checksums and a way out, and the cache stays empty."""
    with pytest.raises(ChecksumError) as caught:
        fetch(address(server, "wrong"), SHA256, cache=tmp_path)
    message = str(caught.value)
    assert f"sha256 {hashlib.sha256(b'other').hexdigest()} found, {SHA256} expected" in message
    assert "fetch it again" in message
    assert "LONGISMORE_TESTSETS=DIR" in message
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "cause"), [("half", "broke off"), ("absent", "404")])
def test_a_failed_download_leaves_nothing(server: ThreadingHTTPServer, tmp_path: Path, kind: str, cause: str) -> None:
    """Half a file never stays in the cache; the error names the address and what to do."""
    with pytest.raises(DataError) as caught:
        fetch(address(server, kind), SHA256, cache=tmp_path)
    message = str(caught.value)
    assert message.startswith(address(server, kind))
    assert cause in message
    assert "LONGISMORE_TESTSETS=DIR" in message
    assert [] == list(tmp_path.iterdir())


def test_a_failed_download_can_be_repeated(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    """After a download that broke off, the next one succeeds."""
    with pytest.raises(DataError):
        fetch(address(server, "half"), SHA256, cache=tmp_path)
    assert fetch(address(server, "right"), SHA256, cache=tmp_path).read_bytes() == PUBLISHED


def test_without_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, checksum, folder and command stand in the message."""
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/set.jsonl"
        with pytest.raises(DataError) as caught:
            fetch(url, SHA256, cache=tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{url}: not fetched, no connection")
    assert SHA256 in message
    assert "put set.jsonl into a folder DIR and set LONGISMORE_TESTSETS=DIR" in message
    assert '"longismore testsets fetch" gets the files on a machine with network' in message


def test_a_cache_that_cannot_be_written_is_named(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    """A cache folder whose place is taken by a file is an error about that folder."""
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError, match="the cache folder cannot be written") as caught:
        fetch(address(server, "right"), SHA256, cache=tmp_path / "cache")
    assert str(caught.value).startswith(str(tmp_path / "cache"))


def test_a_given_folder_is_used_without_network(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    """The file comes from the folder, and no request is made."""
    (tmp_path / "set.jsonl").write_bytes(PUBLISHED)
    assert tmp_path / "set.jsonl" == fetch(address(server, "right"), SHA256, folder=tmp_path)
    assert [] == server.requests  # type: ignore[attr-defined]


@pytest.mark.parametrize(("folder", "problem"), [("", "has no file set.jsonl"), ("nowhere", "is not a folder")])
def test_a_given_folder_without_the_file_never_falls_back_to_the_network(
    server: ThreadingHTTPServer, tmp_path: Path, folder: str, problem: str
) -> None:
    """Even though the server and the cache have the file; the error says what is to be put where."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "set.jsonl").write_bytes(PUBLISHED)
    with pytest.raises(DataError) as caught:
        fetch(address(server, "right"), SHA256, folder=tmp_path / folder, cache=tmp_path / "cache")
    message = str(caught.value)
    assert problem in message
    assert f"put it there from {address(server, 'right')} (sha256 {SHA256})" in message
    assert [] == server.requests  # type: ignore[attr-defined]


def test_other_line_ends_are_recognised(tmp_path: Path) -> None:
    """A file that git or an editor converted is refused, and the error says why."""
    (tmp_path / "set.jsonl").write_bytes(PUBLISHED.replace(b"\r\n", b"\n"))
    with pytest.raises(ChecksumError, match="only line ends differ, as git"):
        fetch("http://localhost/set.jsonl", SHA256, folder=tmp_path)


def test_a_spoiled_cache_is_an_error_that_says_delete(tmp_path: Path) -> None:
    """A cached file with other bytes is not used, and not silently replaced."""
    (tmp_path / "set.jsonl").write_bytes(b"spoiled")
    with pytest.raises(ChecksumError, match=r"delete it and fetch it again from http://localhost/set.jsonl"):
        fetch("http://localhost/set.jsonl", SHA256, cache=tmp_path)
    assert b"spoiled" == (tmp_path / "set.jsonl").read_bytes()


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    """Somebody unpacked an archive: the message names the path."""
    (tmp_path / "set.jsonl").mkdir()
    with pytest.raises(DataError, match=r"set\.jsonl: cannot be read"):
        fetch("http://localhost/set.jsonl", SHA256, folder=tmp_path)


@pytest.mark.parametrize(("content", "expected"), [(PUBLISHED, True), (b"spoiled", False), (None, False)])
def test_at_hand_means_present_and_right(tmp_path: Path, content: bytes | None, expected: bool) -> None:
    """A file with other bytes is not at hand."""
    if content is not None:
        (tmp_path / "set.jsonl").write_bytes(content)
    url = "http://localhost/set.jsonl"
    assert expected is is_at_hand(url, SHA256, folder=tmp_path)
    assert expected is is_at_hand(url, SHA256, cache=tmp_path)


def test_the_cache_is_in_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written beside the code or the data of a run."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    assert tmp_path / "longismore" / "testsets" == cache_folder()


@pytest.mark.parametrize(("is_terminal", "has_tqdm"), [(True, True), (True, False), (False, True)])
def test_progress_is_shown_on_a_terminal_with_tqdm(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, has_tqdm: bool
) -> None:
    """A log file gets no progress bar, and a missing tqdm is no error."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object() if has_tqdm else None)
    assert (is_terminal and has_tqdm) is _source._shows_progress()


def test_a_file_may_have_another_name_here(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    """Files of several sources would have one name else: folder and cache know it by its own, and messages say it."""
    name = "mt_bench/question.jsonl"
    kept = fetch(address(server, "right"), SHA256, cache=tmp_path / "cache", name=name)
    assert tmp_path / "cache" / "mt_bench" / "question.jsonl" == kept
    assert is_at_hand(address(server, "right"), SHA256, folder=tmp_path / "cache", name=name)
    assert not is_at_hand(address(server, "right"), SHA256, folder=tmp_path / "cache")
    assert kept == fetch(address(server, "absent"), SHA256, folder=tmp_path / "cache", name=name)
    with pytest.raises(DataError, match=r"mt_bench: is not a folder; it should hold question\.jsonl; put it there"):
        fetch(address(server, "right"), SHA256, folder=tmp_path, name=name)
    message = r"put question\.jsonl into the folder mt_bench of a folder DIR .* \"longismore mtbench fetch\" gets"
    with pytest.raises(DataError, match=message):
        fetch(address(server, "absent"), SHA256, cache=tmp_path, name=name, command="longismore mtbench fetch")
