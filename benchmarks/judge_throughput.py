"""How many judge calls a second, against the most that so many in flight allow, beside other clients.

    python benchmarks/judge_throughput.py                      # all clients, 64 and 512 in flight, 200 ms latency
    python benchmarks/judge_throughput.py --clients longismore --in-flight 64 --seconds 20

The project's loopback server answers after a fixed latency; server and client have a processor core each, and
every client runs in a process of its own, one after another. The limit is calls in flight / latency. The row
``longismore`` is everything that a run does with a call: render, hash, look up, claim, send, read, store, judge.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER = Path(__file__).parents[1] / "tests" / "judge_server.py"
KEY = "sk-none"
MODEL = "test-judge"
WORDS = [
    "the",
    "model",
    "answers",
    "a",
    "question",
    "about",
    "history",
    "with",
    "care",
    "and",
    "says",
    "why",
    "it",
    "is",
]


def prompts(number: int, *, seed: int) -> list[tuple[str, str, str]]:
    """Instructions with two answers each, which make prompts of 3 to 6 kB."""
    rng = random.Random(seed)  # noqa: S311  the same texts in every run

    def text(chars: int) -> str:
        words: list[str] = []
        while chars > 0:
            words.append(rng.choice(WORDS))
            chars -= len(words[-1]) + 1
        return " ".join(words)

    # A few thousand texts serve for any number of calls: the id makes each call another one.
    lengths = [(200, rng.randrange(800, 1700), rng.randrange(800, 1700)) for _ in range(min(number, 2000))]
    pool = [(text(asked), text(one), text(two)) for asked, one, two in lengths]
    return [pool[index % len(pool)] for index in range(number)]


def chats(number: int, seed: int) -> list[list[dict[str, str]]]:
    """The same as chats, for clients that know nothing of judging."""
    from longismore.judges._score_pair import ScorePair
    from longismore.records import Answer, Order, Pair

    protocol = ScorePair()
    return [
        protocol.render(
            Pair(id=str(index), testset="bench", prompt=prompt, reference=Answer("r", one), candidate=Answer("c", two)),
            Order.REFERENCE_FIRST,
        )
        for index, (prompt, one, two) in enumerate(prompts(number, seed=seed))
    ]


def run_longismore(base_url: str, in_flight: int, number: int, seed: int) -> Callable[[], int]:
    """Our own path, from pairs to stored judgments."""
    from longismore.judges import JudgeOptions, make_judge
    from longismore.records import Answer, Pair
    from longismore.store import Store

    pairs = [
        Pair(id=str(index), testset="bench", prompt=prompt, reference=Answer("r", one), candidate=Answer("c", two))
        for index, (prompt, one, two) in enumerate(prompts(number // 2, seed=seed))
    ]
    judge = make_judge(f"openai/{MODEL}", JudgeOptions(base_url=base_url, concurrency=in_flight))

    def work() -> int:
        made: list[Any] = []
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store.sqlite") as store:
            judge.judge(pairs, store=store, on_judgment=made.append)
        return sum(judgment.status == "judged" for judgment in made)

    return work


def run_sdk(base_url: str, in_flight: int, number: int, seed: int, *, fast: bool) -> Callable[[], int]:
    """OpenAI's own package, one client for all calls."""
    import openai

    todo = chats(number, seed)

    async def all_calls() -> int:
        http = openai.DefaultAioHttpClient() if fast else None
        async with openai.AsyncOpenAI(base_url=base_url, api_key=KEY, max_retries=0, http_client=http) as client:
            calls = iter(todo)
            done = 0

            async def worker() -> None:
                nonlocal done
                for messages in calls:
                    answer = await client.chat.completions.create(
                        model=MODEL,
                        messages=messages,
                        max_tokens=1024,
                        temperature=0.0,  # type: ignore[arg-type]
                    )
                    done += bool(answer.choices[0].message.content)

            await asyncio.gather(*(worker() for _ in range(in_flight)))
            return done

    return lambda: asyncio.run(all_calls())


def run_alpaca_eval(base_url: str, in_flight: int, number: int, seed: int) -> Callable[[], int]:
    """The decoder of alpaca_eval, as it comes: threads, a new client for every call."""
    os.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_API_BASE": base_url, "OPENAI_MAX_CONCURRENCY": str(in_flight)}
    from alpaca_eval.decoders.openai import openai_completions

    todo = [
        "".join(f"<|im_start|>{each['role']}\n{each['content']}\n<|im_end|>\n" for each in messages)
        for messages in chats(number, seed)
    ]

    def work() -> int:
        made = openai_completions(
            todo, model_name=MODEL, max_tokens=1024, num_procs=in_flight, openai_api_base=base_url
        )
        return sum(bool(text) for text in made["completions"])

    return work


def run_one_by_one(base_url: str, _: int, number: int, seed: int) -> Callable[[], int]:
    """One call after another, as the papers' own scripts do it, without their pause of a second."""
    import openai

    todo = chats(number, seed)

    def work() -> int:
        with openai.OpenAI(base_url=base_url, api_key=KEY, max_retries=0) as client:
            answers = [
                client.chat.completions.create(model=MODEL, messages=messages, max_tokens=1024)  # type: ignore[arg-type]
                for messages in todo
            ]
        return sum(bool(answer.choices[0].message.content) for answer in answers)

    return work


CLIENTS: dict[str, tuple[str, Callable[[str, int, int, int], Callable[[], int]]]] = {
    "longismore": ("longismore", run_longismore),
    "sdk-aiohttp": ("openai SDK, aiohttp transport", lambda *given: run_sdk(*given, fast=True)),
    "sdk": ("openai SDK", lambda *given: run_sdk(*given, fast=False)),
    "alpaca_eval": ("alpaca_eval's decoder", run_alpaca_eval),
    "one-by-one": ("openai SDK, one at a time", run_one_by_one),
}
USUAL_RATES = {"longismore": None, "sdk-aiohttp": 700, "sdk": 350, "alpaca_eval": 30, "one-by-one": 5}
"""Calls a second that a client is taken for, so that each runs about as long."""


def measure(name: str, base_url: str, in_flight: int, number: int) -> dict[str, float]:
    """In this process: make the calls, and say what they took."""
    work = CLIENTS[name][1](base_url, in_flight, number, 0)
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"calls": number, "done": done, "wall_s": wall, "cpu_s": cpu, "rss_mib": rss}


def on_core(core: int) -> None:
    """Keep this process on one core, where there is more than one and the system can do it."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


def start_server(latency_s: float, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The project's loopback server on the first core."""
    port_file = folder / "port"
    options = ["--port-file", str(port_file), "--latency-s", str(latency_s), "--reply", "first"]
    on_core(0)  # inherited by the server
    server = subprocess.Popen([sys.executable, str(SERVER), *options])
    while not port_file.exists():
        if server.poll() is not None:
            sys.exit("the server does not start")
        time.sleep(0.05)
    return server, f"http://127.0.0.1:{port_file.read_text().strip()}/v1"


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description="judge calls a second, beside other clients")
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    parser.add_argument("--in-flight", nargs="+", type=int, default=[64, 512])
    parser.add_argument("--latency-s", type=float, default=0.2)
    parser.add_argument("--seconds", type=float, default=20.0, help="about so long each")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        name, base_url, in_flight, number = chosen.child
        on_core(1)
        json.dump(measure(name, base_url, int(in_flight), int(number)), sys.stdout)
        return
    with tempfile.TemporaryDirectory() as folder:
        server, base_url = start_server(chosen.latency_s, Path(folder))
        try:
            table(chosen, base_url)
        finally:
            server.terminate()
            server.wait()


def table(chosen: argparse.Namespace, base_url: str) -> None:
    """One row a client and number in flight."""
    print("| client | in flight | calls | calls/s | of the limit | CPU ms a call | peak MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for in_flight in chosen.in_flight:
        limit = in_flight / chosen.latency_s
        for name in chosen.clients:
            rate = min(limit, USUAL_RATES[name] or limit)
            number = 2 * max(4, int(rate * chosen.seconds / 2))
            command = [sys.executable, __file__, "--child", name, base_url, str(in_flight), str(number)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = done.stderr.strip().rpartition("\n")[2][:100]
                print(f"| {CLIENTS[name][0]} | {in_flight} | not measured: {reason} | | | | |", flush=True)
                continue
            found: dict[str, float] = {}
            with suppress(ValueError):
                found = json.loads(done.stdout[done.stdout.index("{") :])
            per_s = found["done"] / found["wall_s"]
            print(
                f"| {CLIENTS[name][0]} | {in_flight} | {found['done']:,.0f} of {found['calls']:,.0f} | {per_s:,.1f} "
                f"| {per_s / limit:.1%} | {1000 * found['cpu_s'] / found['calls']:.2f} | {found['rss_mib']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
