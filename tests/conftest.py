"""What every test can rely on: a home folder of its own, no network, and a few pairs to judge."""

from __future__ import annotations

import ipaddress
import logging
import os
import shutil
import socket
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from longismore.records import Answer, Judgment, Order, Pair, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = count()
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SETTINGS = ("LONGISMORE_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "HF_")

# Time never decides a test, and the same checkout gives the same result.
settings.register_profile("longismore", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("longismore")


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def _own_home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has an empty home folder, and no setting of whoever runs the tests."""
    home = _homes / str(next(_numbers))
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(_SETTINGS) and name != "LONGISMORE_TEST_DATA":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A log that a test has joined with lm_eval's writes to that test's stderr, which is closed by the next."""
    log = logging.getLogger("longismore")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield
    log.handlers, log.level, log.propagate = handlers, level, propagate


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the loopback interface can be reached."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_unless_loopback(host)
        return ask(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            _refuse_unless_loopback(address[0])
        return connect(self, address)

    return guarded


def _refuse_unless_loopback(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        local = name in {None, "", "localhost"} or ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = False
    if not local:
        raise OSError(f"a test tried to reach {name}; only the loopback interface is open to tests")


@pytest.fixture
def data() -> Path:
    """The folder of published files that tests compare with; they are no part of this project."""
    path = Path(os.environ.get("LONGISMORE_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"the published files are not at {path}; set LONGISMORE_TEST_DATA")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, headless."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(_BROWSERS)}")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def make_pair() -> Callable[..., Pair]:
    """Make a pair; what is not given is the same for all."""

    def make(
        id: str = "one",  # noqa: A002  the field's own name
        *,
        reference: str = "Salt lowers the freezing point.",
        candidate: str = "Because it melts, and melts, and melts.",
        prompt: str = "Why does salt melt ice?",
        testset: str = "mini",
    ) -> Pair:
        return Pair(
            id=id,
            testset=testset,
            prompt=prompt,
            reference=Answer("base", reference),
            candidate=Answer("tuned", candidate),
        )

    return make


@pytest.fixture
def pairs(make_pair: Callable[..., Pair]) -> list[Pair]:
    """Three pairs of different answers."""
    return [
        make_pair("one"),
        make_pair("two", prompt="Name a river.", reference="The Rhine.", candidate="The Rhine, I believe."),
        make_pair("three", prompt="Count to three.", reference="1, 2, 3", candidate="one two three"),
    ]


@pytest.fixture
def make_judgment(make_pair: Callable[..., Pair]) -> Callable[..., Judgment]:
    """Make a judgment of a pair: a win of the candidate, unless other fields are given."""

    def make(pair: Pair | None = None, order: Order = Order.REFERENCE_FIRST, **fields: Any) -> Judgment:
        pair = pair or make_pair()
        values: dict[str, Any] = {
            "judge": "openai/test-judge",
            "fingerprint": "f" * 64,
            "status": Status.JUDGED,
            "score_reference": 6.0,
            "score_candidate": 8.0,
            "preference": 1.0,
            "completion": "6 8\nThe second one says why.",
            "input_tokens": 300,
            "output_tokens": 12,
            "latency_s": 0.25,
            "created": "2025-01-02T03:04:05+00:00",
        }
        return Judgment(
            id=pair.id,
            testset=pair.testset,
            prompt=pair.prompt,
            reference=pair.reference,
            candidate=pair.candidate,
            order=order,
            **(values | fields),
        )

    return make


@pytest.fixture
def swap() -> Callable[[Pair], Pair]:
    """Exchange the roles of the two models of a pair."""

    def swapped(pair: Pair) -> Pair:
        return Pair(
            id=pair.id,
            testset=pair.testset,
            prompt=pair.prompt,
            reference=pair.candidate,
            candidate=pair.reference,
        )

    return swapped
