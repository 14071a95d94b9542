from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from longismore.demo import SMALL, Sizes, check_packages, run_demo
from longismore.demo._page import demo_page, read_results
from longismore.demo._pool import RULES, make_pool, text_of
from longismore.demo._scores import Scores
from longismore.demo._settings import MODELS, SCORINGS
from longismore.demo._words import MEANS_NOTHING, WHY, study_text
from longismore.errors import ConfigError, DataError, LongismoreError, SchemaError, UsageError
from longismore.judges import write_judgments
from longismore.records import Order
from longismore.study import read_study
from longismore.testsets import TESTSETS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_pool_depends_on_its_seed_only() -> None:
    """The same seed gives the same rows, another seed others."""
    assert make_pool(60, 3) == make_pool(60, 3)
    assert make_pool(60, 3) != make_pool(60, 4)


@pytest.mark.parametrize("rows", [1, 400, 500])
def test_a_pool_has_rows_of_every_rule_that_differ(rows: int) -> None:
    """No two rows are alike, none is empty, and all of them are in Alpaca's format."""
    pool = make_pool(rows, 0)
    assert len(pool) == rows
    assert len({json.dumps(row) for row in pool}) == rows
    assert {row["rule"] for row in pool} <= set(RULES)
    assert all(row["instruction"] and row["output"].strip() for row in pool)
    assert {tuple(row) for row in pool} == {("instruction", "input", "output", "rule")}
    assert all(len(set(row["input"].split(", "))) == 2 for row in pool if row["rule"] == "both")


def test_the_longest_rows_are_much_longer_than_all() -> None:
    """There is something to select: the longest fifth has answers more than twice as long as the mean."""
    lengths = sorted(len(row["output"]) for row in make_pool(400, 0))
    assert sum(lengths[-80:]) / 80 > 2 * sum(lengths) / 400


def test_no_row_asks_what_is_asked_later() -> None:
    """The instructions of the test set are in no row."""
    asked = {example.instruction for example in TESTSETS.get("mini").load()}
    texts = [text_of(row) for row in make_pool(500, 0)]
    assert not [text for text in texts for instruction in asked if instruction in text]


def test_every_reference_has_answered_before() -> None:
    """Every model is asked once, before anybody is compared with it."""
    answered: set[str] = set()
    for scoring in SCORINGS:
        assert scoring.is_asked == (scoring.candidate not in answered)
        answered.add(scoring.candidate)
        assert scoring.reference is None or scoring.reference in answered
    assert answered == set(MODELS)


def test_what_is_not_installed_is_named_at_once() -> None:
    """Every missing package is named, with one command that installs them all."""

    def find(name: str) -> object:
        return None if name in {"trl", "nltk", "peft"} else name

    with pytest.raises(UsageError, match=re.escape("not installed: nltk, peft, trl;")) as raised:
        check_packages(find)
    assert str(raised.value).endswith('do: pip install "longismore[select,train]"')
    check_packages(lambda name: name)


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed decides nothing."""
    monkeypatch.setattr("longismore.demo._run.check_packages", lambda: None)


@pytest.mark.usefixtures("_installed")
def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written among other files, over a file, or into what another version has made."""
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"has other files: mine.txt; choose another folder"):
        run_demo(tmp_path, environ={})
    with pytest.raises(ConfigError, match="is a file; a folder is wanted"):
        run_demo(tmp_path / "mine.txt", environ={})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "demo.json").write_text('{"format": 0}', encoding="utf-8")
    with pytest.raises(SchemaError, match="another version of longismore; choose another --output"):
        run_demo(other, environ={})


@pytest.mark.usefixtures("_installed")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Where the folder would lie in a file, the message says so before anything is made."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"file/demo: cannot be written: .*; name another --output"):
        run_demo(tmp_path / "file" / "demo", environ={})


@pytest.mark.parametrize("sizes", [Sizes(), SMALL])
def test_the_study_can_be_read(tmp_path: Path, sizes: Sizes) -> None:
    """The file for a study is one: the same data, model, budget and answers."""
    (tmp_path / "data").mkdir()
    (tmp_path / "base").mkdir()
    (tmp_path / "data" / "pool.json").write_text(json.dumps(make_pool(sizes.rows, 7)), encoding="utf-8")
    (tmp_path / "study.yaml").write_text(study_text(sizes, 7), encoding="utf-8")
    study = read_study(tmp_path / "study.yaml", environ={})
    assert (study.budgets, study.seeds, study.trials) == ((sizes.budget,), (7,), 2)
    assert sorted(each.name for each in study.strategies) == ["full", "longest", "random"]
    assert study.model == str(tmp_path / "base")
    assert (study.settings.epochs, study.max_new_tokens) == (sizes.epochs, sizes.answer_tokens)


def test_the_page_says_first_what_it_is_worth(
    tmp_path: Path, pairs: list[Any], make_judgment: Callable[..., Any]
) -> None:
    """The warning stands before every number, and what to change after them, each once."""
    judgments = [
        make_judgment(pair, order, judge=judge, fingerprint=judge)
        for judge in ("lexical", "length")
        for pair in pairs
        for order in Order
    ]
    write_judgments(tmp_path / "judgments.jsonl", judgments)
    judged, results = read_results([tmp_path / "judgments.jsonl"])
    page = demo_page(judged, results, ["longismore", "demo"])
    assert [each.judge for each in judged] == ["lexical", "length"]
    assert [each.pooled.n for each in results] == [3, 3]
    assert page.count(MEANS_NOTHING) == 1
    places = [page.index(part) for part in (MEANS_NOTHING, 'class="answers"', 'id="made"', 'id="real"', 'id="method"')]
    assert places == sorted(places)
    assert all(page.count(reason.replace("'", "&#x27;")) == 1 for reason in WHY)


@pytest.mark.slow
def test_where_lm_eval_fails_its_last_words_are_told(tmp_path: Path) -> None:
    """What the process has said stands in the message, and all of it in a file."""
    from longismore.demo import Silent
    from longismore.demo._models import Models

    models = Models(folder=tmp_path, seed=0, sizes=SMALL, teller=Silent())
    scores = Scores(models=models, environ={"PYTHONPATH": "", "LONGISMORE_JUDGE": "no/such"})
    folder = models.trained("random")
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(LongismoreError, match=r"lm_eval ended with status \d+ \(random\); all it said is in "):
        scores.make()
    assert (tmp_path / "scores" / "random" / "lm_eval.log").stat().st_size
    assert json.loads((tmp_path / "scores" / "random" / "stage.json").read_text())["status"] == "running"
