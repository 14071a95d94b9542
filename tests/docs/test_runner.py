"""The runner of the documentation's blocks says so when a page does not do what it shows, and where."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from docs_blocks import PageError, read_page
from docs_places import without_settings
from docs_programs import INSTALLED, make_programs, shortened, tasks_of, without_scan
from docs_run import BlockError, run_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str], Any]:
    """Run a page with this text."""
    programs = make_programs(tmp_path / "bin")

    def ran(text: str) -> Any:
        page = tmp_path / "page.md"
        page.write_text(text.replace("'''", "```"), encoding="utf-8")
        folder = tmp_path / "here"
        folder.mkdir(exist_ok=True)
        path = os.pathsep.join([str(programs), str(INSTALLED), os.environ["PATH"]])
        return run_page(
            read_page(page),
            folder=folder,
            state=tmp_path / "state",
            environ={**without_settings(), "PATH": path},
            texts={"http://localhost:8000": "http://127.0.0.1:1"},
            printed={},
        )

    return ran


GOOD = """
<!-- file: conf/one.yaml -->
'''yaml
a: 1
'''

'''sh
export WORD=blue
cd conf
'''

<!-- also:
grep -q "a: 1" one.yaml
test "$WORD" = blue
-->
<!-- run: exit=3 append="3" -->
'''sh
true
bash -c 'exit "$0"'   # and the page says so
'''

'''python
from pathlib import Path

seen = Path("one.yaml").read_text()
print("first")
print(seen)
'''

<!-- run: output -->
'''text
first
...
'''

<!-- run: continues -->
'''python
assert seen == "a: 1\\n"
'''

- In a list:

  '''sh
  test "$(echo http://localhost:8000)" = http://127.0.0.1:1
  '''

<!-- run: needs=package_that_is_not_here -->
'''sh
false
'''

<!-- run: no it needs a cluster -->
'''sh
false
'''
"""


def test_blocks_run_in_order_in_one_shell_and_folder(run: Callable[[str], Any], tmp_path: Path) -> None:
    """Files are written, exports and folders hold, exit codes and outputs are as said; the rest is named."""
    ran = run(GOOD)
    assert 6 == ran.blocks
    assert 1 == len(ran.left_out)
    assert "package_that_is_not_here" in ran.left_out[0]
    assert "a: 1\n" == tmp_path.joinpath("here", "conf", "one.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("'''sh\ntrue\nfalse\ntrue\n'''\n", "page.md:2 ended with exit code 1"),
        ("'''sh\ntrue | false | true\n'''\n", "exit code 1"),
        ("'''sh\necho $not_set\n'''\n", "unbound"),
        ("\n\n'''python\nraise ValueError('no')\n'''\n", "page.md:4"),
        ("<!-- run: exit=2 -->\n'''sh\ntrue\n'''\n", "ended with exit code 0, the page says 2"),
        ("<!-- run: exit=2 -->\n'''sh\nfalse\n(exit 2)\n'''\n", "exit code 1"),
        ("<!-- run: exit=2 -->\n'''sh\ncat <<END\nEND\n'''\n", "plain commands"),
        ("'''yaml\na: [\n'''\n", "not yaml"),
        ("'''json\n{\"a\": }\n'''\n", "not json"),
        ("'''sh\necho a\n'''\n<!-- run: output -->\n'''text\nb\n'''\n", "does not print\nb"),
        ("'''sh\necho a; echo b\n'''\n<!-- run: output -->\n'''text\na\n'''\n", "nothing more"),
        ("text\n<!-- run: output -->\n'''text\na\n'''\n", "no block before"),
        ("'''sh\npip install 'longismore[unheard]'\n'''\n", "no extra unheard"),
        ("<!-- also: false -->\n", "exit code 1"),
    ],
)
def test_what_does_not_work_is_an_error_with_its_place(run: Callable[[str], Any], text: str, said: str) -> None:
    """The first command that fails ends the page, whatever comes after it."""
    with pytest.raises(BlockError, match=said):
        run(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("'''\nx\n'''\n", 'block of ""'),
        ("'''bash\nx\n'''\n", 'block of "bash"'),
        ("'''sh\nx\n", "never ends"),
        ("a\n\n    longismore doctor\n", "page.md:3: this block is indented"),
        ("<!-- run: exit=1 -->\nnothing\n", "no block follows"),
        ("<!-- run: exit=1 -->\n", "no block follows"),
        ("<!-- run: exits=1 -->\n'''sh\nx\n'''\n", "unknown word"),
        ("<!-- run: exit -->\n'''sh\nx\n'''\n", "unknown word"),
        ("<!-- run: no -->\n'''sh\nx\n'''\n", "say why"),
        ("<!-- run: with=magic -->\n", "unknown fixture magic"),
        ("<!-- run: exit=1 -->\n'''text\nx\n'''\n", "is not run"),
        ("<!-- run: output -->\n'''sh\nx\n'''\n", "output stands in"),
        ("<!-- also: true\n", "never ends"),
    ],
)
def test_a_page_that_cannot_be_understood_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    """A block that nobody runs would look like one that works."""
    page = tmp_path / "page.md"
    page.write_text(text.replace("'''", "```"), encoding="utf-8")
    with pytest.raises(PageError, match=said):
        read_page(page)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("eval ls tasks", "eval ls tasks"),
        ("eval --model longismore_outputs --tasks x", "eval --model longismore_outputs --tasks x"),
        ("eval --model hf --tasks x", "eval --model hf --tasks x --limit 2 --gen_kwargs max_gen_toks=8"),
        (
            "eval --model hf --limit 5 --gen_kwargs a=b,max_gen_toks=64",
            "eval --model hf --limit 5 --gen_kwargs a=b,max_gen_toks=8",
        ),
    ],
)
def test_models_are_asked_two_short_questions(given: str, expected: str) -> None:
    """Answers from files are not shortened."""
    assert expected.split() == shortened(given.split())


def test_launched_models_are_asked_two_short_questions_too() -> None:
    """What stands before the module is the launcher's."""
    given = "launch --cpu -m lm_eval run --model hf --tasks x"
    expected = "launch --cpu -m longismore eval run --model hf --tasks x --limit 2 --gen_kwargs max_gen_toks=8"
    assert expected.split() == without_scan(given.split())
    assert ["-m", "other"] == without_scan(["-m", "other"])


def test_job_arrays() -> None:
    """Spans, lists, steps, and the limit of tasks at once."""
    assert [0, 1, 2, 5] == tasks_of("0-2,5")
    assert [0, 4, 8] == tasks_of("0-8:4%2")


def test_a_batch_script_runs_here(run: Callable[[str], Any], tmp_path: Path) -> None:
    """Once for each task of its array; what it prints is no output of the command that submits it."""
    run(
        "<!-- file: job.sh -->\n'''sh\n#!/bin/bash\n#SBATCH --time=1 --array=0-2\n"
        "echo said\nsrun --ntasks 1 echo $SLURM_ARRAY_TASK_ID >> tasks\n'''\n"
        "'''sh\nsbatch job.sh\n'''\n<!-- run: output -->\n'''text\nSubmitted batch job 1\n'''\n"
        "<!-- also: test \"$(sbatch --parsable --wrap 'echo more >> tasks')\" = 1 -->\n"
    )
    assert "0\n1\n2\nmore\n" == tmp_path.joinpath("here", "tasks").read_text()
