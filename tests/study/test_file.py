"""study.yaml: everything that is wrong is named at once, with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from longismore.errors import ConfigError, DataError, SchemaError
from longismore.study import read_study
from study_runs import write_pool, write_study

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.study import Study


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rows and ratings."""
    pytest.importorskip("msgspec")
    write_pool(tmp_path, rows=8)
    return tmp_path


def read(path: Path) -> Study:
    """Read it without an environment."""
    return read_study(path, environ={})


def problems(folder: Path, **changes: object) -> str:
    """What is said of a file with these changes."""
    with pytest.raises(ConfigError) as refused:
        read(write_study(folder, **changes))
    return str(refused.value)


def test_everything_is_read(folder: Path) -> None:
    """Fields have their values, the baseline comes first, and paths are seen from the file's folder."""
    study = read(write_study(folder, seeds=[3, 4], train={"epochs": 2}, length_prior=[1.2, 0.3], limit=5))
    assert ["random", "longest", "score", "strict"] == [strategy.name for strategy in study.strategies]
    assert (folder / "pool.json",) == study.data[0].paths
    assert str(folder / "ratings.jsonl") == study.strategies[2].selector.ratings
    assert ((3, 4), 2.0, "1.2,0.3", 5) == (study.seeds, study.settings.epochs, study.length_prior, study.limit)


def test_defaults(folder: Path) -> None:
    """Random is added, three trials are drawn, and the seed is the preset's."""
    study = read(write_study(folder, strategies=["longest"], trials=None, seeds=None, max_new_tokens=None))
    assert ["random", "longest"] == [strategy.name for strategy in study.strategies]
    assert (3, (42,), 1024, "study") == (study.trials, study.seeds, study.max_new_tokens, study.name)


def test_several_data_sets_and_a_list(folder: Path) -> None:
    """A list of files has their names; an entry may have several files and a format."""
    assert ["pool"] == [each.name for each in read(write_study(folder, data=["pool.json"])).data]
    assert ["pool"] == [each.name for each in read(write_study(folder, data="pool.json")).data]
    told = {"both": {"files": ["pool.json", "pool.json"], "format": "alpaca"}}
    both = read(write_study(folder, data=told)).data[0]
    assert (2, "alpaca") == (len(both.paths), both.format)


def test_model_and_judge_files_beside_the_study(folder: Path) -> None:
    """A model's folder and a judge's file are seen from the study's folder; an id stays as it is."""
    (folder / "base").mkdir()
    (folder / "judge.yaml").write_text("judge: length\n", encoding="utf-8")
    study = read(write_study(folder, model="base", judge="judge.yaml"))
    assert (str(folder / "base"), str(folder / "judge.yaml")) == (study.model, study.judge)
    assert "org/base" == read(write_study(folder, model="org/base")).model
    (folder / "said.jsonl").write_text("", encoding="utf-8")
    assert f"{folder / 'said.jsonl'}: " in problems(folder, judge="replay:said.jsonl")


def test_a_template_beside_the_study(folder: Path) -> None:
    """It is seen from the study's folder; a name stays a name."""
    (folder / "ask.txt").write_text("Q: {instruction}\nA: ", encoding="utf-8")
    study = read(write_study(folder, train={"template": "ask.txt"}))
    assert {str(folder / "ask.txt")} == {study.settings.template, study.overrides["template"]}
    assert "none" == read(write_study(folder, train={"template": "none"})).settings.template


def test_all_problems_at_once(folder: Path) -> None:
    """Each problem stands on a line of its own, with file, line, value and remedy."""
    told = problems(
        folder,
        budget=[10],
        budgets=[0],
        trials=1,
        strategies={"longest": "longest:mesure=chars", "strict": "strict_random:exclude=x", "far": "farthest"},
        preset="tiny-cpu",
        train={"epoch": 3, "seed": 1},
        testsets=["minni"],
        judge="lenght",
        length_prior="1.2",
        data={"pool": "pol.json"},
    )
    for expected in (
        'study.yaml:18: "budget" is no field of a study; did you mean budgets',
        "study.yaml:7: budgets must be different whole numbers of at least 1, e.g. budgets: [1000, 5000]; found [0]",
        "trials must be a whole number of at least 2; found 1",
        'study.yaml:4: strategies: longest: "mesure" is no parameter; did you mean measure?',
        "study.yaml:5: strategies: strict_random: exclude is what the other strategies select, and is filled in",
        'study.yaml:6: strategies: unknown selector "farthest"',
        '"epoch" is no setting of training; did you mean epochs?',
        "train: seed is given for each cell by seeds",
        'testsets: unknown test set "minni"; did you mean mini?',
        'judge: unknown judge "lenght"; did you mean length?',
        "length_prior must be a mean and a standard deviation",
        "study.yaml:2: data: ",
        "pol.json: no such file",
    ):
        assert expected in told, told
    assert len(told.splitlines()) >= 12


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"budgets": None}, "budgets must be different whole numbers"),
        ({"model": None}, "model must be a text, e.g. model: meta-llama/Llama-2-7b-hf; it is missing"),
        ({"preset": "tiny"}, 'preset: unknown preset "tiny"; did you mean tiny-cpu?'),
        ({"strategies": None}, "strategies must be a list or a mapping with at least one entry"),
        ({"strategies": ["longest", "longest:measure=words"]}, '"longest" must be another name'),
        ({"strategies": {"a--b": "longest"}}, "of letters, digits, points, _ and single -"),
        ({"strategies": {"random": "longest"}}, '"random" is the name of the baseline, and only of it'),
        ({"strategies": {"base": "random"}}, '"random" is the name of the baseline, and only of it; found "base"'),
        ({"strategies": {"random.2": "longest"}}, '"random" is the name of the baseline'),
        ({"strategies": ["random:trial=2"]}, "trial is counted by the study; say how many with trials: 3"),
        ({"strategies": ["random:shuffle=hf"]}, "random has trials with shuffle=hash only"),
        ({"strategies": ["strict_random"]}, "strict_random leaves out what other strategies select; add one"),
        ({"strategies": ["full:budget=3"]}, "full is all rows and takes no parameters"),
        ({"strategies": {"all": "full", "every": "full"}}, "full is there already"),
        ({"strategies": {"longest": 3}}, "an entry is a spec, e.g. longest or score:ratings=FILE, found 3"),
        ({"strategies": {"score": "score:column=x,threshold=high"}}, "threshold must be"),
        ({"data": {"pool": {"file": "pool.json"}}}, "an entry is a file, a list of files, or {files:"),
        ({"data": {"pool": {"files": "pool.json", "form": "x"}}}, "form is nothing that an entry has"),
        ({"data": {"pool": {"files": "pool.json", "format": "csv"}}}, "csv"),
        ({"seeds": [1, 1]}, "seeds must be different whole numbers of at least 0"),
        ({"seeds": [-1]}, "seeds must be different whole numbers of at least 0"),
        ({"judge_settings": {"temprature": 1}}, 'unknown setting of a judge "temprature"'),
        ({"judge": "openai/gpt-4.1"}, "OPENAI_API_KEY is not set"),
        ({"drop_duplicates": "maybe"}, "drop_duplicates must be true or false; found 'maybe'"),
        ({"length_prior": [1, 0]}, "length_prior must be"),
        ({"testsets": []}, "testsets must be different names"),
        ({"train": [1]}, "train must be settings by name"),
        ({"train": {"template": "ask.txt"}}, "study.yaml:20: train: template ask.txt: there is no such file"),
        ({"train": {"template": "plian"}}, 'train: unknown template "plian"; did you mean plain?'),
        ({"max_new_tokens": 0}, "max_new_tokens must be a whole number of at least 1; found 0"),
    ],
)
def test_one_problem(folder: Path, changes: dict[str, object], expected: str) -> None:
    """Each kind of mistake has a message that says what is allowed."""
    assert expected in problems(folder, **changes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("- longest\n", "a study is a mapping of fields"),
        ("data: [a\nbudgets: 3\n", "not YAML"),
        ("trials: 2\ndata: x\ntrials: 3\n", 'study.yaml:3: "trials" stands twice'),
        ("data: !!python/object:os.system x\n", "not YAML"),
    ],
)
def test_no_study(tmp_path: Path, text: str, expected: str) -> None:
    """A file that is no mapping of fields is refused with its line."""
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=r".") as refused:
        read(path)
    assert expected in str(refused.value)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "study.yaml")
