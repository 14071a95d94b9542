"""The example repository of examples/ci: every step of both jobs, and the commands of its README, run here."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from ci_jobs import BASH, SERVICES, GitHub, Job, make_programs, read_job, run_bash, run_gitlab
from judge_server import JudgeServer

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "ci"
BETTER, WORSE = "answers/candidate.json", "answers/baseline.json"
ENDS = pytest.mark.parametrize(
    "end",
    [(BETTER, WORSE, 0, "pass"), (WORSE, BETTER, 1, "regress"), (WORSE, WORSE, 3, "inconclusive")],
    ids=["better", "worse", "equal"],
)
CHECK, ANSWER, GATE, PAGE = "Check the settings", "Let the checkpoint", "Gate", "Make a page"
KEY = {"OPENAI_API_KEY": "sk-not-a-real-key"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BASH is None, reason="there is no bash here"),
    pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the examples are not at hand"),
]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the example, as somebody would make it."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "repository"))


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """``python`` and ``longismore`` for the PATH of the steps."""
    return make_programs(tmp_path / "machine")


@pytest.fixture
def github(repository: Path, programs: Path) -> Callable[..., Job]:
    """Run the workflow."""

    def run(**secrets: str) -> Job:
        action = read_job(ROOT / "action.yml")
        steps = read_job(repository / ".github" / "workflows" / "checkpoint.yml", "jobs", "gate", "steps")
        return GitHub(repository, programs=programs, action=action, secrets=secrets).run(steps)

    return run


@pytest.fixture
def gitlab(repository: Path, programs: Path) -> Callable[..., Job]:
    """Run the job of GitLab."""

    def run(**variables: str) -> Job:
        job = read_job(repository / ".gitlab-ci.yml", "checkpoint")
        return run_gitlab(job, repository, programs=programs, variables=variables)

    return run


def change(repository: Path, **settings: str) -> None:
    """Write other values into gate.env, as the README says."""
    path = repository / "gate.env"
    text = path.read_text(encoding="utf-8")
    for name, value in settings.items():
        text, count = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert 1 == count, name
    path.write_text(text, encoding="utf-8")


def renew(repository: Path) -> None:
    """A new machine: of what the job left behind there is only what both jobs keep in a cache."""
    steps = read_job(repository / ".github" / "workflows" / "checkpoint.yml", "jobs", "gate", "steps")
    (cached,) = [each["with"]["path"] for each in steps if each.get("uses", "").startswith("actions/cache@")]
    assert [f"{cached}/"] == read_job(repository / ".gitlab-ci.yml", "checkpoint", "cache", "paths")
    kept = (repository / cached).rename(repository.with_name("cache"))
    shutil.rmtree(repository)
    shutil.copytree(EXAMPLE, repository)
    kept.rename(repository / cached)


def failures(repository: Path) -> tuple[int, int]:
    """Failures and errors in the JUnit file."""
    suite = ET.parse(repository / "gate.xml").getroot()[0]  # noqa: S314  our own file
    return int(suite.attrib["failures"]), int(suite.attrib["errors"])


@ENDS
def test_every_step_of_the_workflow(
    github: Callable[..., Job], repository: Path, end: tuple[str, str, int, str]
) -> None:
    """The gate's step alone decides how the job ends; the page and the files are there in any case."""
    on_trial, baseline, code, verdict = end
    change(repository, MODEL_ARGS=f"path={on_trial}", BASELINE=baseline)
    job = github()
    assert code == job.code, job.told
    assert [] == [each.name for each in job.steps if each.code is None]
    assert {GATE: code} == {each.name: each.code for each in job.steps if each.code} or code == 0
    assert verdict == job.outputs["gate"]["verdict"]
    assert f"{verdict}: " in job.step(GATE).output
    assert (code == 1, code == 3) == failures(repository)
    assert f"### longismore gate: {verdict}" in (repository / "gate.md").read_text(encoding="utf-8")
    assert "<html" in (repository / "gate.html").read_text(encoding="utf-8")
    assert (repository / ".longismore" / "answers.db").is_file()


@ENDS
def test_every_command_of_the_gitlab_job(
    gitlab: Callable[..., Job], repository: Path, end: tuple[str, str, int, str]
) -> None:
    """As on GitHub; only inconclusive is allowed to fail."""
    on_trial, baseline, code, verdict = end
    change(repository, MODEL_ARGS=f"path={on_trial}", BASELINE=baseline)
    job = gitlab()
    assert code == job.code, job.told
    assert [0, 0, 0, 0, code, 0] == [each.code for each in job.steps]
    assert f"{verdict}: " in job.steps[4].output
    assert (code == 1, code == 3) == failures(repository)
    kept = read_job(repository / ".gitlab-ci.yml", "checkpoint", "artifacts")
    assert [] == [name for name in [*kept["paths"], kept["reports"]["junit"]] if not (repository / name).exists()]
    assert [3] == read_job(repository / ".gitlab-ci.yml", "checkpoint", "allow_failure", "exit_codes")


def test_a_judge_without_its_key_ends_the_workflow_before_anything_is_computed(
    github: Callable[..., Job], repository: Path
) -> None:
    """As in a request from a fork; nothing answers, and there is no page."""
    change(repository, LONGISMORE_JUDGE="openai/gpt-4.1")
    job = github()
    assert 2 == job.code
    assert "OPENAI_API_KEY is not set" in job.step(CHECK).output
    assert [None, None, None] == [job.step(name).code for name in (ANSWER, GATE, PAGE)]
    assert 0 == job.step("actions/upload-artifact").code


def test_a_judge_without_its_key_ends_the_gitlab_job(gitlab: Callable[..., Job], repository: Path) -> None:
    """The same, with the page's step passing since there is nothing to show."""
    change(repository, LONGISMORE_JUDGE="openai/gpt-4.1")
    job = gitlab()
    assert 2 == job.code
    assert [0, 0, 2, None, None, 0] == [each.code for each in job.steps]


def test_a_real_judge_gets_the_secret_and_is_not_paid_twice(github: Callable[..., Job], repository: Path) -> None:
    """Only the two steps that need the key have it; checking sends nothing; the second job finds every answer."""
    with JudgeServer(key=KEY["OPENAI_API_KEY"], models=("gpt-4.1",)) as server:
        own = {"BASE_URL": server.base_url, "PRICE_INPUT": "2", "PRICE_OUTPUT": "8"}
        lines = [WORSE, *(f"LONGISMORE_JUDGE_{name}={value}" for name, value in own.items())]
        settings = {"LONGISMORE_JUDGE": "openai/gpt-4.1", "BASELINE": "\n".join(lines)}
        change(repository, **settings)
        first = github(**KEY)
        asked = len(server.requests)
        renew(repository)
        change(repository, **settings)
        second = github(**KEY)
    assert "Nothing was sent." in first.step(CHECK).output
    assert "US$" in first.step(CHECK).output
    assert (first.code, first.outputs["gate"]) == (second.code, second.outputs["gate"])
    assert {f"Bearer {KEY['OPENAI_API_KEY']}"} == set(server.authorizations), first.told
    assert asked == len(server.requests)
    steps = read_job(repository / ".github" / "workflows" / "checkpoint.yml", "jobs", "gate", "steps")
    with_key = [each["name"] for each in steps if "OPENAI_API_KEY" in each.get("env", {})]
    assert [first.step(CHECK).name, GATE] == with_key
    assert KEY["OPENAI_API_KEY"] not in first.told


def test_both_jobs_install_the_package_of_the_settings(
    github: Callable[..., Job], gitlab: Callable[..., Job], repository: Path, programs: Path
) -> None:
    """As one word; the settings end with a name that has no task here, so that neither goes on."""
    change(repository, PACKAGE="longismore[hf,openai]", TESTSETS="no_such_testset")
    assert (2, 2) == (github().code, gitlab().code)
    installed = (programs / "installed").read_text(encoding="utf-8")
    assert "longismore[hf,openai]\n" * 2 == installed


def test_the_readme_does_the_same_by_hand(repository: Path, programs: Path) -> None:
    """Its commands are those of the GitLab job, and end as it does, one try after another in the same folder."""
    (script,) = re.findall(
        r"^```sh\n(.*?)^```", (repository / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    words = [command.split() for command in script.replace("\\\n", " ").splitlines()]
    words.remove(["rm", "-rf", "answers/on-trial"])  # a job begins without it
    job = read_job(repository / ".gitlab-ci.yml", "checkpoint")
    assert [each.split() for each in [job["before_script"][0], *job["script"]]] == words
    ends: list[Any] = ENDS.args[1]
    for on_trial, baseline, code, verdict in ends:
        change(repository, MODEL_ARGS=f"path={on_trial}", BASELINE=baseline)
        ended = run_bash(script, folder=repository, programs=programs, environ={}, strict="-e")
        assert code == ended.returncode, ended.stdout
        assert f"{verdict}: " in ended.stdout


def test_the_readme_names_what_there_is(repository: Path) -> None:
    """Every file and setting that it names exists, and the table of the three ends is the one that is tried here."""
    text = (repository / "README.md").read_text(encoding="utf-8")
    settings = dict(
        line.split("=", 1)
        for line in (repository / "gate.env").read_text(encoding="utf-8").splitlines()
        if "=" in line and not line.startswith("#")
    )
    assert set() == set(re.findall(r"`([A-Z_]+)=", text)) - set(settings)
    for path in ("gate.env", "answers", ".github/workflows/checkpoint.yml", ".gitlab-ci.yml"):
        assert (repository / path).exists()
    rows = re.findall(r"\| (\w+) \| `path=(\S+)` \| `(\S+)` \|", text)
    ends: list[Any] = ENDS.args[1]
    assert [(verdict, on_trial, baseline) for on_trial, baseline, _, verdict in ends] == rows


def test_actions_are_pinned_and_rights_are_few() -> None:
    """Every action has a version, and the workflow may only read."""
    workflow = read_job(EXAMPLE / ".github" / "workflows" / "checkpoint.yml")
    assert {"contents": "read"} == workflow["permissions"]
    used = [each["uses"] for each in workflow["jobs"]["gate"]["steps"] if "uses" in each]
    assert SERVICES | {"longismore/longismore"} == {each.partition("@")[0] for each in used}
    assert all(each.partition("@")[2] for each in used)
    assert "pull_request_target" not in (EXAMPLE / ".github" / "workflows" / "checkpoint.yml").read_text("utf-8")
