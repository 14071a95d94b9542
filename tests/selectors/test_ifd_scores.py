"""IFD scores agree with a computation of one row and one token at a time."""

from __future__ import annotations

import json
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from ifd_reference import Losses, cherry, mean, prompt_features, superfiltering, token_losses
from longismore.errors import ConfigError, UsageError
from longismore.instructions import Row, Turn
from longismore.instructions._templates import load_template
from longismore.selectors import Skipped, fingerprint
from longismore.selectors._ifd.scorers import Instrument, LossScorer, PromptScorer
from longismore.selectors._ifd.texts import Layout, prompt_of
from longismore.selectors._models.causal_lm import load
from tiny_models import make_tiny_llama, make_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

LENGTH = 48
LONG = "The river rises in the mountains, and it ends in the sea, whatever stands between them. "
ROWS = [
    ("Name a river.", "", "The Rhine."),
    ("Name a river.", "", "The Rhine, which rises in the Alps and ends in the North Sea."),
    ("Count.", "to three", "1, 2, 3"),
    ("Say it again: the sea the sea", "", "the sea"),
    ("Repeat.", "yes", "yes"),
    ("Tell me about rivers.", "", LONG * 5),
    (LONG * 4, "", "It does."),
    (LONG * 1, "in short", LONG * 3),
    ("Say nothing.", "", ""),
    ("Say nothing at all.", "", " \n"),
    ("One letter.", "", "a"),
    ("Begin with a line.", "", "\n\n  indented"),
    ("Braces {input} {instruction}", "{output}", "{}"),
    ("Ein Wort, bitte.", "", "Fluß 🌊"),
]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=[True, False], ids=["with first token", "without"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama, whose tokenizer puts a token before every text, or does not."""
    return make_tiny_llama(tmp_path_factory.mktemp("model"), scale=3, head=8, bos=request.param)


def row(number: int, instruction: str, text: str, response: str) -> Row:
    """A row of one turn."""
    return Row(number=number, place=f"pool:{number + 1}", turns=(Turn(instruction, response),), input=text)


def rows() -> list[Row]:
    """The rows above."""
    return [row(number, *texts) for number, texts in enumerate(ROWS)]


def losses(folder: Path, *, template: str = "plain", max_tokens: int = 4096, **layout: Any) -> LossScorer:
    """A scorer of losses."""
    settings = {"max_length": LENGTH, "prefixed": True, "direct_extra": None} | layout
    instrument = Instrument(model=str(folder), template=template, device="cpu", max_tokens=max_tokens)
    return LossScorer(instrument=instrument, layout=Layout(**settings))


def read(results: list[Any]) -> list[Losses]:
    """What a scorer returned, as the reference returns it."""
    return [
        Losses(reason=each.reason) if isinstance(each, Skipped) else Losses(conditional=each[0], direct=each[1])
        for each in results
    ]


def assert_same(found: list[Losses], wanted: list[Losses]) -> None:
    """The same rows are skipped for the same reasons; the others agree to 1e-5."""
    assert [each.reason for each in found] == [each.reason for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        if not one.reason:
            assert (one.conditional, one.direct) == pytest.approx((other.conditional, other.direct), abs=1e-5)


def cherry_losses(
    folder: Path, *, extra: int | None = None, template: str = "plain", length: int = LENGTH
) -> list[Losses]:
    """The reference for each row."""
    lm, form = load(str(folder), device="cpu"), load_template(template)
    return [
        cherry(
            lm.model, lm.tokenizer, prompt_of(each, form), form.response_prefix, each.response,
            max_length=length, extra=extra,
        )
        for each in rows()
    ]  # fmt: skip


@pytest.mark.parametrize("max_tokens", [1, 200, 4096])
def test_losses_of_cherry_agree_with_the_definition(folder: Path, max_tokens: int) -> None:
    """Padded, cut, empty and overlong rows; the reasons of those without numbers; whatever the size of a batch."""
    wanted = cherry_losses(folder)
    assert {each.reason for each in wanted} == {"", "empty response", "prompt fills max_length"}
    assert_same(read(losses(folder, max_tokens=max_tokens).score(rows())), wanted)


@pytest.mark.parametrize("extra", [0, 4, 30])
def test_the_published_number_of_tokens_more_can_be_given(folder: Path, extra: int) -> None:
    """Where it is not that of the tokens before the answer, overlong rows lose their answer or are skipped."""
    wanted = cherry_losses(folder, extra=extra)
    reasons = {each.reason for each in wanted}
    assert ("prompt and answer exceed max_length" in reasons) == (extra == 30)
    assert_same(read(losses(folder, direct_extra=extra).score(rows())), wanted)


def test_answers_that_prompts_leave_no_room_for_are_counted(folder: Path) -> None:
    """A prompt one token shorter than max_length leaves one token of the answer; without more, none by itself."""
    lm, form = load(str(folder), device="cpu"), load_template("plain")
    size = len(lm.tokenizer.encode(prompt_of(rows()[1], form)))
    for length, extra, reason in (
        (size, None, "prompt fills max_length"),
        (size + 1, None, ""),
        (size + 1, 0, "no answer token within max_length"),
    ):
        found = read(losses(folder, max_length=length, direct_extra=extra).score(rows()[1:2]))
        assert_same(found, cherry_losses(folder, extra=extra, length=length)[1:2])
        assert found[0].reason == reason


@pytest.mark.parametrize("length", [LENGTH, 14])
def test_losses_of_superfiltering_agree_with_the_definition(folder: Path, length: int) -> None:
    """No template, and nothing before an answer by itself: a lone first token has no loss."""
    lm, form = load(str(folder), device="cpu"), load_template("none")
    wanted = [
        superfiltering(lm.model, lm.tokenizer, prompt_of(each, form), each.response, max_length=length)
        for each in rows()
    ]
    has_first_token = len(lm.tokenizer.encode("")) == 1
    assert ("no token of the answer has a loss" in {each.reason for each in wanted}) != has_first_token
    scorer = losses(folder, template="none", max_length=length, prefixed=False)
    assert_same(read(scorer.score(rows())), wanted)


def test_counts_say_how_much_was_scored(folder: Path) -> None:
    """Tokens of the answer with a loss in both texts, tokens of the prompt, and none that spans both."""
    lm = load(str(folder), device="cpu")
    prompt, answer = prompt_of(rows()[0], load_template("plain")), ROWS[0][2]
    sizes = [len(lm.tokenizer.encode(text, add_special_tokens=False)) for text in (answer, prompt)]
    first = len(lm.tokenizer.encode(""))
    assert losses(folder).score(rows()[:1])[0][2:] == (sizes[0], sizes[0], sizes[1] + first, 0)  # type: ignore[index]


def test_a_token_that_spans_prompt_and_answer_is_counted(folder: Path, tmp_path: Path) -> None:
    """The answer begins where the prompt by itself ends, in tokens; that it is not so in the whole text is counted."""
    form = tmp_path / "glued.txt"
    form.write_text("{instruction} Answer: th")
    found = losses(folder, template=str(form)).score([row(0, "Where?", "", "e sea"), row(1, "Where?", "", " 7")])
    assert [each[5] for each in found] == [1, 0]  # type: ignore[index]
    lm = load(str(folder), device="cpu")
    wanted = [
        cherry(lm.model, lm.tokenizer, "Where? Answer: th", "Answer: th", answer, max_length=LENGTH)
        for answer in ("e sea", " 7")
    ]
    assert_same(read(found), wanted)


def test_what_a_tokenizer_puts_at_the_end_of_a_text_is_left_off(folder: Path, tmp_path: Path) -> None:
    """The answer goes on where the prompt ends, and an end token is no part of it."""
    from tokenizers import processors

    ending = shutil.copytree(folder, tmp_path / "ending")
    tokenizer = make_tokenizer(bos=False)
    first = "<|begin|> " if len(load(str(folder), device="cpu").tokenizer.encode("")) else ""
    names = [name for name in ("<|begin|>", "<|end|>") if name in f"{first}<|end|>"]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first}$A <|end|>",
        special_tokens=[(name, tokenizer.convert_tokens_to_ids(name)) for name in names],
    )
    tokenizer.save_pretrained(ending)
    assert_same(read(losses(ending).score(rows())), read(losses(folder).score(rows())))


def test_a_chat_template_brings_its_own_first_token(folder: Path) -> None:
    """The tokenizer adds none; what is scored is what the template writes, with the answer at its end."""
    lm = load(str(folder), device="cpu")
    answer = "The Rhine."
    (found,) = losses(folder, template="chat").score([row(0, "Name a river.", "", answer)])
    prompt = "[user]\nName a river.<|end|>\n[assistant]\n"
    texts = [
        lm.tokenizer.encode(text, add_special_tokens=False) for text in (prompt + answer, f"[assistant]\n{answer}")
    ]
    assert found[2] == found[3]  # type: ignore[index]
    wanted = [mean(token_losses(lm.model, ids)[-found[2] :]) for ids in texts]  # type: ignore[index]
    assert found[:2] == pytest.approx(wanted, abs=1e-5)  # type: ignore[index]


def test_prompts_agree_with_the_definition(folder: Path) -> None:
    """The mean of the last hidden layer over the formatted prompt, cut to max_length, and its loss."""
    lm, form = load(str(folder), device="cpu"), load_template("plain")
    instrument = Instrument(model=str(folder), template="plain", device="cpu", max_tokens=150)
    found = PromptScorer(instrument=instrument, max_length=LENGTH).score(rows())
    for each, result in zip(rows(), found, strict=True):
        if not each.response.strip():
            assert result == Skipped("empty response")
            continue
        vector, loss = prompt_features(lm.model, lm.tokenizer, prompt_of(each, form), max_length=LENGTH)
        assert result[0].tolist() == pytest.approx(vector, abs=1e-5)  # type: ignore[index]
        assert result[1] == pytest.approx(loss, abs=1e-5)  # type: ignore[index]
        assert result[2] == min(LENGTH, len(lm.tokenizer.encode(prompt_of(each, form))))  # type: ignore[index]


def test_a_prompt_of_one_token_has_no_perplexity(folder: Path, tmp_path: Path) -> None:
    """It is skipped with a reason, and never becomes a number."""
    form = tmp_path / "bare.txt"
    form.write_text("{instruction}")
    instrument = Instrument(model=str(folder), template=str(form), device="cpu")
    first = len(load(str(folder), device="cpu").tokenizer.encode(""))
    (found,) = PromptScorer(instrument=instrument, max_length=LENGTH).score([row(0, "" if first else "a", "", "b")])
    assert found == Skipped("no token of the prompt has a loss")


def test_settings_hold_what_changes_the_numbers_and_no_more(folder: Path, tmp_path: Path) -> None:
    """Batches, device and the folder's name leave the fingerprint alone; model, template and limits change it."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    base = fingerprint(losses(folder))
    assert fingerprint(losses(copy, max_tokens=7)) == base
    same = tmp_path / "same.txt"
    same.write_text(
        "### Instruction:\n{instruction}\n\n### Response:\n\n=== with input ===\n"
        "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n\n"
    )
    assert fingerprint(losses(folder, template=str(same))) == base
    others = [
        losses(folder, template="none"),
        losses(folder, template="chat"),
        losses(folder, max_length=47),
        losses(folder, prefixed=False),
        losses(folder, direct_extra=4),
        losses(make_tiny_llama(tmp_path / "other", seed=9)),
    ]
    assert len({base, *map(fingerprint, others)}) == 1 + len(others)
    json.dumps(dict(losses(folder).settings))


def test_a_scorer_is_pickled_to_other_processes(folder: Path) -> None:
    """It stays a handful of values, before its first batch and after it."""
    scorer = losses(folder)
    scorer.score(rows()[:1])
    data = pickle.dumps(scorer)
    assert len(data) < 2000
    assert pickle.loads(data) == scorer  # noqa: S301  our own


def test_what_cannot_work_is_found_before_the_first_row(folder: Path, tmp_path: Path) -> None:
    """A model that is not there, too long texts, a template that is not there."""
    with pytest.raises(UsageError, match="there is no such folder"):
        losses(tmp_path / "nothing").check()
    with pytest.raises(ConfigError, match="max_length 4000 is more than the 2048 tokens"):
        losses(folder, max_length=4000).check()
    with pytest.raises(UsageError, match="there is no such file"):
        losses(folder, template=str(tmp_path / "none.txt")).check()
    losses(folder).check()
    losses(folder, template="chat").check()
