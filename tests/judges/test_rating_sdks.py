"""Rating and refining through the official SDKs of Anthropic and Google, and a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from anthropic_server import AnthropicServer, message_reply
from gemini_server import GeminiServer, gemini_reply
from longismore.instructions import Row, Turn
from longismore.judges._extract import Extraction
from longismore.judges._rating import ModelRater, RatingStatus, make_rater
from longismore.judges._refining import make_refiner

if TYPE_CHECKING:
    from longismore.judges._refining import Refinement
    from longismore.store import Store

ROWS = [Row(number=n, place=f"x:{n}", turns=(Turn(f"Ask {n}.", f"Old {n}."),)) for n in range(3)]
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef", "GOOGLE_API_KEY": "AIza-test-0123456789abcdef"}


def scores(spec: str, server: Any, store: Store, **settings: Any) -> list[float | None]:
    """Rate the rows."""
    rater = make_rater(spec, {"base_url": server.base_url, **settings}, KEYS)
    assert isinstance(rater, ModelRater)
    rater.check(store)
    rater.ask(ROWS, total=len(ROWS), store=store, on_answer=lambda: None)
    assert {RatingStatus.RATED} == {rating.status for _, rating in rater.ratings(ROWS, store)}
    return [rating.score for _, rating in rater.ratings(ROWS, store)]


def refined(spec: str, server: Any, store: Store) -> list[Refinement]:
    """Refine the rows."""
    refiner = make_refiner(spec, {"base_url": server.base_url}, KEYS)
    refiner.check(store)
    refiner.ask(ROWS, total=len(ROWS), store=store, on_answer=lambda: None)
    return [refinement for _, refinement in refiner.refinements(ROWS, store)]


def test_anthropic_rates(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are its system message."""
    pytest.importorskip("anthropic")
    for name in ("AUTH_TOKEN", "BASE_URL", "CUSTOM_HEADERS", "PROFILE"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)
    with AnthropicServer(reply=lambda body: message_reply(body, "4.5\nGood.")) as server:
        assert [4.5] * 3 == scores("anthropic/test-judge", server, store)
    assert all("impartial examiner" in str(body["system"]) for body in server.requests)


def test_anthropic_rates_in_batches(store: Store) -> None:
    """At half the price; what comes back is read as single answers are, and a second run hands nothing in."""
    pytest.importorskip("anthropic")
    settings = {"batch": True, "batch_poll_s": 0.01}
    with AnthropicServer(reply=lambda body: message_reply(body, "3\nFair.")) as server:
        assert [3.0] * 3 == scores("anthropic/test-judge", server, store, **settings)
        assert [3.0] * 3 == scores("anthropic/test-judge", server, store, **settings)
    assert (1, []) == (len(server.batches), server.requests)


def test_answers_that_anthropic_cut_off_are_known(store: Store) -> None:
    """They used all tokens that they had."""
    pytest.importorskip("anthropic")

    def cut(body: Any) -> Any:
        usage = {"input_tokens": 9, "output_tokens": 2048}
        return message_reply(body, "[Better Answer] New, but", stop_reason="max_tokens", usage=usage)

    with AnthropicServer(reply=cut) as server:
        found = refined("anthropic/test-judge", server, store)
    assert {(Extraction.CUT, None)} == {(one.status, one.response) for one in found}


@pytest.mark.usefixtures("no_certificates")
def test_google_rates_and_refines(store: Store) -> None:
    """Both purposes, through one store."""
    pytest.importorskip("google.genai")
    with GeminiServer(reply=lambda _: gemini_reply("Score: 2/5\nPoor.")) as server:
        assert [2.0] * 3 == scores("google/test-judge", server, store)
    with GeminiServer(reply=lambda _: gemini_reply("Poor.\n[Better Answer]\nNew.\n[End]")) as server:
        found = refined("google/test-judge", server, store)
    assert {("refined", "New.", "Poor.")} == {(one.status, one.response, one.critique) for one in found}
