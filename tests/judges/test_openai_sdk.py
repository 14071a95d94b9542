"""Our requests and readings beside those of OpenAI's own package, on one loopback server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, Reply
from longismore.judges import Completion, JudgeOptions
from longismore.judges.openai import OpenAIClient

if TYPE_CHECKING:
    from longismore.judges._client import Messages

openai = pytest.importorskip("openai", reason='the SDK is not installed: pip install "longismore[openai]"')

KEY = "sk-test-0123456789abcdef"
CHAT: Messages = [
    {"role": "system", "content": "Mark both. Übung {x} %s"},
    {"role": "user", "content": 'BEGIN answer 1 c\n"a" \\ \x00 \u2028 😀\nEND answer 1 c'},
]


def ours(server: JudgeServer, **options: Any) -> Completion:
    """One call of our client."""
    settings = {"base_url": server.base_url, "max_tokens": 64, "environ": {"OPENAI_API_KEY": KEY}}
    client = OpenAIClient(model="test-judge", options=JudgeOptions(**(settings | options)))

    async def one() -> Completion:
        try:
            return await client.complete(CHAT)
        finally:
            await client.close()

    return asyncio.run(one())


def theirs(server: JudgeServer, **fields: Any) -> Any:
    """One call of the SDK."""
    with openai.OpenAI(base_url=server.base_url, api_key=KEY, max_retries=0) as client:
        return client.chat.completions.create(model="test-judge", messages=CHAT, **fields)


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, {"max_tokens": 64, "temperature": 0.0}),
        ({"temperature": None}, {"max_tokens": 64}),
        ({"top_logprobs": 20}, {"max_tokens": 64, "temperature": 0.0, "logprobs": True, "top_logprobs": 20}),
        ({"parameters": {"seed": 7, "reasoning_effort": "low"}},
         {"max_tokens": 64, "temperature": 0.0, "seed": 7, "reasoning_effort": "low"}),
    ],
)  # fmt: skip
def test_request_is_the_sdks(options: dict[str, Any], fields: dict[str, Any]) -> None:
    """The body that arrives is the same, field by field, and so is the key."""
    with JudgeServer(reply="letter") as server:
        ours(server, **options)
        theirs(server, **fields)
    assert server.requests[0] == server.requests[1]
    assert {f"Bearer {KEY}"} == set(server.authorizations)


@pytest.mark.parametrize("reply", ["first", "letter", "empty", "refusal", "filtered-answer", "no-usage"])
def test_answer_is_read_as_the_sdk_reads_it(reply: str) -> None:
    """Text, refusal and numbers of tokens are those of the SDK's typed answer."""
    with JudgeServer(reply=reply) as server:
        read, typed = ours(server), theirs(server, max_tokens=64)
    message, usage = typed.choices[0].message, typed.usage
    assert read.text == (message.content or message.refusal or "")
    assert read.refused == (bool(message.refusal) or typed.choices[0].finish_reason == "content_filter")
    assert read.input_tokens == (None if usage is None else usage.prompt_tokens)
    assert read.output_tokens == (None if usage is None else usage.completion_tokens)


def test_logprobs_are_read_as_the_sdk_reads_them() -> None:
    """Token, log-probability and alternatives are the SDK's."""
    with JudgeServer(reply="letter") as server:
        read = ours(server, top_logprobs=5)
        typed = theirs(server, max_tokens=64, logprobs=True, top_logprobs=5)
    (token,) = typed.choices[0].logprobs.content
    assert read.logprobs is not None
    assert (token.token, token.logprob) == (read.logprobs[0].token, read.logprobs[0].logprob)
    assert {each.token: each.logprob for each in token.top_logprobs} == read.logprobs[0].top


def test_arguments_of_a_call_are_read_as_the_sdk_reads_them() -> None:
    """A judge that answers by calling a function says what the function would have got."""
    call = {"id": "call_1", "type": "function", "function": {"name": "verdict", "arguments": '{"better": 1}'}}
    document = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "test-judge",
        "choices": [{"index": 0, "finish_reason": "tool_calls",
                     "message": {"role": "assistant", "content": None, "tool_calls": [call]}}],
    }  # fmt: skip
    with JudgeServer(reply=lambda _: Reply(body=json.dumps(document).encode())) as server:
        read, typed = ours(server), theirs(server, max_tokens=64)
    assert '{"better": 1}' == read.text == typed.choices[0].message.tool_calls[0].function.arguments


def test_limits_come_from_the_headers() -> None:
    """Requests and tokens, what is left of them, and the seconds until all is back."""
    headers = {
        "x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms", "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "29000", "x-ratelimit-reset-tokens": "6m0.5s",
    }  # fmt: skip
    document = {"choices": [{"message": {"content": "8 7"}}]}
    with JudgeServer(reply=lambda _: Reply(body=json.dumps(document).encode(), headers=headers)) as server:
        limits = ours(server).limits
    assert limits is not None
    assert (500, 499, 0.12) == (limits.requests_per_minute, limits.requests_left, limits.requests_reset_s)
    assert (30000, 29000, 360.5) == (limits.tokens_per_minute, limits.tokens_left, limits.tokens_reset_s)


def test_cost_that_the_provider_tells_is_kept() -> None:
    """OpenRouter says in ``usage.cost`` what it billed."""
    document = {"choices": [{"message": {"content": "8 7"}}], "usage": {"prompt_tokens": 1, "cost": 0.0125}}
    with JudgeServer(reply=lambda _: Reply(body=json.dumps(document).encode())) as server:
        assert 0.0125 == ours(server).cost_usd
