"""Judging a folder by a chat model: what is sent, written, counted, and paid."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import pytest

from judge_server import JudgeServer, chat_reply
from longismore._lock import alone
from longismore.errors import ConfigError, CostLimitError, DataError, JudgeRejectedError, UnknownNameError
from longismore.mtbench import read_comparisons, read_grades
from longismore.mtbench._run import judge_folder, plan_judging
from longismore.store import Store
from mtbench_folders import GRADES, QUESTIONS, chat_judge, judged, judging, rows, write_folder

if TYPE_CHECKING:
    from pathlib import Path

    from judge_server import Body, Reply


def test_grades_of_two_turns(tmp_path: Path, store: Store) -> None:
    """One call a turn, by the prompt of its category; the rows are FastChat's, and are read again."""
    folder = write_folder(tmp_path / "mt")
    with JudgeServer(reply=judging) as server:
        found = judged(folder, chat_judge(server, price_input=1.0, price_output=2.0), store)
    assert 3 * len(QUESTIONS) * 2 == len(server.requests) == found.rows
    path = folder / "model_judgment" / "test-judge_single.jsonl"
    assert ({"judged": 36}, path) == (found.states, found.judging.path)
    grades = read_grades(path)
    expected = {(model, turn): GRADES[model] - (turn - 1) / 2 for model in ("good", "fair", "poor") for turn in (1, 2)}
    assert expected == {(grade.model, grade.turn): grade.score for grade in grades}
    assert {each.id: each.category for each in QUESTIONS} == {grade.question: grade.category for grade in grades}
    row = next(row for row in rows(path) if (row["model"], row["question_id"], row["turn"]) == ("good", 111, 2))
    assert ["test-judge", "single-math-v1-multi-turn"] == row["judge"]
    assert "<True 111.> <True 111 again.> [Ask 111 {first}.] (good says {111}.) " in row["user_prompt"]
    assert (8.5, "Quite so. Rating: [[8.5]]") == (row["score"], row["judgment"])
    assert "Judge by single-math-v1-multi-turn." in {body["messages"][0]["content"] for body in server.requests}
    assert '"score": 9,' in path.read_text()
    assert {found.judging.judge.fingerprint} == {row["fingerprint"] for row in rows(path)}
    assert sum(row["cost_usd"] for row in rows(path)) == pytest.approx(found.judging.judge.usage.cost_usd)


def test_the_settings_are_those_of_fastchat(tmp_path: Path, store: Store) -> None:
    """Temperature 0 and 2,048 tokens, unless the user says otherwise; a system and a user message."""
    folder = write_folder(tmp_path, "good")
    with JudgeServer(reply=judging) as server:
        judged(folder, chat_judge(server), store, QUESTIONS[:1])
        judged(folder, chat_judge(server, max_tokens=99), store, QUESTIONS[:1], judge_name="short")
    assert [(0.0, 2048)] * 2 + [(0.0, 99)] * 2 == [
        (body["temperature"], body["max_tokens"]) for body in server.requests
    ]
    assert [["system", "user"]] * 4 == [[each["role"] for each in body["messages"]] for body in server.requests]


def test_comparisons_in_both_orders(tmp_path: Path, store: Store) -> None:
    """Two calls a turn; winners are named by model, whoever was shown first."""
    folder = write_folder(tmp_path, "poor", "fair", "even", "good")
    with JudgeServer(reply=judging) as server:
        judge = chat_judge(server, pairwise=True)
        found = judged(folder, judge, store, mode="pairwise-baseline", baseline="fair")
    path = folder / "model_judgment" / "test-judge_pair.jsonl"
    assert (3 * 6 * 2, {"judged": 72}, path) == (found.rows, found.states, found.judging.path)
    expected = {("good", "fair"): "model_1", ("even", "fair"): "tie", ("poor", "fair"): "model_2"}
    for turn in (1, 2):
        said = {(c.model_1, c.model_2): (c.winner_1st, c.winner_2nd) for c in read_comparisons(path) if c.turn == turn}
        assert {models: (winner, winner) for models, winner in expected.items()} == said
    row = next(row for row in rows(path) if row["model_1"] == "good" and row["question_id"] == 101)
    assert ["test-judge", "pair-math-v1"] == row["judge"]
    assert "A (good says {101}.) B (fair says {101}.)" in row["g1_user_prompt"]
    assert "A (fair says {101}.) B (good says {101}.)" in row["g2_user_prompt"]
    assert ("[[A]]", "[[B]]") == (row["g1_judgment"][-5:], row["g2_judgment"][-5:])


def test_a_judge_that_looks_at_places(tmp_path: Path, store: Store) -> None:
    """Both orders stand in the file, so that it shows."""
    folder = write_folder(tmp_path, "good", "poor")
    with JudgeServer(reply=lambda body: chat_reply(body, "[[A]]")) as server:
        found = judged(folder, chat_judge(server, pairwise=True), store, mode="pairwise-all")
    assert {("model_1", "model_2")} == {(c.winner_1st, c.winner_2nd) for c in read_comparisons(found.judging.path)}


def test_states_are_counted(tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """No number for what cannot be read, was refused or failed, or was never answered; failed calls are repeated."""
    folder = write_folder(tmp_path, "good", but={("good", 151): ("good says so.", "$ERROR$"), ("good", 82): ("", " ")})
    script = ["400", "refusal", "prose", None]
    with JudgeServer(reply=_empty_or_judging, script=script) as server:
        found = judged(folder, chat_judge(server, concurrency=1), store)
        again = judged(folder, chat_judge(server), store)
    assert {"failed": 1, "judged": 8, "no answer": 1, "refused": 1, "unparsed": 1} == found.states
    assert {"judged": 9, "no answer": 1, "refused": 1, "unparsed": 1} == again.states
    assert 12 == len(server.requests)
    assert 'empty answers of "good", which are judged as they are: 2' in caplog.text
    without = {row["status"]: row for row in rows(again.judging.path) if row["score"] == -1}
    assert {"no answer": "$ERROR$", "refused": "I cannot help with that."}.items() <= {
        status: row["judgment"] for status, row in without.items()
    }.items()
    assert 3 == sum(grade.score is None for grade in read_grades(again.judging.path))


def _empty_or_judging(body: Body) -> Reply:
    """Two answers say nothing, so no model is named."""
    return judging(body) if " says " in body["messages"][-1]["content"] else chat_reply(body, "[[1]]")


def test_cut_judgments_are_told(tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """With what helps."""
    folder = write_folder(tmp_path, "good")
    with JudgeServer(reply=lambda body: chat_reply(body, "word " * 7)) as server:
        judged(folder, chat_judge(server, max_tokens=7), store)
    assert (
        "unreadable answers of openai/test-judge that were cut off at max_tokens=7, thoughts included: 12;"
        in caplog.text
    )
    assert "(--max-tokens)" in caplog.text


def test_nothing_is_paid_twice(tmp_path: Path, store: Store) -> None:
    """The same again sends nothing and writes the same file; more questions and models cost only themselves."""
    folder = write_folder(tmp_path)
    with JudgeServer(reply=judging) as server:
        judged(folder, chat_judge(server), store, QUESTIONS[:2], models=["good"])
        path = folder / "model_judgment" / "test-judge_single.jsonl"
        before = path.read_bytes()
        judge = chat_judge(server)
        found = judged(folder, judge, store, QUESTIONS[:2], models=["good"])
        assert (before, 4, 4) == (path.read_bytes(), len(server.requests), judge.usage.from_store)
        assert (4, 0) == (found.rows, found.kept)
        found = judged(folder, chat_judge(server), store, QUESTIONS[1:3], models=["fair"])
        assert (4, 4, 8) == (found.rows, found.kept, len(server.requests))
        assert {("good", 81), ("good", 82), ("fair", 82), ("fair", 101)} == {
            (row["model"], row["question_id"]) for row in rows(path)
        }
        judged(folder, chat_judge(server), store)
    assert (36, 36) == (len(server.requests), len(rows(path)))


@pytest.mark.parametrize("mode", ["single", "pairwise-all"])
def test_kept_rows_about_other_answers_are_told(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """They stay, and one warning counts them and names the models, those too that are not judged now."""
    folder = write_folder(tmp_path / "mt")
    pairwise = mode != "single"
    with JudgeServer(reply=judging) as server:
        judged(folder, chat_judge(server, pairwise=pairwise), store, mode=mode)
        judged(folder, chat_judge(server, pairwise=pairwise), store, QUESTIONS[:1], mode=mode)
        assert "other answers" not in caplog.text
        changed = {("good", 82): ("good says so.", "good says 82 again."), ("fair", 81): ("fair says a.", "and b.")}
        write_folder(folder, "good", "fair", but=changed | {("good", 101): ("good says {101}.", "good says more.")})
        found = judged(
            folder, chat_judge(server, pairwise=pairwise), store, QUESTIONS[:1], models=["good", "poor"], mode=mode
        )
    told = [each.getMessage() for each in caplog.records if "other answers" in each.getMessage()]
    count = 10 if pairwise else 5
    assert len(told) == 1
    assert told[0].startswith(f"{found.judging.path}: rows that were kept and are about other answers")
    assert f" than model_answer has now: {count}, of good, fair; judge all questions of these models again" in told[0]
    assert len(rows(found.judging.path)) == 36


def test_kept_rows_that_tell_nothing_are_not_told(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """A row without a prompt, a model or a question without an answer; a file that cannot be read is named."""
    folder = write_folder(tmp_path / "mt")
    with JudgeServer(reply=judging) as server:
        path = judged(folder, chat_judge(server), store).judging.path
        path.write_text(path.read_text().replace('"user_prompt": "[Ask 82', '"mark": "'))
        write_folder(folder, "good", but={("good", 82): ("good says so.",)})
        (folder / "model_answer" / "fair.jsonl").unlink()
        (folder / "model_answer" / "poor.jsonl").write_text("{")
        found = judged(folder, chat_judge(server), store, QUESTIONS[:1], models=["good"])
    assert "other answers" not in caplog.text
    assert "poor.jsonl:1: not JSON" in caplog.text
    assert "rows that were kept are not compared with these answers" in caplog.text
    assert (2, 34) == (found.rows, found.kept)


def test_a_pair_named_the_other_way_round_takes_its_place(tmp_path: Path, store: Store) -> None:
    """Its two calls are the same two, so nothing is paid, and no comparison counts twice."""
    folder = write_folder(tmp_path, "good", "poor")
    with JudgeServer(reply=judging) as server:
        for baseline in ("good", "poor"):
            judge = chat_judge(server, pairwise=True)
            found = judged(folder, judge, store, mode="pairwise-baseline", baseline=baseline)
    assert (24, 12, 0) == (len(server.requests), found.rows, found.kept)
    assert {("good", "poor", "model_1")} == {
        (c.model_1, c.model_2, c.winner_1st) for c in read_comparisons(found.judging.path)
    }


def test_a_stopped_run_goes_on(tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """What was answered is kept, nothing is written, and the same again pays the rest."""
    folder = write_folder(tmp_path, "good")
    with JudgeServer(reply=judging, script=[None] * 5 + ["401"]) as server:
        with pytest.raises(JudgeRejectedError):
            judged(folder, chat_judge(server, concurrency=1), store)
        assert not (folder / "model_judgment").exists()
        assert "the same command goes on from there" in caplog.text
        found = judged(folder, chat_judge(server), store)
    assert (5, 7) == (found.judging.judge.usage.from_store, found.judging.judge.usage.answered)
    assert 12 == found.rows


def test_a_cost_limit_and_an_estimate(tmp_path: Path, store: Store) -> None:
    """What it takes is known before; equal calls count once, and what is in the store not at all."""
    folder = write_folder(tmp_path, "good", "poor")
    prices = {"price_input": 1.0, "price_output": 4.0}
    with JudgeServer(reply=judging) as server:
        judge = chat_judge(server, pairwise=True, **prices)
        plan = plan_judging(folder, judge, QUESTIONS, mode="pairwise-all")
        estimate = judge.estimate(plan.matches, store)
        assert (24, 0, 0) == (estimate.calls, estimate.from_store, len(server.requests))
        with pytest.raises(CostLimitError):
            judged(folder, chat_judge(server, max_cost_usd=0.0001, **prices), store)
        assert [] == server.requests
        judged(folder, judge, store, QUESTIONS[:2], mode="pairwise-all")
        estimate = judge.estimate(plan.matches, store)
    assert (16, 8) == (estimate.calls, estimate.from_store)


def test_judgments_of_different_judges_are_not_mixed(tmp_path: Path, store: Store) -> None:
    """Neither other settings nor FastChat's own rows; another name keeps them apart, and nothing was paid."""
    folder = write_folder(tmp_path, "good")
    path = folder / "model_judgment" / "test-judge_single.jsonl"
    with JudgeServer(reply=judging) as server:
        judged(folder, chat_judge(server), store)
        sent = len(server.requests)
        with pytest.raises(ConfigError, match=r"test-judge_single\.jsonl:1: .* other settings .*--judge-name NAME"):
            judged(folder, chat_judge(server, temperature=1), store)
        path.write_text(path.read_text().replace('"fingerprint"', '"mark"'))
        with pytest.raises(ConfigError, match="judgments of FastChat, which are not mixed with those of openai/test"):
            judged(folder, chat_judge(server), store)
        assert sent == len(server.requests)
        found = judged(folder, chat_judge(server, temperature=1), store, judge_name="warm")
    assert folder / "model_judgment" / "warm_single.jsonl" == found.judging.path
    assert {"warm"} == {row["judge"][0] for row in rows(found.judging.path)}


def test_what_cannot_be_judged_is_refused_before_anything_is_paid(tmp_path: Path, store: Store) -> None:
    """Unknown models, missing answers, other questions, no answers at all."""
    folder = write_folder(tmp_path / "mt", "good", "poor")
    with JudgeServer(reply=judging) as server:
        judge = chat_judge(server)
        with pytest.raises(
            UnknownNameError, match=r'unknown model with answers in .*model_answer: "god"; did you mean'
        ):
            judged(folder, judge, store, models=["god"])
        with pytest.raises(UnknownNameError, match='"base"'):
            judged(folder, judge, store, mode="pairwise-baseline", baseline="base")
        with pytest.raises(DataError, match=r"model_answer: has no answers .* longismore mtbench generate"):
            judged(tmp_path, judge, store)
        (folder / "model_answer" / "poor.jsonl").write_text("")
        with pytest.raises(DataError, match='"poor" has no whole answer to 6 of 6'):
            judged(folder, judge, store)
        (folder / "question.jsonl").write_text("{}")
        with pytest.raises(ConfigError, match=r"question\.jsonl: not the published questions"):
            judged(folder, judge, store, models=["good"])
    assert [] == server.requests


def test_published_questions_may_lie_in_the_folder(tmp_path: Path, store: Store, data: Path) -> None:
    """As in FastChat's own."""
    folder = write_folder(tmp_path, "good")
    (folder / "question.jsonl").write_bytes((data / "testsets" / "mt_bench" / "question.jsonl").read_bytes())
    with JudgeServer(reply=judging) as server:
        assert 12 == judged(folder, chat_judge(server), store).rows


def test_a_place_that_cannot_be_written(tmp_path: Path, store: Store) -> None:
    """It is found out before a call is made, and leaves nothing behind."""
    folder = write_folder(tmp_path / "mt", "good")
    (folder / "model_judgment").write_text("", encoding="utf-8")
    with JudgeServer(reply=judging) as server:
        with pytest.raises(DataError, match=r"test-judge_single\.jsonl: cannot be written: Not a directory"):
            judged(folder, chat_judge(server), store)
        assert [] == server.requests


def test_another_process_may_write_meanwhile(tmp_path: Path, store: Store) -> None:
    """Judgments by other settings that came in between are not mixed with these; what was answered is kept."""
    folder = write_folder(tmp_path / "mt", "good")
    with JudgeServer(reply=judging) as server:
        plan = plan_judging(folder, chat_judge(server, temperature=0.5), QUESTIONS)
        path = judged(folder, chat_judge(server), store).judging.path
        before = path.read_bytes()
        with pytest.raises(ConfigError, match="the file holds judgments of other settings"):
            judge_folder(plan, store=store)
        again = judged(folder, chat_judge(server, temperature=0.5), store, judge_name="other")
    assert (before, 12) == (path.read_bytes(), again.judging.judge.usage.from_store)


def test_a_process_that_is_writing_is_waited_for(tmp_path: Path, store: Store) -> None:
    """Two that judge different models of one folder end together: the rows of both are in the file."""
    folder = write_folder(tmp_path, "good", "fair")
    path = folder / "model_judgment" / "test-judge_single.jsonl"
    with JudgeServer(reply=judging) as server:
        judged(folder, chat_judge(server), store, QUESTIONS[:1], models=["good"])
        theirs = path.read_text()
        path.unlink()

        def judge_fair() -> None:
            with Store(store.path) as mine:
                judged(folder, chat_judge(server), mine, QUESTIONS[:1], models=["fair"])

        second = Thread(target=judge_fair)
        with alone(path.with_name(f".{path.name}.lock"), wait=False):
            second.start()
            second.join(1)
            assert not path.exists(), "it waits for the other"
            path.write_text(theirs)
        second.join()
    assert ["good", "good", "fair", "fair"] == [row["model"] for row in rows(path)]
