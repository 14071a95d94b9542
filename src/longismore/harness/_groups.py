"""Groups of lm_eval that aggregate as longismore needs it: pooled pairs, and the averages of papers.

lm_eval makes every group an instance of its own class, which can only average one metric over all tasks.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

from lm_eval.api.group import Group

from longismore.harness._task_metrics import METRICS, WHOLE_SET, number
from longismore.reports import cluster_key, standard_error, summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.harness._pairwise_task import PairwiseTask

__all__ = ["AVERAGE", "AverageGroup", "PairwiseGroup", "average"]

AVERAGE = "average"
"""The metric of a group that names, in its metadata under this very key, one metric for each of its tasks."""
_INTERVAL = 2 * 1.959963984540054
"""Width of a 95 % interval in standard errors; that of ``lc_win_rate`` need not be symmetrical, as lm_eval takes it."""


class PairwiseGroup(Group):  # type: ignore[misc]  # lm_eval has no types
    """A group of pairwise tasks: its values and standard errors are those of all judged pairs together.

    lm_eval's own mean weighs tasks by size and takes every document for independent; LIMA and Vicuna share
    questions, so the pooled standard error is clustered by prompt.
    """

    def aggregate(self, task_metrics: Any) -> Any:
        """lm_eval's aggregation, with the values of our metrics replaced by the pooled ones."""
        metrics = super().aggregate(task_metrics)
        tasks: list[PairwiseTask] = self.get_all_tasks()
        verdicts = [verdict for task in tasks for verdict in task.verdicts.values()]
        judged = [verdict for verdict in verdicts if verdict.outcome is not None]
        if not judged:
            return metrics
        pooled, clusters = summarize(verdicts).pooled, [cluster_key(verdict.prompt) for verdict in judged]
        values = {name: [value(verdict) for verdict in judged] for name, value in METRICS.items()}
        exact = {name: sum(each) / len(each) for name, each in values.items()}
        exact |= {name: number(getattr(pooled, name)) for name in WHOLE_SET}
        for name, value in exact.items():
            if f"{name},none" in metrics:
                metrics[f"{name},none"] = value
                metrics[f"{name}_stderr,none"] = _stderr(values.get(name), clusters)
        if pooled.lc_win_rate_ci is not None and "lc_win_rate,none" in metrics:
            low, high = pooled.lc_win_rate_ci
            metrics["lc_win_rate_stderr,none"] = (high - low) / _INTERVAL
        return metrics


def average(values: Sequence[float]) -> float:
    """How groups of other people's tasks are aggregated: all tasks weigh alike.

    Naming it in a task file also imports longismore where lm_eval loads the group.
    """
    return fmean(values)


class AverageGroup(Group):  # type: ignore[misc]  # lm_eval has no types
    """A group whose tasks weigh alike, each with a metric of its own: ``metadata: average: {TASK: METRIC,FILTER}``."""

    def aggregate(self, task_metrics: Any) -> Any:
        """The mean of the named metrics, where every task has its own; tasks are independent."""
        metrics = super().aggregate(task_metrics)
        named: Mapping[str, str] = (self.metadata or {})[AVERAGE]
        found = [task_metrics.get(task, {}) for task in named]
        values = [result.get(metric) for result, metric in zip(found, named.values(), strict=True)]
        errors = [result.get(_error_of(metric)) for result, metric in zip(found, named.values(), strict=True)]
        if not all(isinstance(value, int | float) for value in values):
            return metrics  # under --predict_only
        metrics[f"{AVERAGE},none"] = average(values)
        known = all(isinstance(error, int | float) for error in errors)
        metrics[f"{AVERAGE}_stderr,none"] = math.hypot(*errors) / len(errors) if known else "N/A"
        return metrics


def _error_of(metric: str) -> str:
    name, _, chosen = metric.partition(",")
    return f"{name}_stderr,{chosen}"


def _stderr(values: Sequence[float] | None, clusters: Sequence[str]) -> float | str:
    error = None if values is None else standard_error(values, clusters)
    return "N/A" if error is None else error
