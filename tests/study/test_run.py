"""Studies from their file to the report: each stage once, in the right order, and what depends on a change again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("polars")

from longismore._jsonl import read_json, write_json
from longismore.errors import BusyError
from longismore.instructions import open_data
from longismore.store import Store
from study_runs import RuleWork, pipeline_of, run_rules, write_pool, write_study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.study import StudyRun, TrainJob

pytestmark = pytest.mark.slow

CELLS = ["random.1", "random.2", "longest", "score", "strict"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rows and ratings."""
    write_pool(tmp_path)
    return tmp_path


class Runs:
    """A study that is run again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.output, self.log = folder, folder / "out", folder / "work.log"

    def run(self, *only: str, fails_at: str = "", **changes: object) -> tuple[StudyRun, list[str]]:
        """Run, and give what was trained and generated now."""
        before = self.lines()
        run = run_rules(
            write_study(self.folder, **changes), self.output, RuleWork(self.log, fails_at=fails_at), only=only
        )
        return run, self.lines()[len(before) :]

    def lines(self) -> list[str]:
        """The log so far."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []

    def selection(self, name: str) -> set[str]:
        """The keys of the rows that were selected."""
        return {row.key for row in open_data(self.output / "selections" / name / "rows.json").rows()}


@pytest.fixture
def runs(folder: Path) -> Runs:
    """The study."""
    return Runs(folder)


def names(*labels: str, budget: str = "40", seed: int = 0) -> list[str]:
    """The log of cells that are trained and asked one after the other."""
    return [f"{what} pool--{label}--{budget}--s{seed}" for label in labels for what in ("train", "generate")]


def test_every_stage_once(runs: Runs) -> None:
    """Cells run one after the other, random first and the strict draw last, and a repeated command does nothing."""
    run, done = runs.run()
    assert names(*CELLS) == done
    assert () == run.troubles
    assert () == run.results.waiting
    judged = {path.parent.name: path.stat().st_mtime_ns for path in runs.output.glob("judgments/*/judgments.jsonl")}
    assert 1 + 3 * 2 == len(judged)
    again, done = runs.run()
    assert [] == done
    assert judged == {
        path.parent.name: path.stat().st_mtime_ns for path in runs.output.glob("judgments/*/judgments.jsonl")
    }
    assert run.results.to_dict() == again.results.to_dict()


def test_strict_draw_shares_nothing_with_strategies(runs: Runs) -> None:
    """The strict draw has no row that a strategy took, and is another trial than the random ones."""
    runs.run()
    strict = runs.selection("pool--strict--40")
    assert 40 == len(strict)
    assert not strict & (runs.selection("pool--longest--40") | runs.selection("pool--score--40"))
    manifest = read_json(runs.output / "selections" / "pool--strict--40" / "rows.json.manifest.json")
    assert 3 == manifest["parameters"]["trial"]


@pytest.mark.parametrize(
    ("changes", "trained", "generated"),
    [
        ({"train": {"epochs": 2}}, CELLS, CELLS),
        ({"max_new_tokens": 32}, [], CELLS),
        ({"limit": 10}, [], CELLS),
        ({"judge": "lexical"}, [], []),
        ({"trials": 3}, ["random.3", "strict"], ["random.3", "strict"]),
        ({"train": {"logging_steps": 1, "report_to": []}}, [], []),
    ],
)
def test_a_change_redoes_what_depends_on_it(
    runs: Runs, changes: dict[str, object], trained: list[str], generated: list[str]
) -> None:
    """A setting of the training redoes all but selections, one of the answers not the training, and so on."""
    runs.run()
    _, done = runs.run(**changes)
    assert sorted(trained) == sorted(line.split("--")[1] for line in done if line.startswith("train"))
    assert sorted(generated) == sorted(line.split("--")[1] for line in done if line.startswith("generate"))


def test_another_text_of_the_template_trains_anew(runs: Runs) -> None:
    """Where its file lies decides nothing, what it says does."""
    changes = {"strategies": {"longest": "longest:measure=chars"}, "train": {"template": "ask.txt"}}
    (runs.folder / "ask.txt").write_text("Q: {instruction}\nA: ", encoding="utf-8")
    runs.run(**changes)
    (runs.folder / "same.txt").write_text("Q: {instruction}\nA: ", encoding="utf-8")
    _, done = runs.run(**changes | {"train": {"template": "same.txt"}})
    assert [] == done
    (runs.folder / "same.txt").write_text("Question: {instruction}\nA: ", encoding="utf-8")
    _, done = runs.run(**changes | {"train": {"template": "same.txt"}})
    assert names("random.1", "random.2", "longest") == done


def test_nothing_of_another_setting_is_left(runs: Runs) -> None:
    """The folder of a stage that is done again with other settings has nothing of the former one."""
    runs.run()
    stray = runs.output / "cells" / "pool--longest--40--s0" / "train" / "model" / "checkpoint-of-one-epoch"
    stray.write_text("weights", encoding="utf-8")
    runs.run(train={"epochs": 2})
    assert not stray.exists()


def test_changed_data_are_selected_from_again(runs: Runs) -> None:
    """Other rows make other selections; one that comes out the same is not trained on again."""
    runs.run(strategies={"longest": "longest:measure=chars"})
    pool = read_json(runs.folder / "pool.json")
    write_json(runs.folder / "pool.json", [*pool, {**pool[0], "output": "brief"}])
    _, done = runs.run(strategies={"longest": "longest:measure=chars"})
    assert [] == done
    write_json(runs.folder / "pool.json", [{**row, "output": row["output"] + "!"} for row in pool])
    _, done = runs.run(strategies={"longest": "longest:measure=chars"})
    assert names("random.1", "random.2", "longest") == done


def test_another_folder_to_start_from_changes_nothing(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same study under another path, as another machine may have it, finds every selection as it was made."""
    runs.run()
    markers = sorted(runs.output.glob("selections/*/stage.json"))
    made = [path.read_text(encoding="utf-8") for path in markers]
    monkeypatch.chdir(runs.folder)
    elsewhere = Runs(Path())
    assert runs.output.resolve() == elsewhere.output.resolve()
    _, done = elsewhere.run()
    assert [] == done
    assert made == [path.read_text(encoding="utf-8") for path in markers]


def test_a_deleted_file_is_made_again(runs: Runs) -> None:
    """A stage whose files are gone is not done, and what is made of it is made again."""
    runs.run()
    (runs.output / "cells" / "pool--longest--40--s0" / "train" / "model" / "model.json").unlink()
    _, done = runs.run()
    assert names("longest") == done


def test_a_cell_that_fails_does_not_stop_the_others(runs: Runs) -> None:
    """Its error is in the results, its matches wait, and the next command goes on with it alone."""
    run, done = runs.run(fails_at="train pool--score")
    assert names("random.1", "random.2", "longest") == done[:6]
    assert ["pool--score--40--s0"] == [trouble.name for trouble in run.troubles]
    assert ("training", True) == (run.troubles[0].stage, "on fire" in run.troubles[0].error)
    told = read_json(runs.output / "results.json")
    assert ["pool--score--40--s0"] == [each["name"] for each in told["failed"]]
    assert {"pool--score--40--s0--vs--random.1--40", "pool--score--40--s0--vs--random.2--40"} == set(told["waiting"])
    assert {"longest": 2, "score": 0, "strict": 2} == {row["strategy"]: row["matches_done"] for row in told["rows"]}
    marker = read_json(runs.output / "cells" / "pool--score--40--s0" / "train" / "stage.json")
    assert "failed" == marker["status"]
    run, done = runs.run()
    assert names("score") == done
    assert () == run.troubles


@pytest.mark.parametrize("spec", ["score:ratings=ratings.jsonl,threshold=4.9", "ifd:model=./missing"])
def test_a_selection_that_cannot_be_made_is_one_failure(runs: Runs, spec: str) -> None:
    """Matches of its cell are not tried, which would fail alike."""
    pytest.importorskip("torch")
    run, _ = runs.run(strategies={"chosen": spec}, budgets=[200])
    assert [("pool--chosen--200--s0", "selecting")] == [(each.name, each.stage) for each in run.troubles]
    assert 2 == len(run.results.waiting)


def test_a_folder_in_which_another_program_trains_is_one_failure(runs: Runs) -> None:
    """What holds it is no process of the study, and is not waited for."""

    class Busy(RuleWork):
        def train(self, job: TrainJob) -> Mapping[str, Any]:
            if "longest" in job.output.parents[1].name:
                raise BusyError(f"{job.output}: another process is at work there")
            return super().train(job)

    run = run_rules(write_study(runs.folder), runs.output, Busy(runs.log))
    assert [("pool--longest--40--s0", "training")] == [(each.name, each.stage) for each in run.troubles]


def test_only_some_cells(runs: Runs) -> None:
    """Only the cells that are named are trained; a strict draw selects what it leaves out, and trains nothing of it."""
    run, done = runs.run("pool--strict--40--s0")
    assert names("strict") == done
    assert 0 == run.results.rows[-1].estimate.trials
    assert runs.selection("pool--longest--40")
    _, done = runs.run("*random*")
    assert names("random.1", "random.2") == done
    run, done = runs.run()
    assert names("longest", "score") == done
    assert () == run.results.waiting


def test_seeds_budgets_and_full(runs: Runs) -> None:
    """Every seed trains the same selection; full is trained once a seed and plays at every budget."""
    strategies = {"longest": "longest:measure=chars", "full": "full"}
    run, done = runs.run(strategies=strategies, budgets=[20, 40], seeds=[1, 2])
    full = [line for line in done if "full" in line]
    assert [*names("full", budget="all", seed=1), *names("full", budget="all", seed=2)] == full
    assert 2 * (2 * 2 * 3 + 2) == len(done)
    rows = {(row.strategy, row.budget): row for row in run.results.rows}
    assert {(name, budget) for name in ("longest", "full") for budget in (20, 40)} == set(rows)
    assert [(2, 2, 4)] * 4 == [
        (row.estimate.trials, row.estimate.seeds, len(row.estimate.matches)) for row in rows.values()
    ]
    settings = read_json(runs.output / "cells" / "pool--longest--20--s2" / "train" / "stage.json")["inputs"]["settings"]
    assert 2 == settings["seed"]


def test_work_of_others_is_kept(runs: Runs) -> None:
    """A folder without a marker, as the commands of a plan leave it, is gone on with and never removed."""
    model = runs.output / "cells" / "pool--longest--40--s0" / "train" / "model"
    model.mkdir(parents=True)
    (model / "made-elsewhere.txt").write_text("weights", encoding="utf-8")
    runs.run()
    assert "weights" == (model / "made-elsewhere.txt").read_text(encoding="utf-8")


def test_plan_names_commands_in_the_order_in_which_they_depend(runs: Runs) -> None:
    """Selections come first, the strict one after those that it leaves out, and every cell is a unit of its own."""
    from longismore.study import plan_study

    with Store(runs.folder / "store.sqlite") as store:
        file = write_study(runs.folder)
        pipeline = pipeline_of(file, runs.output, RuleWork(runs.log), store)
        plan = plan_study(pipeline, pipeline.cells)
    select, strict, train, units, last = (commands for _, commands in plan.phases)
    assert (4, 1, 5, 5, 1) == (len(select), len(strict), len(train), len(units), len(last))
    assert f"longismore select longest --set measure=chars --data {runs.folder / 'pool.json'} " in "\n".join(select)
    assert all(f"pool--{name}--40/rows.json" in strict[0] for name in ("longest", "score"))
    assert all("--preset tiny-cpu --set seed=0 --data " in command for command in train)
    assert f"longismore study {file} --output {runs.output} --only pool--random.1--40--s0" == units[0]
    assert (5 * 40, 5 * 40, 2 * 40 * 7) == (plan.rows, plan.generations, plan.judge_calls)
    assert not runs.output.exists()


def test_selections_of_a_plan_are_taken_over(runs: Runs) -> None:
    """What the planned command has selected is not selected again."""
    import shlex

    from longismore.study import plan_study

    with Store(runs.folder / "store.sqlite") as store:
        pipeline = pipeline_of(write_study(runs.folder), runs.output, RuleWork(runs.log), store)
        plan = plan_study(pipeline, pipeline.cells)
    from typer.testing import CliRunner

    from longismore.cli import app

    for command in (*plan.phases[0][1], *plan.phases[1][1]):
        assert 0 == CliRunner().invoke(app, shlex.split(command)[1:]).exit_code
    made = {path: path.stat().st_mtime_ns for path in runs.output.glob("selections/*/rows.json")}
    assert 5 == len(made)
    runs.run()
    assert made == {path: path.stat().st_mtime_ns for path in runs.output.glob("selections/*/rows.json")}
