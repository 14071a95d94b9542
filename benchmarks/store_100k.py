"""What a store of 100,000 answers costs in time and memory.

    python benchmarks/store_100k.py [--answers 100000]

Each part runs in a process of its own: all answers got by their keys; a judge whose every answer is in the store,
from the pairs to the results; a run folder's judgments.jsonl, from the file to the results; and the command
``longismore store stats``. Answers and judge's texts have the sizes of real ones (0.9 to 3.9 kB). The limits are 5 s
and 1 GiB for each part, and 3 s for the command. Building the store is not measured against a limit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from longismore.comparison import pair_of
from longismore.judges import JudgeOptions, combine, read_judgments, write_judgments
from longismore.judges._chat import ChatJudge
from longismore.judges._client import Completion
from longismore.records import Answer, Pair
from longismore.reports import summarize
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from longismore.judges._client import Messages
    from longismore.records import Judgment

LIMIT_S, LIMIT_STATS_S, LIMIT_BYTES = 5.0, 3.0, 2**30
SHORTEST, LONGEST = 900, 3900
"""Characters of a judge's answer."""


class SilentClient:
    """Of a judge that must not be asked: everything is in the store."""

    settings: dict[str, object] = {"model": "benchmark"}  # noqa: RUF012  part of the protocol
    concurrency = 32
    price = None

    def check(self) -> None:
        """Nothing to find out."""

    async def complete(self, messages: Messages) -> Completion:
        """Nobody may ask."""
        raise AssertionError(messages)

    async def close(self) -> None:
        """Nothing is open."""

    def batches(self) -> None:
        """There is no batch API."""


def make_texts(count: int, shortest: int, longest: int, seed: int) -> list[str]:
    """Texts of made words."""
    source = random.Random(seed)  # noqa: S311  no secret
    words = ["".join(source.choices("abcdefghiklmnoprstuvw", k=source.randint(2, 9))) for _ in range(2000)]
    return [" ".join(source.choices(words, k=longest // 3))[: source.randint(shortest, longest)] for _ in range(count)]


def make_pairs(count: int) -> list[Pair]:
    """Pairs with a question of their own, and answers as long as those of instruction-tuned models."""
    texts = make_texts(997, 300, 1800, seed=1)
    return [
        Pair(
            id=str(number),
            testset=("koala", "lima", "vicuna")[number % 3],
            prompt=f"Question {number}: {texts[number % 997][:200]}?",
            reference=Answer("base", f"{number} {texts[number % 991]}"),
            candidate=Answer("tuned", f"{number + 1} {texts[number % 983]}"),
        )
        for number in range(count)
    ]


def make_judge() -> ChatJudge:
    """A judge that only reads its store."""
    return ChatJudge(name="openai/benchmark", client=SilentClient(), options=JudgeOptions())


def build(folder: Path, answers: int) -> None:
    """The store, and the judgments that a run leaves behind."""
    pairs, judge, fingerprint = make_pairs(answers // 2), make_judge(), make_judge().fingerprint
    texts = make_texts(499, SHORTEST, LONGEST, seed=2)
    created = "2025-11-21T12:00:00+00:00"
    with Store(folder / "store.sqlite") as store:
        started = time.perf_counter()
        for number, call in enumerate(judge.calls(pairs)):
            text = f"{number % 9 + 1} {number // 7 % 9 + 1}\n{texts[number % 499]}"
            completion = Completion(text=text, input_tokens=900 + number % 500, output_tokens=600, cost_usd=0.0125)
            record = completion.to_record() | {"latency_s": 1.875, "created": created}
            store.put(call.key, judge=judge.name, fingerprint=fingerprint, created=created, record=record)
        print(f"built: {answers / (time.perf_counter() - started):.0f} answers a second")
        claim(store)
        write_judgments(folder / "judgments.jsonl", judged(judge, pairs, store))


def claim(store: Store) -> None:
    """Say what claiming 64 keys takes."""
    times_s = []
    for number in range(200):
        started = time.perf_counter()
        keys = [f"{number:032x}{each:032x}" for each in range(64)]
        store.claim(keys)
        times_s.append(time.perf_counter() - started)
        store.release(keys)
    times_s.sort()
    print(f"claim of 64 keys: median {1000 * times_s[100]:.2f} ms, p95 {1000 * times_s[190]:.2f} ms")


def judged(judge: ChatJudge, pairs: list[Pair], store: Store) -> list[Judgment]:
    """All judgments, out of the store."""
    made: list[Judgment] = []
    judge.judge(pairs, store=store, on_judgment=made.append)
    return made


def get_all(folder: Path, answers: int) -> Callable[[], int]:
    """Part (a)."""
    judge = make_judge()
    keys = [call.key for call in judge.calls(make_pairs(answers // 2))]

    def part() -> int:
        with Store(folder / "store.sqlite") as store:
            return len(store.get(keys))

    return part


def judge_from_store(folder: Path, answers: int) -> Callable[[], int]:
    """Part (b)."""
    pairs = make_pairs(answers // 2)

    def part() -> int:
        with Store(folder / "store.sqlite") as store:
            judgments = judged(make_judge(), pairs, store)
        summarize(combine(pairs, judgments))
        return len(judgments)

    return part


def read_run_folder(folder: Path, answers: int) -> Callable[[], int]:  # noqa: ARG001  as the others
    """Part (c)."""

    def part() -> int:
        judgments = read_judgments(folder / "judgments.jsonl")
        pairs = list({(each.testset, each.id): pair_of(each) for each in judgments}.values())
        summarize(combine(pairs, judgments))
        return len(judgments)

    return part


def show_stats(folder: Path, answers: int) -> Callable[[], int]:  # noqa: ARG001  as the others
    """The command, from its start to its end."""

    def part() -> int:
        command = [sys.executable, "-m", "longismore", "store", "stats", "--json", "--store", folder / "store.sqlite"]
        shown = subprocess.run(command, capture_output=True, check=True)
        return int(json.loads(shown.stdout)["total"]["answers"])

    return part


PARTS = {"get": get_all, "judge": judge_from_store, "read": read_run_folder, "stats": show_stats}


def cpu_s() -> float:
    """Of this process and its children: what other work of the machine does not change much."""
    return sum(os.times()[:4])


def run_part(name: str, folder: Path, answers: int) -> None:
    """Prepare, then measure; prints one JSON object."""
    part = PARTS[name](folder, answers)
    started, cpu_started = time.perf_counter(), cpu_s()
    count = part()
    seconds, busy_s = time.perf_counter() - started, cpu_s() - cpu_started
    if count != answers:
        sys.exit(f"{name}: {count} answers came, {answers} were expected")
    who = resource.RUSAGE_CHILDREN if name == "stats" else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": seconds, "cpu_s": busy_s, "peak_bytes": peak}))


def in_child(name: str, folder: Path, answers: int) -> dict[str, Any]:
    """Run one part in a process of its own: it starts with little memory."""
    command = [sys.executable, __file__, "--answers", str(answers), "--part", name, "--folder", folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
    if name == "build":
        print(done.stdout, end="")
        return {}
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Print a line a part: seconds, memory, and both as shares of the limits."""
    parser = argparse.ArgumentParser(description="Measure a store of 100,000 answers.")
    parser.add_argument("--answers", type=int, default=100_000, help="an even number (default: 100000)")
    parser.add_argument("--part", choices=["build", *PARTS], help="only this part, in this process")
    parser.add_argument("--folder", type=Path, help="where the store is, or goes; default: a temporary one")
    given = parser.parse_args()
    if given.part == "build":
        build(given.folder, given.answers)
    elif given.part:
        run_part(given.part, given.folder, given.answers)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            folder = given.folder or Path(temporary)
            in_child("build", folder, given.answers)
            for name in PARTS:
                measured = in_child(name, folder, given.answers)
                limit_s = LIMIT_STATS_S if name == "stats" else LIMIT_S
                seconds, peak = measured["seconds"], measured["peak_bytes"]
                print(
                    f"{name:6} {seconds:6.2f} s (processor {measured['cpu_s']:.2f} s), "
                    f"{seconds / limit_s:.2f} x {limit_s:g} s; "
                    f"{peak / 2**20:5.0f} MiB, {peak / LIMIT_BYTES:.2f} x 1 GiB"
                )


if __name__ == "__main__":
    main()
