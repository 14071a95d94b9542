"""Find the answer to each prompt of a test set among the rows of an outputs file.

A row belongs to the examples whose text it repeats, white space apart; its ``dataset`` and ``id`` decide
between several. An id is not believed where the text disagrees: the published generation files count from 1
what some test sets count from 0. A prompt without an answer is an error, and so is one with several different
answers: none is chosen by chance.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from longismore.errors import SchemaError
from longismore.records import Answer
from longismore.testsets._missing import missing_problem
from longismore.testsets._row import first_chars, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from longismore.records import Example, ModelOutput
    from longismore.testsets._outputs import OutputsFile

__all__ = ["match_outputs"]

logger = logging.getLogger(__name__)


def match_outputs(
    examples: Sequence[Example], outputs_file: OutputsFile, *, role: str
) -> dict[tuple[str, str], Answer]:
    """Give each example its answer.

    Args:
        examples: Of one or several test sets.
        outputs_file: Answers to them, and perhaps to other prompts: those are counted in a warning.
        role: Whose answers they are, for messages: ``"reference"`` or ``"candidate"``.

    Returns:
        The answers by test set and id, in the order of *examples*.

    Raises:
        SchemaError: An example has no answer, or several different ones.
    """
    matching = _Matching(examples)
    unused = [row for row in outputs_file.outputs if not matching.place(row)]
    rows = matching.resolve()
    if len(rows) < len(examples):
        missing = [example for position, example in enumerate(examples) if position not in rows]
        raise SchemaError(str(outputs_file.path), missing_problem(missing, examples, unused, role=role))
    # A row that names its test set is in the file for a run of another set, or of more of this one.
    strays = [row for row in unused if not matching.names_a_testset(row)]
    _warn(outputs_file, examples, rows, strays, role)
    default = outputs_file.model or outputs_file.path.stem
    return {
        (example.testset, example.id): Answer(rows[position].generator or default, rows[position].output)
        for position, example in enumerate(examples)
    }


class _Matching:
    """Rows of a file, placed on examples; an example is its position here, since ids repeat between sets."""

    def __init__(self, examples: Sequence[Example]) -> None:
        from longismore.testsets import TESTSETS

        self._examples = examples
        names = {*TESTSETS.names(), *(example.testset for example in examples)}
        self._sets = {name.casefold(): name for name in names}
        self._by_text = _index_texts(examples)
        self._by_id: dict[str, list[int]] = defaultdict(list)
        for position, example in enumerate(examples):
            self._by_id[example.id].append(position)
        self._rows: dict[int, ModelOutput] = {}
        self._groups: dict[tuple[int, ...], list[ModelOutput]] = defaultdict(list)

    def place(self, row: ModelOutput) -> bool:
        """Put *row* on the example that its id names, or beside those that ask what it answers."""
        named = self._scoped(row, self._by_id.get(row.id, []) if row.id else [])
        if row.instruction is None:
            self._settle(row, self._only_one(row, named))
            return bool(named)
        asked = self._scoped(row, self._by_text.get(_fold(row.instruction, row.input), []))
        both = [position for position in named if position in asked]
        if both:
            self._settle(row, both)
        else:
            for positions in self._each_set(asked):
                self._groups[positions].append(row)
        return bool(asked)

    def names_a_testset(self, row: ModelOutput) -> bool:
        """Whether *row* says to which test set it belongs."""
        return row.dataset is not None and row.dataset.casefold() in self._sets

    def resolve(self) -> dict[int, ModelOutput]:
        """Give each example its row, as far as there is one."""
        late = []
        for positions, rows in sorted(self._groups.items(), key=lambda group: len(group[0])):
            free = [position for position in positions if position not in self._rows]
            if free:
                for position, row in self._share_out(free, rows):
                    self._settle(row, [position])
            else:
                late.append((positions, rows))
        used = {id(row) for row in self._rows.values()}
        for positions, rows in late:
            for row in rows:
                # A row that serves another set has not lost its place here to the row that was named by id.
                if id(row) not in used and row.output not in {self._rows[each].output for each in positions}:
                    raise self._conflict([self._rows[positions[0]], row], positions)
        return self._rows

    def _scoped(self, row: ModelOutput, positions: list[int]) -> list[int]:
        if row.dataset is None or not self.names_a_testset(row):  # alpaca_eval, for one, has other names there
            return positions
        testset = self._sets[row.dataset.casefold()]
        examples = ((position, self._examples[position]) for position in positions)
        # AlpacaEval's files name the data set of each instruction, and it is made of Koala and Vicuna among others.
        return [position for position, each in examples if each.testset == testset or each.category == row.dataset]

    def _only_one(self, row: ModelOutput, named: list[int]) -> list[int]:
        if len(named) > 1:
            sets = ", ".join(self._examples[position].testset for position in named)
            shown = first_chars(row.id or "")
            raise SchemaError(row.where, f'the id "{shown}" stands in several test sets: {sets}; add "dataset"')
        return named

    def _each_set(self, positions: list[int]) -> Iterator[tuple[int, ...]]:
        by_set: dict[str, list[int]] = defaultdict(list)
        for position in positions:
            by_set[self._examples[position].testset].append(position)
        return (tuple(each) for each in by_set.values())

    def _settle(self, row: ModelOutput, positions: Iterable[int]) -> None:
        for position in positions:
            before = self._rows.setdefault(position, row)
            if before.output != row.output:
                raise self._conflict([before, row], [position])

    def _share_out(self, free: list[int], rows: list[ModelOutput]) -> Iterable[tuple[int, ModelOutput]]:
        """Give the *free* examples, which share one text, their rows in the order of the file."""
        first_rows: dict[str, ModelOutput] = {}
        for row in rows:
            first_rows.setdefault(row.output, row)
        different = list(first_rows.values())
        if len(different) == 1:
            return [(position, rows[0]) for position in free]
        for answers in (rows, different):
            if len(answers) == len(free):
                return zip(free, answers, strict=True)
        raise self._conflict(different, free)

    def _conflict(self, rows: Sequence[ModelOutput], positions: Sequence[int]) -> SchemaError:
        asked = [self._examples[position] for position in positions]
        ids = ", ".join(f"{example.id} of {example.testset}" for example in asked)
        models = sorted({row.generator for row in rows if row.generator})
        remedy = (
            f"they are of the models {listed(models)}: give a file with one of them"
            if len(models) > 1
            else 'add "dataset" (the test set) or "id" to the rows, or remove the rows that are not wanted'
        )
        problem = f"one of {len(rows)} different answers to the prompt of {ids}; another is {rows[1].where}"
        return SchemaError(rows[0].where, f"{problem}; {remedy}")


def _index_texts(examples: Sequence[Example]) -> dict[str, list[int]]:
    """The examples that each text may stand for."""
    instructions = Counter((example.testset, _fold(example.instruction)) for example in examples)
    index: dict[str, list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        plain = _fold(example.instruction)
        texts = {_fold(example.prompt), _fold(example.question), _fold(example.instruction, example.input)}
        if instructions[example.testset, plain] == 1:  # otherwise only the input tells the examples apart
            texts.add(plain)
        for text in texts:
            index[text].append(position)
    return index


def _fold(*texts: str) -> str:
    return " ".join(word for text in texts for word in text.split())


def _warn(
    outputs_file: OutputsFile,
    examples: Sequence[Example],
    rows: dict[int, ModelOutput],
    strays: list[ModelOutput],
    role: str,
) -> None:
    if strays:
        logger.warning(
            "%s (%s): %d of %d rows answer none of the prompts; the first is %s",
            outputs_file.path,
            role,
            len(strays),
            len(outputs_file.outputs),
            strays[0].where,
        )
    empty = [example.id for position, example in enumerate(examples) if not rows[position].output.strip()]
    if empty:
        logger.warning(
            "%s (%s): %d of %d answers are empty; the first is %s",
            outputs_file.path,
            role,
            len(empty),
            len(examples),
            empty[0],
        )
