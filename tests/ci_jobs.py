"""Jobs of GitHub and GitLab, run here: each step by bash, as a runner runs it, with its own output files and rules.

Only what the example repository uses is understood; anything else is an error, so that no step is passed over
unseen. ``python -m pip install`` is written down and not done.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BASH = shutil.which("bash")
SERVICES = {"actions/checkout", "actions/setup-python", "actions/cache", "actions/upload-artifact"}
"""Actions of GitHub that need GitHub."""


@dataclass
class Step:
    """How a step ended; *code* is ``None`` where it was not run."""

    name: str
    code: int | None = None
    output: str = ""


@dataclass
class Job:
    """How a job ended."""

    code: int = 0
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    """By id of a step."""

    def step(self, name: str) -> Step:
        """The one step whose name or command begins so."""
        (found,) = (each for each in self.steps if each.name.startswith(name))
        return found

    @property
    def told(self) -> str:
        """All that was printed."""
        return "\n".join(each.output for each in self.steps)


def make_programs(folder: Path) -> Path:
    """A folder for the PATH with ``python`` and ``longismore`` of these tests; gives it."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    real = f'exec "{sys.executable}"'
    pip = (
        f"""if [ "$1 $2 $3" = "-m pip install" ]; then printf '%s\\n' "${{@:4}}" >> '{programs}/installed'; exit; fi"""
    )
    for name, lines in {"python": [pip, f'{real} "$@"'], "longismore": [f'{real} -m longismore "$@"']}.items():
        (programs / name).write_text("\n".join([f"#!{BASH}", *lines, ""]), encoding="utf-8")
        (programs / name).chmod(0o755)
    return programs


def run_bash(script: str, *, folder: Path, programs: Path, environ: Mapping[str, str], strict: str) -> Any:
    """Run a script in a folder; *strict* are the options that the runner gives bash."""
    path = programs / "step.sh"
    path.write_text(script, encoding="utf-8")
    return subprocess.run(
        [str(BASH), "--noprofile", "--norc", *strict.split(), str(path)],
        cwd=folder,
        env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "CI": "true", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


class GitHub:
    """One job of a workflow.

    Args:
        folder: The repository.
        programs: Of :func:`make_programs`.
        action: What ``uses: longismore/longismore@...`` stands for, read from action.yml.
        secrets: Of the repository; what is not there is empty, as on GitHub.
    """

    def __init__(
        self, folder: Path, *, programs: Path, action: Mapping[str, Any], secrets: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self.programs, self.action, self.secrets = folder, programs, action, secrets or {}
        self.environ: dict[str, str] = {}
        self.job = Job()

    def run(self, steps: list[Mapping[str, Any]]) -> Job:
        """Run the steps of a job, each if its condition holds."""
        for number, step in enumerate(steps):
            name = step.get("name") or step.get("uses") or step["run"]
            done = Step(name)
            self.job.steps.append(done)
            if self._holds(step.get("if", "success()")):
                done.code, done.output = self._one(step, number)
                self.job.code = self.job.code or done.code
        return self.job

    def _one(self, step: Mapping[str, Any], number: int) -> tuple[int, str]:
        action, _, version = step.get("uses", "").partition("@")
        assert ("run" in step) != bool(version), f"a step either runs something or uses ACTION@VERSION: {step}"
        identity = step.get("id", f"step {number}")
        if "run" in step:
            return self._shell(step["run"], identity, self._environ(step), strict="-e")
        if action in SERVICES:
            return 0, ""
        assert action == "longismore/longismore", f"unknown action: {action}"
        given = {name: self._expand(text) for name, text in step.get("with", {}).items()}
        assert set() == set(given) - set(self.action["inputs"]), "an input that the action does not have"
        inputs = {name: each["default"] for name, each in self.action["inputs"].items()} | given
        for part in self.action["runs"]["steps"]:
            environ = self._environ(step) | self._environ(part, inputs)
            code, output = self._shell(part["run"], identity, environ, strict="-eo pipefail")
            if code:
                break
        return code, output

    def _shell(self, script: str, identity: str, environ: Mapping[str, str], *, strict: str) -> tuple[int, str]:
        files = {name: self.programs / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for name in ("GITHUB_ENV", "GITHUB_OUTPUT"):
            files[name].write_text("", encoding="utf-8")
        given = {**self.environ, **environ, **{name: str(path) for name, path in files.items()}}
        ended = run_bash(script, folder=self.folder, programs=self.programs, environ=given, strict=strict)
        self.environ |= _assignments(files["GITHUB_ENV"])
        self.job.outputs.setdefault(identity, {}).update(_assignments(files["GITHUB_OUTPUT"]))
        return ended.returncode, ended.stdout

    def _environ(self, step: Mapping[str, Any], inputs: Mapping[str, str] | None = None) -> dict[str, str]:
        return {name: self._expand(text, inputs) for name, text in step.get("env", {}).items()}

    def _expand(self, text: str, inputs: Mapping[str, str] | None = None) -> str:
        return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda found: self._value(found[1], inputs or {}), str(text))

    def _value(self, name: str, inputs: Mapping[str, str]) -> str:
        context, _, rest = name.partition(".")
        if context == "env":
            return self.environ[rest]
        if context == "inputs":
            return inputs[rest]
        if context == "secrets":
            return self.secrets.get(rest, "")
        found = re.fullmatch(r"steps\.(\w+)\.outputs\.(\w+)", name)
        assert found, f"unknown expression: {name}"
        return self.job.outputs.get(found[1], {}).get(found[2], "")

    def _holds(self, condition: str) -> bool:
        terms = [term.strip() for term in condition.split("&&")]
        if not any(term in {"always()", "failure()"} for term in terms):
            terms.append("success()")
        return all(self._true(term) for term in terms)

    def _true(self, term: str) -> bool:
        states = {"always()": True, "success()": self.job.code == 0, "failure()": self.job.code != 0}
        if term in states:
            return states[term]
        found = re.fullmatch(r"(\S+) (==|!=) '([^']*)'", term)
        assert found, f"unknown condition: {term}"
        return (self._value(found[1], {}) == found[3]) == (found[2] == "==")


def _assignments(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(re.match(r"\w+=", line) for line in lines), f"GitHub refuses such a line: {lines}"
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def run_gitlab(
    job: Mapping[str, Any], folder: Path, *, programs: Path, variables: Mapping[str, str] | None = None
) -> Job:
    """Run one job of GitLab: ``before_script`` and ``script`` in one shell up to the first failure, then the rest."""
    known = {"image", "timeout", "rules", "cache", "before_script", "script", "after_script", "allow_failure"}
    assert set() == set(job) - known - {"artifacts"}, "a key that is not understood here"
    commands = [*job["before_script"], *job["script"]]
    done = Job(steps=[Step(each) for each in [*commands, *job["after_script"]]])
    parts = {len(commands): commands, len(done.steps): job["after_script"]}
    for end, part in parts.items():
        marked = "".join(f"echo '\x1e'\n{each}\n" for each in part)
        ended = run_bash(marked, folder=folder, programs=programs, environ=variables or {}, strict="-eo pipefail")
        outputs = ended.stdout.split("\x1e\n")[1:]
        for step, output in zip(done.steps[end - len(part) :], outputs, strict=False):
            step.code, step.output = 0, output
        done.steps[end - len(part) + len(outputs) - 1].code = ended.returncode
        if part is commands:
            done.code = ended.returncode
    return done


def read_job(path: Path, *names: str) -> Any:
    """What stands under these names in a YAML file."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in names:
        found = found[name]
    return found
