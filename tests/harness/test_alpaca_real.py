"""The judge alpaca_eval:CONFIG beside the real alpaca_eval, and beside what was published."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from alpaca_answers import (
    KEYS,
    PROSE,
    EitherServer,
    judge_for,
    needs_alpaca_eval,
    needs_sdks,
    reading,
    says,
    verdicts,
    working,
)
from longismore.harness._alpaca_config import read_config
from longismore.judges._client import Completion
from longismore.records import Order, Status
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from longismore.judges._chat import ChatJudge
    from longismore.records import Judgment, Pair

pytestmark = [needs_alpaca_eval, needs_sdks]

REAL = """
import inspect, json, logging, os, sys, warnings
warnings.simplefilter("ignore")
from alpaca_eval.annotators import PairwiseAnnotator
from anthropic.resources import Messages
logging.disable(logging.CRITICAL)
create = Messages.create
def create_with_temperature(self, *, temperature, **others):
    return create(self, extra_body={"temperature": temperature}, **others)
if "temperature" not in inspect.signature(create).parameters:  # the SDK from 1.0 on, which alpaca_eval stops at
    Messages.create = create_with_temperature
found = {}
for name, (url, pairs) in json.load(sys.stdin).items():
    os.environ["OPENAI_BASE_URL"], os.environ["ANTHROPIC_BASE_URL"] = url, url.removesuffix("/v1")
    try:
        found[name] = [row["preference"] for row in PairwiseAnnotator(annotators_config=name, caching_path=None)(pairs)]
    except AssertionError as error:
        found[name] = repr(error)
print(json.dumps(found))
"""
"""The real alpaca_eval, in a process of its own."""
NOT_COMPARED = {
    "alpaca_eval_llama3_70b_fn": "alpaca_eval asks the server that the config names",
    "mistral-large-2402_ranking": "alpaca_eval asks the server that the config names",
    "alpaca_farm_greedy_gpt4": "alpaca_eval puts five pairs into one prompt",
    "alpaca_eval_vllm_llama3_70b_fn": "vLLM runs in the process",
}


def run_real(jobs: Mapping[str, tuple[str, list[dict[str, str]]]]) -> dict[str, Any]:
    """The preferences of alpaca_eval itself by config, or the error that it stopped with."""
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", REAL],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=False,
        env=environ | KEYS,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def as_row(pair: Pair) -> dict[str, str]:
    """A pair as alpaca_eval takes it."""
    return {"instruction": pair.prompt, "output_1": pair.reference.output, "output_2": pair.candidate.output}


def judged(judge: ChatJudge, pairs: Sequence[Pair], path: Path) -> dict[tuple[str, Order], Judgment]:
    """All judgments, by id and order."""
    made: list[Judgment] = []
    with Store(path) as store:
        judge.judge(pairs, store=store, on_judgment=made.append)
    return {(one.id, one.order): one for one in made}


def orders_of(request: Mapping[str, Any], judge: ChatJudge, pair: Pair) -> list[Order]:
    """In which orders our messages are those of a request, which has no system's where Anthropic is asked."""
    has_system = judge.client.settings["provider"] == "openai"
    return [
        order
        for order in Order
        if request["messages"] == [m for m in judge.protocol.render(pair, order) if has_system or m["role"] == "user"]
    ]


@pytest.fixture
def odd_pairs(make_pair: Callable[..., Pair]) -> list[Pair]:
    """Pairs with white space, quotation marks, braces and other scripts; the answers of the last are equal."""
    texts = [
        ("  Spaces before\n\n", "\nlines after\n\n\n", "\ttab "),
        ('"""quoted"""', '{"json": [1, {"a": 2}]}', "{ {x} } {{y}} %s %(z)s \\n \\1"),
        ("日本語で", "はい 🙂", "e\u0301 \u200b \x0b"),
        ("Name a river.", "The Rhine.", "Output (b) is best. m M [[A]]"),
        ("1+1=", "2", "3"),
        ("Write nothing.", "", " "),
        ("What is the same?", "equal", "equal"),
    ]
    return [make_pair(str(n), prompt=p, reference=r, candidate=c) for n, (p, r, c) in enumerate(texts)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")  # the SDK's, of a config's model
def test_requests_and_preferences_are_those_of_alpaca_eval(odd_pairs: list[Pair], tmp_path: Path) -> None:
    """Of every config alpaca_eval's request is one of our two for that pair, and so is what it reads in the answer."""
    names = [name for name in working(tmp_path) if name not in NOT_COMPARED]
    assert len(names) >= 27
    orders = []
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(EitherServer([*verdicts(read_config(name)), says(PROSE)])) for name in names
        }
        jobs = {name: (server.base_url, [as_row(pair) for pair in odd_pairs]) for name, server in servers.items()}
        for name, preferences in run_real(jobs).items():
            server, theirs = servers[name], list(servers[name].requests)
            judge = judge_for(name, base_url=server.base_url)
            ours = judged(judge, odd_pairs, tmp_path / f"{name}.sqlite")
            # Equal answers: alpaca_eval asks nobody, we ask once, since both orders are the same text.
            assert (6, 13) == (len(theirs), len(server.requests) - 6), name
            assert [] == [request for request in theirs if request not in server.requests[6:]], name
            assert 1.5 == preferences[-1], name
            for pair, preference in zip(odd_pairs[:-1], preferences[:-1], strict=True):
                (order,) = {order for request in theirs for order in orders_of(request, judge, pair)}
                orders.append(order)
                expected = None if preference is None else pytest.approx(preference - 1.0, abs=1e-12)
                assert expected == ours[pair.id, order].preference, (name, pair)
                assert (Status.UNPARSED if preference is None else Status.JUDGED) == ours[pair.id, order].status
    assert all(orders.count(order) > len(names) for order in Order)


@pytest.mark.slow
def test_tie_of_scores_is_a_tie_where_alpaca_eval_stops(make_pair: Callable[..., Pair], tmp_path: Path) -> None:
    """Equal scores are half a win each; alpaca_eval 0.6.6 stops at them, since its parser calls a tie 0."""
    pair = make_pair()
    with EitherServer([says("7 7\nBoth.")]) as server:
        theirs = run_real({"lmsys_gpt4": (server.base_url, [as_row(pair)])})
        ours = judged(judge_for("lmsys_gpt4", base_url=server.base_url), [pair], tmp_path / "store.sqlite")
    assert {"lmsys_gpt4": "AssertionError()"} == theirs
    assert [0.5, 0.5] == [one.preference for one in ours.values()]


def test_run_is_stored_and_counted(odd_pairs: list[Pair], tmp_path: Path) -> None:
    """Answers that cannot be read are unparsed; the second run asks nobody."""
    with EitherServer([*verdicts(read_config("gpt4_turbo_logprob")), says(PROSE)]) as server:
        judge = judge_for("gpt4_turbo_logprob", base_url=server.base_url)
        first = judged(judge, odd_pairs, tmp_path / "store.sqlite")
        asked = len(server.requests)
        again = judged(judge, odd_pairs, tmp_path / "store.sqlite")
    assert (13, 13, 14) == (asked, len(server.requests), len(first))
    assert {key: one.preference for key, one in first.items()} == {key: one.preference for key, one in again.items()}
    assert {Status.JUDGED, Status.UNPARSED} == {one.status for one in first.values()}
    assert {"alpaca_eval:gpt4_turbo_logprob"} == {one.judge for one in first.values()}


@pytest.mark.parametrize(
    ("model", "config", "count"),
    [
        ("alpaca-7b", "weighted_alpaca_eval_gpt4_turbo", 802),
        ("alpaca-7b_concise", "weighted_alpaca_eval_gpt4_turbo", 802),
        ("alpaca-7b_verbose", "weighted_alpaca_eval_gpt4_turbo", 800),
        ("gpt-3.5-turbo-0301", "alpaca_eval_gpt4_turbo_fn", 804),
        ("gpt-3.5-turbo-0301", "alpaca_eval_cot_gpt4_turbo_fn", 804),
    ],
)
def test_published_annotations_are_read_again(model: str, config: str, count: int, data: Path) -> None:
    """The raw completions of the public leaderboard give its preferences, once its random order is undone."""
    rows = json.loads((data / "alpaca_eval" / model / config / "annotations.json").read_text(encoding="utf-8"))
    judge = judge_for(config)
    read = 0
    for row in rows:
        if (raw := row.get("raw_completion")) is None:  # equal answers: nobody was asked
            assert 1.5 == row["preference"]
            continue
        found = reading(judge, raw) if "message" in raw else judge.protocol.read(Completion(text=json.dumps(raw)))
        assert found is not None
        is_swapped = random.Random(f"is_switched_outputs{row['instruction']}0").choices([False, True], k=1)[0]
        preference = 1 - found.preference if is_swapped else found.preference
        assert pytest.approx(row["preference"], abs=1e-9) == 2 - preference
        read += 1
    assert count == read


def test_scores_of_published_reviews_are_read_as_recorded(data: Path) -> None:
    """lmsys_gpt4 reads the reviews of Cherry_LLM, and those of Vicuna's blog that begin with the scores."""
    judge = judge_for("lmsys_gpt4")

    def agrees(text: str, scores: Sequence[float]) -> bool | None:
        found = judge.protocol.read(Completion(text=text))
        first, second = scores
        return None if found is None else found.preference == (first > second) + (first == second) / 2

    cherry = [
        agrees(row[f"review{order}"], json.loads(row[f"scores{order}"]))
        for path in sorted((data / "reviews" / "cherry_5per_vs_alpaca").glob("*.json"))
        for row in json.loads(path.read_text(encoding="utf-8"))["data"]
        for order in ("", "_reverse")
    ]
    assert [True] * 1592 == cherry
    rows = [
        json.loads(line)
        for path in sorted((data / "reviews" / "vicuna_blog_eval" / "review").rglob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    blog = [agrees(row["text"], row["score"]) for row in rows]
    assert (308, 0, 12) == tuple(blog.count(each) for each in (True, False, None))
    # The prompt for mathematics asks for the solution first; upstream filled in those scores by hand.
    assert {3, "gpt-4-0328-math"} == {row["reviewer_id"] for row, each in zip(rows, blog, strict=True) if each is None}


def test_lmsys_prompt_is_the_published_one(data: Path, make_pair: Callable[..., Pair]) -> None:
    """lmsys_gpt4 asks word for word what Vicuna's evaluation asked of general questions, with its settings."""
    folder = data / "reviews" / "vicuna_blog_eval"
    prompt, reviewer = (
        json.loads((folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[0])
        for name in ("prompt", "reviewer")
    )
    judge, pair = judge_for("lmsys_gpt4"), make_pair()
    text = prompt["prompt_template"].format(
        question=pair.prompt, answer_1=pair.candidate.output, answer_2=pair.reference.output, **prompt["defaults"]
    )
    assert [
        {"role": "system", "content": prompt["system_prompt"]},
        {"role": "user", "content": text.strip()},
    ] == judge.protocol.render(pair, Order.CANDIDATE_FIRST)
    assert reviewer["metadata"] == {key: judge.client.settings[key] for key in ("temperature", "max_tokens")}
