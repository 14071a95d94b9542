"""What a study concludes: of a judge that likes only length, of one that likes quality, and of too few trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("polars")

from longismore._jsonl import read_json
from longismore.records import Answer
from longismore.reports import DEFAULT_PRIOR
from longismore.store import Store
from longismore.study import collect_results
from study_runs import RuleWork, noise, pipeline_of, run_rules, words, write_pool, write_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.records import Example
    from longismore.reports.study import StudyRow

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rows and ratings."""
    write_pool(tmp_path)
    return tmp_path


class WordyWork(RuleWork):
    """Answers of one model are longer than those of others, in most cases and by a little."""

    def generate(
        self, model: Path, examples: Sequence[Example], *, max_new_tokens: int, checkpoint: Path
    ) -> Mapping[tuple[str, str], Answer]:
        """Longer in three of four cases where the model was trained on the longest rows."""
        cell = model.parents[1].name
        more = 14 if "longest" in cell else 0
        return {
            (example.testset, example.id): Answer(
                "model", words(f"{cell}{example.id}", 20 + more + noise(f"{cell}{example.id}", 40))
            )
            for example in examples
        }


def rows_of(folder: Path, work: type[RuleWork] = RuleWork, **changes: object) -> dict[str, StudyRow]:
    """The rows of a study, by strategy."""
    run = run_rules(write_study(folder, **changes), folder / "out", work(folder / "work.log"))
    return {row.strategy: row for row in run.results.rows}


@pytest.mark.parametrize("work", [RuleWork, WordyWork])
def test_a_judge_that_likes_only_length(folder: Path, work: type[RuleWork]) -> None:
    """The strategy with longer answers gains raw, and at equal length nothing: it says "only longer"."""
    row = rows_of(folder, work)["longest"]
    rates = row.estimate.rates
    assert rates.win_rate_ci is not None
    assert rates.lc_win_rate_ci is not None
    assert rates.win_rate_ci[0] > 0.5
    assert rates.lc_win_rate_ci[0] <= 0.5 <= rates.lc_win_rate_ci[1]
    assert ("better", "cannot tell", "only longer") == (row.raw, row.controlled, row.answer)


def test_where_lengths_overlap_the_gain_is_gone(folder: Path) -> None:
    """Where longer and shorter answers of both are seen, the length-controlled rate itself is near 50 %."""
    row = rows_of(folder, WordyWork)["longest"]
    assert row.estimate.rates.win_rate is not None
    assert row.estimate.rates.win_rate > 0.7
    assert row.estimate.rates.lc_win_rate == pytest.approx(0.5, abs=0.1)


def test_overlaps_and_costs(folder: Path) -> None:
    """Selections are compared with random and with each other, beside chance; a strict draw shares nothing."""
    rows = rows_of(folder)
    longest, strict = rows["longest"], rows["strict"]
    assert ["random", "score", "strict"] == [overlap.other for overlap in longest.overlaps]
    assert 4.0 == longest.overlaps[0].by_chance
    assert (0, "fewer") == (longest.overlaps[2].count, longest.overlaps[2].than_chance)
    assert longest.cost is not None
    assert (40, 400, 0, 0, 0.0) == (
        longest.cost.rows, longest.cost.pool, longest.cost.scored, longest.cost.calls, longest.cost.cost_usd,
    )  # fmt: skip
    assert strict.cost is not None
    assert rows["score"].cost is not None
    assert (None, None, None) == (
        rows["score"].cost.scored, rows["score"].cost.calls, rows["score"].cost.cost_usd,
    )  # fmt: skip


def test_ratings_say_what_they_cost(folder: Path) -> None:
    """Where the ratings have a manifest, calls and cost are known; unless some were paid before."""
    manifest = folder / "ratings.jsonl.manifest.json"
    manifest.write_text('{"usage": {"answered": 400, "from_store": 0, "cost_usd": 0.52}}', encoding="utf-8")
    cost = rows_of(folder)["score"].cost
    assert cost is not None
    assert (400, 0.52) == (cost.calls, cost.cost_usd)


def test_the_results_need_no_other_cells(folder: Path) -> None:
    """Whatever cells are done is aggregated: a row without matches has no rates, and the others have theirs."""
    file = write_study(folder)
    run_rules(file, folder / "out", RuleWork(folder / "work.log"), only=["*random*", "*longest*"])
    with Store(folder / "store.sqlite") as store:
        pipeline = pipeline_of(file, folder / "out", RuleWork(folder / "work.log"), store)
        results = collect_results(pipeline, prior=DEFAULT_PRIOR, draws=100)
    done = {row.strategy: len(row.estimate.matches) for row in results.rows}
    assert {"longest": 2, "score": 0, "strict": 0} == done
    assert 4 == len(results.waiting)
    assert 1 == len(results.floors[0].matches)


def test_files_of_the_results(folder: Path) -> None:
    """Results, both reports and the picture are written, and say the same."""
    run = run_rules(write_study(folder), folder / "out", RuleWork(folder / "work.log"))
    written = {path.name for path in run.files}
    assert {"results.json", "report.md", "report.html"} <= written
    told = read_json(folder / "out" / "results.json")
    assert run.results.to_dict() == told
    markdown = (folder / "out" / "report.md").read_text(encoding="utf-8")
    html = (folder / "out" / "report.html").read_text(encoding="utf-8")
    for answer in {row["answer"] for row in told["rows"]}:
        assert answer in markdown
        assert answer in html
    assert "the judge &quot;length&quot; is a control" in html
