"""``study.yaml``: what a study compares, checked as a whole before anything is computed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, SchemaError
from longismore.instructions import open_data
from longismore.instructions._templates import TEMPLATES, load_template
from longismore.judges import JudgeOptions, make_judge
from longismore.study._reader import Reader
from longismore.study._strategy import FULL, RANDOM, STRICT, Strategy, read_strategy
from longismore.study._yaml import read_yaml
from longismore.testsets import TESTSETS
from longismore.train.settings import load_preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.study._yaml import Place
    from longismore.train.settings import TrainSettings

__all__ = ["DataSet", "Study", "read_study"]

_FIELDS = (
    "name", "data", "strategies", "budgets", "trials", "seeds", "model", "preset", "train", "testsets", "limit",
    "judge", "judge_settings", "max_new_tokens", "length_prior", "drop_duplicates", "allow_fewer",
)  # fmt: skip
_NAME = re.compile(r"(?!.*--)[A-Za-z0-9][A-Za-z0-9_.-]*")
_NAMES = "letters, digits, points, _ and single -"
_JUDGE_OF_A_PATH = re.compile(r"(hf/|vllm/|replay:)(.+)", flags=re.DOTALL)
_TRIALS = 3
_LEAST_TRIALS = 2
_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """What strategies choose from."""

    name: str
    paths: tuple[Path, ...]
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything that a study's file says."""

    path: Path
    name: str
    data: tuple[DataSet, ...]
    strategies: tuple[Strategy, ...]
    """``random`` is among them, once and first."""
    budgets: tuple[int, ...]
    trials: int
    """Of random, at least 2."""
    seeds: tuple[int, ...]
    """Of the training."""
    model: str
    """What is trained."""
    preset: str
    overrides: Mapping[str, Any]
    settings: TrainSettings
    """Of the preset, with the overrides; each cell has its own seed."""
    testsets: tuple[str, ...]
    limit: int | None
    """Only the first so many instructions of each test set."""
    judge: str
    judge_settings: Mapping[str, Any]
    max_new_tokens: int
    length_prior: str | None
    """``MEAN,SD``, or the path of a measurement; ``None``: the default."""
    drop_duplicates: bool
    allow_fewer: bool

    @property
    def random(self) -> Strategy:
        """The baseline."""
        return self.strategies[0]


def read_study(path: str | Path, *, environ: Mapping[str, str]) -> Study:
    """Read and check a study's file. Relative paths in it are seen from its folder.

    Args:
        path: The file.
        environ: The environment, in which the judge's key is looked up.

    Raises:
        ConfigError: Something in it will not do; all of it is named, with its line.
        DataError: The file cannot be read.
        SchemaError: It is not YAML, or no mapping.
    """
    path = Path(path)
    document, lines = read_yaml(path)
    if not isinstance(document, dict):
        raise SchemaError(str(path), f"a study is a mapping of fields ({', '.join(_FIELDS)}), found another thing")
    reader = Reader(path, {str(key): value for key, value in document.items()}, lines)
    reader.refuse_others(_FIELDS)
    folder = path.parent
    trials = reader.whole("trials", _TRIALS, least=_LEAST_TRIALS) or _TRIALS
    preset = reader.text("preset", "tiny-cpu")
    overrides = _with_template(reader, reader.mapping("train", "{epochs: 3}"), folder)
    settings = reader.attempt(("train" if overrides else "preset",), lambda: load_preset(preset, overrides))
    if "seed" in overrides:
        reader.refuse(("train", "seed"), "train: seed is given for each cell by seeds, e.g. seeds: [0, 1]")
    strategies = _strategies(reader, folder, trials)
    judge, judge_settings = reader.text("judge", "openai/gpt-4.1"), reader.mapping("judge_settings", "{temperature: 0}")
    judge = _judge(judge, folder)
    if judge:
        reader.attempt(("judge",), lambda: make_judge(judge, JudgeOptions.from_mapping(judge_settings, environ)))
    testsets = reader.texts("testsets", "[koala, vicuna]")
    for name in testsets:
        reader.attempt(("testsets",), lambda name=name: TESTSETS.get(name))  # type: ignore[misc]
    budgets = reader.wholes("budgets", least=1, example="[1000, 5000]")
    if "budgets" not in reader.document:
        reader.refuse(("budgets",), "budgets must be different whole numbers, e.g. budgets: [1000]; it is missing")
    seeds = reader.wholes("seeds", least=0, example="[0, 1]")
    model = reader.text("model", "meta-llama/Llama-2-7b-hf")
    study = {
        "path": path,
        "name": str(reader.document.get("name") or path.stem),
        "data": _data(reader, folder),
        "strategies": strategies,
        "budgets": budgets,
        "trials": trials,
        "seeds": seeds or (() if settings is None else (settings.seed,)),
        "model": _seen_from(model, folder),
        "preset": preset,
        "overrides": overrides,
        "settings": settings,
        "testsets": testsets,
        "limit": reader.whole("limit", None),
        "judge": judge,
        "judge_settings": judge_settings,
        "max_new_tokens": reader.whole("max_new_tokens", 1024),
        "length_prior": _length_prior(reader, folder),
        "drop_duplicates": reader.flag("drop_duplicates"),
        "allow_fewer": reader.flag("allow_fewer"),
    }
    if reader.problems:
        raise ConfigError(reader.problems)
    return Study(**study)


def _seen_from(value: str, folder: Path, ending: tuple[str, ...] = ()) -> str:
    """A value that may be a path: seen from the study's folder where it is there, or where its ending says so."""
    is_path = (folder / value).exists() or (ending and value.endswith(ending))
    return str(folder / value) if value and is_path else value


def _judge(spec: str, folder: Path) -> str:
    if match := _JUDGE_OF_A_PATH.fullmatch(spec):
        return f"{match[1]}{_seen_from(match[2], folder)}"
    return _seen_from(spec, folder, ending=(".yaml", ".yml"))


def _with_template(reader: Reader, overrides: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Overrides whose template, if it is a file, is seen from the study's folder and can be read."""
    name = overrides.get("template")
    if not isinstance(name, str) or name.strip() in {*TEMPLATES, ""}:
        return overrides
    seen = _seen_from(name.strip(), folder)
    reader.attempt(("train", "template"), lambda: load_template(seen))
    return {**overrides, "template": seen}


def _data(reader: Reader, folder: Path) -> tuple[DataSet, ...]:
    found: dict[str, DataSet] = {}
    for key, value in reader.entries("data", "{alpaca: alpaca.json}"):
        place = ("data", key)
        told = value if isinstance(value, dict) else {"files": value}
        files = told.get("files")
        files = [files] if isinstance(files, str) else files
        if not isinstance(files, list) or not files or not all(isinstance(each, str) for each in files):
            reader.refuse(place, "data: an entry is a file, a list of files, or {files: ..., format: ...}")
            continue
        if unknown := sorted(set(told) - {"files", "format"}):
            reader.refuse(place, f"data: {', '.join(unknown)} is nothing that an entry has: files and format")
        name = key if isinstance(key, str) else Path(files[0]).name.partition(".")[0]
        if not _NAME.fullmatch(name) or name in found:
            reader.refuse(place, f'data: "{name}" must be another name, of {_NAMES}; write NAME: FILE')
            continue
        paths = tuple(folder / each for each in files)
        form = str(told.get("format", "auto"))
        reader.attempt(place, lambda paths=paths, form=form: open_data(paths, format=form))  # type: ignore[misc]
        found[name] = DataSet(name=name, paths=paths, format=form)
    return tuple(found.values())


def _strategies(reader: Reader, folder: Path, trials: int) -> tuple[Strategy, ...]:
    found: dict[str, Strategy] = {}
    for key, spec in reader.entries("strategies", "[longest, random]"):
        place: Place = ("strategies", key)
        if not isinstance(spec, str) or not spec.strip():
            reader.refuse(place, f"strategies: an entry is a spec, e.g. longest or score:ratings=FILE, found {spec!r}")
            continue
        name = key if isinstance(key, str) else spec.partition(":")[0].strip()
        if not _NAME.fullmatch(name) or name in found:
            reader.refuse(place, f'strategies: "{name}" must be another name, of {_NAMES}; write NAME: SPEC')
            continue
        made = reader.attempt(place, lambda name=name, spec=spec: read_strategy(name, spec, folder, trials=trials))  # type: ignore[misc]
        if made is not None:
            _check_kind(reader, place, made, found)
            found[name] = made
    if found and not any(each.is_ordinary for each in found.values()):
        strict = next((name for name, each in found.items() if each.kind == STRICT), None)
        if strict is not None:
            reader.refuse(("strategies",), f"strategies: {strict} leaves out what other strategies select; add one")
    found.setdefault(RANDOM, read_strategy(RANDOM, RANDOM, folder, trials=trials))
    return tuple(sorted(found.values(), key=lambda each: each.kind != RANDOM))


def _check_kind(reader: Reader, place: Place, made: Strategy, found: Mapping[str, Strategy]) -> None:
    if (made.kind == RANDOM) != (made.name == RANDOM) or re.fullmatch(rf"{RANDOM}\.\d+", made.name):
        reader.refuse(place, f'strategies: "{RANDOM}" is the name of the baseline, and only of it; found "{made.name}"')
    if made.kind == FULL and any(each.kind == FULL for each in found.values()):
        reader.refuse(place, "strategies: full is there already; one is enough")
    if made.kind == RANDOM and getattr(made.selector, "shuffle", "hash") != "hash":
        reader.refuse(place, "strategies: random has trials with shuffle=hash only; leave shuffle out")


def _length_prior(reader: Reader, folder: Path) -> str | None:
    value = reader.document.get("length_prior")
    if value is None:
        return None
    pair = value if isinstance(value, list) else str(value).split(",")
    try:
        numbers = [float(each) for each in pair]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) == _PAIR and all(map(math.isfinite, numbers)) and numbers[1] > 0:
        return f"{numbers[0]},{numbers[1]}"
    if isinstance(value, str) and (folder / value).is_file():
        return str(folder / value)
    reader.refuse(
        ("length_prior",),
        "length_prior must be a mean and a standard deviation, e.g. length_prior: [1.2, 0.3], or a file of longismore "
        f"audit --probe length --json; found {value!r:.80}",
    )
    return None
