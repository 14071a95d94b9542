"""DEITA: rows of high complexity and quality that are not too similar to one another.

Each turn of a row gets two scores from 1 to 6 by models (or by fields of the data), and the row the sum of their
products: the evol score. In the order of that score rows are taken unless their embedding's cosine with that of a
row taken before is above a threshold, until there are enough. ``sort="quality"`` is what Chasing Random calls DEITA.

Where this differs from the published program: ties go to the earlier row (there: to whichever pandas' unstable sort
brings first); digits are found in the model's tokenizer (there: ids of two tokenizers, and a score of 3.0 where one
is missing); embeddings are computed for the rows that the filter looks at (there: for all); rows without any answer
and texts that are too long are dropped and counted.

Source: Liu et al., What Makes Good Data for Alignment?, ICLR 2024, https://arxiv.org/abs/2312.15685.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.errors import ConfigError
from longismore.instructions._templates import TEMPLATES
from longismore.selectors import SELECTORS
from longismore.selectors._deita.embedder import Embedder
from longismore.selectors._deita.prompts import COMPLEXITY_PROMPT, QUALITY_PROMPT, read_prompt
from longismore.selectors._deita.scorer import DigitScorer
from longismore.selectors._models.causal_lm import DEVICES, DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.instructions import InstructionData
    from longismore.selectors import Choice, Work

__all__ = ["Deita"]

_NEEDED = {"evol": ("complexity", "quality"), "complexity": ("complexity",), "quality": ("quality",)}
_COLUMN = "column:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deita:
    """Keep the best-scored rows that are no near-copies of better ones."""

    complexity: str | None = None
    """A model (folder or id of the Hugging Face Hub), or ``column:NAME``: a field with a number, or one a turn."""
    quality: str | None = None
    """The same for quality."""
    embedder: str = ""
    """A model, ``column:NAME`` (a field with a list of numbers), or ``none``: similar rows are kept."""
    sort: str = "evol"
    """``evol``: the sum over turns of complexity times quality; or ``quality`` or ``complexity`` alone."""
    threshold: float = 0.9
    """A cosine above it is too similar, -1 to 1."""
    complexity_prompt: str | None = None
    """A file with ``{instruction}``; ``None``: our own words. Models trained to score need those of their training."""
    quality_prompt: str | None = None
    """A file with ``{instruction}`` and ``{output}``."""
    max_prompt: int = 2048
    """The longest prompt of a scorer, in tokens; a model made for less has its own limit."""
    template: str = "plain"
    """The words around the turns of an embedded row: ``plain``, ``vicuna`` (as published), ``chat``, ... or a file."""
    max_length: int = 2048
    """The longest text that is embedded, in tokens; a model made for less has its own limit."""
    truncate: bool = False
    """Texts that are too long lose their end (counted), as in the published embedder; otherwise their rows go."""
    dtype: str = "auto"
    """Of the models' weights: ``auto`` (as they are saved), ``float32``, ``bfloat16`` or ``float16``."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:1``, ...: where models work, and where similar rows are looked for."""

    max_tokens: int | None = None
    """Of a batch that goes through a model at once, padding counted; ``None``: 1,024, on a GPU 16,384. Halved by itself
    where memory is short."""
    batch_rows: int = 128
    """So many rows are scored, and kept in the score store, together."""

    def __post_init__(self) -> None:
        if problems := [*self._source_problems(), *self._value_problems()]:
            raise ConfigError(problems)

    def _source_problems(self) -> list[str]:
        problems = [
            f"{name} is missing; with sort={self.sort} it must be a model or column:NAME"
            for name in _NEEDED.get(self.sort, ())
            if not getattr(self, name)
        ]
        if not self.embedder:
            problems.append("embedder is missing; it must be a model, column:NAME, or none (similar rows are kept)")
        named = {name: getattr(self, name) for name in ("complexity", "quality", "embedder")}
        return problems + [f"{name} names no field: {value}NAME" for name, value in named.items() if value == _COLUMN]

    def _value_problems(self) -> list[str]:
        problems = [
            f"{name} must be at least 1, found {value}"
            for name in ("max_prompt", "max_length", "max_tokens", "batch_rows")
            if (value := getattr(self, name)) is not None and value < 1
        ]
        if self.sort not in _NEEDED:
            problems.append(f'sort must be one of {", ".join(_NEEDED)}, found "{self.sort}"')
        if not -1 <= self.threshold <= 1:
            problems.append(f"threshold must be a cosine, -1 to 1, found {self.threshold}")
        if self.dtype not in DTYPES:
            problems.append(f'dtype must be one of {", ".join(DTYPES)}, found "{self.dtype}"')
        if self.device.partition(":")[0] not in DEVICES:
            problems.append(f'device must be one of {", ".join(DEVICES)}, or e.g. cuda:1, found "{self.device}"')
        return problems

    def prepare(self, data: InstructionData, work: Work) -> None:
        """Score all rows by the models; embeddings follow in :meth:`choose`, for the rows that it looks at.

        Raises:
            UsageError: A model, a prompt, the template or a field of the data cannot be used.
        """
        from longismore.selectors._deita.columns import check_first_row

        # What can be known to be wrong is said before hours of scoring.
        check_first_row(data, self.columns() | self.embedding_column())
        for scorer in self.scorers():
            _ = scorer.settings
        for scorer in self.digit_scorers():  # each loads its model when it scores, and frees it
            work.engine.scores(data, scorer, shard=work.shard, on_progress=work.on_progress)

    def choose(self, data: InstructionData, work: Work) -> Choice:
        """Take rows by their scores, and leave out the similar ones."""
        from longismore.selectors._deita.choice import choose

        return choose(self, data, work)

    def files(self) -> list[str]:
        """The files that the parameters name."""
        prompts = [self.complexity_prompt, self.quality_prompt]
        templates = [self.template] if self.embeds and self.template not in TEMPLATES else []
        return [path for path in (*prompts, *templates) if path]

    def scorers(self) -> list[DigitScorer | Embedder]:
        """Every model that is needed."""
        return [*self.digit_scorers(), *([self.embedding_scorer()] if self.embeds else [])]

    def digit_scorers(self) -> Iterator[DigitScorer]:
        """The models that the sort asks for scores: of complexity, of quality."""
        for kind in _NEEDED[self.sort]:
            if not getattr(self, kind).startswith(_COLUMN):
                yield self._scorer(kind)

    def _scorer(self, kind: str) -> DigitScorer:
        fields, prompt, path = {
            "complexity": (["instruction"], COMPLEXITY_PROMPT, self.complexity_prompt),
            "quality": (["instruction", "output"], QUALITY_PROMPT, self.quality_prompt),
        }[kind]
        return DigitScorer(
            kind=kind,
            model=getattr(self, kind),
            prompt=read_prompt(path, fields=fields) if path else prompt,
            dtype=self.dtype,
            device=self.device,
            max_prompt=self.max_prompt,
            truncate=self.truncate,
            max_tokens=self.max_tokens,
            batch_rows=self.batch_rows,
        )

    def columns(self) -> dict[str, str]:
        """The fields with scores that the sort asks for, by what they say."""
        sources = {kind: str(getattr(self, kind)) for kind in _NEEDED[self.sort]}
        return {kind: name.removeprefix(_COLUMN) for kind, name in sources.items() if name.startswith(_COLUMN)}

    def embedding_column(self) -> dict[str, str]:
        """The field with embeddings, if it is one, likewise."""
        name = self.embedder
        return {"embedding": name.removeprefix(_COLUMN)} if name.startswith(_COLUMN) else {}

    @property
    def embeds(self) -> bool:
        """Whether a model embeds."""
        return self.embedder != "none" and not self.embedding_column()

    def embedding_scorer(self) -> Embedder:
        """The model that embeds."""
        return Embedder(
            model=self.embedder,
            template=self.template,
            dtype=self.dtype,
            device=self.device,
            max_length=self.max_length,
            truncate=self.truncate,
            max_tokens=self.max_tokens,
            batch_rows=self.batch_rows,
        )


SELECTORS.register("deita", Deita)
