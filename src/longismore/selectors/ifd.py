"""Select rows by instruction-following difficulty: how little a prompt helps a model to write the answer.

The IFD of a row is the mean loss of its answer's tokens after the prompt, divided by that of the answer by itself. Rows
above 1 are dropped, since the prompt makes their answers no likelier; of the others, those with the largest IFD are
taken. ``variant`` names what is done, as the published programs do it:

==================  ================================================================================================
``pre_experience``  Cherry's first step: rows from the middle of k-means clusters of the base model's prompts, to train
                    the model on that scores all rows
``cherry``          Cherry: a model trained on those rows scores; IFD up to 1; ties go to the later row
``cherry_v2``       the same with the base model itself
``superfiltering``  a small model scores; ratio of perplexities, below 1; no template; ties go to the earlier row
``precomputed``     IFDs that stand in the data: ``ifd_score`` up to 1, ``ifd_ppl`` below 1
==================  ================================================================================================

Source: Li et al., From Quantity to Quality, NAACL 2024, https://arxiv.org/abs/2308.12032; Li et al., Superfiltering,
ACL 2024, https://arxiv.org/abs/2402.00530.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, SchemaError, UsageError
from longismore.selectors import SELECTORS, Choice
from longismore.selectors._ifd.clusters import cluster_labels, middle_rows
from longismore.selectors._ifd.filters import Rule, candidates_of, column_of, select
from longismore.selectors._ifd.scorers import Instrument, LossScorer, PromptScorer
from longismore.selectors._ifd.texts import Layout

if TYPE_CHECKING:
    import polars as pl

    from longismore.instructions import InstructionData
    from longismore.selectors import Work

__all__ = ["Ifd"]

_VARIANTS = ("cherry", "cherry_v2", "pre_experience", "precomputed", "superfiltering")
_ONE_TURN = frozenset({"alpaca", "dolly", "input_target", "prompt_completion"})
"""Formats whose rows have one answer each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ifd:
    """Take the rows whose answers the prompt helps least with, among those that it helps with."""

    variant: str = "cherry"
    """``cherry``, ``cherry_v2``, ``pre_experience``, ``superfiltering`` or ``precomputed``."""
    model: str = ""
    """Folder of a causal language model, or its id on the Hugging Face Hub; only ``precomputed`` needs none."""
    template: str = ""
    """``plain``, ``none``, ``chat``, ``alpaca``, ``vicuna`` or a file; empty: ``plain``, or ``none`` for
    ``superfiltering``."""
    max_length: int | None = None
    """Of prompt and answer, in tokens, from 8; ``None``: 512, or 1024 for ``superfiltering``."""
    rate: float | None = None
    """Part of the rows to take instead of a budget, above 0, up to 1: of the rows that qualify for ``cherry`` and
    ``cherry_v2``, of all rows for the others."""
    largest: float = 1.0
    """Rows with a larger IFD do not qualify."""
    ties: str = "published"
    """Which of rows with equal IFD ranks higher: ``published``, ``earlier`` or ``later``."""
    column: str = "ifd_score"
    """Field of the data with IFDs, for ``precomputed``."""
    multi_turn: str = "refuse"
    """What to do with conversations that go on after the first answer: ``refuse`` the data, or score the ``first``
    answer."""
    direct_extra: int | None = None
    """The answer by itself may have so many tokens more than the prompt leaves of max_length; ``None``: as many as
    stand before it. The published 4, and 6 for Vicuna, are that number for the tokenizer of LLaMA."""
    clusters: int = 100
    """Of ``pre_experience``."""
    per_cluster: int = 10
    """Rows that a cluster gives."""
    low_percent: float = 25.0
    """Rows of a cluster below this percentile of perplexity are not given, 0..100."""
    high_percent: float = 75.0
    """Nor those above this one."""
    starts: int = 1
    """The best of so many runs of k-means counts: scikit-learn does 1 by itself since version 1.4, and 10 before."""
    seed: int = 0
    """Of k-means, from 0."""
    dtype: str = "auto"
    """``float32``, ``bfloat16``, ``float16``, or ``auto``: as the weights are saved."""
    device: str = "auto"
    """``cuda``, ``mps``, ``cpu``, or ``auto``: the first that is there."""
    max_tokens: int | None = None
    """Of a batch, padding counted; ``None``: 512 on a processor, 16,384 on a GPU, halved where memory is short."""
    batch_rows: int = 256
    """So many rows are scored, and kept in the score store, together."""

    def __post_init__(self) -> None:
        if problems := _problems(self):
            raise ConfigError(problems)

    def scorers(self) -> list[LossScorer | PromptScorer]:
        """The model that is needed, if any."""
        return [] if self.variant == "precomputed" else [self._scorer()]

    def prepare(self, data: InstructionData, work: Work) -> None:
        """Score every row of *work*'s shard by the model; nothing for ``precomputed``.

        Raises:
            UsageError: The model or the template cannot be used, or not with these data; or both a budget and a rate
                are given.
        """
        self._check_work(work)
        if self.variant == "precomputed":
            return
        scorer = self._scorer()
        scorer.check()
        self._check_rows(data)
        work.engine.scores(data, scorer, shard=work.shard, on_progress=work.on_progress)

    def choose(self, data: InstructionData, work: Work) -> Choice:
        """Choose among all rows.

        Raises:
            UsageError: There are no numbers to choose by, or fewer rows than clusters.
        """
        import numpy as np

        self._check_work(work)
        rule = self._rule()
        if self.variant == "precomputed":
            found, numbers, values = column_of(data, self.column, drop_duplicates=work.drop_duplicates)
            rows, scores = np.array(numbers, dtype=np.int64), np.array(values, dtype=np.float64)
            return self._with_facts(select(rows, scores, rule, budget=work.budget, candidates=found))
        frame = work.engine.scores(data, self._scorer(), on_progress=work.on_progress)
        if self.variant == "pre_experience":
            return self._with_facts(self._pre_experience(frame, work))
        found = candidates_of(frame, drop_duplicates=work.drop_duplicates)
        after, alone = (found.frame[name].to_numpy() for name in ("loss_conditional", "loss_direct"))
        with np.errstate(all="ignore"):  # what is not a number is dropped as such
            scores = np.exp(after - alone) if self.variant == "superfiltering" else after / alone
        rows = found.frame["row"].to_numpy()
        choice = select(rows, scores, rule, budget=work.budget, candidates=found)
        return self._with_facts(choice, {"prompt_and_answer_share_a_token": int(found.frame["joined"].sum())})

    def _pre_experience(self, frame: pl.DataFrame, work: Work) -> Choice:
        import numpy as np

        found = candidates_of(frame, drop_duplicates=work.drop_duplicates)
        dropped = found.dropped.copy()
        width = found.frame["embedding"].list.len().max() or 0
        vectors = found.frame["embedding"].list.to_array(width).to_numpy() if width else np.empty((0, 0), np.float32)
        losses = found.frame["loss"].to_numpy()
        finite = np.isfinite(vectors).all(axis=1) & np.isfinite(losses)
        dropped["embedding or perplexity is not a number"] += int((~finite).sum())
        rows, vectors, losses = found.frame["row"].to_numpy()[finite], vectors[finite], losses[finite]
        if len(rows) < self.clusters:
            raise UsageError(f"{self.clusters} clusters cannot be made of {len(rows)} rows; lower clusters")
        labels = cluster_labels(vectors, clusters=self.clusters, starts=self.starts, seed=self.seed)
        picked = middle_rows(
            labels,
            np.exp(losses),
            per_cluster=self.per_cluster,
            low_percent=self.low_percent,
            high_percent=self.high_percent,
        )
        dropped["not among the rows that its cluster gives"] += len(rows) - len(picked)
        sizes = sorted(np.unique(labels, return_counts=True)[1].tolist())
        facts: dict[str, Any] = {"cluster_sizes": sizes, "errors": found.errors}
        counted = {name: count for name, count in dropped.items() if count}
        return Choice(rows=rows[picked].tolist(), dropped=counted, facts=facts)

    def _with_facts(self, choice: Choice, more: dict[str, Any] | None = None) -> Choice:
        facts: dict[str, Any] = {"variant": self.variant, **choice.facts, **(more or {})}
        if self.variant != "precomputed":
            facts["scorer"] = dict(self._scorer().settings)
        return Choice(rows=choice.rows, dropped=choice.dropped, facts=facts)

    def _scorer(self) -> LossScorer | PromptScorer:
        small = self.variant == "superfiltering"
        instrument = Instrument(
            model=self.model,
            template=self.template or ("none" if small else "plain"),
            dtype=self.dtype,
            device=self.device,
            max_tokens=self.max_tokens,
        )
        max_length = self.max_length or (1024 if small else 512)
        if self.variant == "pre_experience":
            return PromptScorer(instrument=instrument, max_length=max_length, batch_rows=self.batch_rows)
        layout = Layout(max_length=max_length, prefixed=not small, direct_extra=self.direct_extra)
        return LossScorer(instrument=instrument, layout=layout, batch_rows=self.batch_rows)

    def _rule(self) -> Rule:
        cherry = self.variant in {"cherry", "cherry_v2"}
        return Rule(
            largest=self.largest,
            is_strict=self.variant == "superfiltering" or (self.variant == "precomputed" and self.column == "ifd_ppl"),
            later_wins=cherry if self.ties == "published" else self.ties == "later",
            rate=self.rate,
            rate_of_all=not cherry,
        )

    def _check_work(self, work: Work) -> None:
        if work.budget is not None and self.variant == "pre_experience":
            most = self.clusters * self.per_cluster
            raise UsageError(
                f"variant=pre_experience chooses at most clusters * per_cluster = {most} rows by itself; leave out the "
                f"budget of {work.budget}, and set clusters and per_cluster"
            )
        if work.budget is not None and self.rate is not None:
            raise UsageError(f"a budget of {work.budget} and rate={self.rate:g} are both given; leave out one of them")

    def _check_rows(self, data: InstructionData) -> None:
        """Refuse what cannot be written down as one prompt and one answer, before hours are spent on the rest."""
        takes_input = self._scorer().instrument.takes_input()
        if data.format in _ONE_TURN and takes_input:
            return
        for row in data.rows():
            if self.multi_turn == "refuse" and row.is_multi_turn:
                raise SchemaError(
                    row.place,
                    f"a conversation of {len(row.turns)} turns; IFD is defined for one: score the first answers with "
                    "multi_turn=first, or leave such rows out",
                )
            if row.input and not takes_input:
                raise SchemaError(
                    row.place,
                    f'a row with an input, for which the template "{self.template}" has no form; give one as '
                    "template=FILE",
                )


def _problems(ifd: Ifd) -> list[str]:
    problems = []
    if ifd.variant not in _VARIANTS:
        problems.append(f'variant must be one of {", ".join(_VARIANTS)}, found "{ifd.variant}"')
    elif not ifd.model and ifd.variant != "precomputed":
        problems.append(f"model is missing; variant={ifd.variant} needs a folder or an id of the Hugging Face Hub")
    if ifd.rate is not None and not 0 < ifd.rate <= 1:
        problems.append(f"rate must be above 0, at most 1, found {ifd.rate:g}")
    if not 0 < ifd.largest < math.inf:
        problems.append(f"largest must be a positive number, found {ifd.largest:g}")
    if ifd.ties not in {"published", "earlier", "later"}:
        problems.append(f'ties must be published, earlier or later, found "{ifd.ties}"')
    if ifd.multi_turn not in {"refuse", "first"}:
        problems.append(f'multi_turn must be refuse or first, found "{ifd.multi_turn}"')
    if not 0 <= ifd.low_percent <= ifd.high_percent <= 100:  # noqa: PLR2004  percent
        found = f"{ifd.low_percent:g} and {ifd.high_percent:g}"
        problems.append(f"low_percent and high_percent must be in 0..100, and in this order, found {found}")
    least = {"clusters": 1, "per_cluster": 1, "starts": 1, "seed": 0, "batch_rows": 1}
    least |= {
        name: size for name, size in {"max_length": 8, "direct_extra": 0}.items() if getattr(ifd, name) is not None
    }
    for name, smallest in least.items():
        if getattr(ifd, name) < smallest:
            problems.append(f"{name} must be at least {smallest}, found {getattr(ifd, name)}")
    return problems


SELECTORS.register("ifd", Ifd)
