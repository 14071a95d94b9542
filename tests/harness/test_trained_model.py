"""A model that longismore trained is asked with the template of its training, without a word of the user's."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval import evaluator, tasks
from lm_eval.caching import cache

from lm_eval_fakes import EchoLM
from longismore.errors import ConfigError, SchemaError
from longismore.harness import TASKS_FOLDER
from longismore.harness._evaluated import evaluator_imported
from longismore.harness._lm_eval import tasks_imported
from longismore.harness._trained_model import NOTE
from longismore.instructions._templates import TextTemplate, load_template
from longismore.testsets import TESTSETS
from longismore.train._record import RECORD, write_record
from trained_models import record_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MINI = TESTSETS.get("mini").load()
PLAIN = load_template("plain")
BARE = [example.prompt for example in MINI]
TRAINED = [PLAIN.prompt(example.instruction, example.input) for example in MINI]


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run folders go below a temporary folder; lm_eval asks neither git nor the graphics driver."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluator, "add_env_info", lambda results: None)
    monkeypatch.setattr(evaluator, "get_git_commit_hash", lambda: None)
    tasks_imported(tasks)
    monkeypatch.setattr(evaluator, "evaluate", evaluator.evaluate)
    evaluator_imported(evaluator)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a model that was trained with the template plain."""
    path = tmp_path / "tuned"
    write_record(path, record_of())
    return path


def evaluate(lm: EchoLM, *names: str, metadata: dict[str, Any] | None = None, **options: Any) -> Any:
    """Evaluate as lm_eval does, without judging."""
    manager = tasks.TaskManager(include_defaults=False, include_path=TASKS_FOLDER, metadata=metadata or {})
    settings: dict[str, Any] = {"predict_only": True, **options}
    return evaluator.simple_evaluate(
        model=lm, tasks=list(names or ["longismore_mini"]), task_manager=manager, **settings
    )


def asked(folder: Path | str, **options: Any) -> list[str]:
    """The prompts of the model in this folder."""
    lm = EchoLM(str(folder))
    evaluate(lm, **options)
    return lm.prompts


def lines(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    """What longismore logged."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("longismore")]


def test_the_model_is_asked_with_the_template_of_its_training(folder: Path) -> None:
    """Every prompt is what a row of training data with that instruction and input would begin with."""
    assert asked(folder) == TRAINED
    assert any(example.input for example in MINI), "some instruction of the test set has an input"


def test_the_arguments_of_lm_eval_name_the_folder(folder: Path) -> None:
    """Where the model does not say where it lies, --model_args do, which lm_eval puts into the metadata."""
    assert asked("", metadata={"pretrained": str(folder)}) == TRAINED


def test_without_the_hook_the_arguments_are_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of lm_eval's evaluator needs to be wrapped for a model that the command line names."""
    monkeypatch.setattr(evaluator, "evaluate", evaluator.evaluate.__wrapped__)
    assert asked(folder) == BARE
    assert asked(folder, metadata={"pretrained": str(folder)}) == TRAINED


def test_a_model_without_a_record_is_asked_as_before(tmp_path: Path) -> None:
    """Neither the prompts nor lm_eval's results change for models that others made."""
    (tmp_path / "other").mkdir()
    for name in ("other", "absent", "org/some-model"):
        lm = EchoLM(name)
        results = evaluate(lm, metadata={"pretrained": name})
        assert lm.prompts == BARE
        assert NOTE not in results["configs"]["longismore_mini"]["metadata"]


def test_an_adapter_is_asked_as_the_model_into_which_it_was_merged(folder: Path) -> None:
    """The folder of the adapter, or the one above it, has the record; that of the base model counts less."""
    other = folder.parent / "base"
    write_record(other, record_of("none"))
    (folder / "adapter").mkdir()
    arguments = {"pretrained": str(other), "peft": str(folder / "adapter")}
    assert asked("", metadata=arguments) == TRAINED
    write_record(folder / "adapter", record_of("none"))
    assert asked("", metadata=arguments) == [
        load_template("none").prompt(each.instruction, each.input) for each in MINI
    ]


def test_a_system_instruction_stands_where_the_training_had_it(folder: Path) -> None:
    """--system_instruction is the template's system message."""
    prompts = asked(folder, system_instruction="Be brief.", limit=2)
    assert prompts == [PLAIN.prompt(each.instruction, each.input, "Be brief.") for each in MINI[:2]]


def test_a_template_without_a_form_for_inputs_gets_them_in_the_instruction(tmp_path: Path) -> None:
    """No row with an input was trained on, so the input follows the instruction as in the bare prompt."""
    form = TextTemplate(name="short", without_input="Q: {instruction}\nA:", with_input=None)
    write_record(tmp_path / "tuned", record_of(form))
    assert asked(tmp_path / "tuned") == [f"Q: {prompt}\nA:" for prompt in BARE]


def test_a_task_file_of_the_user_keeps_its_own_text(folder: Path) -> None:
    """Where a task asks something else than the test set's prompt, that is the instruction."""
    own = folder.parent / "own"
    own.mkdir()
    own.joinpath("_task.py").write_text(TASKS_FOLDER.joinpath("_task.py").read_text(encoding="utf-8"))
    more = "doc_to_text: category\ndescription: Be brief.\n"
    task = TASKS_FOLDER.joinpath("longismore_mini.yaml").read_text(encoding="utf-8").replace("longismore_mini", "mine")
    own.joinpath("mine.yaml").write_text(more + task, encoding="utf-8")
    lm = EchoLM(str(folder))
    manager = tasks.TaskManager(include_defaults=False, include_path=str(own), metadata={})
    evaluator.simple_evaluate(model=lm, tasks=["mine"], task_manager=manager, predict_only=True, limit=2)
    assert lm.prompts == [PLAIN.prompt(example.category, system="Be brief.") for example in MINI[:2]]


def test_with_the_chat_template_nothing_is_wrapped_twice(folder: Path) -> None:
    """Under --apply_chat_template lm_eval writes the prompts, by the tokenizer's chat template, and we do not."""
    assert asked(folder, apply_chat_template=True) == [f"<user>{prompt}" for prompt in BARE]


@pytest.mark.parametrize("changed", [False, True], ids=["the same", "another"])
def test_another_chat_template_than_the_recorded_one_is_warned_about(
    folder: Path, caplog: pytest.LogCaptureFixture, *, changed: bool
) -> None:
    """A tokenizer whose chat template was changed since the training asks otherwise, and that is said."""
    lm = EchoLM(str(folder))
    lm.tokenizer = SimpleNamespace(chat_template="{{ 1 }}" if changed else "{{ messages }}")
    with caplog.at_level(logging.INFO, "longismore"):
        evaluate(lm, apply_chat_template=True, limit=1)
    warned = [line for line in lines(caplog) if "is not the one that the training recorded (template plain, " in line]
    assert len(warned) == changed
    assert sum("is asked by lm_eval, with the tokenizer's chat template" in line for line in lines(caplog)) == 1


def test_one_line_says_which_template_and_from_where(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Five tasks of one evaluation log it once; the next evaluation logs it again."""
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(data / "testsets"))
    with caplog.at_level(logging.INFO, "longismore"):
        for expected in (1, 2):
            evaluate(EchoLM(str(folder)), "longismore_pairwise", limit=1)
            sentence = (
                f"tuned is asked with the template of its training: plain ({PLAIN.digest}), from {folder / RECORD}"
            )
            assert lines(caplog) == [sentence] * expected


def test_lm_eval_writes_it_into_its_results(folder: Path) -> None:
    """The metadata of the task say which template it was, where that is recorded, and who wrote the prompts."""
    told = {"name": "plain", "digest": PLAIN.digest, "recorded_in": f"tuned/{RECORD}"}
    for flag, who in ((False, "longismore"), (True, "lm_eval")):
        results = evaluate(EchoLM(str(folder)), limit=1, apply_chat_template=flag)
        assert results["configs"]["longismore_mini"]["metadata"][NOTE] == {**told, "written_by": who}


def test_the_same_task_object_serves_models_with_and_without_a_record(folder: Path) -> None:
    """What was found of one model does not stay for the next."""
    manager = tasks.TaskManager(include_defaults=False, include_path=TASKS_FOLDER, metadata={"judge": "length"})
    loaded = manager.load(["longismore_mini"])
    for name, expected in ((str(folder), TRAINED), ("other", BARE), (str(folder), TRAINED)):
        lm = EchoLM(name)
        results = evaluator.evaluate(lm=lm, task_dict=loaded)
        assert lm.prompts == expected
        assert (NOTE in results["configs"]["longismore_mini"]["metadata"]) == (expected is TRAINED)


def test_kept_requests_of_another_template_are_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--cache_requests keeps prompts by task; those of a model with a template are kept apart from the bare ones."""
    monkeypatch.setattr(cache, "PATH", str(folder.parent / "cache"))
    for name, expected in (("other", BARE), (str(folder), TRAINED), ("other", BARE), (str(folder), TRAINED)):
        assert asked(name, cache_requests=True) == expected
    assert len(list((folder.parent / "cache").iterdir())) == 2


def test_the_user_can_ask_the_bare_prompt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """judge_candidate_template=none asks as if there were no record; a word that is not known is an error."""
    assert asked(folder, metadata={"judge_candidate_template": "none"}, limit=1) == BARE[:1]
    assert asked(folder, metadata={"judge_candidate_template": "recorded"}, limit=1) == TRAINED[:1]
    monkeypatch.setenv("LONGISMORE_JUDGE_CANDIDATE_TEMPLATE", "none")
    assert asked(folder, limit=1) == BARE[:1]
    with pytest.raises(ConfigError, match="judge_candidate_template must be recorded or none, found 'alpaca'"):
        asked(folder, metadata={"judge_candidate_template": "alpaca"})


def test_the_setting_is_one_of_the_judged_run_too(folder: Path) -> None:
    """A run that judges takes the key for one of ours."""
    lm = EchoLM(str(folder))
    metadata = {"judge": "length", "judge_candidate_template": "none"}
    evaluate(lm, metadata=metadata, limit=1, predict_only=False)
    assert lm.prompts == BARE[:1]


def test_a_broken_record_is_an_error_before_the_first_generation(folder: Path) -> None:
    """A model whose record cannot be used is not asked with the bare prompt instead."""
    changed = replace(record_of().template, digest="0" * 16)
    write_record(folder, replace(record_of(), template=changed))
    lm = EchoLM(str(folder))
    with pytest.raises(SchemaError, match="it was changed"):
        evaluate(lm)
    assert lm.asked == []
