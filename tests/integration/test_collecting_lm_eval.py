"""`longismore.collecting` on what the installed lm_eval really writes: groups, filters, standard errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from longismore.collecting import collect

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

CHOICE = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
fewshot_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
num_fewshot: {shots}
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0}}
"""
WRITE = """
task: sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "lol"
generation_kwargs: {{until: ["."], do_sample: false}}
filter_list:
  - {{name: strict-match, filter: [{{function: regex, regex_pattern: "(\\\\d+)"}}, {{function: take_first}}]}}
  - {{name: flexible-extract, filter: [{{function: regex, regex_pattern: "(\\\\w+)"}}, {{function: take_first}}]}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
metadata: {{version: 3.0}}
"""
GROUP = """
group: whole
task: [part_a, part_b]
aggregate_metric_list: [{metric: acc, weight_by_size: true}]
metadata: {version: 2}
"""
PROGRAM = """
import sys
from lm_eval import simple_evaluate
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager
tasks, out = sys.argv[1:]
tracker = EvaluationTracker(output_path=out)
tracker.general_config_tracker.log_experiment_args(
    model_source="dummy", model_args="pretrained=org/tuned", system_instruction=None, chat_template=None,
    fewshot_as_multiturn=None,
)
results = simple_evaluate(
    model="dummy", model_args={"pretrained": "org/tuned"}, tasks=["whole", "sums"], bootstrap_iters=100,
    task_manager=TaskManager(include_defaults=False, include_path=tasks), random_seed=1,
)
tracker.save_results_aggregated(results=results, samples=results.pop("samples"))
"""


@pytest.fixture(name="written")
def _written(tmp_path: Path) -> Path:
    """A results file of the installed lm_eval: its model that answers at random, tasks of the size of a test."""
    pytest.importorskip("datasets")
    rows, tasks = tmp_path / "rows.json", tmp_path / "tasks"
    tasks.mkdir()
    rows.write_text(
        json.dumps([{"question": f"{i} + {i}?", "choices": [str(2 * i), str(i)], "answer": i % 2} for i in range(20)])
    )
    for name in ("part_a", "part_b"):
        (tasks / f"{name}.yaml").write_text(CHOICE.format(name=name, rows=rows, shots=3))
    (tasks / "sums.yaml").write_text(WRITE.format(rows=rows))
    (tasks / "whole.yaml").write_text(GROUP)
    environ = os.environ | {"HF_HOME": str(tmp_path / "hf"), "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tasks), str(tmp_path / "out")],
        check=True,
        capture_output=True,
        env=environ,
        cwd=tmp_path,
    )
    (path,) = (tmp_path / "out").rglob("results_*.json")
    return path


def test_groups_filters_and_errors_of_the_host_are_read(written: Path) -> None:
    """The group stands for its tasks, each filter has a column, value and interval are those of lm_eval's table."""
    found = collect([written])
    assert ("org/tuned",) == found.models
    assert [
        "sums exact_match, 0-shot, flexible-extract",
        "sums exact_match, 0-shot, strict-match",
        "whole acc, 3-shot",
    ] == [column.name for column in found.columns]
    group = json.loads(written.read_text(encoding="utf-8"))["results"]["whole"]
    number = found.cells["org/tuned", 2]
    assert (group["acc,none"], 40) == (number.value, number.n)
    half = 1.96 * group["acc_stderr,none"]
    assert (number.value - half, number.value + half) == pytest.approx(number.interval, abs=1e-4)
    assert {"task version": "2 (2 tasks of version 1)"} == number.versions
    assert [1.0, 0.0] == [found.cells["org/tuned", place].value for place in (0, 1)]
    parts = collect([written], metrics=["part_*"]).columns
    assert ["part_a acc, 3-shot", "part_b acc, 3-shot"] == [column.name for column in parts]
