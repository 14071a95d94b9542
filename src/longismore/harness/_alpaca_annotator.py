"""An annotator of alpaca_eval whose judge is one of ours: all pairs at once, in both orders, by our engine and store.

It has what alpaca_eval calls of an annotator and none of its code: no cache beside the installed package, no prompt
for each pair, no order by a coin, and nothing that needs an older pandas.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from longismore._annotator_names import PREFIX, annotator_name, spec_of
from longismore._joined_outputs import join_outputs
from longismore.comparison import compare_pairs
from longismore.errors import ConfigError
from longismore.harness._alpaca_annotations import annotation_rows
from longismore.harness._alpaca_files import made_now
from longismore.harness._alpaca_import import alpaca_module
from longismore.harness._alpaca_outputs import outputs_of
from longismore.harness._alpaca_settings import AnnotatorSettings
from longismore.harness._host import progress_bar
from longismore.judges import ChatJudge, make_judge
from longismore.reports import printable
from longismore.run_folder import RunFolder, describe_run
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore._joined_outputs import JoinedOutputs

__all__ = ["LongismoreAnnotator"]

logger = logging.getLogger(__name__)

_NAMES = ("reference", "Current model")
"""What models are called that have no name; the second is alpaca_eval's word."""


class LongismoreAnnotator:
    """A judge of ours, as ``alpaca_eval.evaluate(Annotator=...)`` takes it.

    Args:
        annotators_config: ``longismore_`` and the judge's spec; see ``docs/alpaca_eval.md``.
        spec: The judge's spec itself, in its place.
        runs: Folder in which the run folder is made, where the settings name none; ``None`` makes none.
        names: What reference and candidate are called where their answers do not say.
        sources: Their files, for ``run.json``.
        settings: Of the judge, as :meth:`AnnotatorSettings.read` takes them.

    Raises:
        UsageError: There is no such judge, a key or a package is missing, or a setting is wrong; nothing was spent.
    """

    def __init__(
        self,
        annotators_config: str = f"{PREFIX}judge",
        *,
        spec: str | None = None,
        runs: Path | None = None,
        names: tuple[str, str] = _NAMES,
        sources: Mapping[str, str | Path | None] | None = None,
        **settings: Any,
    ) -> None:
        self.spec = spec_of(annotators_config, os.environ) if spec is None else spec
        self.annotator_name = annotator_name(self.spec)
        self.settings = AnnotatorSettings.read(settings, os.environ)
        self.judge = make_judge(self.spec, self.settings.options)
        self._runs = self.settings.runs or runs
        self._names = names
        self._sources = sources or {}

    def annotate_head2head(
        self,
        outputs_1: Any,
        outputs_2: Any,
        keys_to_merge: Sequence[str] | None = None,
        is_ordered: bool = False,
        chunksize: int | None = None,
    ) -> list[dict[str, Any]]:
        """Judge the answers to each instruction that stands in both.

        Args:
            outputs_1: Of the reference: rows, or a frame.
            outputs_2: Of the candidate.
            keys_to_merge: ``None``, or instruction and input, by which answers are paired here always.
            is_ordered: Pair them row by row.
            chunksize: alpaca_eval's; here every answer is stored by itself.

        Returns:
            The rows of ``annotations.json``.

        Raises:
            UsageError: The answers cannot be paired, or the judge cannot be asked; nothing was spent.
            JudgeError: The judge could not go on; what it said is stored.
        """
        if not set(keys_to_merge or ()) <= {"instruction", "input"}:
            raise ConfigError(f"keys_to_merge={keys_to_merge!r}: answers are paired by instruction and input")
        return self._annotate(
            join_outputs(
                outputs_of(outputs_1, "reference_outputs"),
                outputs_of(outputs_2, "model_outputs"),
                names=self._names,
                is_ordered=is_ordered,
            )
        )

    def annotate_pairs(self, to_annotate: Any, chunksize: int | None = None) -> list[dict[str, Any]]:
        """The same for rows that hold both answers, as ``output_1`` (the reference's) and ``output_2``."""
        frame = alpaca_module("utils").convert_to_dataframe(to_annotate)
        sides = []
        for own, other in (("1", "2"), ("2", "1")):
            side = frame.drop(columns=[f"output_{other}", f"generator_{other}"], errors="ignore")
            sides.append(side.rename(columns={f"output_{own}": "output", f"generator_{own}": "generator"}))
        return self.annotate_head2head(sides[0], sides[1], is_ordered=True)

    __call__ = annotate_pairs

    def _annotate(self, joined: JoinedOutputs) -> list[dict[str, Any]]:
        judge, pairs = self.judge, joined.pairs
        with Store(self.settings.store) as store:
            judge.check(joined.examples, store)
            if isinstance(judge, ChatJudge):
                judge.announce(pairs, store)
            folder = self._run_folder(pairs[0].candidate.model)
            with progress_bar(total=2 * len(pairs), shown=isinstance(judge, ChatJudge)) as advance:
                comparison = compare_pairs(pairs, judge, store=store, folder=folder, on_progress=advance)
        if judge.note:
            logger.warning("%s", printable(judge.note))
        missing = sum(verdict.outcome is None for verdict in comparison.verdicts)
        if missing:
            logger.warning(
                "%d of %d pairs were not judged in both orders: their preference is null, and they enter no rate",
                missing, len(pairs),
            )  # fmt: skip
        if folder is not None:
            logger.info("run folder: %s (report.html, judgments.jsonl, results.json)", folder.path)
        made = made_now(f"alpaca_eval=={alpaca_module().__version__}")
        return annotation_rows(joined, comparison.verdicts, annotator=self.annotator_name, made=made)

    def _run_folder(self, candidate: str) -> RunFolder | None:
        if self._runs is None:
            return None
        sources = {role: self._sources.get(role) for role in ("reference", "candidate")}
        run = describe_run(judge=self.judge, spec=self.spec, sources=sources, testsets=[], command=sys.argv)
        return RunFolder.fresh(self._runs, candidate, run)
