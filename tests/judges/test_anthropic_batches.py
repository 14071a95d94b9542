from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from anthropic_server import AnthropicServer, anthropic_error
from batch_program import FINGERPRINT, calls_of, client_for, collected, note_for
from judge_server import Reply
from longismore.errors import CutAnswerError

if TYPE_CHECKING:
    from longismore.store import Store

pytest.importorskip("anthropic", reason='the SDK is not installed: pip install "longismore[anthropic]"')


def test_batches_of_others_are_not_ours(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Anthropic keeps no names: batches of the same size are read, found to be another's, and passed over."""
    calls = calls_of(3)
    with AnthropicServer(others=[(3, 60), (3, 2), (7, 1), (3, 0)]) as server:
        client = client_for("anthropic", server.base_url)
        ours = client.submit([(call.key, call.messages) for call in calls], label="label")
        store.note_batch(note_for(calls))
        with caplog.at_level(logging.WARNING):
            assert all(collected(client, store, calls))
        assert ({1}, "msgbatch_5") == (set(server.handed_in.values()), ours)
        assert ["3", "3"] == [each.split()[3] for each in caplog.messages if "were not asked for" in each]


def test_calls_are_handed_in_where_all_batches_are_of_others(store: Store) -> None:
    """When no batch at the provider turns out to be ours, the calls were never handed in."""
    calls = calls_of(3)
    with AnthropicServer(others=[(3, 0), (3, 1)]) as server:
        store.note_batch(note_for(calls))
        assert all(collected(client_for("anthropic", server.base_url), store, calls, retries=0))
    assert ({1}, []) == (set(server.handed_in.values()), store.batches(FINGERPRINT))


def test_field_that_no_batch_may_have_is_left_out_at_once(store: Store) -> None:
    """Anthropic refuses some fields when the batch is handed in: a temperature is then left out, nothing is lost."""
    reply = anthropic_error(400, "requests.0.params: `temperature` is not supported in batches")
    with AnthropicServer(steps={"create": [reply]}) as server:
        assert all(collected(client_for("anthropic", server.base_url), store, calls_of(2), retries=0))
    assert 2 == server.asked["create"]


def test_archived_results_are_handed_in_again(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Anthropic keeps results for 29 days: after that the calls are handed in again."""
    calls = calls_of(2)
    with AnthropicServer() as server, caplog.at_level(logging.WARNING):
        client = client_for("anthropic", server.base_url)
        batch = client.submit([(call.key, call.messages) for call in calls], label="label")
        server.batches[batch]["archived"] = True
        old = (datetime.now(UTC) - timedelta(days=30)).isoformat()
        store.note_batch(note_for(calls, batch=batch, state="submitted", created=old))
        assert all(collected(client, store, calls))
    assert f"has the results of the batch {batch} no longer" in caplog.text
    assert {2} == set(server.handed_in.values())


@pytest.mark.parametrize("route", ["create", "list", "retrieve", "results"])
@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": [7]}'])
def test_answers_of_another_kind_are_cut_answers(route: str, body: bytes) -> None:
    """A hotel's log-in page, or a gateway that answers something else, is no answer of Anthropic's."""
    reply = Reply(body=body, content_type="text/html" if body == b"<html>" else "application/json")
    with AnthropicServer(steps={route: [reply]}, others=[(1, 0)]) as server:
        client = client_for("anthropic", server.base_url)
        questions = {
            "create": lambda: client.submit([("a" * 64, calls_of(1)[0].messages)], label="x"),
            "list": lambda: client.find(label="x", size=1, since=datetime.now(UTC).isoformat()),
            "retrieve": lambda: client.state("msgbatch_1"),
            "results": lambda: list(client.results("msgbatch_1")),
        }
        with pytest.raises(CutAnswerError):
            questions[route]()
