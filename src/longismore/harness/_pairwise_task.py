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
from lm_eval.api.task import ConfigurableTask

from longismore.harness._documents import document_of, example_of
from longismore.harness._groups import AVERAGE, AverageGroup, PairwiseGroup
from longismore.harness._host_data import check_ifeval, host_groups
from longismore.harness._pool import POOL
from longismore.harness._ranks import Ranks
from longismore.harness._task_metrics import (
    HIGHER_IS_BETTER,
    MEAN_OF_JUDGED,
    METRICS,
    WHOLE_SET,
    number,
    of_the_whole_set,
)
from longismore.harness._trained_model import NOTE, TrainedModel, trained_model
from longismore.judges import SAMPLE_FIELD, sample_row
from longismore.reports import summarize
from longismore.testsets import TESTSETS, folder_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longismore.judges import Comparands
    from longismore.records import Answer, Example, Judgment, Pair, Verdict
    from longismore.reports import Rates

__all__ = ["PairwiseTask", "pool_group"]


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
        if self.is_judged:
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
    def is_judged(self) -> bool:
        """Whether this process has the answers judged."""
        return not self.only_predicts and not self.ranks.is_shadow

    @property
    def own_reference(self) -> str | None:
        """What the reference that belongs to the test set is called; ``None``: the user has to name one."""
        return None

    def reference_answers(self) -> dict[tuple[str, str], Answer]:
        """The answers of that reference to what this process asks."""
        raise AssertionError(self.task_name)

    def asks_one_order(self, spec: str) -> bool:
        """Whether the judge *spec* sees each pair in one order only here."""
        return False

    @property
    def examples(self) -> list[Example]:
        """What this process asks: ``--limit``, ``--samples`` and other ranks are taken account of."""
        return [example_of(each.doc) for each in self.instances]

    @property
    def judged_examples(self) -> list[Example]:
        """The same as the judge knows them."""
        return [replace(example, testset=self.set_of(example.id)) for example in self.examples]

    def set_of(self, name: str) -> str:
        """The test set to which the instruction with that id belongs in files and rates."""
        return self.testset.name

    @property
    def places(self) -> list[tuple[str, str]]:
        """Test set and id of every instruction, in the order of the test set."""
        return [(self.set_of(name), name) for name in self.dataset["test"]["id"]]

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

    def save_answers(self) -> None:
        """All answers are there, and nothing was judged yet; every process gets here."""

    def close(self, pairs: Sequence[Pair], judgments: Sequence[Judgment]) -> None:
        """All *pairs* of this test set were judged; every process gets here."""

    @property
    def pair_metrics(self) -> Mapping[str, Callable[[Verdict], float]]:
        """Metrics that are means over pairs."""
        return METRICS

    @property
    def set_metrics(self) -> Mapping[str, float | None]:
        """Metrics of the whole set, with their values."""
        return {name: getattr(self.rates, name) for name in WHOLE_SET}

    def apply_filters(self) -> Any:
        """Filter as every task does; the first task to get here has the answers of all judged."""
        filtered = super().apply_filters()
        if self.is_judged:
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
        verdict, whole = self.verdicts[doc["id"]], self.set_metrics
        if self.who is not None and isinstance(doc, dict):
            doc[SAMPLE_FIELD] = sample_row(verdict, self.who)  # lm_eval logs the document after this call
        if verdict.outcome is None:
            return dict.fromkeys((*self.pair_metrics, *whole))
        # For the logged sample; the set's ratio is that of the sums. An empty reference counts as one character.
        ratio = verdict.candidate_chars / max(1, verdict.reference_chars)
        return {
            **{name: value(verdict) for name, value in self.pair_metrics.items()},
            **{name: number(value) for name, value in whole.items()},
            "length_ratio": ratio,
            "unjudged": 0.0,
        }

    def aggregation(self) -> Any:
        """Means with lm_eval's own standard error, and figures of the whole set."""
        if self.only_predicts:
            return super().aggregation()
        return {
            **dict.fromkeys(self.pair_metrics, MEAN_OF_JUDGED),
            **{name: partial(of_the_whole_set, value) for name, value in self.set_metrics.items()},
        }

    def higher_is_better(self) -> Any:
        """Only where it is so: of ties and lengths neither is."""
        return super().higher_is_better() if self.only_predicts else dict(HIGHER_IS_BETTER)


def pool_group(group: Any) -> None:
    """Let *group* aggregate as longismore needs it: one of our tasks alone, or one that names an average.

    Raises:
        DataError: It is a group of ours whose tasks would miss something when all answers are there.
    """
    if type(group) is not Group:
        return
    tasks = group.get_all_tasks()
    if host_groups([group.name]):
        check_ifeval([task.task_name for task in tasks])
    if tasks and all(isinstance(task, PairwiseTask) for task in tasks):
        group.__class__ = PairwiseGroup
    elif AVERAGE in (group.metadata or {}):
        group.__class__ = AverageGroup
