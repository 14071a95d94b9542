"""A judge behind a real OpenAI-compatible server that is not OpenAI's: ``transformers serve`` with a tiny model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from longismore.errors import ConfigError
from longismore.judges import JudgeOptions, make_judge
from longismore.records import Answer, Pair, Status
from longismore.store import Store
from longismore.testsets import TESTSETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.records import Judgment

MISSING = [name for name in ("torch", "transformers", "fastapi", "uvicorn", "aiohttp") if find_spec(name) is None]
PROGRAM = Path(sys.executable).with_name("transformers")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(not PROGRAM.exists(), reason=f"there is no command {PROGRAM}"),
]

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_tiny_model.py"
READY_WITHIN_S = 120.0
STOPPED_WITHIN_S = 20.0


def offline(home: Path) -> dict[str, str]:
    """An environment without a network and without settings of whoever runs the tests."""
    left_out = ("LONGISMORE_", "OPENAI_", "XDG_", "HF_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    (home / "hf" / "hub").mkdir(parents=True, exist_ok=True)  # without it, the server cannot list its models
    return environment | {"HOME": str(home), "HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def free_port() -> int:
    """A port at which nobody listens at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def serving(model: Path, home: Path) -> Iterator[str]:
    """Start the server, wait until it answers, and stop this very process in any case."""
    port, log = free_port(), home / "serve.log"
    command = [str(PROGRAM), "serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=offline(home), cwd=home, stdout=output, stderr=subprocess.STDOUT)
    try:
        base_url = f"http://127.0.0.1:{port}/v1"
        wait_for(process, f"{base_url}/models", log)
        yield base_url
    finally:
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Return as soon as the address answers."""
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the server is not ready: {log.read_text(encoding='utf-8', errors='replace')[-3000:]}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, made by its script."""
    path = tmp_path_factory.mktemp("model") / "tiny"
    environment = offline(path.parent)
    subprocess.run(
        [sys.executable, str(SCRIPT), "--output", str(path)], env=environment, capture_output=True, check=True
    )
    return path


@pytest.fixture(scope="module")
def base_url(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the running server."""
    with serving(model, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def two_pairs() -> list[Pair]:
    """Two instructions of the test set mini, each with two short answers."""
    examples = TESTSETS.get("mini").load()[:2]
    return [
        Pair(
            id=example.id,
            testset="mini",
            prompt=example.prompt,
            reference=Answer("base", "I do not know."),
            candidate=Answer("tuned", "It depends on what you need."),
        )
        for example in examples
    ]


def judge_at(base_url: str, model: Path, **changes: Any) -> Any:
    """The judge ``openai/DIR``: the server knows its model by the folder."""
    return make_judge(f"openai:{model}", JudgeOptions(base_url=base_url, **changes))


def test_pairs_are_judged(base_url: str, model: Path, two_pairs: list[Pair], tmp_path: Path) -> None:
    """Every call is answered; a tiny model babbles, so that answers may be unparsed, but none is failed."""
    made: list[Judgment] = []
    with Store(tmp_path / "store.sqlite") as store:
        judge = judge_at(base_url, model, max_tokens=8)
        judge.check([], store)
        judge.judge(two_pairs, store=store, on_judgment=made.append)
        assert (4, 4) == (len(made), store.count())
        judge_at(base_url, model, max_tokens=8).judge(two_pairs, store=store, on_judgment=made.append)
    assert {Status.JUDGED, Status.UNPARSED} >= {one.status for one in made}
    assert all(one.input_tokens is not None and one.input_tokens > 50 for one in made)
    assert all(one.output_tokens is not None and 0 < one.output_tokens <= 8 for one in made)
    assert {None} == {one.cost_usd for one in made}
    assert sorted(map(str, made[:4])) == sorted(map(str, made[4:]))


def test_missing_log_probabilities_are_an_error(base_url: str, model: Path, tmp_path: Path) -> None:
    """This server takes the wish for log-probabilities and does not fulfil it: said before any pair is sent."""
    judge = judge_at(base_url, model, protocol="logprob")
    with Store(tmp_path / "store.sqlite") as store:
        with pytest.raises(ConfigError, match="log-probabilities"):
            judge.check([], store)
        assert (0, 0) == (store.count(), judge.usage.sent)
