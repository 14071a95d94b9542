"""The hook that every interpreter loads: light, quiet, and never in the way of lm_eval."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import longismore

FAKE_MANAGER = """
class TaskManager:
    def __init__(self, verbosity=None, include_path=None, include_defaults=True, metadata=None):
        self.include_path = include_path
    def load(self, task_list):
        return {"tasks": {}, "groups": {}}
"""
FAKE_REGISTRY = """
class Registry(dict):
    def register(self, name, target=None):
        self[name] = target
model_registry = Registry(hf="x:HF", dummy="x:Dummy")
"""
COUNT_US = "import lm_eval.tasks as t; p = t.TaskManager({}).include_path or []; print([str(x)[-13:] for x in p])"


def python(code: str, *options: str, path: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in a fresh interpreter, with *path* in front of the installed packages."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"} | environ
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(path), os.environ.get("PYTHONPATH")]))
    program = [sys.executable, *options, "-c", textwrap.dedent(code)]
    return subprocess.run(program, capture_output=True, text=True, env=environment, check=False, timeout=120)


def quiet(code: str, *options: str, path: Path | None = None, **environ: str) -> str:
    """The same, for code that succeeds without a word on stderr; returns stdout."""
    process = python(code, *options, path=path, **environ)
    assert (0, "") == (process.returncode, process.stderr)
    return process.stdout.strip()


def fake_lm_eval(
    folder: Path,
    *,
    version: str = "0.4.13",
    manager: str | None = FAKE_MANAGER,
    registry: str | None = FAKE_REGISTRY,
) -> Path:
    """A package that looks like lm_eval as far as the hook can see; parts that are `None` are missing."""
    package = folder / "lm_eval"
    for name in ("tasks", "models", "api"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    if manager is not None:
        (package / "tasks" / "manager.py").write_text(manager)
        (package / "tasks" / "__init__.py").write_text("from lm_eval.tasks.manager import TaskManager\n")
    if registry is not None:
        (package / "api" / "registry.py").write_text(registry)
    info = folder / f"lm_eval-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: lm_eval\nVersion: {version}\n")
    return folder


def warned(process: subprocess.CompletedProcess[str]) -> list[str]:
    """The warnings on stderr, without the lines of source below them."""
    return [line for line in process.stderr.splitlines() if "Warning:" in line]


def test_the_interpreter_loads_the_hook_at_its_start() -> None:
    """After installation the finder is there, first, and nothing was imported for it."""
    first = "import sys; print(sys.meta_path[0].__module__, getattr(sys.meta_path[0], '__name__', ''))"
    assert "longismore._autoload LmEvalFinder" == quiet(first)


@pytest.mark.parametrize("option", ["-I", "-E", "-s"])
def test_the_hook_is_there_in_isolated_interpreters(option: str) -> None:
    """Options that leave out the user's settings do not leave out the hook."""
    assert "True" == quiet("import sys; print('longismore._autoload' in sys.modules)", option)


def test_the_hook_imports_nothing_but_itself() -> None:
    """It costs two modules of ours; the rest is there in every interpreter, or is left for later."""
    code = """
        import os, sys
        sys.path.insert(0, os.environ["WHERE"])
        bare = set(sys.modules)
        import longismore._autoload
        print(*sorted(set(sys.modules) - bare - {"__future__"}))
    """
    where = str(Path(longismore.__file__).parents[1])
    assert ["longismore", "longismore._autoload"] == quiet(code, "-S", WHERE=where).split()


def test_nothing_of_lm_eval_is_imported_by_itself() -> None:
    """An interpreter that does not want lm_eval gets nothing of it, nor of what it needs."""
    code = "import sys; print([name for name in ('lm_eval', 'numpy', 'longismore.harness') if name in sys.modules])"
    assert "[]" == quiet(code)


def test_it_can_be_switched_off() -> None:
    """LONGISMORE_AUTOLOAD=0 leaves the interpreter as it was."""
    code = "import sys; print([each for each in sys.meta_path if 'LmEvalFinder' in repr(each)])"
    assert "[]" == quiet(code, LONGISMORE_AUTOLOAD="0")


def test_install_is_idempotent() -> None:
    """Called again, as a .start file does from Python 3.15 on, it changes nothing."""
    code = """
        import sys, longismore._autoload as hook
        before = list(sys.meta_path)
        hook.install()
        print(before == sys.meta_path)
    """
    assert "True" == quiet(code)


def test_without_lm_eval_nothing_is_said() -> None:
    """Where lm_eval is not installed, importing it fails as it would without us."""
    code = """
        import sys
        sys.path[:] = [each for each in sys.path if "site-packages" not in each]
        try:
            import lm_eval.tasks
        except ModuleNotFoundError as error:
            print(error)
    """
    assert "No module named 'lm_eval'" == quiet(code)


def test_the_task_manager_gets_our_folder_first(tmp_path: Path) -> None:
    """Our folder comes before the user's, so that of two tasks with one name the user's counts."""
    path = fake_lm_eval(tmp_path)
    assert "['harness/tasks']" == quiet(COUNT_US.format(""), path=path)
    assert "['harness/tasks', 'mine']" == quiet(COUNT_US.format("include_path='mine'"), path=path)
    assert "['harness/tasks', 'mine', 'b']" == quiet(COUNT_US.format("None, ['mine', 'b']"), path=path)


def test_without_its_own_tasks_lm_eval_gets_none_of_ours(tmp_path: Path) -> None:
    """Who asks for no default tasks gets no tasks but those of the folders given."""
    path = fake_lm_eval(tmp_path)
    assert "['mine']" == quiet(COUNT_US.format("include_path=['mine'], include_defaults=False"), path=path)


def test_an_lm_eval_that_discovers_plugins_is_left_alone(tmp_path: Path) -> None:
    """Where entry points do the work, our folder is not added a second time."""
    manager = f"{FAKE_MANAGER}\ndef discover_plugin_task_paths(): return []\n"
    assert "[]" == quiet(COUNT_US.format(""), path=fake_lm_eval(tmp_path, manager=manager))


def test_our_model_joins_those_of_lm_eval(tmp_path: Path) -> None:
    """longismore_outputs is registered beside the others, when these have been."""
    code = "import lm_eval.models; from lm_eval.api.registry import model_registry; print(sorted(model_registry))"
    assert "['dummy', 'hf', 'longismore_outputs']" == quiet(code, path=fake_lm_eval(tmp_path))


@pytest.mark.parametrize(
    "manager",
    [
        None,
        "class TaskManager:\n    def __init__(self, paths=()): self.include_path = list(paths)\n    load = print\n",
        "class TaskManager:\n    def __init__(self, include_path=None, include_defaults=True): pass\n",
    ],
    ids=["no-manager", "other-signature", "no-load"],
)
def test_a_changed_task_manager_is_one_warning(tmp_path: Path, manager: str | None) -> None:
    """An lm_eval that we do not understand is told about once, and works as it would without us."""
    code = "import lm_eval.tasks; print(getattr(lm_eval.tasks, 'TaskManager', dict)() is not None)"
    process = python(code, path=fake_lm_eval(tmp_path, manager=manager))
    assert (0, "True") == (process.returncode, process.stdout.strip())
    [warning] = warned(process)
    assert "longismore could not hook into lm_eval.tasks" in warning


def test_a_changed_task_manager_is_left_unwrapped(tmp_path: Path) -> None:
    """Where one of the two patches does not fit, none is applied."""
    manager = "class TaskManager:\n    def __init__(self, include_path=None, include_defaults=True): pass\n"
    code = "import lm_eval.tasks as t; print(hasattr(t.TaskManager.__init__, '__wrapped__'))"
    assert "False" == python(code, path=fake_lm_eval(tmp_path, manager=manager)).stdout.strip()


def test_a_missing_registry_is_one_warning(tmp_path: Path) -> None:
    """Without the registry that we know, the models of lm_eval are imported all the same."""
    process = python("import lm_eval.models; print('on')", path=fake_lm_eval(tmp_path, registry=None))
    assert (0, "on") == (process.returncode, process.stdout.strip())
    [warning] = warned(process)
    assert "longismore could not hook into lm_eval.models" in warning


@pytest.mark.parametrize("version", ["0.4.11", "0.5.0", "0.5.0.dev1"])
def test_an_unsupported_version_is_one_warning_with_a_remedy(tmp_path: Path, version: str) -> None:
    """The warning names the version found, those supported, and the command that puts it right."""
    code = "import lm_eval.tasks as t; print(t.TaskManager().include_path)"
    process = python(code, path=fake_lm_eval(tmp_path, version=version))
    assert (0, "None") == (process.returncode, process.stdout.strip())
    [warning] = warned(process)
    assert f"lm_eval {version} is not supported" in warning
    assert 'pip install "lm-eval>=0.4.12,<0.5"' in warning


@pytest.mark.parametrize("version", ["0.4.12", "0.4.13+local.1", "0.4.14rc1", "0.4.20.dev3"])
def test_supported_versions_are_recognised(tmp_path: Path, version: str) -> None:
    """Releases, builds of one's own and previews of the next release count by their number."""
    assert "['harness/tasks']" == quiet(COUNT_US.format(""), path=fake_lm_eval(tmp_path, version=version))


def test_warnings_as_errors_do_not_stop_lm_eval(tmp_path: Path) -> None:
    """Even under -W error a plug-in that does not fit must not break its host's import."""
    path = fake_lm_eval(tmp_path, version="0.5.0")
    process = python("import lm_eval.tasks; print('on')", "-W", "error", path=path)
    assert (0, "on") == (process.returncode, process.stdout.strip())


def test_looking_for_a_module_before_importing_it_does_not_lose_the_patch(tmp_path: Path) -> None:
    """importlib.util.find_spec, as used to ask whether a package is there, changes nothing."""
    code = "import importlib.util; importlib.util.find_spec('lm_eval.tasks'); " + COUNT_US.format("")
    assert "['harness/tasks']" == quiet(code, path=fake_lm_eval(tmp_path))


def test_reloading_wraps_once(tmp_path: Path) -> None:
    """importlib.reload patches the class no second time: our folder comes once."""
    code = "import importlib, lm_eval.tasks; importlib.reload(lm_eval.tasks); " + COUNT_US.format("")
    assert "['harness/tasks']" == quiet(code, path=fake_lm_eval(tmp_path))


def test_the_loader_stays_what_it_was(tmp_path: Path) -> None:
    """importlib.resources and reload see the loader that Python chose, with nothing left on it."""
    code = """
        import lm_eval.tasks
        loader = lm_eval.tasks.__spec__.loader
        print(type(loader).__name__, "exec_module" in vars(loader))
    """
    assert "SourceFileLoader False" == quiet(code, path=fake_lm_eval(tmp_path))


@pytest.mark.slow
def test_the_real_lm_eval_has_our_tasks_and_its_own_models() -> None:
    """Tasks and model of ours beside the host's own, found once although the module was looked for before."""
    code = """
        import importlib, importlib.util, warnings
        importlib.util.find_spec("lm_eval.tasks")
        import lm_eval.tasks, lm_eval.models
        importlib.reload(lm_eval.tasks)
        from lm_eval.api.registry import model_registry
        from longismore.harness._lm_eval import only_our_tasks
        with only_our_tasks():
            names = lm_eval.tasks.TaskManager(include_path=[]).all_tasks
        print(*names)
        print(*[name in model_registry for name in ("hf", "dummy", "longismore_outputs")])
    """
    ours = (
        *("alpaca_eval", "chasing_random", "ci", "ifeval", "koala", "lima", "mini", "openllm", "openllm_v1"),
        *("pairwise", "sinstruct", "vicuna", "wizardlm"),
    )
    expected = " ".join(f"longismore_{name}" for name in ours) + "\nTrue True True"
    process = python(code)
    assert expected == process.stdout.strip(), process.stderr
    assert [] == [line for line in warned(process) if "longismore" in line]
