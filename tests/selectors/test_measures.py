"""How long an answer is."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import nltk.tokenize
import nltk.tokenize.destructive
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.tokenize import NLTKWordTokenizer, PunktSentenceTokenizer

from longismore.errors import ConfigError, DataError, MissingDependencyError
from longismore.selectors._length import measures as _measures
from longismore.selectors._length import nltk_words as _nltk_words
from longismore.selectors._length.measures import measure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PIECES = [
    *"aZé9٣½日_'\"`\u00b4\u02bc.,:;!?-\u2013—…()[]{}<>«»“”\u2018\u2019„*#$%&@/\\|~^=+",
    *"\t\n\v\f\r \x1c\x1d\x1e\x1f\x00\x85\u00a0\u1680\u180e\u2003\u2028\u2029\u200b\u202f\u3000\ufeff",
    *"\u0131İ\u017f\u212a\u0301\u0903\u200d\U0001f600\ud800",
    *("cannot", "CaNnOt", "cannot's", "d'ye", "gimme", "g\u0131mme", "GIMME", "gonna", "gotta", "lemme", "more'n"),
    *("wanna", "wanna.", " 'tis", " 'twas", "whaddya", "don't", "DON'T", "n't", "isn'tit", "I'll", "we've", "dogs'"),
    *("''", "``", '""', "--", "---", "...", "....", ". . .", '."', ".)", ".”", "?!", "!!!", ",,", ",:", "::", ", "),
    *("Mr. ", "U.S.A. ", "e.g. ", "3.14", "1,000", "1, 2", "12:30", "http://a.b/c?d=1&e=2", "a@b.c", "$5", "A. B. "),
    *(" The", " the", "end. Start", "end.Start", "(a. b)", "\n\n", "\r\n", " ", "  "),
]
NASTY = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=25).map("".join)


def nltk_tokens(text: str) -> int:
    """The number of tokens by NLTK's public classes."""
    words = NLTKWordTokenizer()
    return sum(len(words.tokenize(sentence)) for sentence in PunktSentenceTokenizer().tokenize(text))


@settings(max_examples=600)
@given(st.lists(NASTY, min_size=1, max_size=4))
@example(["a \u3000 b"])
@example(["g\u0131mme wanna cannot"])
@example(['"'])
@example(["1,٣ a,٣ a,½"])
def test_bounds_hold(texts: list[str]) -> None:
    """No text has fewer tokens than the lower bound says, or more than the upper one, or more than characters."""
    least, most = measure_of("nltk_words").bounds(texts)
    counts = [nltk_tokens(text) for text in texts]
    assert all(low <= count <= high for low, count, high in zip(least, counts, most, strict=True))
    assert all(count <= len(text) for count, text in zip(counts, texts, strict=True))


@given(NASTY)
def test_count_is_that_of_word_tokenize(text: str) -> None:
    """NLTK's own word_tokenize, given an untrained Punkt instead of its data, makes as many tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.tokenize, "_get_punkt_tokenizer", lambda _: PunktSentenceTokenizer())
        expected = len(nltk.tokenize.word_tokenize(text))
    assert measure_of("nltk_words").count([text, text]) == [expected, expected]


def test_no_data_of_nltk_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting works where nothing was ever downloaded, and opens none of NLTK's resources."""
    monkeypatch.setattr("nltk.data.find", lambda *_, **__: pytest.fail("NLTK's data were looked for"))
    assert measure_of("nltk_words").count(['Dr. Who can\'t stop. (He said.) "Go!"']) == [16]


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        (" \n", 0, 0),
        ("one two", 2, 2),
        ("cannot", 1, 2),
        ("don't", 1, 3),
        ("Yes, we can (now)!", 8, 8),
        ("1,000 a,b a, b", 7, 9),
        ("a,,b", 3, 4),
        ('He said "no".', 6, 6),
        ("naïve café — 日本語。", 4, 5),
        ("a\u3000b", 2, 2),
    ],
)
def test_bounds_are_near(text: str, least: int, most: int) -> None:
    """The bounds are the documented ones, counted here by hand."""
    low, high = measure_of("nltk_words").bounds([text])
    assert (low.tolist(), high.tolist()) == ([least], [most])


def test_bounds_of_many_texts_are_those_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts do not run into each other, also where they are looked at in parts."""
    monkeypatch.setattr(_nltk_words, "_MOST_BYTES", 20)
    texts = ["can", "not, ", ",", "", "gon", "na gonna", '"', "é" * 30, "a,", "1", "x"]
    measure = measure_of("nltk_words")
    least, most = measure.bounds(texts)
    alone = [measure.bounds([text]) for text in texts]
    assert least.tolist() == [low.item() for low, _ in alone]
    assert most.tolist() == [high.item() for _, high in alone]
    assert [bound.tolist() for bound in measure.bounds([])] == [[], []]


def test_white_space_is_the_same_for_python_and_nltk() -> None:
    """What NLTK folds into one space, Python takes for white space: else words could be joined."""
    matcher = getattr(nltk.tokenize.destructive, "redos", re)  # NLTK had Python's own once
    characters = [chr(code) for code in range(sys.maxunicode + 1)]
    found = {character for character in characters if matcher.match(r"\s", character)}
    assert " " in found
    assert found <= {character for character in characters if character.isspace()}


@pytest.fixture
def other_rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Change the installed NLTK's contractions for a test."""

    def change(**lists: list[str]) -> None:
        monkeypatch.setattr(nltk.tokenize.destructive, "MacIntyreContractions", SimpleNamespace(**lists))
        for name, patterns in lists.items():
            compiled = [re.compile(pattern) for pattern in patterns if isinstance(pattern, str)]
            monkeypatch.setattr(NLTKWordTokenizer, name, compiled)
        _nltk_words._rules.cache_clear()

    yield change
    monkeypatch.undo()
    _nltk_words._rules.cache_clear()


def test_other_contractions_count(other_rules: Callable[..., None]) -> None:
    """An NLTK that cuts other runs moves the upper bound."""
    other_rules(CONTRACTIONS2=[r"(?i)\b(dun)(?#X)(no)\b"], CONTRACTIONS3=[])
    assert measure_of("nltk_words").count(["I dunno, cannot"]) == [5]
    assert measure_of("nltk_words").bounds(["I dunno, cannot"])[1].tolist() == [5]


@pytest.mark.parametrize("pattern", [r"(?i)(\w+)(\d)", r"(?i)\b(a|b)(?#X)(c)\b", None])
def test_contractions_that_cannot_be_read_leave_the_characters(
    other_rules: Callable[..., None], pattern: str | None
) -> None:
    """Where nobody knows what NLTK cuts, a text has at most as many tokens as characters."""
    other_rules(CONTRACTIONS2=[pattern], CONTRACTIONS3=[])
    assert measure_of("nltk_words").bounds(["cannot é", ""])[1].tolist() == [8, 0]


def test_a_text_on_which_nltk_gives_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """NLTK's limit of time becomes an error that says which text, and what to do."""

    def too_long(*_: object) -> None:
        raise TimeoutError("regex timed out")

    monkeypatch.setattr(NLTKWordTokenizer, "tokenize", too_long)
    with pytest.raises(DataError, match=r"nltk gave up on an answer of 13 characters, 'Once upon a t' .*measure=words"):
        measure_of("nltk_words").count(["Once upon a t"])


@pytest.mark.parametrize(
    ("name", "lengths"), [("chars", [0, 3, 5, 2]), ("words", [0, 0, 2, 1]), ("nltk_words", [0, 0, 2, 1])]
)
def test_measures(name: str, lengths: list[int]) -> None:
    """Each measure of no text, of white space, of two words and of two characters beyond the first plane."""
    measure = measure_of(name)
    assert measure.name == name
    assert measure.count(["", " \n\t", "éè  x", "\U0001f600\U0001f600"]) == lengths
    assert measure.count([]) == []


@pytest.mark.parametrize("name", ["chars", "words"])
def test_fast_measures_are_their_own_bounds(name: str) -> None:
    """What is counted at once needs no bounds."""
    measure = measure_of(name)
    assert [bound.tolist() for bound in measure.bounds(["a bc", ""])] == [measure.count(["a bc", ""])] * 2


def test_versions_say_what_decides() -> None:
    """NLTK's version goes with its measure; characters and white space have none."""
    assert measure_of("nltk_words").version == f"nltk {nltk.__version__}"
    assert measure_of("chars").version == measure_of("words").version == ""


@pytest.mark.parametrize("name", ["", "tokens", "tokens:", "Chars", "nltk"])
def test_unknown_measures_are_refused(name: str) -> None:
    """The error names the known ones."""
    with pytest.raises(ConfigError, match=r'nltk_words, chars, words, tokens:TOKENIZER .*found "'):
        measure_of(name)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a small byte-level tokenizer that puts a mark before every text."""
    pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    mark = "<s>"
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=[mark])
    core.train_from_iterator(["the cat sat on the mat"] * 20, trainer)
    core.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{mark} $A", special_tokens=[(mark, core.token_to_id(mark))]
    )
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(tokenizer_object=core, bos_token=mark).save_pretrained(folder)
    return str(folder)


def test_tokens_of_a_tokenizer(tokenizer: str) -> None:
    """A tokenizer's tokens are counted without the mark that it adds; bytes that it does not know count each."""
    measure = measure_of(f"tokens:{tokenizer}")
    assert measure.name == f"tokens:{tokenizer}"
    assert measure.count(["the", "the cat", "", "日"]) == [1, 2, 0, 3]
    assert measure.count([]) == []
    assert measure.count(["the \ud83d", "the ?"]) == [measure.count(["the ?"])[0]] * 2  # half of a surrogate pair
    assert not measure.bounded_by_size
    assert len(measure.version) == 16


def test_a_tokenizer_that_is_not_there(tmp_path: Path) -> None:
    """A folder without a tokenizer is an error that names it."""
    pytest.importorskip("transformers")
    with pytest.raises(ConfigError, match=r'tokenizer ".*nothing" cannot be loaded: .*; give the folder'):
        measure_of(f"tokens:{tmp_path / 'nothing'}").count(["a"])


def test_a_tokenizer_needs_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without transformers the extra is named."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    _measures._loaded.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"longismore\[hf\]"):
        measure_of("tokens:any").count(["a"])
