"""Our groups of lm_eval's own tasks: what is in them, what they average, and what is said where data are missing."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import pytest
import yaml
from lm_eval import evaluator, tasks
from lm_eval.api.group import Group
from lm_eval.api.task import ConfigurableTask

from lm_eval_fakes import EchoLM
from longismore.errors import DataError, UsageError
from longismore.harness import TASKS_FOLDER
from longismore.harness._command import _wants_only_ours, run_lm_eval
from longismore.harness._host_data import HOST_GROUPS, _group_of, _members, check_ifeval, explained, host_groups
from longismore.harness._lm_eval import tasks_imported
from longismore.harness._our_errors import explain_our_errors
from longismore.harness._pairwise_task import pool_group

if TYPE_CHECKING:
    from collections.abc import Sequence

THEIRS = Path(tasks.__file__).parent
FOLDERS = ("arc", "gsm8k", "hellaswag", "ifeval", "mmlu", "truthfulqa", "winogrande")
"""Of lm_eval's tasks, so that no test has to look through all of them."""
WITHOUT_IFEVAL = [name for name in HOST_GROUPS if name not in {"longismore_ci", "longismore_ifeval"}]
SHOTS = {
    "longismore_openllm": {"arc_challenge": 25, "mmlu": 5, "truthfulqa_mc2": 0, "winogrande": 5},
    "longismore_openllm_v1": {
        "arc_challenge": 25,
        "hellaswag": 10,
        "mmlu": 5,
        "truthfulqa_mc2": 0,
        "winogrande": 5,
        "gsm8k": 5,
    },
    "longismore_chasing_random": {
        "arc_challenge": 5,
        "arc_easy": 5,
        "hellaswag": 5,
        "mmlu": 5,
        "truthfulqa_mc1": 0,
        "truthfulqa_mc2": 0,
        "winogrande": 5,
    },
}
LEADERBOARD = {"arc_challenge": "acc_norm,none", "hellaswag": "acc_norm,none", "gsm8k": "exact_match,strict-match"}
"""Metrics of the leaderboard that are not plain accuracy."""


@pytest.fixture(autouse=True)
def _hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """lm_eval knows our tasks, and is not asked about git, pip and the graphics driver."""
    monkeypatch.setattr(evaluator, "add_env_info", lambda results: None)
    monkeypatch.setattr(evaluator, "get_git_commit_hash", lambda: None)
    tasks_imported(tasks)


def manager() -> tasks.TaskManager:
    """A task manager that knows our tasks, and those of lm_eval that they are made of."""
    return tasks.TaskManager(include_defaults=False, include_path=[TASKS_FOLDER, *(THEIRS / name for name in FOLDERS)])


def _row(path: str, number: int) -> dict[str, Any]:
    choices = [f"{word} {number}" for word in ("red", "green", "blue", "a very dark yellow")]
    question = f"Which colour is number {number}?"
    targets = {"choices": choices, "labels": [1, 0, 0, 0]}
    rows: dict[str, dict[str, Any]] = {
        "allenai/ai2_arc": {
            "question": question, "choices": {"text": choices, "label": list("ABCD")}, "answerKey": "B",
        },
        "Rowan/hellaswag": {
            "ctx_a": question, "ctx_b": "it is", "activity_label": "Art", "endings": choices, "label": str(number % 4),
        },
        "cais/mmlu": {"question": question, "choices": choices, "answer": number % 4},
        "truthfulqa/truthful_qa": {"question": question, "mc1_targets": targets, "mc2_targets": targets},
        "allenai/winogrande": {
            "sentence": f"The cup {number} fits not into the box because _ is big.", "option1": "the cup",
            "option2": "the box", "answer": str(1 + number % 2),
        },
        "openai/gsm8k": {"question": question, "answer": f"So many.\n#### {number}"},
    }  # fmt: skip
    return rows[path]


@pytest.fixture
def small_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invented data sets of the public ones' shapes: the hub is out of reach."""
    kept: dict[str, Any] = {}

    def load_dataset(path: str, name: str | None = None, **_: Any) -> Any:
        if path not in kept:
            splits = dict.fromkeys(("train", "dev", "validation", "test"), 30)
            kept[path] = {
                split: datasets.Dataset.from_list([_row(path, number) for number in range(size)])
                for split, size in splits.items()
            }
        return kept[path]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)


class ColourLM(EchoLM):
    """Finds an answer the likelier the more often a hash of question and answer says so."""

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Of each answer, and remembers the questions."""
        self.asked += [(request.args[0], {}) for request in requests]
        return [(-sha256("".join(request.args).encode()).digest()[0] / 8, False) for request in requests]


@pytest.mark.slow
@pytest.mark.parametrize("group", WITHOUT_IFEVAL)
@pytest.mark.usefixtures("small_data")
def test_groups_run_lm_evals_tasks_with_their_shots_and_average_them(group: str) -> None:
    """Each task with the shots of its paper; the average is that of the named metrics, and so is its error."""
    lm = ColourLM()
    found = evaluator.simple_evaluate(model=lm, tasks=[group], task_manager=manager(), limit=2, bootstrap_iters=10)
    parts = {"mmlu": "mmlu_anatomy"}
    assert SHOTS[group] == {name: found["n-shot"][parts.get(name, name)] for name in found["group_subtasks"][group]}
    metrics = dict.fromkeys(SHOTS[group], "acc,none")
    if group != "longismore_chasing_random":
        metrics |= {name: metric for name, metric in LEADERBOARD.items() if name in metrics}
    values = [found["results"][name][metric] for name, metric in metrics.items()]
    assert len(set(values)) > 1
    average = found["groups"][group]
    assert pytest.approx(sum(values) / len(values)) == average["average,none"]
    errors = [found["results"][name][metric.replace(",", "_stderr,")] for name, metric in metrics.items()]
    assert pytest.approx(math.hypot(*errors) / len(errors)) == average["average_stderr,none"]
    prompts = [prompt for prompt in lm.prompts if prompt.startswith("Question: Which colour")]
    assert {1 + SHOTS[group]["arc_challenge"]} == {
        prompt.count("Question:") for prompt in prompts if "####" not in prompt
    }


@pytest.mark.usefixtures("small_data")
def test_the_error_of_an_average_is_that_of_independent_tasks() -> None:
    """Errors add up in squares; a task without a value leaves the average out."""
    group: Any = manager().load(["longismore_openllm"])["groups"]["longismore_openllm"]
    metrics = {
        "arc_challenge": {"acc_norm,none": 0.5, "acc_norm_stderr,none": 0.3, "acc,none": 0.9},
        "mmlu": {"acc,none": 0.25, "acc_stderr,none": 0.4},
        "truthfulqa_mc2": {"acc,none": 0.5, "acc_stderr,none": 0.0},
        "winogrande": {"acc,none": 0.75, "acc_stderr,none": 0.0},
    }
    found = group.aggregate(metrics)
    assert (0.5, 0.125) == (found["average,none"], pytest.approx(found["average_stderr,none"]))
    assert math.hypot(0.3, 0.4) / 4 == pytest.approx(found["average_stderr,none"])
    assert "average,none" not in group.aggregate({**metrics, "mmlu": {"bypass,none": 999}})


def test_every_group_names_tasks_that_lm_eval_has() -> None:
    """The list of such groups is that of the files; what they average are their own tasks, each once."""
    known = manager()
    files = {path.stem: path for path in TASKS_FOLDER.glob("*.yaml")}
    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("!function", lambda _, node: node.value)
    needing = set()
    for name, path in files.items():
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  a loader of this test
        assert name in known.all_tasks
        if "group" not in config:
            continue
        members = [each if isinstance(each, str) else each.get("task", each.get("group")) for each in config["task"]]
        assert set(members) <= set(known.all_tasks)
        if not all(member.startswith("longismore_") for member in members):
            needing.add(name)
            averaged = list(config["metadata"].get("average", members))
            assert sorted(members) == sorted(averaged)
    assert set(HOST_GROUPS) == needing == set(host_groups(["longismore_*"]))
    assert needing <= set(known.all_groups)


@pytest.mark.parametrize(
    ("arguments", "only_ours"),
    [
        (["ls", "groups"], True),
        (["run", "--tasks", "longismore_mini", "longismore_alpaca_eval"], True),
        (["--tasks=longismore_koala,longismore_vicuna"], True),
        (["run", "--tasks", "longismore_openllm"], False),
        (["-t", "longismore_mini,longismore_ci"], False),
        (["--tasks", "longismore_*"], False),
        (["--tasks", "hellaswag"], False),
        (["--tasks"], False),
    ],
)
def test_lm_evals_own_tasks_are_looked_for_where_they_are_needed(arguments: list[str], only_ours: bool) -> None:
    """A group of lm_eval's tasks needs the index of them; ours alone, and the list of ours, do not."""
    assert only_ours is _wants_only_ours(arguments)


@pytest.fixture(scope="module")
def few_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tasks of lm_eval that our groups need."""
    folder = tmp_path_factory.mktemp("host") / "lm_eval" / "tasks"
    for name in FOLDERS:
        shutil.copytree(THEIRS / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def offline(few_tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network and nothing kept; and lm_eval has the needed tasks only, so that its index is made at once."""
    import datasets.config
    import huggingface_hub.constants
    import lm_eval.tasks.manager

    monkeypatch.setattr(lm_eval.tasks.manager, "__file__", str(few_tasks / "manager.py"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("group", WITHOUT_IFEVAL)
def test_a_group_without_its_data_says_which_and_how_to_get_them(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """lm_eval starts, and stops at its first data set, with one message of ours."""
    monkeypatch.setattr(sys, "argv", ["lm_eval"])
    with pytest.raises(DataError) as raised:
        run_lm_eval(["run", "--model", "dummy", "--tasks", group, "--limit", "1"])
    message = str(raised.value)
    assert f"arc_challenge of {group} needs the data set allenai/ai2_arc (ARC-Challenge)" in message
    assert f"HF_HOME=hf lm_eval run --model dummy --tasks {group} --limit 1" in message
    assert "HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1" in message


@pytest.mark.usefixtures("offline")
def test_of_two_groups_the_one_with_the_missing_data_is_named() -> None:
    """Also where the other comes first by name: what its command fetches would be of no help."""
    both = "longismore_ifeval,longismore_openllm"
    assert {
        "arc_challenge": "longismore_openllm",
        "mmlu_anatomy": "longismore_openllm",
        "ifeval": "longismore_ifeval",
    } == {
        name: str(explained(failed(name), ["--tasks", both])).partition(" of ")[2].partition(" ")[0]
        for name in ("arc_challenge", "mmlu_anatomy", "ifeval")
    }
    error = ModuleNotFoundError("No module", name="langdetect")
    told = explained(error, ["--tasks", "longismore_ifeval,longismore_chasing_random"])
    assert str(told).startswith("longismore_ifeval: ")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("group", ["longismore_ifeval", "longismore_ci"])
def test_a_package_that_ifeval_needs_is_named(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With lm_eval's extra that brings it."""
    monkeypatch.setattr(sys, "argv", ["lm_eval"])
    for name in [name for name in sys.modules if name.startswith("lm_eval.tasks.ifeval")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("langdetect", "immutabledict", "nltk"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf'{group}: .* needs the package "\w+": pip install "lm-eval\[ifeval\]"'):
        run_lm_eval(["run", "--model", "dummy", "--tasks", group, "--limit", "1"])


@pytest.mark.skipif(find_spec("nltk") is None, reason="nltk is not installed: pip install nltk")
def test_what_ifeval_counts_sentences_with_is_looked_for_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be missed when all answers are there."""
    import nltk

    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    with pytest.raises(DataError, match=r"python -m nltk\.downloader -d nltk_data punkt_tab; .*NLTK_DATA=nltk_data"):
        check_ifeval(["arc_easy", "ifeval"])
    check_ifeval(["arc_easy"])
    task = ConfigurableTask(
        config={
            "task": "ifeval",
            "custom_dataset": lambda **_: {"test": datasets.Dataset.from_list([{"prompt": "Hello"}])},
            "test_split": "test",
            "output_type": "generate_until",
            "doc_to_text": "prompt",
            "doc_to_target": "prompt",
        }
    )
    for name, expectation in (("longismore_ci", pytest.raises(DataError)), ("somebody's", nullcontext())):
        group = Group(name)
        group.add(task)
        with expectation:
            pool_group(group)
    (tmp_path / "tokenizers" / "punkt_tab").mkdir(parents=True)
    check_ifeval(["ifeval"])


def failed(name: str) -> Exception:
    """The error of a task whose data set cannot be loaded."""
    try:
        ConfigurableTask(config={"task": name, "dataset_path": "no/where", "output_type": "generate_until"})
    except Exception as error:  # noqa: BLE001  whatever the host raises
        return error
    raise AssertionError(name)


@pytest.mark.usefixtures("offline")
def test_in_the_command_of_lm_eval_it_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 where a group of ours was asked for; other people's errors stay as they are."""
    seen: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: seen.append(error))
    explain_our_errors()
    error = failed("a_task")
    monkeypatch.setattr(sys, "argv", ["lm_eval", "run", "--tasks", "longismore_openllm,hellaswag"])
    with pytest.raises(SystemExit, match="2"):
        sys.excepthook(type(error), error, error.__traceback__)
    assert "longismore: error: a_task of longismore_openllm needs the data set no/where, " in capsys.readouterr().err
    assert [] == seen
    monkeypatch.setattr(sys, "argv", ["lm_eval", "run", "--tasks", "hellaswag"])
    sys.excepthook(type(error), error, error.__traceback__)
    assert [error] == seen
    assert explained(ValueError("another"), ["--tasks", "longismore_ci"]) is None


def test_members_of_a_group_are_read_as_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the file is laid out; what is listed elsewhere in it is no member."""
    assert list(SHOTS["longismore_openllm_v1"]) == list(_members("longismore_openllm_v1"))
    assert ["ifeval"] == list(_members("longismore_ifeval"))
    monkeypatch.setattr("longismore.harness._host_data._TASKS", tmp_path)
    (tmp_path / "one.yaml").write_text("task: [ifeval]\nmetadata:\n  - mmlu\n  - !function nowhere.nothing\n")
    (tmp_path / "two.yaml").write_text(
        'task:\n- "arc-easy"\n- {num_fewshot: 0, task: race}  # none\n- num_fewshot: 5\n  group: mmlu  # five\n'
    )
    assert ["arc-easy", "race", "mmlu"] == list(_members("two"))
    assert "two" == _group_of("mmlu_anatomy", ["one", "two"])


def test_groups_of_others_are_left_alone() -> None:
    """An average is ours only where a group names one."""
    group = Group("somebody's")
    pool_group(group)
    assert Group is type(group)


@pytest.mark.slow
def test_the_plain_lm_eval_lists_the_groups(tmp_path: Path) -> None:
    """``lm_eval ls groups`` has them all, without --include_path."""
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", "ls", "groups"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "LONGISMORE_AUTOLOAD": "1"},
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert [] == [name for name in (*HOST_GROUPS, "longismore_pairwise") if f"|{name} " not in done.stdout]
