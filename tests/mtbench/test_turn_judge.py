"""Every judge spec: who judges how, and what cannot be done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer
from longismore.errors import ConfigError, DataError, SchemaError, UnknownNameError
from longismore.judges._lexical import lexical_score
from longismore.mtbench import read_comparisons, read_grades
from longismore.mtbench._chat_judge import ChatTurnJudge
from longismore.mtbench._run import judge_folder, plan_judging
from longismore.mtbench._turn_judge import TurnJudge, make_turn_judge
from mtbench_folders import QUESTIONS, chat_judge, judged, judging, rows, write_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.store import Store


def make(spec: str, *, pairwise: bool = False, folder: Path | None = None, **settings: Any) -> TurnJudge:
    """A judge by its spec."""
    return make_turn_judge(spec, settings, {"OPENAI_API_KEY": "k"}, pairwise=pairwise, folder=folder)


def test_words_grade(tmp_path: Path, store: Store) -> None:
    """The lexical score of the conversation so far, on the scale from 1 to 10, with what it is worth."""
    folder = write_folder(tmp_path, "good", but={("good", 81): ("", ""), ("good", 82): ("$ERROR$", "then")})
    judge = make("lexical")
    found = judged(folder, judge, store)
    assert folder / "model_judgment" / "lexical_single.jsonl" == found.judging.path
    assert {"judged": 10, "no answer": 2} == found.states
    grades = {(grade.question, grade.turn): grade for grade in read_grades(found.judging.path)}
    assert (1.0, 1.0, None) == (grades[81, 1].score, grades[81, 2].score, grades[82, 1].score)
    said = lexical_score("Ask 101 {first}.\n\nAsk 101 again.", "good says {101}.\n\ngood says 101 again.")
    assert round(1 + 0.9 * said, 2) == grades[101, 2].score
    assert ["single", "single-multi-turn"] == [grades[101, turn].prompt_name for turn in (1, 2)]
    assert {0} == {row["cost_usd"] for row in rows(found.judging.path)}, "no call was made"
    assert judge.note is not None
    assert "heuristic" in judge.note
    assert judge.estimate(found.judging.matches, store) is None


@pytest.mark.parametrize("spec", ["length", "lexical"])
def test_judges_of_pairs_compare_conversations(tmp_path: Path, store: Store, spec: str) -> None:
    """Both turns as one text: the longer one wins, or the one with more to say."""
    longer = ("good says what nobody else has thought of.", "Rivers, mountains, lakes and forests.")
    folder = write_folder(tmp_path, "good", "poor", but={("good", 81): longer, ("poor", 82): ("", "$ERROR$")})
    judge = make(spec, pairwise=True)
    found = judged(folder, judge, store, mode="pairwise-all")
    assert {"judged": 22, "no answer": 2} == found.states
    said = {(c.question, c.turn): (c.winner_1st, c.winner_2nd) for c in read_comparisons(found.judging.path)}
    assert [("model_1", "model_1")] * 3 == [said[81, 1], said[81, 2], said[82, 1]]
    assert (("tie", "tie"), (None, None)) == (said[101, 1], said[82, 2])
    assert {"pair", "pair-multi-turn"} == {row["judge"][1] for row in rows(found.judging.path)}
    assert {0} == {row["cost_usd"] for row in rows(found.judging.path)}, "no call was made"
    assert judge.note is not None
    assert "by no prompt of MT-Bench" in judge.note


@pytest.mark.slow  # imports alpaca_eval
def test_judges_of_alpaca_eval_compare_conversations(tmp_path: Path, store: Store) -> None:
    """Their prompt, our engine: both orders, judgments and tokens in the rows; what is none is counted."""
    pytest.importorskip("alpaca_eval")
    folder = write_folder(tmp_path, "good", "poor")
    with JudgeServer(reply="first", script=["prose"]) as server:
        spec = "alpaca_eval:lmsys_gpt4@openai/test-judge"
        settings = {"base_url": server.base_url, "retries": 0, "concurrency": 1}
        judge = make(spec, pairwise=True, **settings)
        plan = plan_judging(folder, judge, QUESTIONS, mode="pairwise-all")
        estimate = judge.estimate(plan.matches, store)
        assert estimate is not None
        assert (24, 0) == (estimate.calls, len(server.requests))
        found = judge_folder(plan, store=store)
        with pytest.raises(ConfigError, match="cannot grade one: take --mode pairwise"):
            make(spec, **settings)
    assert (24, {"judged": 23, "unparsed": 1}) == (len(server.requests), found.states)
    first, *others = read_comparisons(found.judging.path)
    assert (None, "model_2") == (first.winner_1st, first.winner_2nd)
    assert {("model_1", "model_2")} == {(each.winner_1st, each.winner_2nd) for each in others}
    row = rows(found.judging.path)[-1]
    assert ("8 6\nThe first one reads better.", "", "pair-multi-turn") == (
        row["g1_judgment"],
        row["g1_user_prompt"],
        row["judge"][1],
    )
    assert 14 == row["output_tokens"]
    assert "good says 151 again." in server.requests[-1]["messages"][-1]["content"]


def test_what_cannot_grade_says_so() -> None:
    """A judge that only compares, and judges that there are none."""
    with pytest.raises(ConfigError, match='"length" compares two answers and cannot grade one: take --mode pairwise'):
        make("length")
    with pytest.raises(UnknownNameError, match="opnai"):
        make("opnai/gpt-4")
    with pytest.raises(ConfigError, match="no judge was given"):
        make("")


def test_chat_models_use_the_published_prompts(data: Path) -> None:
    """Whatever protocol is set for other commands; settings of the request change the fingerprint, pace does not."""
    folder = data / "testsets"
    judge = make("openai/gpt-4", folder=folder, protocol="of another command")
    assert isinstance(judge, ChatTurnJudge)
    assert ("openai/gpt-4", 8, 2048) == (judge.name, len(judge.prompts.texts), judge.asker.max_tokens)
    assert judge.fingerprint == make("openai/gpt-4", folder=folder, concurrency=3).fingerprint
    assert judge.fingerprint != make("openai/gpt-4", folder=folder, temperature=1).fingerprint
    assert "do not quote the answers" in judge.note


def test_without_the_published_prompts(tmp_path: Path) -> None:
    """A chat model needs them; counting words does not."""
    with pytest.raises(DataError, match=r"judge_prompts\.jsonl; put it there from https://"):
        make("openai/gpt-4", folder=tmp_path)
    assert "lexical" == make("lexical", folder=tmp_path).name


def recorded(tmp_path: Path, store: Store, *, pairwise: bool) -> Path:
    """A folder with a file of judgments as FastChat writes it, without our fields."""
    folder = write_folder(tmp_path / "recorded", "good", "poor")
    with JudgeServer(reply=judging) as server:
        judge = chat_judge(server, pairwise=pairwise)
        path = judged(folder, judge, store, mode="pairwise-all" if pairwise else "single").judging.path
    ours = {"category", "status", "g1_status", "g2_status", "fingerprint", "input_tokens", "output_tokens", "cost_usd"}
    lines = [{name: value for name, value in row.items() if name not in ours} for row in rows(path)]
    theirs = tmp_path / "gpt-4.jsonl"
    theirs.write_text("".join(json.dumps({**line, "judge": ["gpt-4", line["judge"][1]]}) + "\n" for line in lines))
    return theirs


@pytest.mark.parametrize("pairwise", [False, True])
def test_replay(tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture, pairwise: bool) -> None:
    """Rows as they stand there, whichever model is named first; repeated ones once, and what is missing is told."""
    path = recorded(tmp_path, store, pairwise=pairwise)
    lines = path.read_text().splitlines()
    spoilt = json.loads(lines[0]) | {"score": -1, "g1_winner": "error", "judgment": "$ERROR$", "g1_judgment": "$ERROR$"}
    path.write_text("\n".join([json.dumps(spoilt), *lines, json.dumps(spoilt)]))
    folder = write_folder(tmp_path / "mt", "good", "poor", "fair")
    mode = {"mode": "pairwise-baseline", "baseline": "good"} if pairwise else {}
    found = judged(folder, make(f"replay:{path}", pairwise=pairwise), store, **mode)
    kept, number = rows(found.judging.path), len(lines)
    assert [json.loads(line) for line in lines] == sorted(kept, key=lambda row: lines.index(json.dumps(row)))
    assert ({"judged": number * (1 + pairwise)}, number) == (found.states, found.rows)
    assert "gpt-4_" in found.judging.path.name
    assert "repeated rows: 2; the last one with a result holds" in caplog.text
    assert f"judgments that are not recorded: 12 of {number + 12}, the first: question 81, turn 1, fair" in caplog.text


def test_replay_of_other_answers(tmp_path: Path, store: Store) -> None:
    """A judgment holds for the answers that it was made of."""
    path = recorded(tmp_path, store, pairwise=False)
    folder = write_folder(
        tmp_path / "mt", "good", "poor", but={("poor", 151): ("poor says other.", "poor says 151 again.")}
    )
    with pytest.raises(DataError, match='of question 151, turn 1, was made of another answer of "poor" than is in its'):
        judged(folder, make(f"replay:{path}"), store)
    assert 10 == judged(folder, make(f"replay:{path}"), store, QUESTIONS[:5], models=["poor"]).rows


def _other_judge(lines: list[str]) -> list[str]:
    return [*lines, lines[0].replace("gpt-4", "gpt-5")]


@pytest.mark.parametrize(
    ("change", "pairwise", "error", "problem"),
    [
        (_other_judge, False, ConfigError, r"holds the judgments of 2 judges \(gpt-4, gpt-5\); replay a file of one"),
        (lambda _: [], False, ConfigError, r"judges \(it is empty\)"),
        (lambda lines: lines, True, SchemaError, 'field "model_1" is missing'),
        (lambda lines: [lines[0].replace('"judgment"', '"x"')], False, SchemaError, 'field "judgment" is missing'),
    ],
)
def test_files_that_cannot_be_replayed(  # noqa: PLR0917  what is varied
    tmp_path: Path,
    store: Store,
    change: Callable[[list[str]], list[str]],
    pairwise: bool,
    error: type[Exception],
    problem: str,
) -> None:
    """Several judges, none, the other mode, or rows that lack something."""
    path = recorded(tmp_path, store, pairwise=False)
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))
    with pytest.raises(error, match=problem):
        make(f"replay:{path}", pairwise=pairwise)


def test_a_replay_needs_a_file_of_its_own(tmp_path: Path, store: Store) -> None:
    """It is named, has something to say, and is not what would be written."""
    with pytest.raises(ConfigError, match='"replay" needs a judgment file'):
        make("replay:")
    path = recorded(tmp_path, store, pairwise=False)
    folder = write_folder(tmp_path / "mt", "fair")
    with pytest.raises(DataError, match=r"has none of these judgments, e\.g\. question 81, turn 1, fair"):
        judged(folder, make(f"replay:{path}"), store)
    own = folder / "model_judgment" / "gpt-4_single.jsonl"
    own.parent.mkdir()
    own.write_bytes(path.read_bytes())
    write_folder(folder, "good")
    with pytest.raises(ConfigError, match="longismore mtbench show reads it as it is"):
        judged(folder, make(f"replay:{own}"), store, models=["good"])
    # Rows of FastChat have no fingerprint, so those of another file of the same judge may join them.
    write_folder(folder, "poor")
    found = judged(folder, make(f"replay:{path}"), store, models=["poor"])
    assert (12, 12) == (found.rows, found.kept)
