from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from batch_program import FINGERPRINT, calls_of, client_for, collected
from judge_server import REPLIES, Reply, chat_reply
from longismore.errors import CutAnswerError, JudgeError, JudgeRejectedError, JudgeServerError
from longismore.judges._openai_batches import OpenAIBatches
from longismore.judges._openai_chat import completion_of
from openai_batch_server import OpenAIBatchServer

if TYPE_CHECKING:
    from longismore.store import Store

pytest.importorskip("openai", reason='the SDK is not installed: pip install "longismore[openai]"')

CHAT = [{"role": "user", "content": "Which one?"}]


def batches_at(server: OpenAIBatchServer, **changes: Any) -> OpenAIBatches:
    """The client by itself, for a server without a key."""
    values: dict[str, Any] = {
        "model": "m",
        "body_of": lambda messages: {"model": "m", "messages": messages},
        "completion_of": completion_of,
        "api_key": lambda: None,
        "base_url": server.base_url,
        "timeout_s": 10.0,
    }
    return OpenAIBatches(**(values | changes))


def now() -> str:
    """As a note has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def test_file_has_a_line_for_each_request() -> None:
    """A line of the file is a request of its own, whatever its text is; the batch bears our label."""
    text = "one\ntwo\u2028three \ud800 \U0001f9c2"
    with OpenAIBatchServer() as server:
        name = batches_at(server).submit([("a" * 64, [{"role": "user", "content": text}])], label="ours")
    (line,) = server.files["file-1"].splitlines()
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    assert {"custom_id": "a" * 64, "method": "POST", "url": "/v1/chat/completions", "body": body} == json.loads(line)
    assert {"longismore": "ours"} == server.batches[name]["document"]["metadata"]


def test_batch_is_found_by_its_label() -> None:
    """Size and time do not matter: the label is enough, also on the second page of the list."""
    with OpenAIBatchServer(others=[1]) as server:
        batches = batches_at(server)
        names = [batches.submit([("a" * 64, CHAT)], label=label) for label in ("one", "two", "three", "four")]
        assert [names[1:2], []] == [batches.find(label=label, size=9, since=now()) for label in ("two", "five")]


@pytest.mark.parametrize(
    ("document", "is_done", "problem"),
    [
        ({"status": "validating", "request_counts": None}, False, None),
        ({"status": "finalizing"}, False, None),
        ({"status": "cancelling"}, False, None),
        ({"status": "completed"}, True, None),
        ({"status": "expired"}, True, None),
        ({"status": "failed", "errors": None}, True, "it failed, and it does not say why"),
        (
            {"status": "failed", "errors": {"data": [{"code": "a", "message": "b"}, {"code": "c", "message": "d"}]}},
            True,
            "a: b; c: d",
        ),
    ],
)
def test_states_are_told_apart(document: dict[str, Any], is_done: bool, problem: str | None) -> None:
    """Seven words of the provider's are three states."""
    row = {"id": "batch_1", "object": "batch", "request_counts": {"total": 3, "completed": 1, "failed": 1}} | document
    with OpenAIBatchServer(steps={"retrieve": [Reply(body=json.dumps(row).encode())]}) as server:
        state = batches_at(server).state("batch_1")
    assert (is_done, problem) == (state.is_done, state.problem)
    assert ((2, 3) if row["request_counts"] else (0, 0)) == (state.done, state.total)


def test_refused_batch_ends_the_run_with_its_reason(store: Store) -> None:
    """A batch that is refused as a whole is no failed judgment: the run ends and says what the provider says."""
    with OpenAIBatchServer(problem=lambda *_: "invalid_model: no batches for this model") as server:
        client = client_for("openai", server.base_url)
        with pytest.raises(JudgeRejectedError, match=r"was refused: invalid_model: .*no batches for this model"):
            collected(client, store, calls_of(2))
    assert (1, []) == (len(server.batches), store.batches(FINGERPRINT))


def test_batch_too_many_gets_another_chance(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Where the provider takes only one batch at a time, the others are handed in when it is done."""

    def problem(_: int, others: int) -> str | None:
        return "token_limit_exceeded: Enqueued token limit reached" if others else None

    with OpenAIBatchServer(problem=problem, asked_until_done=2) as server, caplog.at_level(logging.WARNING):
        client = client_for("openai", server.base_url)
        client.most_requests = 2
        assert all(collected(client, store, calls_of(6), retries=0))
    assert ({1}, 6) == (set(server.handed_in.values()), len(server.batches))
    assert 3 == sum("Enqueued token limit reached" in text for text in caplog.messages)


def test_unusual_characters_come_back(store: Store) -> None:
    """A line separator or half a character in an answer is part of its text."""
    texts = ["8 7\n\u2028\u0085two lines?", "7 8\n\ud83d"]
    server = OpenAIBatchServer(reply=lambda body: chat_reply(body, texts[int(body["messages"][0]["content"][5])]))
    with server:
        made = collected(client_for("openai", server.base_url), store, calls_of(1))
    assert texts[:1] == [each.text for each in made if each]


def results_of(rows: list[Any], **changes: Any) -> list[tuple[str, Any]]:
    """What the client reads from a file with these rows."""
    document = {"id": "batch_1", "status": "completed", "output_file_id": "file-9", "error_file_id": None}
    steps = {"retrieve": [Reply(body=json.dumps(document).encode())]}
    with OpenAIBatchServer(steps=steps) as server:
        server.files["file-9"] = b"".join(json.dumps(row).encode() + b"\n\n" for row in rows)
        return list(batches_at(server, **changes).results("batch_1"))


def test_errors_of_requests_have_their_kinds() -> None:
    """What time may heal, what concerns one request, and what concerns all are told apart."""
    body = json.loads(REPLIES["tie"]({"model": "m", "messages": CHAT}).body)
    rows = [
        {"custom_id": "a", "response": {"status_code": 200, "body": body}},
        {"custom_id": "b", "response": {"status_code": 200, "body": {"choices": []}}},
        {"custom_id": "c", "response": None, "error": {"code": "batch_expired", "message": "too late"}},
        {"custom_id": "d", "response": {"status_code": 400, "body": {"error": {"message": "too long"}}}},
        {"custom_id": "e", "response": {"status_code": 404, "body": {"error": {"message": "no such model"}}}},
        {"custom_id": "f", "response": {"status_code": None, "body": {}}},
    ]
    found = dict(results_of(rows))
    assert "7 7\nBoth do what was asked." == found.pop("a").text
    kinds = {
        "b": CutAnswerError,
        "c": JudgeServerError,
        "d": JudgeError,
        "e": JudgeRejectedError,
        "f": JudgeServerError,
    }
    assert kinds == {name: type(error) for name, error in found.items()}
    assert "too late" in str(found["c"])


@pytest.mark.parametrize("row", [[], {"response": {}}, 7])
def test_file_that_is_none_is_an_error(row: Any) -> None:
    """A row without a name stops the reading; it can be tried again."""
    with pytest.raises(CutAnswerError, match="a result of the batch is none"):
        results_of([row])


def test_forgotten_file_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """Files go after a while: what they held counts as unanswered."""
    document = {"id": "batch_1", "status": "completed", "output_file_id": "file-9", "error_file_id": None}
    with OpenAIBatchServer(steps={"retrieve": [Reply(body=json.dumps(document).encode())]}) as server:
        assert [] == list(batches_at(server).results("batch_1"))
    assert "the file file-9 of the batch batch_1 no longer" in caplog.text


def test_server_without_batches_says_so(store: Store) -> None:
    """Compatible servers rarely have a batch API: that ends the run, with the address."""
    with OpenAIBatchServer(steps={"upload": ["404"]}) as server, pytest.raises(JudgeRejectedError) as caught:
        collected(client_for("openai", server.base_url), store, calls_of(2))
    assert f"openai/test-judge at {server.base_url}: " in str(caught.value)
    assert [] == store.batches(FINGERPRINT)


@pytest.mark.parametrize("route", ["upload", "create", "list", "retrieve"])
@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": [7]}'])
def test_answers_of_another_kind_are_cut_answers(route: str, body: bytes) -> None:
    """A hotel's log-in page, or a gateway that answers something else, is no answer."""
    content_type = "text/html" if body == b"<html>" else "application/json"
    reply = Reply(body=body, content_type=content_type)
    with OpenAIBatchServer(steps={route: [reply]}) as server:
        batches = batches_at(server)
        questions = {
            "list": lambda: batches.find(label="x", size=1, since=now()),
            "retrieve": lambda: batches.state("batch_1"),
        }
        question = questions.get(route, lambda: batches.submit([("a" * 64, CHAT)], label="x"))
        with pytest.raises(CutAnswerError):
            question()


def test_headers_of_the_user_are_sent() -> None:
    """An organization or a project is named to the provider, with single calls and with batches."""
    seen = {}

    class Server(OpenAIBatchServer):
        async def respond(self, target: str, headers: Any, content: bytes) -> Reply:
            seen.update(headers)
            return await super().respond(target, headers, content)

    with Server() as server:
        batches_at(server, headers={"OpenAI-Organization": "org-1"}).find(label="x", size=1, since=now())
    assert "org-1" == seen["openai-organization"]
