"""DEITA's models: scores and embeddings agree with one text at a time, and are computed once."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longismore.errors import DataError, UsageError
from longismore.instructions import Row, Turn, open_data
from longismore.selectors import Choice, Shard, Skipped, Work
from longismore.selectors._deita.embedder import Embedder
from longismore.selectors._deita.prompts import COMPLEXITY_PROMPT, QUALITY_PROMPT, filled
from longismore.selectors._deita.scorer import DigitScorer
from longismore.selectors._scores.local_engine import LocalEngine
from longismore.selectors._scores.store import ScoreStore
from longismore.selectors.deita import Deita

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from longismore.instructions import InstructionData

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from tiny_models import make_tiny_llama  # noqa: E402  it needs torch

WORDS = [
    "Salt",
    "melts",
    "ice",
    "because",
    "water",
    "with",
    "ions",
    "freezes",
    "later,",
    "at 3 or 4 degrees.\n",
    "Why?",
]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums depend on how they are divided among threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny random model whose scores differ from text to text."""
    return str(make_tiny_llama(tmp_path_factory.mktemp("model"), scale=6.0, head=8.0))


def text(draw: np.random.Generator, words: int) -> str:
    """So many words."""
    return " ".join(WORDS[place] for place in draw.integers(len(WORDS), size=words))


def some_rows(count: int = 40, *, turns: int = 1) -> list[Row]:
    """Rows of very different lengths, every third with an input; the fifth has an answer of no letters."""
    draw = np.random.default_rng(7)
    rows = []
    for number in range(count):
        said = [
            Turn(text(draw, int(draw.integers(1, 30))), text(draw, int(draw.integers(1, 120)))) for _ in range(turns)
        ]
        if number == 4:
            said = [Turn(turn.instruction, " \n") for turn in said]
        given = text(draw, 9) if number % 3 == 0 else ""
        rows.append(Row(number=number, place=f"pool.jsonl:{number + 1}", turns=tuple(said), input=given))
    return rows


class Reference:
    """One prompt at a time through the whole model, as the published program does."""

    def __init__(self, model: str) -> None:
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        self.digits = self.tokenizer.convert_tokens_to_ids(list("123456"))

    def score(self, prompt: str) -> float:
        """The mean of 1 to 6 by the first of two generated tokens."""
        ids = self.tokenizer(prompt, return_tensors="pt")["input_ids"]
        made = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=2,
            do_sample=False,
            output_scores=True,
            return_dict_in_generate=True,
        )
        weights = made.scores[0][0][self.digits].double().softmax(-1)
        return float((weights * torch.arange(1, 7)).sum())

    def embedding(self, whole: str, *, most: int | None = None) -> Any:
        """The last hidden layer at the last token, the end of the text, or at the last that is left of it."""
        ids = [*self.tokenizer(whole)["input_ids"], self.tokenizer.eos_token_id][:most]
        with torch.inference_mode():
            found = self.model(torch.tensor([ids]), output_hidden_states=True)
        return found.hidden_states[-1][0, -1].numpy()

    def size(self, prompt: str) -> int:
        """Tokens of a prompt."""
        return len(self.tokenizer(prompt)["input_ids"])


@pytest.fixture(scope="module")
def reference(model: str) -> Reference:
    """The plain computation with the same model."""
    return Reference(model)


def asked(row: Row) -> str:
    """Instruction and input."""
    return f"{row.instruction}\n{row.input}" if row.input else row.instruction


@pytest.mark.parametrize("max_tokens", [1, 700, 100_000])
@pytest.mark.parametrize("kind", ["complexity", "quality"])
def test_scores_are_those_of_one_prompt_at_a_time(model: str, reference: Reference, kind: str, max_tokens: int) -> None:
    """In batches of every size, scores differ from plain generation by less than 1e-5, and from row to row by more."""
    prompt = {"complexity": COMPLEXITY_PROMPT, "quality": QUALITY_PROMPT}[kind]
    rows = some_rows()
    scorer = DigitScorer(kind=kind, model=model, prompt=prompt, device="cpu", max_tokens=max_tokens)
    found = scorer.score(rows)
    assert found[4] == Skipped("empty response")
    scores = []
    for row, result in zip(rows, found, strict=True):
        if row.number != 4:
            assert not isinstance(result, Skipped)
            ((score,), cut) = result
            assert cut == 0
            assert score == pytest.approx(
                reference.score(filled(prompt, instruction=asked(row), output=row.response)), abs=1e-5
            )
            scores.append(score)
    assert max(scores) - min(scores) > 1, "a model that gives all rows one score would prove nothing"


def test_each_turn_is_scored_by_itself(model: str, reference: Reference) -> None:
    """A conversation has as many scores as turns, an empty answer's among them; no turn sees another."""
    row = Row(
        number=0,
        place="x:1",
        input="3 degrees",
        turns=(Turn("Why?", "Salt."), Turn("And ice?", ""), Turn("So", "It melts")),
    )
    for kind, prompt in (("complexity", COMPLEXITY_PROMPT), ("quality", QUALITY_PROMPT)):
        ((scores, _),) = DigitScorer(kind=kind, model=model, prompt=prompt, device="cpu").score([row])
        texts = [("Why?\n3 degrees", "Salt."), ("And ice?", ""), ("So", "It melts")]
        expected = [reference.score(filled(prompt, instruction=said, output=answer)) for said, answer in texts]
        assert scores == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["complexity", "quality"])
def test_texts_too_long_are_dropped_or_cut(model: str, reference: Reference, kind: str) -> None:
    """Above max_prompt a row has a reason, and with truncate the longest beginning of its text that fits."""
    prompt = {"complexity": COMPLEXITY_PROMPT, "quality": QUALITY_PROMPT}[kind]
    rows = some_rows()
    rows[7] = Row(number=7, place="x:8", turns=(Turn("Why " * 300, "Because."),))
    whole = [filled(prompt, instruction=asked(row), output=row.response) for row in rows]
    limit = sorted(reference.size(each) for each in whole)[25]
    settings: dict[str, Any] = {"kind": kind, "model": model, "prompt": prompt, "device": "cpu", "max_prompt": limit}
    skipping = DigitScorer(**settings).score(rows)
    cutting = DigitScorer(**settings, truncate=True).score(rows)
    reason = Skipped(f"{kind} prompt longer than max_prompt")
    for row, one, two in zip(rows, skipping, cutting, strict=True):
        fits = reference.size(whole[row.number]) <= limit
        assert (one == reason) == (not fits and row.number != 4)
        if fits or row.number == 4:
            assert isinstance(one, Skipped) or (one[0] == pytest.approx(two[0], abs=1e-5) and two[1] == 0)
        elif kind == "quality" and row.number == 7:
            assert two == reason, "no character of the answer would be left"
        else:
            ((score,), cut) = two
            long = asked(row) if kind == "complexity" else row.response
            texts = [
                {"instruction": asked(row), "output": row.response}
                | {{"complexity": "instruction", "quality": "output"}[kind]: long[: len(long) - less]}
                for less in (cut, cut - 1)
            ]
            assert cut > 0
            assert reference.size(filled(prompt, **texts[0])) <= limit < reference.size(filled(prompt, **texts[1]))
            assert score == pytest.approx(reference.score(filled(prompt, **texts[0])), abs=1e-5)


def test_a_model_made_for_less_has_its_own_limit(tmp_path: Path) -> None:
    """A model of 64 positions scores no prompt of more tokens, whatever max_prompt says."""
    short = make_tiny_llama(tmp_path / "short", max_position_embeddings=64)
    scorer = DigitScorer(kind="quality", model=str(short), prompt="{instruction} {output}\n", device="cpu")
    rows = [Row(number=0, place="x:1", turns=(Turn("Why", "ice " * size),)) for size in (3, 300)]
    found = scorer.score(rows)
    assert not isinstance(found[0], Skipped)
    assert found[1] == Skipped("quality prompt longer than max_prompt")


def test_placeholders_in_the_data_are_text() -> None:
    """What a row says is never filled in again."""
    assert filled("{instruction}|{output}|", instruction="{output}", output="{instruction} {}") == (
        "{output}|{instruction} {}|"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Rate {instruction}:\n", r"\{output\} is missing; its placeholders are \{instruction\} and \{output\}"),
        ("Rate {instruction} {output}", "it ends with a placeholder; end it with words that ask for a digit"),
    ],
)
def test_a_prompt_file_that_cannot_serve_is_named(model: str, tmp_path: Path, content: str, message: str) -> None:
    """The message names the file, what is wrong with it, and what must stand in it."""
    path = tmp_path / "quality.txt"
    path.write_text(content)
    deita = Deita(quality=model, sort="quality", embedder="none", quality_prompt=str(path))
    with pytest.raises(DataError, match=rf"prompt .*quality\.txt: {message}"):
        deita.scorers()


def test_a_prompt_file_keeps_its_last_space(model: str, tmp_path: Path) -> None:
    """Of the end of a file only one line end is left out: the published prompts end with a space."""
    path = tmp_path / "complexity.txt"
    path.write_text("How hard is {instruction}? \n")
    deita = Deita(complexity=model, sort="complexity", embedder="none", complexity_prompt=str(path))
    (scorer,) = deita.scorers()
    assert isinstance(scorer, DigitScorer)
    assert scorer.prompt == "How hard is {instruction}? "
    assert deita.files() == [str(path)]


@pytest.mark.parametrize(
    ("end", "joins", "remedy"), [("Digit: 1", "1", "take"), ("Digit: ", "\u0120", "end the prompt")]
)
def test_digits_that_join_the_prompt_are_an_error(tmp_path: Path, end: str, joins: str, remedy: str) -> None:
    """Where a digit after the prompt is no token of its own, nothing is scored, and never as a silent 3."""
    folder = make_tiny_llama(tmp_path / "joined")
    path = folder / "tokenizer.json"
    state = json.loads(path.read_text())
    vocabulary = state["model"]["vocab"]
    vocabulary[f"{joins}2"] = vocabulary.pop(next(reversed(vocabulary)))
    state["model"]["merges"] = [[joins, "2"]]
    path.write_text(json.dumps(state))
    scorer = DigitScorer(kind="complexity", model=str(folder), prompt=f"{{instruction}} {end}", device="cpu")
    with pytest.raises(UsageError, match=rf"ends with .*{end}', 2 would not be one token more; .*: {remedy}"):
        scorer.check()


def test_a_tokenizer_without_digits_is_an_error(tmp_path: Path) -> None:
    """Where all digits are the unknown token, the message says that scores need six tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder, unknown = make_tiny_llama(tmp_path / "words"), "[UNK]"
    words = Tokenizer(models.WordLevel({unknown: 0, "Why": 1}, unk_token=unknown))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token=unknown).save_pretrained(folder)
    scorer = DigitScorer(kind="quality", model=str(folder), prompt=QUALITY_PROMPT, device="cpu")
    with pytest.raises(UsageError, match="1 to 6 would not be six tokens; scores are read from the logits"):
        scorer.check()


def test_numbers_that_a_model_cannot_give_are_an_error(tmp_path: Path) -> None:
    """Logits that are no numbers make no score."""
    folder = make_tiny_llama(tmp_path / "broken", head=float("inf"))
    scorer = DigitScorer(kind="quality", model=str(folder), prompt=QUALITY_PROMPT, device="cpu")
    with pytest.raises(ValueError, match="logits in float32 are not finite; take another dtype"):
        scorer.score(some_rows(2))


@pytest.mark.parametrize("turns", [1, 3])
def test_embeddings_are_those_of_one_text_at_a_time(model: str, reference: Reference, turns: int) -> None:
    """The last hidden layer at the end of the text of the whole conversation, whatever the batch."""
    rows = some_rows(24, turns=turns)
    for max_tokens in (1, 100_000):
        found = Embedder(model=model, device="cpu", max_tokens=max_tokens).score(rows)
        for row, result in zip(rows, found, strict=True):
            if row.number == 4:
                assert result == Skipped("empty response")
                continue
            assert not isinstance(result, Skipped)
            np.testing.assert_allclose(result[0], reference.embedding(conversation(row)), atol=1e-5)
            assert result[1] == 0


def conversation(row: Row) -> str:
    """A row in the words of the template ``plain``."""
    text = ""
    for number, turn in enumerate(row.turns):
        given = f"### Input:\n{row.input}\n\n" if row.input and not number else ""
        text += f"### Instruction:\n{turn.instruction}\n\n{given}### Response:\n{turn.response}"
        text += "\n\n" if number < len(row.turns) - 1 else ""
    return text


def test_long_texts_are_not_embedded_or_cut(model: str, reference: Reference) -> None:
    """Above max_length a row has a reason, and with truncate its first tokens count, as in the published program."""
    rows = some_rows(12)
    sizes = [reference.size(conversation(row)) + 1 for row in rows]
    limit = sorted(sizes)[6]
    skipping = Embedder(model=model, device="cpu", max_length=limit).score(rows)
    cutting = Embedder(model=model, device="cpu", max_length=limit, truncate=True).score(rows)
    for row, size, one, two in zip(rows, sizes, skipping, cutting, strict=True):
        if row.number == 4:
            continue
        assert (one == Skipped("text longer than max_length")) == (size > limit)
        assert not isinstance(two, Skipped)
        assert two[1] == max(0, size - limit)
        np.testing.assert_allclose(two[0], reference.embedding(conversation(row), most=limit), atol=1e-5)


def test_a_scorer_is_pickled_without_its_model(model: str) -> None:
    """Another process gets the settings, and loads the model itself."""
    for scorer in (
        DigitScorer(kind="quality", model=model, prompt=QUALITY_PROMPT, device="cpu"),
        Embedder(model=model, device="cpu"),
    ):
        first = scorer.score(some_rows(3))
        sent = pickle.dumps(scorer)
        assert len(sent) < 2000
        again = pickle.loads(sent)  # noqa: S301  our own
        assert (again, dict(again.settings)) == (scorer, dict(scorer.settings))
        assert again.score(some_rows(3))[0][0] == pytest.approx(first[0][0])


def pool(folder: Path, count: int = 60) -> InstructionData:
    """Rows as a file."""
    lines = [
        json.dumps({"instruction": row.instruction, "input": row.input, "output": row.response})
        for row in some_rows(count)
    ]
    (folder / "pool.jsonl").write_text("\n".join(lines) + "\n")
    return open_data(folder / "pool.jsonl")


class Counted:
    """Keeps how many rows each scorer has computed the last time."""

    def __init__(self, *, stop_at: int | None = None) -> None:
        self.rows: dict[str, int] = {}
        self.stop_at = stop_at

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """As the engine calls it; may stop everything as Ctrl-C does."""
        if what.startswith("deita"):
            self.rows[what] = done
            if done == self.stop_at:
                raise KeyboardInterrupt


def run(deita: Deita, data: InstructionData, folder: Path, counted: Counted, budget: int | None = 10) -> Choice:
    """Prepare and choose, as the command does."""
    work = Work(budget=budget, engine=LocalEngine(ScoreStore(folder / "scores")), on_progress=counted)
    deita.prepare(data, work)
    choice = deita.choose(data, work)
    assert len(choice.rows) + sum(choice.dropped.values()) == data.size
    return choice


def test_models_choose_what_their_plain_numbers_choose(model: str, reference: Reference, tmp_path: Path) -> None:
    """Scored, ranked and filtered, the rows are those of a plain loop over plain numbers."""
    data = pool(tmp_path)
    rows = [row for row in data.rows() if row.response.strip()]
    scores, vectors = {}, {}
    for row in rows:
        said = [
            filled(each, instruction=asked(row), output=row.response) for each in (COMPLEXITY_PROMPT, QUALITY_PROMPT)
        ]
        scores[row.number] = reference.score(said[0]) * reference.score(said[1])
        vector = reference.embedding(conversation(row))
        vectors[row.number] = vector / np.linalg.norm(vector)
    cosines = sorted(float(vectors[one.number] @ vectors[two.number]) for one in rows for two in rows if one is not two)
    gaps = np.diff(middle := cosines[len(cosines) // 2 : 2 * len(cosines) // 3])
    threshold = middle[int(gaps.argmax())] + float(gaps.max()) / 2  # no cosine is near it
    kept: list[int] = []
    for number in sorted(scores, key=lambda number: (-scores[number], number)):
        if len(kept) < 10 and all(float(vectors[number] @ vectors[other]) <= threshold for other in kept):
            kept.append(number)
    deita = Deita(complexity=model, quality=model, embedder=model, threshold=threshold, device="cpu")
    found = run(deita, data, tmp_path, Counted(), budget=len(kept))
    assert len(kept) > 4
    assert found.rows == sorted(kept)
    assert found.dropped["empty response"] == 1
    assert found.dropped["too similar to a better row"] > 4
    assert found.facts["cut_texts"] == {"complexity": 0, "quality": 0, "embedding": 0}
    assert set(found.facts["scorer_settings"]) == {"complexity", "quality", "embedding"}


def test_a_second_budget_computes_nothing_again(model: str, tmp_path: Path) -> None:
    """The same command is free, and so is a smaller budget; what a larger one looks at anew is embedded."""
    data = pool(tmp_path, 300)
    deita = Deita(complexity=model, quality=model, embedder=model, threshold=0.99, device="cpu")
    first, second, smaller, larger = (Counted() for _ in range(4))
    found = run(deita, data, tmp_path, first, budget=20)
    assert first.rows == {"deita_complexity": 300, "deita_quality": 300, "deita_embedding": 256}
    assert run(deita, data, tmp_path, second, budget=20).rows == found.rows
    assert set(run(deita, data, tmp_path, smaller, budget=5).rows) < set(found.rows)
    assert second.rows == smaller.rows == {}
    assert set(run(deita, data, tmp_path, larger, budget=290).rows) > set(found.rows)
    assert set(larger.rows) == {"deita_embedding"}
    assert {each.name: each.rows for each in ScoreStore(tmp_path / "scores").summary()}["deita_embedding"] == 299


def test_a_run_that_was_stopped_goes_on_where_it_was(model: str, tmp_path: Path) -> None:
    """After a stop in the middle of a scorer's rows, the others are computed, and the choice is the same."""
    data = pool(tmp_path)
    deita = Deita(quality=model, sort="quality", embedder=model, batch_rows=8, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        run(deita, data, tmp_path, Counted(stop_at=24))
    rest = Counted()
    found = run(deita, data, tmp_path, rest)
    assert rest.rows["deita_quality"] == 60 - 24
    (tmp_path / "other").mkdir()
    assert found == run(deita, data, tmp_path / "other", Counted())


def test_shards_score_and_do_not_embed(model: str, tmp_path: Path) -> None:
    """Each shard scores its part; the choice then embeds, and scores nothing."""
    data = pool(tmp_path)
    deita = Deita(quality=model, sort="quality", embedder=model, device="cpu")
    engine = LocalEngine(ScoreStore(tmp_path / "scores"))
    for index in (1, 2):
        deita.prepare(data, Work(budget=None, engine=engine, shard=Shard(index, 2)))
    counted = Counted()
    run(deita, data, tmp_path, counted, budget=5)
    assert set(counted.rows) == {"deita_embedding"}


def test_other_settings_are_other_scores(model: str) -> None:
    """Prompt, limits, template and model tell scorers apart; batches and device do not change what they compute."""
    one = DigitScorer(kind="quality", model=model, prompt=QUALITY_PROMPT)
    others: Sequence[DigitScorer] = [
        DigitScorer(kind="quality", model=model, prompt=QUALITY_PROMPT + "!"),
        DigitScorer(kind="quality", model=model, prompt=QUALITY_PROMPT, max_prompt=9),
        DigitScorer(kind="quality", model=model, prompt=QUALITY_PROMPT, truncate=True),
        DigitScorer(kind="quality", model=model, prompt=QUALITY_PROMPT, dtype="bfloat16"),
    ]
    assert all(other.settings != one.settings for other in others)
    same = DigitScorer(kind="quality", model=model, prompt=QUALITY_PROMPT, device="cpu", max_tokens=5, batch_rows=7)
    assert same.settings == one.settings
    assert Embedder(model=model).settings != Embedder(model=model, template="none").settings
    assert Embedder(model=model).settings != Embedder(model=model, max_length=5).settings
