"""What a model's folder tells of its training: the record, the card, and a chat template that asks as it did."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from longismore.errors import SchemaError, UsageError
from longismore.instructions import Row, Turn, open_data
from longismore.instructions._templates import TextTemplate, load_template
from longismore.train._card import model_card
from longismore.train._record import RECORD, DataFile, read_record, write_record
from longismore.train.settings import load_preset
from trained_models import record_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

HOSTILE = "Say {instruction} and {input}: {{ 1 + 1 }} {% if x %} {# y #} \"a\" 'b' \\n \\ é \u2028 \U0001f600 <s>"
FORMS = {
    "plain": load_template("plain"),
    "none": load_template("none"),
    "of two turns": TextTemplate(  # with an opening, a gap and an end that some tokenizers have a token for
        name="of two turns",
        without_input="USER: {instruction} ASSISTANT:",
        with_input="USER: {instruction}\nInput:\n{input} ASSISTANT:",
        opening="A chat.",
        opening_end=" ",
        answer_gap=" ",
        turn_end="<|end|>",
    ),
    "hostile": TextTemplate(
        name="hostile",
        without_input="{{ messages }} {% raw %}\r\n\"'\\ é \U0001f600\n{instruction} again {instruction}{input}\n}}\n",
        with_input=None,
        turn_end="{# end #}\n",
    ),
}
CONVERSATIONS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "one turn": ("", [("Name a river.", "")]),
    "a system message": ("Be brief. {{ x }}", [("Name a river.", "")]),
    "three turns": ("", [("Name a river.", "The Rhine."), ("  why? \n", " Because {{ it }} is."), ("And?", "")]),
    "an open question": ("Be brief.", [("Name a river.", ""), ("Well?", "")]),
    "hostile": (HOSTILE, [(HOSTILE, HOSTILE), (f" {HOSTILE}", "")]),
}


def messages_of(system: str, turns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """The conversation as tools have it."""
    found = [{"role": "system", "content": system}] if system else []
    for instruction, response in turns:
        found += [{"role": "user", "content": instruction}, {"role": "assistant", "content": response}]
    return found


def row_of(system: str, turns: Sequence[tuple[str, str]]) -> Row:
    """The conversation as a row of training data."""
    return Row(number=0, place="pool.jsonl:1", turns=tuple(Turn(*turn) for turn in turns), system=system)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every field comes back, and the template writes the same; a folder without a record has none."""
    record = record_of(FORMS["hostile"], preset=None, steps=None, seconds=None)
    write_record(tmp_path, record)
    found = read_record(tmp_path)
    assert found == record
    assert found.template.load() == replace(FORMS["hostile"], remedy=found.template.load().remedy)
    assert read_record(tmp_path / "absent") is None


def test_the_text_of_the_template_outlives_its_file(tmp_path: Path) -> None:
    """Neither the file nor the package that a template came from is needed to use it again."""
    path = tmp_path / "mine.txt"
    path.write_text("Q: {instruction}\nA:\n=== with input ===\nQ: {instruction} ({input}\nA:", encoding="utf-8")
    written = load_template(str(path))
    record = record_of(written)
    path.unlink()
    write_record(tmp_path, record)
    found = read_record(tmp_path)
    assert found is not None
    again = found.template.load()
    assert (again.prompt("Add.", "1"), again.digest) == ("Q: Add. (1\nA:", written.digest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda it: it.update(format=2),
            "format 2 is not known to this version of longismore, which reads 1; update it",
        ),
        (lambda it: it.pop("preset"), 'the field "preset" is missing'),
        (lambda it: it.update(rows="12"), "the field \"rows\" must be int, found '12'"),
        (lambda it: it.update(rows=True), 'the field "rows" must be int, found True'),
        (lambda it: it.update(final_loss="low"), "the field \"final_loss\" must be float | None, found 'low'"),
        (lambda it: it.update(template=[]), 'the field "template" must be RecordedTemplate, found []'),
        (lambda it: it["template"].pop("digest"), 'the field "template.digest" is missing'),
        (lambda it: it["template"].update(lead={"text": ""}), 'the field "template.lead.blank" is missing'),
        (lambda it: it["template"]["forms"].update(opening="Hi."), "it was changed"),
        (lambda it: it["template"]["forms"].update(mood="good"), "template.forms: mood is not known to this version"),
        (lambda it: it["template"].update(forms=None), "it was changed"),
        (lambda it: it.update(data=["pool.json"]), 'the field "data" must be an object'),
        (lambda it: it["data"][0].update(sha256=None), 'the field "data.sha256" must be str, found None'),
    ],
)
def test_a_broken_record_is_named(tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str) -> None:
    """The message has the file, the field and what is wrong with it; nothing is guessed."""
    write_record(tmp_path, record_of())
    document = json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))
    change(document)
    (tmp_path / RECORD).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SchemaError) as caught:
        read_record(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / RECORD))
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["[1]", "{", ""])
def test_what_is_no_record_is_an_error(tmp_path: Path, text: str) -> None:
    """A file that is cut off, or of something else, is not taken for a missing one."""
    (tmp_path / RECORD).write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=RECORD):
        read_record(tmp_path)


def test_the_card_says_how_the_model_was_made() -> None:
    """Base model, data with checksums, settings, prompt, loss and evaluation stand in it, and what the hub reads."""
    record = record_of()
    card = model_card(record)
    _, matter, text = card.split("---\n", maxsplit=2)
    assert yaml.safe_load(matter) == {
        "base_model": "org/base",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["longismore", "instruction-tuning", "tiny-cpu"],
    }
    for part in (
        f"| `pool.json` | 12 | `{'a' * 64}` |",
        "10 of 12 rows were trained on; 2 dropped: empty response; 1 lost the end of an answer: 1,000 tokens, of which",
        "Template `plain` (digest `",
        "```text\n### Instruction:\nName three rivers of Europe.\n\n### Response:\n\n```",
        "lm_eval --model hf --model_args pretrained=DIR --tasks longismore_pairwise\n",
        "| `learning_rate` | `0.001` |",
        "| final loss | 1.2500 |",
        "## What it is not for\n",
        "numbers of such a model mean nothing",
    ):
        assert part in text
    assert "neftune" not in text, "settings that are none are left out"


def test_names_do_nothing_to_the_card() -> None:
    """A local base model is no id of the hub; bars, backticks and line ends of names stay within their cells."""
    form = TextTemplate(name="a`b|c\nd", without_input="````\n{instruction}", with_input=None)
    file = DataFile(name="p|o`o\nl.json", sha256="b" * 64, rows=1)
    card = model_card(record_of(form, base_model="<b>my_model", preset=None, data=(file,), final_loss=None))
    assert "base_model" not in yaml.safe_load(card.split("---\n")[1])
    assert "| `p/o'o l.json` | 1 |" in card
    assert "# \\<b\\>my\\_model, instruction-tuned" in card
    assert "`````text\n````\nName three rivers of Europe.\n`````" in card
    assert "final loss" not in card
    assert "mean nothing" not in card


# From here on a tokenizer is needed.


def tokenizer_of(kind: str) -> Any:
    """One that puts a token before every text, one that does not, or one like SentencePiece's."""
    pytest.importorskip("transformers")
    from tiny_models import make_tokenizer

    return make_word_tokenizer() if kind == "words" else make_tokenizer(bos=kind == "begin")


def make_word_tokenizer() -> Any:
    """A text begins with a blank that nobody wrote, unless it has one; after a special token no blank is added."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    made = Tokenizer(models.BPE(unk_token=tokens["unk_token"], byte_fallback=False))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Metaspace(prepend_scheme="first")
    texts = [FORMS["plain"].prompt(HOSTILE), FORMS["of two turns"].prompt("Name a river."), "The Rhine."]
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<unk>", "<s>", "</s>", "<|end|>"], show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=made, **tokens)


@pytest.fixture
def _loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forms of this module have names like templates that are packaged."""
    monkeypatch.setattr("longismore.train._template.load_template", lambda name, tokenizer: FORMS[name])


@pytest.mark.usefixtures("_loads")
@pytest.mark.parametrize("append_eos", [True, False], ids=["ended", "open"])
@pytest.mark.parametrize("kind", ["begin", "nothing", "words"])
@pytest.mark.parametrize("name", FORMS)
def test_the_chat_template_asks_with_the_tokens_of_the_training(name: str, kind: str, *, append_eos: bool) -> None:
    """apply_chat_template gives, token for token, what the model has seen before the answer of such a row."""
    tokenizer = tokenizer_of(kind)
    from longismore.train._describe import describe_template, set_chat_template
    from longismore.train._encode import encode_prompts

    settings = load_preset("tiny-cpu", {"template": name, "append_eos": append_eos})
    described = describe_template(settings, tokenizer)
    assert described.lead.is_exact
    set_chat_template(tokenizer, described)
    found, expected = {}, {}
    for title, (system, turns) in CONVERSATIONS.items():
        if kind == "words" and not append_eos and any(response for _, response in turns):
            continue  # without an end before it, the training has the next question as a text of its own: with a blank
        messages = messages_of(system, turns)[:-1]
        found[title] = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        [expected[title]] = encode_prompts([row_of(system, turns)], tokenizer, settings)
    assert found == expected


@pytest.mark.usefixtures("_loads")
@pytest.mark.parametrize("kind", ["begin", "nothing", "words"])
@pytest.mark.parametrize("name", FORMS)
def test_the_chat_template_writes_whole_rows(name: str, kind: str) -> None:
    """A conversation with its last answer has the tokens of the training row, its end among them."""
    tokenizer = tokenizer_of(kind)
    from longismore.train._describe import describe_template, set_chat_template
    from longismore.train._encode import encode_rows

    settings = load_preset("tiny-cpu", {"template": name})
    set_chat_template(tokenizer, describe_template(settings, tokenizer))
    turns = [("Name a river.", "The Rhine."), ("Why?", "It is long.")]
    for some in (turns[:1], turns):
        written = tokenizer.apply_chat_template(messages_of("", some), return_dict=False)
        [example] = encode_rows([row_of("", some)], tokenizer, settings).examples
        assert written == example.input_ids.tolist()


def test_the_chat_template_knows_when_nothing_is_asked() -> None:
    """Without add_generation_prompt a question stands without what comes before its answer; other roles are refused."""
    tokenizer = tokenizer_of("nothing")
    from longismore.train._describe import describe_template, set_chat_template

    set_chat_template(tokenizer, describe_template(load_preset("tiny-cpu"), tokenizer))
    asked = messages_of("", [("Name a river.", "")])[:1]
    assert tokenizer.apply_chat_template(asked, tokenize=False) == "### Instruction:\nName a river."
    import jinja2

    for wrong in (
        [{"role": "tool", "content": "x"}],
        messages_of("", [("a", "b")])[1:],
        [*asked, asked[0] | {"role": "system"}],
    ):
        with pytest.raises(jinja2.TemplateError, match="a conversation is: a system message, or none"):
            tokenizer.apply_chat_template(wrong, tokenize=False)


def test_a_chat_template_is_recorded_as_it_is() -> None:
    """The tokenizer's own template is kept, comes back from the record alone, and the tokenizer is left as it is."""
    tokenizer = tokenizer_of("begin")
    from longismore.train._describe import describe_template, set_chat_template

    before = tokenizer.chat_template
    described = describe_template(load_preset("tiny-cpu", {"template": "chat"}), tokenizer)
    set_chat_template(tokenizer, described)
    assert (tokenizer.chat_template, described.chat_template, described.forms) == (before, before, None)
    tokenizer.chat_template = "{{ 'other' }}"
    assert described.load(tokenizer).prompt("Name a river.") == "[user]\nName a river.<|end|>\n[assistant]\n"
    assert tokenizer.chat_template == "{{ 'other' }}"
    assert described.ends == ("<|end|>",)


OPEN_ENDED = {
    "line": "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}",
    "trimmed": "{% for m in messages %}\n{{ m['role'] }}: {{ m['content'] | trim }}{% endfor %}\n",
    "set aside": (
        "{% if messages[0]['role'] == 'system' %}{% set s = messages[0]['content'] %}{% set messages = messages[1:] %}"
        "{% endif %}{%- for m in messages -%}{{ m.role }}: {{ m.content }}{{ '\n\n' if not loop.last }}{% endfor %}"
    ),
    "blank": "\n  {% for m in messages %}\n{{ m.role }}: {{ m.content }}\n{% endfor %}\n",
    "indented": "  {% for m in messages %}\n{{ m.role }}: {{ m.content }}\n{% endfor %}\n",
}
"""Chat templates that write no token after an answer."""


@pytest.mark.parametrize("name", OPEN_ENDED)
def test_a_chat_template_without_ends_is_recorded_with_those_that_were_learned(name: str) -> None:
    """A history has end-of-text where the training had it, for whoever applies the tokenizer's chat template."""
    from longismore.train._describe import describe_template, set_chat_template
    from longismore.train._encode import encode_prompts, encode_rows

    tokenizer = tokenizer_of("begin")
    tokenizer.chat_template = OPEN_ENDED[name]
    settings, turns = (
        load_preset("tiny-cpu", {"template": "chat"}),
        [("Name a river.", "The Rhine."), ("Why?", "Long.")],
    )
    [example] = encode_rows([row_of("", turns)], tokenizer, settings).examples
    assert 2 == tokenizer.decode(example.input_ids).count("<|end|>")
    [expected] = encode_prompts([row_of("", [*turns[:1], ("Why?", "")])], tokenizer, settings)
    asked = messages_of("", turns)[:-1]
    assert tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False) != expected
    described = describe_template(settings, tokenizer)
    first = tokenizer.apply_chat_template(asked[:1], add_generation_prompt=True, tokenize=False)
    set_chat_template(tokenizer, described)
    assert tokenizer.apply_chat_template(asked[:1], add_generation_prompt=True, tokenize=False) == first
    assert tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False) == expected
    assert tokenizer.chat_template == described.chat_template
    assert described.load(tokenizer).digest == described.digest
    assert described.ends == ("<|end|>",)
    # Trained once more it is taken as it is.
    assert describe_template(settings, tokenizer) == described


def test_without_ends_a_chat_template_is_recorded_as_it_is() -> None:
    """Where no answer was ended, or the template rewrites former answers, nothing is put behind them."""
    from longismore.train._describe import describe_template

    tokenizer = tokenizer_of("begin")
    rewriting = "{% for m in messages %}{{ m['role'] + ': ' + m['content'][:3] + '\n' }}{% endfor %}"
    for program, append_eos in ((OPEN_ENDED["line"], "false"), (rewriting, "true")):
        tokenizer.chat_template = program
        settings = load_preset("tiny-cpu", {"template": "chat", "append_eos": append_eos})
        assert describe_template(settings, tokenizer).chat_template == program


def test_a_beginning_that_cannot_be_written_out_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no text gives the tokens that the tokenizer puts before a prompt, the record says that it is not exact."""
    tokenizer = tokenizer_of("begin")
    from longismore.train._chat_jinja import find_lead

    monkeypatch.setattr(tokenizer, "convert_ids_to_tokens", lambda ids: ["never seen"])
    assert not find_lead(FORMS["plain"], tokenizer).is_exact


def test_a_training_is_described_without_paths(tmp_path: Path) -> None:
    """Models, data and templates are named without their folders; checksums and counts are those of the files."""
    tokenizer = tokenizer_of("begin")
    from longismore.train._describe import describe_template, describe_training
    from longismore.train._encode import encode_rows

    rows = [{"instruction": f"Say {number}.", "input": "", "output": "x" * number} for number in range(3)]
    (tmp_path / "pool.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "mine.txt").write_text("Q: {instruction}\nA:", encoding="utf-8")
    (tmp_path / "base").mkdir()
    data = open_data(tmp_path / "pool.json")
    settings = load_preset("tiny-cpu", {"template": str(tmp_path / "mine.txt")})
    record = describe_training(
        settings,
        template=describe_template(settings, tokenizer),
        model=str(tmp_path / "base"),
        data=data,
        encoded=encode_rows(data.rows(), tokenizer, settings),
        losses=[(1, 3.0), (2, 2.5)],
    )
    write_record(tmp_path / "out", record)
    for name in (RECORD, "README.md"):
        assert str(tmp_path) not in (tmp_path / "out" / name).read_text(encoding="utf-8")
    assert read_record(tmp_path / "out") == record
    assert (record.base_model, record.template.name, record.settings["template"]) == ("base", "mine.txt", "mine.txt")
    assert [(each.name, each.rows, each.sha256) for each in record.data] == [
        ("pool.json", 3, next(iter(data.checksums().values())))
    ]
    assert (record.rows, record.examples, record.dropped, record.final_loss) == (3, 2, {"empty response": 1}, 2.5)
    assert record.versions["longismore"]
    hub = describe_training(
        settings,
        template=record.template,
        model="org/name",
        data=data,
        encoded=encode_rows(data.rows(), tokenizer, settings),
    )
    assert (hub.base_model, hub.final_loss, hub.steps) == ("org/name", None, None)


def test_a_template_that_cannot_be_read_is_an_error() -> None:
    """Nothing is recorded of a training that could not have been."""
    tokenizer = tokenizer_of("begin")
    from longismore.train._describe import describe_template

    with pytest.raises(UsageError, match="nonsense"):
        describe_template(load_preset("tiny-cpu", {"template": "nonsense"}), tokenizer)
