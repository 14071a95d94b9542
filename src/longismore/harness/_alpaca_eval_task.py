"""AlpacaEval 2 as a task of lm_eval: 805 instructions, compared with the answers of GPT-4 Turbo.

The answers are always written as alpaca_eval's own ``model_outputs.json``. With ``judge=`` they are judged: by an
evaluator of alpaca_eval (``alpaca_eval:CONFIG``) in one order a pair, as alpaca_eval does it, by any other judge in
both. alpaca_eval's own length-controlled win rate stands beside ours, where what it needs is at hand.
"""

from __future__ import annotations

import logging
import os
from statistics import fmean
from typing import TYPE_CHECKING, Any

from lm_eval.api.metrics import mean

from longismore.errors import UsageError
from longismore.harness._alpaca_files import made_now, write_annotations
from longismore.harness._alpaca_folder import (
    annotations_of,
    annotator_of,
    answers_parent,
    save_answers,
)
from longismore.harness._alpaca_gamed import find_gamed
from longismore.harness._alpaca_import import alpaca_module
from longismore.harness._alpaca_official import DF_GAMED_SHA256, OFFICIAL_LC, official_lc
from longismore.harness._documents import example_of
from longismore.harness._host import candidate_name, join_host_logging
from longismore.harness._pairwise_task import PairwiseTask
from longismore.harness._settings import PairwiseSettings
from longismore.harness._task_metrics import METRICS, preference
from longismore.harness._trained_model import NOTE
from longismore.records import Answer
from longismore.run_folder import check_writable
from longismore.testsets import folder_in
from longismore.testsets.alpaca_eval import ALPACA_EVAL, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from longismore.judges import Comparands
    from longismore.records import Judgment, Pair, Verdict
    from longismore.reports import Rates

__all__ = ["AlpacaEvalTask"]

logger = logging.getLogger(__name__)

_THEIR_JUDGES = "alpaca_eval:"
_LENGTH = "avg_length"
"""alpaca_eval's word: characters of an answer."""
_USUAL = "weighted_alpaca_eval_gpt4_turbo"
"""The evaluator of AlpacaEval 2."""


class AlpacaEvalTask(PairwiseTask):
    """The task ``longismore_alpaca_eval``.

    Args:
        config: Its task file.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.settings: PairwiseSettings | None = None
        self.gamed: Path | None = None
        self.folder: Path | None = None
        super().__init__(config)
        documents = self.dataset["test"]
        self.categories: Mapping[str, str] = dict(zip(documents["id"], documents["category"], strict=True))

    def build_all_requests(
        self, *, limit: int | None = None, samples: Any = None, rank: int = 0, world_size: int = 1, **kwargs: Any
    ) -> None:
        """As every pairwise task; without a judge nothing is asked for but a place for the answers."""
        metadata = {key: value for key, value in (self.config.metadata or {}).items() if key != NOTE}
        self.settings = PairwiseSettings.read(metadata, os.environ)
        self.gamed = self.folder = None
        super().build_all_requests(limit=limit, samples=samples, rank=rank, world_size=world_size, **kwargs)
        if self.ranks.is_shadow:
            return
        join_host_logging()
        if rank == 0:
            check_writable(self._parent)
        if self.is_judged:
            self.gamed = self._find_gamed(whole=samples is None and (limit is None or limit >= self.testset.size))

    def _find_gamed(self, *, whole: bool) -> Path | None:
        """What alpaca_eval's own length control needs; where it is missing that figure is left out, and it is said."""
        missing = ""
        if not whole:
            missing = f"it is defined for all {self.testset.size} instructions only"
        elif self._told.reference is not None:
            missing = f"it is defined for answers that are compared with those of {REFERENCE} only"
        else:
            try:
                alpaca_module("metrics.glm_winrate")
                return find_gamed(os.environ, DF_GAMED_SHA256)
            except UsageError as error:
                missing = str(error)
        if self.ranks.rank == 0:
            logger.warning("%s is left out: %s", OFFICIAL_LC, missing)
        return None

    @property
    def is_judged(self) -> bool:
        """Not without a judge."""
        return super().is_judged and self._told.judge is not None

    @property
    def _told(self) -> PairwiseSettings:
        if self.settings is None:
            raise AssertionError(self.task_name)
        return self.settings

    @property
    def own_reference(self) -> str | None:
        """GPT-4 Turbo's answers come with the instructions."""
        return f"{self.testset.name}:{REFERENCE}"

    def set_of(self, name: str) -> str:
        """Its data set, as everywhere where AlpacaEval's files are read: length is controlled for in each by itself."""
        return f"{self.testset.name}/{self.categories[name]}"

    def reference_answers(self) -> dict[tuple[str, str], Answer]:
        """Of all instructions: whoever asks for them takes those that it needs."""
        return ALPACA_EVAL.reference(folder_in(os.environ))

    def asks_one_order(self, spec: str) -> bool:
        """An evaluator of alpaca_eval is asked as alpaca_eval asks it."""
        return spec.strip().startswith(_THEIR_JUDGES)

    @property
    def _one_order(self) -> bool:
        return self.asks_one_order(self._told.judge or "")

    @property
    def _model(self) -> str:
        return candidate_name(self._told, self.config.metadata or {})

    @property
    def _parent(self) -> Path:
        return answers_parent(self._told, self._model)

    def apply_filters(self) -> Any:
        """As every pairwise task; where nobody judges, the answers are written all the same."""
        if not self.is_judged and not self.ranks.is_shadow:
            self.save_answers()
        return super().apply_filters()

    def save_answers(self) -> None:
        """Write ``model_outputs.json``, and the reference's answers to the same instructions beside it."""
        everyone = dict(self.ranks.gather(list(self.answers.items())))
        if self.ranks.rank != 0:
            return
        examples = [example for each in self.dataset["test"] if (example := example_of(each)).id in everyone]
        model, reference = self._model, {name: answer for (_, name), answer in self.reference_answers().items()}
        answers = {name: Answer(model, text) for name, text in everyone.items()}
        self.folder = save_answers(self._parent, examples, answers, reference)
        outputs = self.folder / "model_outputs.json"
        logger.info("%d answers to AlpacaEval: %s", len(examples), outputs)
        if not self.is_judged:
            logger.info(
                "nobody judges them (no judge= in --metadata); judge them with\n"
                "longismore eval --model longismore_outputs --model_args path=%s --tasks %s --metadata judge=%s%s\n"
                "or with alpaca_eval itself:\n"
                "alpaca_eval --model_outputs %s --reference_outputs %s --annotators_config %s",
                outputs, self.task_name, _THEIR_JUDGES, _USUAL,
                outputs, self.folder / "reference_outputs.json", _USUAL,
            )  # fmt: skip

    def take(self, verdicts: Sequence[Verdict], rates: Rates | None = None, who: Comparands | None = None) -> None:
        """Learn the verdicts; alpaca_eval's own figures are of them, once they are all written."""
        super().take(verdicts, rates, who)
        self.official: Mapping[str, float] = {}

    def close(self, pairs: Sequence[Pair], judgments: Sequence[Judgment]) -> None:
        """Write the annotations, with alpaca_eval's own figures beside ours."""
        verdicts = [self.verdicts[pair.id] for pair in pairs]
        annotator = annotator_of(self._told.judge or "", one_order=self._one_order)
        rows = annotations_of(
            pairs, verdicts, self.categories, annotator=annotator, judgments=judgments, made=made_now()
        )
        if self.gamed is not None:
            try:
                self.official = official_lc(rows, self.gamed, sha256=DF_GAMED_SHA256)
            except UsageError as error:
                logger.warning("%s is unknown: %s", OFFICIAL_LC, error)
        if self.folder is not None:
            folder = self.folder / annotator
            write_annotations(folder, rows, verdicts, self.rates, model=rows[0]["generator_2"], official=self.official)
            logger.info("annotations: %s (annotations.json, leaderboard.csv)", folder)

    def process_results(self, doc: Mapping[str, Any], results: Any) -> Any:
        """Without a judge only how long the answer is."""
        if self.only_predicts or self.ranks.is_shadow or self.is_judged:
            return super().process_results(doc, results)
        return {_LENGTH: float(len(results[0]))}

    @property
    def pair_metrics(self) -> Mapping[str, Callable[[Verdict], float]]:
        """Ours, and the mean preference, which is AlpacaEval's win rate."""
        ours = {name: value for name, value in METRICS.items() if name != "swap_consistency" or not self._one_order}
        return {**ours, "preference": preference}

    @property
    def set_metrics(self) -> Mapping[str, float | None]:
        """Ours, the mean length, and alpaca_eval's own win rate at equal length."""
        lengths = [verdict.candidate_chars for verdict in self.verdicts.values()]
        found = {**super().set_metrics, _LENGTH: fmean(lengths) if lengths else None}
        if self.gamed is not None:
            percent = self.official.get("length_controlled_winrate")
            found[OFFICIAL_LC] = None if percent is None else percent / 100
        return found

    def aggregation(self) -> Any:
        """Of a run that nobody judges the mean length."""
        if self.only_predicts or self.is_judged:
            return super().aggregation()
        return {_LENGTH: mean}

    def higher_is_better(self) -> Any:
        """AlpacaEval's figures as ours."""
        found = super().higher_is_better()
        return found if self.only_predicts else {**found, "preference": True, OFFICIAL_LC: True}
