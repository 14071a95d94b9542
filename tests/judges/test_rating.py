"""Ratings by a model: prompt, states, dimensions, and the word count for smoke runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer
from longismore.errors import ConfigError, JudgeRejectedError
from longismore.instructions import Row, Turn
from longismore.judges._rating import ModelRater, Rating, RatingStatus, WordRater, make_rater
from row_answers import mark, rating, saying, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.store import Store


def rows(*responses: str) -> list[Row]:
    """One row a response."""
    return [
        Row(number=number, place=f"x:{number}", turns=(Turn(f"Question {number}", response),))
        for number, response in enumerate(responses)
    ]


def rater(server: JudgeServer, **fields: Any) -> ModelRater:
    """The model behind a server."""
    settings = {"base_url": server.base_url, "retries": 0, **fields.pop("settings", {})}
    made = make_rater("openai/test-judge", settings, {}, **fields)
    assert isinstance(made, ModelRater)
    return made


def rate(model: ModelRater, these: Sequence[Row], store: Store) -> list[Rating]:
    """Ask, and read the ratings in order."""
    model.ask(these, total=len(these), store=store, on_answer=lambda: None)
    pairs = list(model.ratings(these, store))
    assert list(these) == [row for row, _ in pairs]
    return [one for _, one in pairs]


def test_every_row_gets_its_own_rating(store: Store) -> None:
    """In the order of the rows, with what the model wrote and what it took."""
    these = rows("alpha", "beta", "gamma", "alpha")
    with JudgeServer(reply=rating) as server:
        ratings = rate(rater(server), these, store)
    assert [mark(row.response) for row in these] == [one.score for one in ratings]
    assert {RatingStatus.RATED} == {one.status for one in ratings}
    assert all(one.completion and one.input_tokens and one.output_tokens for one in ratings)


def test_request_holds_the_rules_and_the_quoted_row(store: Store) -> None:
    """512 tokens at temperature 0; the dimension is named and explained."""
    with JudgeServer(reply=rating) as server:
        rate(rater(server), rows("alpha"), store)
    (body,) = server.requests
    assert (512, 0.0) == (body["max_tokens"], body["temperature"])
    assert ("Question 0", "alpha") == (shown(body, "instruction"), shown(body, "response"))
    system = body["messages"][0]["content"]
    assert "accuracy" in system
    assert "worked out correctly" in system
    assert "@" not in system


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("prose", RatingStatus.UNREADABLE),
        ("empty", RatingStatus.UNREADABLE),
        ("refusal", RatingStatus.REFUSED),
        ("content-filter", RatingStatus.REFUSED),
        ("filtered-answer", RatingStatus.REFUSED),
        ("400", RatingStatus.FAILED),
        ("too-long", RatingStatus.FAILED),
        ("500", RatingStatus.FAILED),
    ],
)
def test_what_is_no_rating_is_a_state(store: Store, reply: str, status: RatingStatus) -> None:
    """Never a number; refused and unreadable answers are kept, what failed is asked again."""
    with JudgeServer(reply=reply) as server:
        (first,) = rate(rater(server), rows("alpha"), store)
        sent = len(server.requests)
        (second,) = rate(rater(server), rows("alpha"), store)
    assert (status, None) == (first.status, first.score)
    assert first == second
    assert (2 if status is RatingStatus.FAILED else 1) * sent == len(server.requests)


@pytest.mark.parametrize("text", ["10", "Score: 8/10", "4,5", "-1", "I cannot say."])
def test_numbers_out_of_range_are_unreadable(store: Store, text: str) -> None:
    """What the model wrote is kept, so that one can look at it."""
    with JudgeServer(reply=saying(text)) as server:
        (found,) = rate(rater(server), rows("alpha"), store)
    assert (RatingStatus.UNREADABLE, None, text) == (found.status, found.score, found.completion)


def test_rows_without_a_response_are_not_asked_about(store: Store) -> None:
    """There is nothing to rate, and nothing is paid."""
    with JudgeServer(reply=rating) as server:
        ratings = rate(rater(server), rows("", "alpha", " \n"), store)
    assert ["empty response", "rated", "empty response"] == [one.status for one in ratings]
    assert 1 == len(server.requests)


def test_wrong_key_ends_the_run(store: Store) -> None:
    """No further call can succeed."""
    with JudgeServer(reply="401") as server, pytest.raises(JudgeRejectedError):
        rate(rater(server), rows("alpha", "beta"), store)


def test_dimension_prompt_and_turns_are_in_the_fingerprint() -> None:
    """Ratings of different questions are not mixed; the same settings give the same one."""
    with JudgeServer() as server:
        made = [
            rater(server),
            rater(server, dimension="helpfulness"),
            rater(server, dimension="depth of detail"),
            rater(server, whole=True),
            rater(server, prompt="Rate @CODE@"),
            rater(server, settings={"temperature": 1.0}),
        ]
        assert rater(server).fingerprint == made[0].fingerprint
    assert len(made) == len({one.fingerprint for one in made})


def test_own_words_name_a_dimension(store: Store) -> None:
    """They stand in the prompt, and the parser knows them as a label."""
    with JudgeServer(reply=saying("Depth of detail: 2/5\nStyle: 4/5")) as server:
        (found,) = rate(rater(server, dimension="depth of detail"), rows("alpha"), store)
    assert 2 == found.score
    assert "this alone: depth of detail." in server.requests[0]["messages"][0]["content"]


@pytest.mark.parametrize("dimension", ["", "  ", "two\nlines", "red\x1b[31m", "@CODE@", "x" * 201])
def test_a_dimension_is_a_few_words(dimension: str) -> None:
    """Anything else could change the rules."""
    with pytest.raises(ConfigError, match="is no dimension"):
        make_rater("lexical", {}, {}, dimension=dimension)


def test_whole_conversations_are_rated_together(store: Store) -> None:
    """All turns are in one call."""
    talk = Row(number=0, place="x:1", turns=(Turn("a", ""), Turn("b", "c")))
    with JudgeServer(reply=saying("3")) as server:
        assert [RatingStatus.EMPTY] == [one.status for one in rate(rater(server), [talk], store)]
        assert [3.0] == [one.score for one in rate(rater(server, whole=True), [talk], store)]
    assert ["", "c"] == [shown(server.requests[0], f"response {number}") for number in (1, 2)]


def test_a_judge_file_names_a_model(store: Store, tmp_path: Any) -> None:
    """Its protocol and its 16 tokens are about judging pairs."""
    path = tmp_path / "short.yaml"
    with JudgeServer(reply=rating) as server:
        path.write_text(f"judge: openai/test-judge\nbase_url: {server.base_url}\nmax_tokens: 16\nprotocol: logprob\n")
        made = make_rater(str(path), {}, {})
        assert isinstance(made, ModelRater)
        assert [mark("alpha")] == [one.score for one in rate(made, rows("alpha"), store)]
    (body,) = server.requests
    assert 512 == body["max_tokens"]
    assert "logprobs" not in body


def test_words_can_be_counted_for_nothing(store: Store) -> None:
    """A heuristic that says so: the same each time, 0 to 5, and nothing for empty responses."""
    made = make_rater("lexical", {}, {})
    assert isinstance(made, WordRater)
    these = rows("Salt lowers the freezing point of water, so ice melts.", "", "the the the")
    made.ask(these, total=3, store=store, on_answer=lambda: None)
    ratings = [one for _, one in made.ratings(these, store)]
    assert ratings == [one for _, one in made.ratings(these, store)]
    scores = [one.score for one in ratings]
    assert scores[1] is None
    assert RatingStatus.EMPTY is ratings[1].status
    assert scores[0] is not None
    assert scores[2] is not None
    assert 0 <= scores[2] < scores[0] <= 5
    assert "heuristic for smoke runs" in made.note
    assert made.estimate(these, store) is None


def test_words_take_no_prompt() -> None:
    """Nobody would read it."""
    with pytest.raises(ConfigError, match="leave out the prompt"):
        make_rater("lexical", {}, {}, prompt="@CODE@")


@pytest.mark.parametrize("spec", ["length", "replay:x.jsonl", "alpaca_eval:lmsys_gpt4"])
def test_other_judges_cannot_rate(spec: str) -> None:
    """The message names what would do."""
    with pytest.raises(ConfigError, match="or lexical for a smoke run"):
        make_rater(spec, {}, {})
