"""The pytest plug-in, in pytest processes of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

import longismore

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

MODULE = "longismore.pytest_plugin"


@pytest.fixture
def run(pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run one file of tests; the plug-in comes by its entry point, or by name where that is not installed yet."""
    monkeypatch.setenv("LONGISMORE_STORE", str(tmp_path / "store.sqlite"))
    by_name = [] if any(each.value == MODULE for each in entry_points(group="pytest11")) else ["-p", MODULE]

    def run_file(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *by_name, *arguments)

    return run_file


GATE = 'longismore_gate("mini:better", "mini:longer", judge="length", testsets="mini"'
REVERSED = 'longismore_gate("mini:longer", "mini:better", judge="length", testsets=["mini"]'


def test_a_candidate_that_passes_lets_the_test_pass(run: object, pytester: pytest.Pytester) -> None:
    """The result can be looked at; it stands among the properties of the test."""
    assert callable(run)
    result = run(
        f"""
        def test_it(longismore_gate):
            result = {GATE}, margin=0.05, mode="sequential", seed=3)
            assert "pass" == result.decision
            assert (0.05, "sequential", 3) == (result.rule.margin, result.rule.mode, result.rule.seed)
            assert 1.0 == result.results.pooled.swap_consistency
        """,
        "--junit-xml=out.xml",
    )
    result.assert_outcomes(passed=1)
    assert '<property name="longismore_verdict" value="pass"' in (pytester.path / "out.xml").read_text()
    assert not (pytester.path / "runs").exists()


def test_a_regress_fails_the_test_and_says_why(run: object) -> None:
    """In sentences, without a traceback."""
    assert callable(run)
    result = run(f"def test_it(longismore_gate): {REVERSED})")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["regress: mini-better is worse than mini-longer by more than 3.0 points", "*is below the bar of 47.0%*",
         "*at equal length*", "*run folder: *"]
    )  # fmt: skip
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_an_inconclusive_gate_fails_unless_it_is_allowed(run: object) -> None:
    """Four pairs cannot tell."""
    assert callable(run)
    result = run(
        f"""
        def test_strict(longismore_gate): {GATE}, limit=4, margin=0)
        def test_lenient(longismore_gate):
            assert 3 == {GATE}, limit=4, margin=0, allow_inconclusive=True).exit_code
        """
    )
    result.assert_outcomes(passed=1, failed=1)


def test_judgments_can_decide(run: object) -> None:
    """``from_judgments`` on the run folder of ``output``."""
    assert callable(run)
    result = run(
        f"""
        import pytest

        def test_it(longismore_gate, tmp_path):
            {GATE}, output=tmp_path / "runs", mode="fixed")
            (folder,) = (tmp_path / "runs").iterdir()
            assert "pass" == longismore_gate.from_judgments(folder, margin=0.01).decision
            with pytest.raises(pytest.fail.Exception, match="too few|below the bar"):
                longismore_gate.from_judgments(folder, judge="length", testsets="mini", alpha=1e-12)
        """
    )
    result.assert_outcomes(passed=1)


def test_unknown_options_are_named(run: object) -> None:
    """Those of the gate and those of the judge, with what comes near."""
    assert callable(run)
    result = run(
        f"""
        import pytest

        def test_it(longismore_gate):
            with pytest.raises(Exception, match='"marginn" is no option of a gate or a judge; did you mean margin'):
                {GATE}, marginn=3)
            with pytest.raises(Exception, match='unknown option of a gate "max_flips"; did you mean max_flip'):
                longismore_gate.from_judgments("x", max_flips=3)
        """
    )
    result.assert_outcomes(passed=1)


def test_the_plugin_is_light(tmp_path: Path) -> None:
    """Pytest imports it at every start: nothing but pytest comes with it."""
    code = (
        f"import sys, pytest; before = set(sys.modules); import {MODULE}; "
        "print(*sorted(each for each in set(sys.modules) - before if not each.startswith('_')))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert {MODULE} >= set(ended.stdout.split()) - {"longismore"}


def test_pytest_does_not_warn_that_the_package_is_loaded_already() -> None:
    """The hook into lm_eval loads it before pytest could rewrite it; where warnings are errors, pytest would end."""
    assert "PYTEST_DONT_REWRITE" in str(longismore.__doc__)
