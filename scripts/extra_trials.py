"""Try every command of the installed longismore in an empty folder, and say what became of each; offline.

    python scripts/extra_trials.py --folder EMPTY [--without torch,openai] [--imports select]

Prints JSON: how each command of :data:`TRIALS` ended, which extras its message names, and with ``--imports`` which
packages of an extra cannot be imported. ``--without`` hides packages, as if they were not installed. Started by
``scripts/check_extras.py`` in environments that have nothing but longismore, so it needs the standard library only.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import io
import json
import os
import re
import sys
import traceback
from dataclasses import asdict, dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["TRIALS", "Ended", "Trial", "main", "packages_of_extras"]


@dataclass(frozen=True, slots=True)
class Trial:
    """A command line after ``longismore``.

    Args:
        command: Without blanks in its words; ``FOLDER/*`` stands for all that is in a folder.
        needs: Extras without which it cannot do its work.
        ends: Exit code where all of them are installed; ``None`` where that depends on the machine.
        host: Whether it goes through lm_eval, from which only models are hidden: the rest it brings itself.
    """

    command: str
    needs: tuple[str, ...] = ()
    ends: int | None = 0
    host: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trial ended.

    Args:
        trial: Its command.
        code: The exit code; ``None`` after an exception that the command let through.
        named: Extras that its message says to install.
        said: The end of what it wrote to stderr.
    """

    trial: str
    code: int | None
    named: tuple[str, ...]
    said: str


_JUDGED = "judge base.json tuned.json --output others --judge"
_SELECT = "select --data pool.json --budget 1 --output"
_CLOSED = "--base-url http://127.0.0.1:9/v1 --retries 0"
_REFERENCE = "--reference-option base_url=http://127.0.0.1:9/v1"
_SELECT_HF = ("select", "hf")
_TRAIN = ("select", "train")
_EVAL = "eval run --tasks longismore_mini --predict_only --output_path answers --model"
_MODELS = frozenset({"torch", "transformers", "vllm"})

TRIALS = (
    # what works without any extra
    Trial("--help"),
    Trial("judge base.json tuned.json --judge length --store answers.db"),
    Trial("compare mini:better mini:longer -t mini --judge lexical --output others"),
    Trial("gate mini:longer mini:better -t mini --judge lexical --output others"),
    Trial("summarize runs/*"),
    Trial("audit runs/*"),
    Trial("report runs/* --output report.html"),
    Trial("collect runs"),
    Trial("import reviews.jsonl --format cherry -t mini --output imported", ends=2),
    Trial("testsets list"),
    Trial("testsets fetch mini"),
    Trial("testsets show mini"),
    Trial("store stats --store answers.db"),
    Trial("store export answers.jsonl --store answers.db"),
    Trial("store prune --store answers.db --judge nobody"),
    Trial("train --list"),
    Trial("select --list"),
    Trial("doctor"),
    # MT-Bench, whose questions are not at hand here: that is said first
    Trial("mtbench fetch", ends=2),
    Trial("mtbench generate --model hf --model_args pretrained=./model", ends=2),
    Trial("mtbench judge --judge length", ends=2),
    Trial("mtbench show", ends=2),
    # judges
    Trial(f"{_JUDGED} openai/model {_CLOSED}", ("openai",), ends=2),
    Trial(f"{_JUDGED} openai/model --batch --dry-run", ("openai",)),
    Trial(f"{_JUDGED} anthropic/model --dry-run", ("anthropic",)),
    Trial(f"{_JUDGED} google/model --dry-run", ("google",)),
    Trial(f"{_JUDGED} hf/./model", ("hf",), ends=None),
    Trial(f"{_JUDGED} vllm/./model", ("vllm",), ends=None),
    Trial(f"{_JUDGED} alpaca_eval:alpaca_eval_gpt4 --dry-run", ("alpaca",), ends=None),
    Trial(f"compare openai/model mini:longer -t mini --judge length {_REFERENCE}", ("openai",), ends=2),
    Trial("gate mini:longer mini:better -t mini --judge anthropic/model --dry-run", ("anthropic",)),
    Trial("audit runs/* --probe length --judge google/model --dry-run", ("google",)),
    Trial("mtbench judge turns --judge anthropic/model", ("anthropic",), ends=2),
    Trial("alpaca --help", ("alpaca",)),
    # files and figures
    Trial("store export answers.parquet --store answers.db", ("parquet",)),
    Trial("report runs/* --output report.html --figures figures", ("plot",)),
    Trial("mtbench show --plot radar.png", ("plot",), ends=2),
    # instruction data
    Trial("convert pool.json --to sharegpt --output sharegpt.json", ("select",)),
    Trial("data stats pool.json", ("select",)),
    Trial("data stats pool.json --plot lengths.png", ("select", "plot")),
    Trial("data stats pool.json --measure tokens:./model", _SELECT_HF, ends=2),
    Trial("data overlap pool.json tuned.json", ("select",)),
    Trial("data overlap pool.json tuned.json --plot overlap.svg", ("select", "plot")),
    Trial(f"{_SELECT} longest.json longest", ("select",)),
    Trial(f"{_SELECT} random.json random", ("select",)),
    Trial(f"{_SELECT} best.json score --set column=score --set threshold=none", ("select",)),
    Trial(f"{_SELECT} tokens.json longest --set measure=tokens:./model", _SELECT_HF, ends=2),
    Trial(f"{_SELECT} ifd.json ifd --set model=./model", _SELECT_HF, ends=None),
    Trial(f"{_SELECT} deita.json deita:complexity=./model,quality=./model,embedder=./model", _SELECT_HF, ends=None),
    Trial(f"{_SELECT} ray.json ifd --set model=./model --engine ray", ("select", "hf", "ray"), ends=None),
    Trial("rate --data pool.json --judge lexical --output ratings.jsonl", ("select",)),
    Trial(f"rate --data pool.json --judge openai/model {_CLOSED}", ("select", "openai"), ends=2),
    Trial(
        f"refine --data pool.json --output refined.json --judge openai/model {_CLOSED}", ("select", "openai"), ends=2
    ),
    # training
    Trial("train --preset tiny-cpu --data pool.json --model ./model --output trained --dry-run", _TRAIN, ends=None),
    Trial("train --preset alpagasus2-qlora --data pool.json --model ./model --output qlora", (*_TRAIN, "qlora"), None),
    Trial("study study.yaml --dry-run", ("select",)),
    Trial("study study.yaml", _TRAIN, ends=None),
    Trial("demo --small --no-open --output demo", ("hf", "select", "train")),
    # lm_eval
    Trial("eval ls tasks", host=True),
    Trial(f"{_EVAL} hf --model_args pretrained=./model", ("hf",), ends=None, host=True),
    Trial(f"{_EVAL} vllm --model_args pretrained=./model", ("vllm",), ends=None, host=True),
)
"""In this order: the first ones make what others read, and those of the host come last."""


def packages_of_extras() -> dict[str, set[str]]:
    """What the source imports from each extra: the arguments of ``require("package", extra="name")``."""
    import longismore

    found: dict[str, set[str]] = {}
    for path in Path(longismore.__file__).parent.rglob("*.py"):
        source = path.read_bytes()
        for node in ast.walk(ast.parse(source)) if b"require(" in source else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "require":
                given = [*node.args, *(each.value for each in node.keywords if each.arg == "extra")]
                texts = [each.value for each in given if isinstance(each, ast.Constant)]
                if len(texts) == 2:  # noqa: PLR2004  both are written out
                    found.setdefault(str(texts[1]), set()).add(str(texts[0]))
    return found


def make_folder(folder: Path) -> None:
    """The files that the commands read: a pool, answers, answers to MT-Bench, a study, and a model without weights."""
    rows = [{"instruction": f"Name {n} rivers.", "output": "The Rhine. " * n, "score": n} for n in range(1, 7)]
    _write(folder / "pool.json", rows)
    for name, words in (("base", "the Rhine"), ("tuned", "the Rhine and the Danube")):
        answers = [
            {"instruction": each["instruction"], "output": f"{number}: {words}", "generator": name}
            for number, each in enumerate(rows)
        ]
        _write(folder / f"{name}.json", answers)
    turns = folder / "turns" / "model_answer"
    turns.mkdir(parents=True)
    _write(turns / "tuned.jsonl", {"question_id": 81, "choices": [{"index": 0, "turns": ["Rhine", "Elbe"]}]})
    (folder / "home").mkdir()
    (folder / "model").mkdir()
    _write(folder / "model" / "config.json", {"model_type": "llama", "architectures": ["LlamaForCausalLM"]})
    (folder / "model" / "model.safetensors").write_bytes(b"")
    study = {"data": {"pool": "pool.json"}, "strategies": {"longest": "longest"}, "budgets": [2], "model": "./model"}
    _write(folder / "study.yaml", {**study, "preset": "tiny-cpu", "testsets": ["mini"], "judge": "length"})


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


class Finder(PathFinder):
    """Finds what is installed, but for what is hidden."""

    hidden: frozenset[str] = frozenset()

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Nothing for a hidden package, and for what is in it."""
        if any(fullname == name or fullname.startswith(f"{name}.") for name in cls.hidden):
            return None
        return super().find_spec(fullname, path, target)


def _failed_imports(packages: Collection[str]) -> list[str]:
    failed = []
    for package in sorted(packages):
        try:
            importlib.import_module(package)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what we look for
            failed.append(f"{package}: {type(error).__name__}: {error}")
    return failed


def run(trial: Trial, stderr: io.StringIO) -> Ended:
    """Run one command in this process."""
    from longismore.cli import main as longismore

    words = trial.command.split()
    found = [sorted(map(str, Path().glob(word))) if word.endswith("/*") else [word] for word in words]
    sys.argv = ["longismore", *(name for names in found for name in names)]
    stderr.seek(0)
    stderr.truncate()
    code: int | None = 0
    try:
        longismore()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001  a traceback is what we look for
        code = None
        traceback.print_exc()
    said = stderr.getvalue()
    named = {name for names in re.findall(r"longismore\[([\w,]+)\]", said) for name in names.split(",")}
    return Ended(trial.command, code, tuple(sorted(named)), said[-600:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Do it."""
    parser = argparse.ArgumentParser(description="Try every command of the installed longismore, offline.")
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder; gets all files")
    parser.add_argument("--without", default="", help="packages to hide, separated by commas")
    parser.add_argument("--imports", help="an extra whose packages are imported, too")
    options = parser.parse_args(arguments)
    hidden = frozenset(filter(None, options.without.split(",")))
    sys.meta_path[:] = [Finder if finder is PathFinder else finder for finder in sys.meta_path]
    os.chdir(options.folder)
    make_folder(Path())
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        os.environ[name] = "no-key"
    for name in ("DATA", "CACHE", "STATE", "CONFIG"):
        os.environ[f"XDG_{name}_HOME"] = str(Path("home").resolve())
    os.environ["LONGISMORE_TESTSETS"] = str(Path("home").resolve())
    os.environ["HF_HUB_OFFLINE"] = os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "1"
    out, sys.stdout = sys.stdout, io.StringIO()
    sys.stderr = stderr = io.StringIO()
    ended = []
    for trial in TRIALS:
        Finder.hidden = hidden & _MODELS if trial.host else hidden
        ended.append(asdict(run(trial, stderr)))
    failed = _failed_imports(packages_of_extras().get(options.imports, ())) if options.imports else []
    json.dump({"trials": ended, "failed_imports": failed}, out)


if __name__ == "__main__":
    main()
