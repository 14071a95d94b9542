"""What a model is trained on: the tokens of every row, and exactly which of them carry loss."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import DataError, UsageError
from longismore.instructions import Row, Turn, open_data
from longismore.instructions._templates import load_template
from longismore.train._encode import EMPTY, LONG_PROMPT, OVERLONG, Encoded, EncodedData, encode_prompts, encode_rows
from longismore.train._tokens import padding_id
from longismore.train.settings import TrainSettings, load_preset

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("transformers")
from tiny_models import make_tokenizer

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
BRACKETS = (  # a space before an answer, and one before its end
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}{% endfor %}"
)
OPEN = (  # an answer has no end but the beginning of the next question
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
FORGETFUL = (  # former answers are shortened, as templates do that leave out what the model has thought
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ 'Q: ' + m['content'] + '\n' }}"
    "{% else %}{{ 'A: ' + m['content'][:3] + '\n' }}{% endif %}{% endfor %}{{ 'A: ' }}"
)


def settings(**changes: object) -> TrainSettings:
    """Those of the tiny preset, with other values."""
    return load_preset("tiny-cpu", changes)


def row(*turns: tuple[str, str], number: int = 0, **fields: Any) -> Row:
    """A row with these questions and answers."""
    said = tuple(Turn(*turn) for turn in turns or (("Name a river.", "The Rhine."),))
    return Row(number=number, place=f"pool.jsonl:{number + 1}", turns=said, **fields)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Byte-level, with a token before every text."""
    return make_tokenizer()


def word_tokenizer() -> Any:
    """One like SentencePiece's: a text begins with a space that nobody wrote, and spaces belong to words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    made = Tokenizer(models.BPE(unk_token=special["unk_token"]))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Metaspace(prepend_scheme="first")
    texts = ["### Answer: The Rhine flows, and the Rhine is long.\nName a river: Why? ab ba"] * 3
    trainer = trainers.BpeTrainer(
        vocab_size=200, special_tokens=["<unk>", "<s>", "</s>"], initial_alphabet=list("\n_"), show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=made, **special)


def with_chat(template: str, *, more: tuple[str, ...] = ()) -> Any:
    """The tokenizer with a chat template, and with special tokens of it."""
    made = make_tokenizer()
    made.add_special_tokens({"additional_special_tokens": list(more)})
    made.chat_template = template
    return made


def encoded(row: Row, tokenizer: Any, settings: TrainSettings) -> Encoded:
    """The one example of a row."""
    [example] = encode_rows([row], tokenizer, settings).examples
    return example


def told(example: Encoded, tokenizer: Any, *, with_loss: bool = True) -> list[str]:
    """The texts of the stretches that carry loss, or of those that do not."""
    texts: list[list[int]] = []
    before = not with_loss
    for token, loss in zip(example.input_ids.tolist(), example.loss.tolist(), strict=True):
        if loss == with_loss:
            texts = [*texts, [token]] if before != with_loss else [*texts[:-1], [*texts[-1], token]]
        before = loss
    return [tokenizer.decode(ids) for ids in texts]


@pytest.mark.parametrize("template", ["plain", "none", "chat"])
def test_exactly_the_answer_and_its_end_carry_loss(tokenizer: Any, template: str) -> None:
    """What carries loss reads as the answer with the end-of-text token, what does not as the prompt."""
    given = row(("Name a river.", "The Rhine.\nAnd more."), input="In Europe.", system="Be brief.")
    example = encoded(given, tokenizer, settings(template=template))
    assert told(example, tokenizer) == ["The Rhine.\nAnd more.<|end|>"]
    prompt = load_template(template, tokenizer).prompt("Name a river.", "In Europe.", "Be brief.")
    start = "" if template == "chat" else "<|begin|>"
    assert told(example, tokenizer, with_loss=False) == [start + prompt]
    assert example.loss.sum() == len(tokenizer("The Rhine.\nAnd more.", add_special_tokens=False).input_ids) + 1
    assert example.row == given.number


@pytest.mark.parametrize("template", ["plain", "none", "chat"])
def test_generation_sees_the_prompt_of_the_training(tokenizer: Any, template: str) -> None:
    """The tokens before the answer are those of the prompt encoded by itself."""
    given, chosen = row(), settings(template=template)
    example, how = encoded(given, tokenizer, chosen), load_template(template, tokenizer)
    alone = tokenizer(how.prompt("Name a river."), add_special_tokens=not how.is_complete).input_ids
    start = int(example.loss.nonzero()[0][0])
    assert example.input_ids[:start].tolist() == alone
    assert encode_prompts([given], tokenizer, chosen) == [alone]


def test_no_token_spans_the_border() -> None:
    """An answer that begins with line ends, which would make one token with those of the prompt, keeps its own."""
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["\n\n\n"])  # as tokenizers have it for runs of line ends
    prompt, answer = load_template("plain").prompt("Name a river."), "\n\nThe Rhine."
    alone = tokenizer(prompt).input_ids
    assert tokenizer(prompt + answer).input_ids[: len(alone)] != alone
    example = encoded(row(("Name a river.", answer)), tokenizer, settings())
    assert example.input_ids[: len(alone)].tolist() == alone
    assert told(example, tokenizer) == [answer + "<|end|>"]


def test_no_space_is_made_up_at_the_border(tmp_path: Path) -> None:
    """Where the tokenizer begins every text with a space, the text of prompt and answer together has none more."""
    tokenizer, file = word_tokenizer(), tmp_path / "form.txt"
    for form in ("{instruction}### Answer:", "{instruction}### Answer: ", "{instruction}\n"):
        file.write_text(form + "\n", encoding="utf-8")  # the last line end is not part of the form
        example = encoded(row(("Why?", "The Rhine.")), tokenizer, settings(template=str(file)))
        prompt = form.format(instruction="Why?")
        start = int(example.loss.nonzero()[0][0])
        assert example.input_ids[:start].tolist() == tokenizer(prompt).input_ids
        text = tokenizer.decode(example.input_ids[1:-1])
        assert text == f"{prompt}The Rhine."


@pytest.mark.slow
def test_real_rows_come_back_whole(tokenizer: Any, data: Path) -> None:
    """Of a published pool every answer carries loss to its last character, and no prompt any."""
    rows = list(open_data(data / "pools" / "filtered_alpaca_1k_score.json").rows())
    found = encode_rows(rows, tokenizer, settings(max_length=8192))
    template = load_template("plain")
    assert (len(found.examples), found.dropped, found.truncated) == (1000, {}, 0)
    for given, example in zip(rows, found.examples, strict=True):
        start = int(example.loss.nonzero()[0][0])
        prompt = template.prompt(given.instruction, given.input, given.system)
        assert example.loss[start:].all()
        assert example.input_ids[:start].tolist() == tokenizer(prompt).input_ids
        assert tokenizer.decode(example.input_ids[start:]) == given.response + "<|end|>"


def test_every_answer_of_a_conversation_is_learned(tokenizer: Any) -> None:
    """All assistant turns carry loss, each with its end, in one sequence."""
    given = row(("Name a river.", "The Rhine."), ("Why?", "It is long."), ("How long?", "Very."))
    for template in ("plain", "chat"):
        example = encoded(given, tokenizer, settings(template=template))
        assert told(example, tokenizer) == ["The Rhine.<|end|>", "It is long.<|end|>", "Very.<|end|>"]


@pytest.mark.parametrize("template", ["plain", "chat"])
def test_a_later_answer_follows_what_generation_sees(tokenizer: Any, template: str) -> None:
    """The prompt of the last turn, asked for by itself, is what stands before the last answer in training."""
    given, chosen = row(("Name a river.", "The Rhine."), ("Why?", "It is long.")), settings(template=template)
    example = encoded(given, tokenizer, chosen)
    [prompt] = encode_prompts([replace(given, turns=(given.turns[0], Turn("Why?", "")))], tokenizer, chosen)
    answer = [*tokenizer("It is long.", add_special_tokens=False).input_ids, tokenizer.eos_token_id]
    assert example.input_ids.tolist() == prompt + answer


def test_the_end_of_a_chat_template_is_the_end() -> None:
    """Where a template ends answers with a token of its own it carries loss, and end-of-text follows the last one."""
    tokenizer = with_chat(CHATML, more=("<|im_start|>", "<|im_end|>"))
    given, chosen = row(("Name a river.", "The Rhine."), ("Why?", "It is long.")), settings(template="chat")
    example = encoded(given, tokenizer, chosen)
    assert told(example, tokenizer) == ["The Rhine.<|im_end|>", "It is long.<|im_end|><|end|>"]
    whole = load_template("chat", tokenizer).prompt("Why?", history=given.turns[:1])
    assert tokenizer.decode(example.input_ids).startswith(whole)


def test_what_a_template_writes_around_an_answer_belongs_to_it() -> None:
    """A space before the answer and before its end are learned, as the template writes them in a history."""
    tokenizer = with_chat(BRACKETS)
    example = encoded(row(("A?", "B."), ("C?", "D.")), tokenizer, settings(template="chat"))
    assert tokenizer.decode(example.input_ids) == (
        "<|begin|>[INST] A? [/INST] B. <|end|><|begin|>[INST] C? [/INST] D. <|end|>"
    )
    assert told(example, tokenizer) == [" B. <|end|>", " D. <|end|>"]


def test_what_opens_a_question_is_no_end() -> None:
    """A template's token that only stands before questions is not learned; end-of-text ends every answer then."""
    tokenizer = with_chat(OPEN, more=("<|im_start|>",))
    example = encoded(row(("A?", "B."), ("C?", "D.")), tokenizer, settings(template="chat"))
    assert told(example, tokenizer) == ["B.<|end|>", "D.<|end|>"]


@pytest.mark.parametrize("ends", [True, False])
def test_one_token_may_begin_texts_and_end_answers(ends: bool) -> None:
    """As in OLMo's tokenizers: it stands once after every answer, whether the template writes it there or not."""
    tokenizer = with_chat(
        "{{ bos_token }}{% for m in messages %}{{ '[' + m['role'] + ']\n' + m['content'] }}"
        f"{{% if {ends} and m['role'] == 'assistant' %}}{{{{ eos_token }}}}{{% endif %}}{{{{ '\n' }}}}{{% endfor %}}"
        "{% if add_generation_prompt %}{{ '[assistant]\n' }}{% endif %}"
    )
    tokenizer.bos_token = tokenizer.eos_token
    example = encoded(row(("A?", "B."), ("C?", "D.")), tokenizer, settings(template="chat"))
    expected = "<|end|>[user]\nA?\n[assistant]\nB.<|end|>\n[user]\nC?\n[assistant]\nD.<|end|>"
    assert tokenizer.decode(example.input_ids) == expected
    assert told(example, tokenizer) == ["B.<|end|>", "D.<|end|>"]
    from longismore.train._describe import describe_template

    own = describe_template(settings(template="chat"), tokenizer).load(tokenizer)
    assert own.prompt("C?", history=(Turn("A?", "B."),)) == expected.removesuffix("D.<|end|>")


def test_a_conversation_is_encoded_as_one_text() -> None:
    """With its ends written out, it has the tokens of the whole text: nothing is made up between turns."""
    tokenizer = word_tokenizer()
    given = row(("Why?", "The Rhine."), ("Name a river:", "Why?"), ("ab", "ba"))
    example = encoded(given, tokenizer, settings(template="none"))
    whole = "Why?\nThe Rhine.</s>\n\nName a river:\nWhy?</s>\n\nab\nba</s>"
    assert example.input_ids.tolist() == tokenizer(whole).input_ids
    bare = encoded(row(("ab", "B."), ("ab", "ba")), tokenizer, settings(template="none"))
    assert tokenizer.decode(bare.input_ids[1:-1]).endswith("</s>\n\nab\nba")


def test_a_template_that_rewrites_answers_gets_a_sequence_for_each() -> None:
    """Where a later prompt is not what was read and written before, every answer follows its own true prompt."""
    tokenizer, given = with_chat(FORGETFUL), row(("A?", "Because."), ("C?", "Done."))
    found = encode_rows([given], tokenizer, settings(template="chat"))
    assert [tokenizer.decode(example.input_ids) for example in found.examples] == [
        "Q: A?\nA: Because.<|end|>",
        "Q: A?\nA: Bec\nQ: C?\nA: Done.<|end|>",
    ]
    assert [told(example, tokenizer) for example in found.examples] == [["Because.<|end|>"], ["Done.<|end|>"]]
    assert found.rows == 1


def test_unanswered_questions_are_read_and_not_learned(tokenizer: Any) -> None:
    """A question without an answer stands before the next one; after the last answer nothing is kept."""
    example = encoded(row(("A?", ""), ("B?", "Yes."), ("C?", " \n")), tokenizer, settings(template="none"))
    assert tokenizer.decode(example.input_ids) == "<|begin|>A?\n\n\nB?\nYes.<|end|>"
    assert told(example, tokenizer) == ["Yes.<|end|>"]


def test_without_an_end(tokenizer: Any) -> None:
    """With append_eos=false no answer ends in the end-of-text token, whatever the template."""
    given = row(("A?", "Yes."), ("B?", "No."))
    for template in ("plain", "chat"):
        example = encoded(given, tokenizer, settings(template=template, append_eos="false"))
        assert told(example, tokenizer) == ["Yes.", "No."]


def test_the_full_text_carries_loss(tokenizer: Any) -> None:
    """With loss_on=full every token does; the first one is not counted, since nothing foretells it."""
    found = encode_rows([row(), row(number=1)], tokenizer, settings(loss_on="full"))
    assert all(example.loss.all() for example in found.examples)
    assert found.loss_tokens == found.tokens - 2 == sum(found.lengths) - 2


def test_an_overlong_answer_is_cut(tokenizer: Any) -> None:
    """Its end is gone, the end-of-text token with it; the prompt is whole."""
    whole = encoded(row(), tokenizer, settings())
    found = encode_rows([row()], tokenizer, settings(max_length=len(whole) - 1))
    [example] = found.examples
    assert example.input_ids.tolist() == whole.input_ids[:-1].tolist()
    assert example.loss.tolist() == whole.loss[:-1].tolist()
    assert told(example, tokenizer) == ["The Rhine."]
    assert (found.truncated, found.dropped) == (1, {})
    exact = encode_rows([row()], tokenizer, settings(max_length=len(whole)))
    assert (exact.truncated, exact.lengths) == (0, [len(whole)])


def test_a_cut_conversation_ends_with_an_answer(tokenizer: Any) -> None:
    """What is left of a later question teaches nothing, and is not read."""
    one, two = row(("A?", "Yes.")), row(("A?", "Yes."), ("B?", "No."))
    short = encoded(one, tokenizer, settings())
    example = encoded(two, tokenizer, settings(max_length=len(short) + 2))
    assert example.input_ids.tolist() == short.input_ids.tolist()


def test_a_prompt_that_fills_the_room_is_dropped(tokenizer: Any) -> None:
    """No token of the answer would be left; one token more is enough."""
    example = encoded(row(), tokenizer, settings())
    start = int(example.loss.nonzero()[0][0])
    for overlong in ("truncate", "drop"):
        chosen = settings(max_length=start, overlong=overlong)
        rows = [row(), row(("A?", "B"), number=1)]
        assert encode_rows(rows, tokenizer, chosen).dropped == {LONG_PROMPT: 1}
    assert encoded(row(), tokenizer, settings(max_length=start + 1)).loss.sum() == 1


def test_overlong_rows_can_be_dropped_or_refused(tokenizer: Any) -> None:
    """They are counted, or the first one's place is named with its length and the remedy."""
    long = row(("A?", "The Rhine. " * 20), number=6)
    found = encode_rows([row(), long], tokenizer, settings(max_length=60, overlong="drop"))
    assert ([each.row for each in found.examples], found.dropped, found.rows) == ([0], {OVERLONG: 1}, 2)
    with pytest.raises(DataError, match=r"pool.jsonl:7: \d+ tokens .* more than max_length=60; set a larger"):
        encode_rows([row(), long], tokenizer, settings(max_length=60, overlong="error"))


def test_rows_without_an_answer_are_counted(tokenizer: Any) -> None:
    """They are dropped, and the others keep their numbers."""
    rows = [row(("A?", "")), row(number=1), row(("B?", " \n\t"), ("C?", ""), number=2)]
    found = encode_rows(rows, tokenizer, settings())
    assert ([each.row for each in found.examples], found.dropped, found.rows) == ([1], {EMPTY: 2}, 3)


def test_nothing_left_is_an_error(tokenizer: Any) -> None:
    """It says how many rows there were and why each was dropped."""
    long = row(("Why? " * 100, "Yes."), number=1)
    with pytest.raises(DataError, match=r"of 2 were dropped: empty response: 1, prompt as long .*: 1; max_length is 9"):
        encode_rows([row(("A?", "")), long], tokenizer, settings(max_length=9))
    with pytest.raises(DataError, match="there are no rows to train on"):
        encode_rows([], tokenizer, settings())


def test_a_tokenizer_without_an_end(tokenizer: Any) -> None:
    """Training with it is refused, unless answers shall not end; so is an end that the vocabulary does not have."""
    made = make_tokenizer()
    made.eos_token = None
    with pytest.raises(UsageError, match=r"no end-of-text token \(eos_token is None\).*append_eos=false"):
        encode_rows([row()], made, settings())
    assert told(encoded(row(), made, settings(append_eos="false")), made) == ["The Rhine."]
    missing = word_tokenizer()
    missing._special_tokens_map |= {"eos_token": "<nowhere>"}
    with pytest.raises(UsageError, match=r"no end-of-text token \(eos_token is '<nowhere>'\)"):
        encode_rows([row()], missing, settings())


def test_a_tokenizer_without_padding() -> None:
    """Padding is made of the end-of-text token then, never of that for unknown text; without either it is refused."""
    made = word_tokenizer()
    assert made.pad_token_id is None
    assert padding_id(made) == made.eos_token_id != made.unk_token_id
    made.eos_token = None
    with pytest.raises(UsageError, match=r'neither a padding token nor an end-of-text token.*"pad_token"'):
        encode_rows([row()], made, settings(append_eos="false"))


def test_a_tokenizer_that_closes_prompts(tokenizer: Any) -> None:
    """One that ends every text, and so every prompt, with the end-of-text token is refused."""
    from tokenizers import processors

    made = make_tokenizer()
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|end|>", special_tokens=[("<|end|>", made.eos_token_id)]
    )
    with pytest.raises(UsageError, match=r"ends every text with '<\|end\|>'.*add_eos_token"):
        encode_rows([row()], made, settings())


def test_a_template_without_a_form_names_the_row(tokenizer: Any, tmp_path: Path) -> None:
    """The place of the row stands in the message."""
    file = tmp_path / "form.txt"
    file.write_text("{instruction}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pool.jsonl:4: template .* has no form for rows with an input"):
        encode_rows([row(number=3, input="In Europe.")], tokenizer, settings(template=str(file)))


def test_a_row_is_the_same_in_any_company(tokenizer: Any, data: Path) -> None:
    """Its tokens depend on no other row, and on no block boundary."""
    rows = list(open_data(data / "pools" / "random_9k.json").rows())[:1203]
    together = {each.row: each for each in encode_rows(iter(rows), tokenizer, settings()).examples}
    for given in (rows[0], rows[999], rows[1000], rows[1202]):
        [example] = encode_rows([given], tokenizer, settings()).examples
        assert example.input_ids.tolist() == together[given.number].input_ids.tolist()
        assert example.loss.tolist() == together[given.number].loss.tolist()


def test_sums(tokenizer: Any) -> None:
    """Tokens and tokens with loss are those of the examples, which hold numbers in arrays."""
    found = encode_rows([row(), row(("A?", "Yes."), number=1)], tokenizer, settings())
    assert isinstance(found, EncodedData)
    assert found.tokens == sum(found.lengths)
    assert found.loss_tokens == sum(int(example.loss.sum()) for example in found.examples)
    assert {str(example.input_ids.dtype) for example in found.examples} == {"int32"}
