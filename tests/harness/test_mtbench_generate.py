"""MT-Bench is asked in two turns, saved as it comes, and written in FastChat's format."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lm_eval.api.registry import model_registry

from longismore._lock import alone
from longismore.errors import BusyError, ConfigError, DataError, LongismoreError, UnknownNameError, UsageError
from longismore.harness._mtbench_journal import Journal
from longismore.harness._mtbench_model import model_name
from longismore.harness.mtbench_generate import TEMPERATURES, Generated, Place, generate_answers
from longismore.mtbench import CATEGORIES, read_answers
from mtbench_talk import QUESTIONS, TalkLM, said


@pytest.fixture(autouse=True)
def _talk(monkeypatch: pytest.MonkeyPatch) -> None:
    """lm_eval knows the model; nothing was asked yet."""
    import lm_eval.models  # noqa: F401  its own come first

    monkeypatch.setitem(model_registry._objs, "talk", TalkLM)
    TalkLM.calls.clear()
    TalkLM.built.clear()


def generate(folder: Path, model_args: str = "pretrained=org/tuned", **changes: Any) -> Generated:
    """Ask all questions, in *folder*."""
    given: dict[str, Any] = {"questions": QUESTIONS, "model": "talk", "model_args": model_args, "folder": folder}
    return generate_answers(**(given | changes))


def first(question: int) -> str:
    """The first prompt of a question."""
    return f"<user> {QUESTIONS[question].turns[0]}"


def second(question: int) -> str:
    """The second one."""
    before = first(question)
    return f"{before} <assistant> {said(before)} <user> {QUESTIONS[question].turns[1]}"


def prompts() -> list[list[str]]:
    """What was asked, call by call."""
    return [call.prompts for call in TalkLM.calls]


def rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_second_turns_follow_all_first_turns(tmp_path: Path) -> None:
    """One call a turn; in the second one each question has its first answer before it, without white space around."""
    found = generate(tmp_path)
    assert [[first(number) for number in range(4)], [second(number) for number in range(4)]] == prompts()
    assert (4, 8, 0) == (found.questions, found.asked, found.kept)
    assert "the model's chat template" == found.prompts


def test_the_file_is_of_fastchats_form(tmp_path: Path) -> None:
    """One line a question, with FastChat's fields; nothing else lies in its folder."""
    found = generate(tmp_path)
    assert tmp_path / "model_answer" / "tuned.jsonl" == found.path
    assert [found.path] == list(found.path.parent.iterdir())
    row = rows(found.path)[2]
    assert ["question_id", "answer_id", "model_id", "choices", "tstamp"] == list(row)
    assert (111, "tuned") == (row["question_id"], row["model_id"])
    assert [{"index": 0, "turns": [said(first(2)), said(second(2))]}] == row["choices"]
    assert 4 == len({each["answer_id"] for each in rows(found.path)})


def test_temperatures_are_those_of_the_categories(tmp_path: Path) -> None:
    """0.7, greedy and 0.1; every category of MT-Bench has one."""
    generate(tmp_path)
    settings = [call.settings for call in TalkLM.calls]
    assert [[0.7, 0.0, 0.0, 0.1]] * 2 == [[each["temperature"] for each in call] for call in settings]
    assert [[True, False, False, True]] * 2 == [[each["do_sample"] for each in call] for call in settings]
    assert ([], 1024) == (settings[0][0]["until"], settings[0][0]["max_gen_toks"])
    assert set(CATEGORIES) == set(TEMPERATURES)


def test_one_temperature_can_be_forced(tmp_path: Path) -> None:
    """It holds for every category, as do the longest answer and what the model is built with."""
    generate(tmp_path, temperature=0.5, max_new_tokens=7, batch_size="auto", device="cpu")
    asked = [(each["temperature"], each["max_gen_toks"]) for call in TalkLM.calls for each in call.settings]
    assert {(0.5, 7)} == set(asked)
    TalkLM.calls.clear()
    generate(tmp_path, name="greedy", temperature=0)
    assert {False} == {each["do_sample"] for call in TalkLM.calls for each in call.settings}
    assert {"batch_size": "auto", "device": "cpu"} == TalkLM.built[0]


def test_the_same_command_asks_nothing_again(tmp_path: Path) -> None:
    """No model is loaded, and the file stays the same to the byte."""
    before = generate(tmp_path).path.read_bytes()
    again = generate(tmp_path)
    assert (0, 8, None) == (again.asked, again.kept, again.prompts)
    assert (1, before) == (len(TalkLM.built), again.path.read_bytes())


def test_a_lost_file_is_written_again(tmp_path: Path) -> None:
    """From what was saved, without a model."""
    path = generate(tmp_path).path
    before = path.read_bytes()
    path.unlink()
    generate(tmp_path)
    assert (1, before) == (len(TalkLM.built), path.read_bytes())


def test_more_questions_join_those_before(tmp_path: Path) -> None:
    """Only what is missing is asked, and the file keeps what was not asked now."""
    generate(tmp_path, questions=QUESTIONS[2:])
    path = generate(tmp_path, questions=QUESTIONS[:3]).path
    assert [81, 101, 111, 141] == [each.question for each in read_answers(path)]
    assert [[first(2), first(3)], [second(2), second(3)], [first(0), first(1)], [second(0), second(1)]] == prompts()


def test_a_changed_question_is_asked_again(tmp_path: Path) -> None:
    """With a new second turn only that one is; with a new first turn, both."""
    generate(tmp_path)
    TalkLM.calls.clear()
    later = replace(QUESTIONS[0], turns=(QUESTIONS[0].turns[0], "Make it longer."))
    earlier = replace(QUESTIONS[1], turns=("Which one is lighter?", QUESTIONS[1].turns[1]))
    found = generate(tmp_path, questions=[later, earlier])
    assert (3, 1) == (found.asked, found.kept)
    assert ["<user> Which one is lighter?"] == TalkLM.calls[0].prompts
    assert f"{first(0)} <assistant> {said(first(0))} <user> Make it longer." == TalkLM.calls[1].prompts[0]


@pytest.mark.parametrize("after", [2, 4, 6])
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, after: int) -> None:
    """By kill -9 in the first turn, between the turns and in the second one: every answer that was there stays."""
    program = textwrap.dedent(
        f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        import lm_eval.models
        from lm_eval.api.registry import model_registry
        from mtbench_talk import QUESTIONS, TalkLM
        from longismore.harness.mtbench_generate import generate_answers
        model_registry.register("talk", target=TalkLM)
        arguments = "pretrained=org/tuned,dies_after={after}"
        generate_answers(QUESTIONS, model="talk", model_args=arguments, folder={str(tmp_path)!r})
        """
    )
    process = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert -9 == process.returncode, process.stderr.decode()
    assert not (tmp_path / "model_answer").exists()
    found = generate(tmp_path)
    wanted = [first(number) for number in range(4)] + [second(number) for number in range(4)]
    assert wanted[after:] == [prompt for call in prompts() for prompt in call]
    assert (8 - after, after) == (found.asked, found.kept)
    assert [(said(first(number)), said(second(number))) for number in range(4)] == [
        each.turns for each in read_answers(found.path)
    ]


def test_a_model_that_fails_loses_nothing(tmp_path: Path) -> None:
    """The error says how far it came; the same command goes on from there."""
    with pytest.raises(LongismoreError, match=r"in turn 2, answers saved: 1 of 4; .*RuntimeError: out of memory"):
        generate(tmp_path, "pretrained=org/tuned,fails_after=5")
    assert 3 == generate(tmp_path).asked


def test_a_line_that_was_cut_off_is_asked_again(tmp_path: Path) -> None:
    """Half a line is what a crash of the machine leaves."""
    generate(tmp_path)
    path = tmp_path / "model_generation" / "tuned" / "turns-0.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    (tmp_path / "model_answer" / "tuned.jsonl").unlink()
    assert 1 == generate(tmp_path).asked
    assert 8 == len(rows(path))


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """Another one is told, before it asks anything, and also where it has read what is old by then."""
    folder = tmp_path / "model_generation" / "tuned"
    with alone(folder / ".turns-0.lock", wait=False):
        with pytest.raises(BusyError, match="tuned: another process is at work there"):
            generate(tmp_path)
        assert [] == prompts()
    early, late = Journal(folder, {}), Journal(folder, {})
    with early.opened("form", 0, notes=True, writes=True):
        early.add(QUESTIONS[0], (), "an answer", shortened=False)
    told = "turns-0.jsonl: another process has added answers just now; repeat the command"
    with pytest.raises(BusyError, match=told), late.opened("form", 0, notes=True, writes=True):
        raise AssertionError


@pytest.mark.parametrize(
    ("line", "problem"),
    [("{", "not JSON"), ('{"question": 81}', 'the field "turn" is None'), ('{"question": true}', '"question" is True')],
)
def test_a_foreign_line_is_refused(tmp_path: Path, line: str, problem: str) -> None:
    """With its file and number."""
    generate(tmp_path)
    path = tmp_path / "model_generation" / "tuned" / "turns-0.jsonl"
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(DataError, match=rf"turns-0.jsonl:9: .*{problem}"):
        generate(tmp_path)


def test_other_settings_are_refused(tmp_path: Path) -> None:
    """Every difference is named; what only changes where the model runs is none."""
    generate(tmp_path)
    with pytest.raises(UsageError, match=r"max_new_tokens 1024 \(now 8\), temperature not set \(now 0.5\)") as caught:
        generate(tmp_path, temperature=0.5, max_new_tokens=8)
    assert "give the model another name" in str(caught.value)
    assert 8 == generate(tmp_path, "pretrained=org/tuned,base_url=http://127.0.0.1:1,auth_token=secret").kept
    assert "secret" not in (tmp_path / "model_generation" / "tuned" / "settings.json").read_text()
    assert 8 == generate(tmp_path, name="other", temperature=0.5, max_new_tokens=8).asked


def test_another_chat_template_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows only when the model is loaded; the answers that are there stay as they are."""
    tokenizer = SimpleNamespace(chat_template="one")
    monkeypatch.setattr(TalkLM, "tokenizer", tokenizer, raising=False)
    with pytest.raises(LongismoreError, match="out of memory"):
        generate(tmp_path, "pretrained=org/tuned,fails_after=5")
    tokenizer.chat_template = "two"
    with pytest.raises(UsageError, match="made with prompts"):
        generate(tmp_path)
    tokenizer.chat_template = "one"
    assert 5 == generate(tmp_path).kept


def test_another_model_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    """A model that was trained anew has the same path; its answers are not those that are there."""
    model = tmp_path / "tuned"
    model.mkdir()
    (model / "config.json").write_text("{}")
    generate(tmp_path, f"pretrained={model}")
    assert 8 == generate(tmp_path, f"pretrained={model}").kept
    (model / "config.json").write_text('{"trained": "again"}')
    with pytest.raises(UsageError, match="made with files"):
        generate(tmp_path, f"pretrained={model}")


def test_foreign_answers_are_not_written_over(tmp_path: Path) -> None:
    """Neither answers that another program generated, nor own ones that were changed since."""
    path = tmp_path / "model_answer" / "tuned.jsonl"
    path.parent.mkdir()
    foreign = {"question_id": 81, "model_id": "tuned", "choices": [{"index": 0, "turns": ["a", "b"]}], "tstamp": 1.0}
    path.write_text(json.dumps(foreign) + "\n")
    with pytest.raises(DataError, match="answer to question 81 was not generated by this program"):
        generate(tmp_path)
    assert [] == TalkLM.built
    path.unlink()
    generate(tmp_path)
    path.write_text(path.read_text().replace(said(second(0)), "better"))
    with pytest.raises(DataError, match="question 81"):
        generate(tmp_path)


def test_empty_answers_are_named(tmp_path: Path) -> None:
    """They are answers, and the file has them as they are."""
    found = generate(tmp_path, "pretrained=org/tuned,silent=Double")
    assert (Place(111, 2),) == found.empty
    assert "" == read_answers(found.path)[2].turns[1]
    assert [{"question": 111, "turn": 2}] == found.to_dict()["empty"]
    assert json.dumps(found.to_dict())


def test_a_prompt_is_never_cut_off(tmp_path: Path) -> None:
    """Where prompt and longest answer do not fit together, the answer gets what is left; where nothing is, $ERROR$.

    The second prompts have 12, 13, 11 and 12 words of the 13 that fit, so 1, 0, 2 and 1 are left of the 6 allowed.
    """
    found = generate(tmp_path, "pretrained=org/tuned,context=13", max_new_tokens=6)
    limits = [[each["max_gen_toks"] for each in call.settings] for call in TalkLM.calls]
    assert [[6, 6, 6, 6], [1, 2, 1]] == limits
    assert [second(0), second(2), second(3)] == prompts()[1]
    assert (Place(81, 2), Place(111, 2), Place(141, 2)) == found.shortened
    assert (Place(101, 2),) == found.without_room
    assert (said(first(1)), "$ERROR$") == read_answers(found.path)[1].turns
    assert 8 == generate(tmp_path, "pretrained=org/tuned,context=13", max_new_tokens=6).kept


def test_the_first_turn_needs_room(tmp_path: Path) -> None:
    """What can be known before anything is generated is refused then, by the question's number."""
    with pytest.raises(UsageError, match=r"context of 5 tokens has no room for an answer to question 81, 101, 111;"):
        generate(tmp_path, "pretrained=org/tuned,context=5")
    assert ([], False) == (TalkLM.calls, (tmp_path / "model_generation").exists())


def test_the_same_text_twice_is_two_questions(tmp_path: Path) -> None:
    """Two questions with one text each get an answer that is saved."""
    twin = replace(QUESTIONS[0], id=82)
    with pytest.raises(LongismoreError, match="answers saved: 2 of 2;"):
        generate(tmp_path, "pretrained=org/tuned,fails_after=2", questions=[QUESTIONS[0], twin])
    assert 2 == generate(tmp_path, questions=[QUESTIONS[0], twin]).kept


@pytest.mark.parametrize(("content", "problem"), [("[]", "a JSON object is wanted"), ("{", "not JSON")])
def test_settings_that_cannot_be_read_are_refused(tmp_path: Path, content: str, problem: str) -> None:
    """With their file."""
    generate(tmp_path)
    (tmp_path / "model_generation" / "tuned" / "settings.json").write_text(content)
    with pytest.raises(DataError, match=rf"settings.json.*{problem}"):
        generate(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """Before anything is generated."""
    (tmp_path / "model_generation").write_text("a file is in the way")
    with pytest.raises(DataError, match=r"model_generation/tuned: cannot be written to: "):
        generate(tmp_path)
    assert [] == TalkLM.calls


def test_every_wrong_setting_is_named(tmp_path: Path) -> None:
    """All at once, before anything is loaded."""
    with pytest.raises(ConfigError) as caught:
        generate(tmp_path, max_new_tokens=0, seed=-1, temperature=float("nan"), questions=[QUESTIONS[0]] * 2)
    assert 4 == len(caught.value.problems)
    with pytest.raises(ConfigError, match="there is no question to ask"):
        generate(tmp_path, questions=[])


@pytest.mark.parametrize(
    ("changes", "error", "problem"),
    [
        ({"model": "tlak"}, UnknownNameError, 'unknown type of models "tlak".*talk'),
        ({"model": "longismore_outputs"}, ConfigError, "cannot be asked"),
        ({"model_args": "pretrained"}, ConfigError, "model_args must be name=value"),
        ({"model_args": "{"}, ConfigError, "model_args is not JSON"),
        ({"name": "a/b"}, ConfigError, "a/b"),
        ({"model_args": "fails_after=1,dies_after"}, ConfigError, "name=value"),
    ],
)
def test_what_can_fail_fails_first(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], problem: str
) -> None:
    """Before a model is loaded."""
    with pytest.raises(error, match=problem):
        generate(tmp_path, **changes)
    assert ([], []) == (TalkLM.built, list(tmp_path.iterdir()))


def test_a_model_that_cannot_be_loaded_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it said, and without arguments that may hold a key."""

    def explode(self: TalkLM, **given: Any) -> None:
        raise OSError("no such checkpoint")

    monkeypatch.setattr(TalkLM, "__init__", explode)
    with pytest.raises(UsageError, match="arguments pretrained=org/tuned: OSError: no such checkpoint"):
        generate(tmp_path, "pretrained=org/tuned,auth_token=secret")


def test_arguments_may_be_json_or_a_mapping(tmp_path: Path) -> None:
    """All three are the same."""
    generate(tmp_path, '{"pretrained": "org/tuned", "batch_size": 3}')
    assert [{"batch_size": 3, "device": "cuda:0"}] == TalkLM.built
    assert 8 == generate(tmp_path, {"pretrained": "org/tuned"}).kept  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model_args", "name"),
    [
        ("pretrained=org/base,peft=out/adapter/", "adapter"),
        ("pretrained=meta-llama/Llama-2-7b-chat-hf", "Llama-2-7b-chat-hf"),
        ("model=llama3:8b,base_url=http://127.0.0.1:1/v1", "llama3-8b"),
        ("", "hf"),
        ("pretrained=.", None),
    ],
)
def test_a_model_is_called_by_its_path(model_args: str, name: str | None) -> None:
    """By the last part of what names it most tellingly, as the name of a file."""
    assert (name or Path.cwd().name) == model_name("hf", model_args)


def test_what_models_print_stays_out_of_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout is for the result."""
    generate(tmp_path)
    captured = capsys.readouterr()
    assert ("", True) == (captured.out, "a model that prints" in captured.err)


def test_a_model_without_chat_template_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it generates; the message names the way out."""
    monkeypatch.delattr(TalkLM, "apply_chat_template")
    with pytest.raises(UsageError, match=r"NotImplementedError.*--conversation NAME"):
        generate(tmp_path)
    assert [] == TalkLM.calls
