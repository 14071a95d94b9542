"""The lm_eval task: a test set is answered, and each answer is compared with the reference by a judge.

What can fail is checked in ``build_all_requests``, before the first generation. Judging happens in the first
``apply_filters``: by then the answers of *all* tasks are there, so one pool judges everything at once
(:mod:`longismore.harness._pool`).

Facts of the host that the code leans on (lm_eval 0.4.12 and 0.4.13): ``apply_filters`` is called also under
``--predict_only``; logged samples mislabel documents under ``--samples``, so verdicts are found by the id in
the document; all ranks must hand in the same metrics, so a pair that was not judged hands in ``None`` for each;
a group weighs a task by the largest number of values of any of its metrics, so these are taken out of the very
lists that lm_eval counts.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import datasets
from lm_eval.api.group import Group
from lm_eval.api.metrics import mean
from lm_eval.api.task import ConfigurableTask

from longismore.harness._documents import document_of, example_of
from longismore.harness._pool import POOL
from longismore.harness._ranks import Ranks
from longismore.harness._trained_model import NOTE, TrainedModel, trained_model
from longismore.judges import SAMPLE_FIELD, sample_row
from longismore.records import Example, Outcome, Verdict
from longismore.reports import cluster_key, same_outcome, standard_error, summarize
from longismore.testsets import TESTSETS, folder_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longismore.judges import Comparands
    from longismore.reports import Rates

__all__ = ["PairwiseTask", "pool_group"]

_WIN_RATE = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}

METRICS: Mapping[str, Callable[[Verdict], float]] = {
    "win_rate": lambda verdict: _WIN_RATE[_decided(verdict)],
    "winning_score": lambda verdict: 2 * _WIN_RATE[_decided(verdict)],
    "tie_rate": lambda verdict: float(_decided(verdict) is Outcome.TIE),
    "swap_consistency": lambda verdict: float(_same_in_both_orders(verdict)),
}
"""Metrics that are means over pairs: what one pair contributes."""

_OF_THE_WHOLE_SET = ("lc_win_rate", "length_ratio", "unjudged")
"""Metrics that are no means over pairs: what the rates of the set say. lm_eval gives them no standard error."""
_INTERVAL = 2 * 1.959963984540054
"""Width of a 95 % interval in standard errors; that of ``lc_win_rate`` need not be symmetrical, as lm_eval takes it."""
_AGGREGATED = (*METRICS, *_OF_THE_WHOLE_SET)
_HIGHER_IS_BETTER = {
    "win_rate": True,
    "winning_score": True,
    "lc_win_rate": True,
    "swap_consistency": True,
    "unjudged": False,
}


def _decided(verdict: Verdict) -> Outcome:
    if verdict.outcome is None:
        raise AssertionError(verdict.id)
    return verdict.outcome


def _same_in_both_orders(verdict: Verdict) -> bool:
    first, second = (preference or 0.0 for preference in verdict.preferences)
    return same_outcome(first, second)


class _MeanOfJudged:
    """lm_eval's ``mean`` of the pairs that were judged.

    It passes for that function, because lm_eval knows standard errors of its own functions only.
    """

    def __call__(self, values: list[float | None]) -> float:
        _drop_unjudged(values)
        return float(mean(values))

    def __eq__(self, other: object) -> bool:
        return other is mean or isinstance(other, _MeanOfJudged)

    def __hash__(self) -> int:
        return hash(mean)


_MEAN_OF_JUDGED = _MeanOfJudged()


def _drop_unjudged(values: list[Any]) -> None:
    # In place: lm_eval goes on to count this list, and to take its standard error.
    values[:] = [value for value in values if value is not None]


def _of_the_whole_set(value: float | None, values: list[Any]) -> float:
    _drop_unjudged(values)
    return _number(value)


class PairwiseTask(ConfigurableTask):  # type: ignore[misc]  # lm_eval has no types
    """One test set as a task of lm_eval.

    Args:
        config: A task file of ``harness/tasks``: ``task``, ``testset`` and lm_eval's own fields.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        config = dict(config)
        config.pop("class", None)
        self.testset = TESTSETS.get(config.pop("testset"))
        self.ranks = Ranks()
        self.trained: TrainedModel | None = None
        self.take([])
        super().__init__(
            config={
                "output_type": "generate_until",
                "test_split": "test",
                "doc_to_text": "prompt",
                "doc_to_target": "",
                "num_fewshot": 0,
                "metric_list": [],
                # An empty "until": lm_eval would else cut every answer at its first blank line.
                # 1,024 tokens: a model with a context of 2,048 still has room for the prompt.
                "generation_kwargs": {"until": [], "max_gen_toks": 1024, "do_sample": False, "temperature": 0.0},
                **config,
            }
        )

    def download(self, *_: Any, **__: Any) -> None:
        """Load the test set: from ``LONGISMORE_TESTSETS``, the cache, or its public address."""
        examples = self.testset.load(folder_in(os.environ))
        self.dataset = {"test": datasets.Dataset.from_list([document_of(example) for example in examples])}

    def doc_to_target(self, doc: Mapping[str, Any], *_: Any) -> str:
        """There is no target: the reference is another model's answer, and the judge's business."""
        return ""

    def build_all_requests(
        self, *, rank: int = 0, world_size: int = 1, tokenizer_name: str = "", **kwargs: Any
    ) -> None:
        """Build the requests, then check all that judging will need: nothing was generated yet."""
        metadata = {key: value for key, value in (self.config.metadata or {}).items() if key != NOTE}
        chat_template = kwargs.get("chat_template") if kwargs.get("apply_chat_template") else None
        first, speaks = example_of(self.dataset["test"][0]), rank == 0 and not Ranks(rank, world_size).is_shadow
        self.trained = trained_model(metadata, chat_template, first, task=self.task_name, speaks=speaks)
        if self.trained is not None:
            metadata[NOTE] = self.trained.note
            tokenizer_name += self.trained.cache_key
        self.config.metadata = metadata
        super().build_all_requests(rank=rank, world_size=world_size, tokenizer_name=tokenizer_name, **kwargs)
        self.ranks = Ranks(rank, world_size)
        self.take([])
        if not self.only_predicts and not self.ranks.is_shadow:
            POOL.add(self, self.config.metadata or {})

    def fewshot_context(self, doc: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The prompt: with the template of its training, where the model has one and lm_eval applies none."""
        if self.trained is None or self.trained.template is None:
            return super().fewshot_context(doc, *args, **kwargs)
        example, text = example_of(doc), self.doc_to_text(doc)
        if text != example.prompt:  # a task file of the user's asks something else
            example = replace(example, instruction=text, input="", prompt=text)
        told = (kwargs.get("system_instruction"), self.config.description)
        return self.trained.prompt(example, system="\n\n".join(part for part in told if part))

    @property
    def only_predicts(self) -> bool:
        """Whether lm_eval was told ``--predict_only``: nothing is judged then."""
        return "bypass" in self._metric_fn_list

    @property
    def examples(self) -> list[Example]:
        """What this process asks: ``--limit``, ``--samples`` and other ranks are taken account of."""
        return [example_of(each.doc) for each in self.instances]

    @property
    def places(self) -> list[tuple[str, str]]:
        """Test set and id of every instruction, in the order of the test set."""
        return [(self.testset.name, name) for name in self.dataset["test"]["id"]]

    @property
    def answers(self) -> dict[str, str]:
        """The model's answers by id; repeats and padding leave the first."""
        return {each.doc["id"]: each.resps[0] for each in self.instances}

    @property
    def is_answered(self) -> bool:
        """Whether the model has answered every request."""
        return bool(self.instances) and all(each.resps for each in self.instances)

    def take(self, verdicts: Sequence[Verdict], rates: Rates | None = None, who: Comparands | None = None) -> None:
        """Learn the verdicts on this test set, of all ranks.

        Args:
            verdicts: On this test set.
            rates: What they say; at equal length, with the slope of all test sets that were judged together.
            who: Was compared, and by whom.
        """
        self.verdicts: dict[str, Verdict] = {verdict.id: verdict for verdict in verdicts}
        self.rates: Rates = rates or summarize(verdicts).pooled
        self.who = who

    def apply_filters(self) -> Any:
        """Filter as every task does; the first task to get here has the answers of all judged."""
        filtered = super().apply_filters()
        if not self.only_predicts and not self.ranks.is_shadow:
            POOL.judge()
        return filtered

    def process_results(self, doc: Mapping[str, Any], results: Any) -> Any:
        """What this document contributes to every metric; ``None``, where it was not judged."""
        if self.only_predicts:
            return super().process_results(doc, results)
        if self.ranks.is_shadow:
            return {}
        if self.rates.n == 0:
            return {"unjudged": 1.0}
        verdict = self.verdicts[doc["id"]]
        if self.who is not None and isinstance(doc, dict):
            doc[SAMPLE_FIELD] = sample_row(verdict, self.who)  # lm_eval logs the document after this call
        if verdict.outcome is None:
            return dict.fromkeys(_AGGREGATED)
        # For the logged sample; the set's ratio is that of the sums. An empty reference counts as one character.
        ratio = verdict.candidate_chars / max(1, verdict.reference_chars)
        return {name: value(verdict) for name, value in METRICS.items()} | {
            "lc_win_rate": _number(self.rates.lc_win_rate),
            "length_ratio": ratio,
            "unjudged": 0.0,
        }

    def aggregation(self) -> Any:
        """Means with lm_eval's own standard error, and figures of the whole set."""
        if self.only_predicts:
            return super().aggregation()
        return {
            **dict.fromkeys(METRICS, _MEAN_OF_JUDGED),
            **{name: partial(_of_the_whole_set, getattr(self.rates, name)) for name in _OF_THE_WHOLE_SET},
        }

    def higher_is_better(self) -> Any:
        """Only where it is so: of ties and lengths neither is."""
        return super().higher_is_better() if self.only_predicts else dict(_HIGHER_IS_BETTER)


class PairwiseGroup(Group):  # type: ignore[misc]  # lm_eval has no types
    """A group of such tasks: its values and standard errors are those of all judged pairs together.

    lm_eval's own mean weighs tasks by size and takes every document for independent; LIMA and Vicuna share
    questions, so the pooled standard error is clustered by prompt.
    """

    def aggregate(self, task_metrics: Any) -> Any:
        """lm_eval's aggregation, with the values of our metrics replaced by the pooled ones."""
        metrics = super().aggregate(task_metrics)
        verdicts = [verdict for task in self.get_all_tasks() for verdict in task.verdicts.values()]
        judged = [verdict for verdict in verdicts if verdict.outcome is not None]
        if not judged:
            return metrics
        pooled, clusters = summarize(verdicts).pooled, [cluster_key(verdict.prompt) for verdict in judged]
        values = {name: [value(verdict) for verdict in judged] for name, value in METRICS.items()}
        exact = {name: sum(each) / len(each) for name, each in values.items()}
        exact |= {name: _number(getattr(pooled, name)) for name in _OF_THE_WHOLE_SET}
        for name, value in exact.items():
            if f"{name},none" in metrics:
                metrics[f"{name},none"] = value
                metrics[f"{name}_stderr,none"] = _stderr(values.get(name), clusters)
        if pooled.lc_win_rate_ci is not None and "lc_win_rate,none" in metrics:
            low, high = pooled.lc_win_rate_ci
            metrics["lc_win_rate_stderr,none"] = (high - low) / _INTERVAL
        return metrics


def pool_group(group: Any) -> None:
    """Let *group* aggregate as :class:`PairwiseGroup`, if all its tasks are ours."""
    tasks = group.get_all_tasks()
    if type(group) is Group and tasks and all(isinstance(task, PairwiseTask) for task in tasks):
        group.__class__ = PairwiseGroup


def _stderr(values: Sequence[float] | None, clusters: Sequence[str]) -> float | str:
    error = None if values is None else standard_error(values, clusters)
    return "N/A" if error is None else error


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
