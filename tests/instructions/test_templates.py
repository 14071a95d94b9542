"""Templates write prompts, whatever stands in the data."""

from __future__ import annotations

import hashlib
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.errors import ChecksumError, DataError, UnknownNameError, UsageError
from longismore.instructions import Turn
from longismore.instructions._templates import TEMPLATES, TextTemplate, load_template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HISTORY = (Turn("What melts ice?", "Salt."), Turn("Why?", "It lowers the freezing point."))
TWO_FORMS = "Do: {instruction}\nAnswer:\n=== with input ===\nDo: {instruction}\nWith: {input}\nAnswer:\n"


def written(folder: Path, text: str) -> str:
    """A template in a file."""
    path = folder / "form.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_plain_has_sections_and_no_preamble() -> None:
    """The input has a section of its own where there is one."""
    plain = load_template("plain")
    assert plain.prompt("Add.", "1 and 2") == "### Instruction:\nAdd.\n\n### Input:\n1 and 2\n\n### Response:\n"
    assert plain.prompt("Add.") == "### Instruction:\nAdd.\n\n### Response:\n"
    assert plain.response_prefix == "### Response:\n"
    assert plain.takes_input
    assert not plain.is_complete


def test_none_is_what_superfiltering_reads() -> None:
    """A line end each, and nothing before an answer by itself."""
    none = load_template("none")
    assert (none.prompt("Add.", "1 and 2"), none.prompt("Add.")) == ("Add.\n1 and 2\n", "Add.\n")
    assert none.response_prefix == ""
    assert none.start == ""


def test_a_conversation_is_written_turn_by_turn() -> None:
    """The input belongs to the first turn, the system message stands before all."""
    plain = load_template("plain")
    text = plain.prompt("So?", "ice", "Be brief.", HISTORY)
    assert text == (
        "Be brief.\n\n### Instruction:\nWhat melts ice?\n\n### Input:\nice\n\n### Response:\nSalt.\n\n"
        "### Instruction:\nWhy?\n\n### Response:\nIt lowers the freezing point.\n\n"
        "### Instruction:\nSo?\n\n### Response:\n"
    )


@given(st.text(), st.text(min_size=1))
def test_braces_in_the_data_are_text(instruction: str, text: str) -> None:
    """Whatever stands between them, fields of the template too."""
    plain = load_template("plain")
    wanted = "### Instruction:\n" + instruction + "\n\n### Input:\n" + text + "\n\n### Response:\n"
    assert plain.prompt(instruction, text) == wanted
    assert "{input}" in plain.prompt("{input} {0} {instruction}", "{instruction")


def test_a_file_has_one_form_or_two(tmp_path: Path) -> None:
    """One line end at the end of a form is the file's, and the prefix is what stands after the last field."""
    two = load_template(written(tmp_path, TWO_FORMS))
    assert (two.prompt("Add."), two.prompt("Add.", "1")) == ("Do: Add.\nAnswer:", "Do: Add.\nWith: 1\nAnswer:")
    assert two.response_prefix == "Answer:"
    one = load_template(written(tmp_path, "{instruction} {input}\n\n>>> "))
    assert (one.prompt("Add."), one.prompt("Add.", "1")) == ("Add. \n\n>>> ", "Add. 1\n\n>>> ")
    assert one.response_prefix == ">>> "
    bare = load_template(written(tmp_path, "{instruction}\n\n### Response:"))
    assert not bare.takes_input
    with pytest.raises(UsageError, match=r"form\.txt\" has no form for rows with an input; give a form for rows"):
        bare.prompt("Add.", "1")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Some editors put one before every text; the digest is that of the same text without."""
    texts = ["{instruction}\nAnswer:", "\ufeff{instruction}\nAnswer:"]
    plain, marked = (load_template(written(tmp_path, text)) for text in texts)
    assert (plain.prompt("Add."), plain.digest) == (marked.prompt("Add."), marked.digest)


def test_windows_line_ends_are_read_as_line_ends(tmp_path: Path) -> None:
    """The same forms, wherever the file was written."""
    unix = load_template(written(tmp_path, TWO_FORMS))
    (tmp_path / "form.txt").write_bytes(TWO_FORMS.replace("\n", "\r\n").encode())
    assert load_template(str(tmp_path / "form.txt")).digest == unix.digest


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no field", r"one or two forms with the field \{instruction\} are wanted, .*found 0 of 1"),
        ("{instruction}{output}", r"the field \{output\} is not known; known are \{instruction\} and \{input\}"),
        ("{instruction} {system}", r"the field \{system\} is not known"),
        ("{instruction}\n=== with input ===\n{instruction}\n", r"lacks the field \{input\}"),
        ("{instruction}\n=== with input ===\n{input}\n", "found 1 of 2"),
        ("{instruction}A\n=== with input ===\n{instruction}{input}B\n", "the two forms differ in what stands after"),
        (TWO_FORMS + "=== with input ===\n{instruction}{input}", "found 3 of 3"),
    ],
)
def test_files_that_are_no_templates_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    """The message says what is wrong with the file."""
    with pytest.raises(DataError, match=problem):
        load_template(written(tmp_path, text))


def test_files_that_cannot_be_read_and_unknown_names_are_errors(tmp_path: Path) -> None:
    """A near name is shown; a path is told from a name."""
    (tmp_path / "latin.txt").write_bytes(b"{instruction} \xff")
    with pytest.raises(DataError, match="cannot be read"):
        load_template(str(tmp_path / "latin.txt"))
    with pytest.raises(
        DataError, match="there is no such file, and it is none of alpaca, chasing_random, chat, none, plain, vicuna"
    ):
        load_template(str(tmp_path / "missing.txt"))
    with pytest.raises(UnknownNameError, match='unknown template "plane"; did you mean plain'):
        load_template("plane")


def test_digests_are_of_the_text_and_not_of_the_name(tmp_path: Path) -> None:
    """What changes a text changes the digest."""
    first = load_template(written(tmp_path, TWO_FORMS))
    (tmp_path / "other.txt").write_text(TWO_FORMS)
    assert load_template(str(tmp_path / "other.txt")).digest == first.digest
    assert load_template(written(tmp_path, TWO_FORMS.replace("Do", "Please do"))).digest != first.digest
    forms = {"without_input": "{instruction}", "with_input": None}
    digests = {
        TextTemplate(name="a", **(forms | changes)).digest  # type: ignore[arg-type]
        for changes in ({}, {"opening": "x"}, {"opening_end": "y"}, {"answer_gap": "z"}, {"turn_end": "w"})
    }
    assert len(digests) == 5


class Tokenizer:
    """A tokenizer as far as chat templates go, with a real template engine."""

    bos_token = "<s>"  # noqa: S105  no password

    def __init__(self, template: str | None) -> None:
        self.chat_template = template

    def get_chat_template(self) -> str | None:
        """The template."""
        return self.chat_template

    def apply_chat_template(self, chat: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool) -> str:
        """Write a conversation."""
        import jinja2

        assert not tokenize
        assert self.chat_template is not None

        def refuse(message: str) -> None:
            raise jinja2.TemplateError(message)

        template = jinja2.Environment(autoescape=False).from_string(self.chat_template)  # noqa: S701  no page
        return template.render(
            messages=chat,
            add_generation_prompt=add_generation_prompt,
            bos_token=self.bos_token,
            raise_exception=refuse,
        )


CHATML = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
INST = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}"
    "{% elif m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]{% else %}{{ m['content'] }}</s>{% endif %}"
    "{% endfor %}"
)


def test_chat_is_the_template_of_the_tokenizer() -> None:
    """The input follows the first instruction; the prefix is what makes the model answer."""
    chat = load_template("chat", Tokenizer(CHATML))
    assert chat.prompt("Add.", "1") == "<|user|>Add.\n\n1<|end|><|assistant|>"
    assert chat.prompt("So?", "ice", "Be brief.", HISTORY[:1]) == (
        "<|system|>Be brief.<|end|><|user|>What melts ice?\n\nice<|end|><|assistant|>Salt.<|end|>"
        "<|user|>So?<|end|><|assistant|>"
    )
    assert (chat.response_prefix, chat.start) == ("<|assistant|>", "")
    assert chat.is_complete
    assert chat.takes_input


def test_a_chat_template_without_an_answer_marker_or_system_messages_is_used_too() -> None:
    """The prefix is what stands after an instruction; the system message goes before the first instruction."""
    chat = load_template("chat", Tokenizer(INST))
    assert chat.prompt("Add.", system="Be brief.") == "<s>[INST] Be brief.\n\nAdd. [/INST]"
    assert (chat.response_prefix, chat.start) == (" [/INST]", "<s>")
    assert chat.digest != load_template("chat", Tokenizer(CHATML)).digest


def test_chat_templates_that_cannot_be_used_are_errors() -> None:
    """None at all, and one that refuses every conversation."""
    for tokenizer in (None, Tokenizer(None)):
        with pytest.raises(UsageError, match="the model's tokenizer has no chat template"):
            load_template("chat", tokenizer)
    refusing: Any = load_template("chat", Tokenizer("{{ raise_exception('never') }}"))
    with pytest.raises(UsageError, match="the tokenizer's chat template cannot write a conversation: never"):
        refusing.prompt("Add.")


@pytest.mark.skipif(find_spec("alpaca_eval") is None, reason="alpaca_eval is not installed")
def test_alpaca_is_read_from_its_package() -> None:
    """The text is the published one, and rows with an input say what to give."""
    alpaca = load_template("alpaca")
    text = alpaca.prompt("{instruction}")
    assert hashlib.sha256(text.encode()).hexdigest().startswith("35101bc36d10997c")
    assert alpaca.response_prefix == "### Response:"
    assert not alpaca.takes_input
    with pytest.raises(UsageError, match=r"alpaca_eval has the form without input only: give Alpaca's own texts"):
        alpaca.prompt("Add.", "1")


def package(folder: Path, name: str, files: dict[str, str]) -> None:
    """Make a package that can be imported."""
    for path, text in {"__init__.py": "", **files}.items():
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_text(text, encoding="utf-8")


def test_another_text_of_alpaca_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose file differs, or has none, does not pass for the published one."""
    package(tmp_path, "alpaca_eval", {})
    monkeypatch.delitem(sys.modules, "alpaca_eval", raising=False)  # another test may have imported the real one
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match=r"prompt\.txt cannot be read: No such file"):
        load_template("alpaca")
    package(tmp_path, "alpaca_eval", {"models_configs/alpaca-7b/prompt.txt": "{instruction}"})
    with pytest.raises(ChecksumError, match=r"prompt\.txt: not the text of alpaca_eval 0\.6\.6: sha256 "):
        load_template("alpaca")


VICUNA = """
class Conversation:
    system_message, roles, sep, sep2 = "OPENING", ("USER", "ASSISTANT"), " ", "</s>"

def get_conv_template(name):
    return {"vicuna_v1.1": Conversation()}[name]
"""


@pytest.fixture
def _without_fastchat(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test imports under this name is forgotten after it, and what was imported before comes back."""
    names = ("fastchat", "fastchat.conversation")
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    yield
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(before)


@pytest.mark.usefixtures("_without_fastchat")
def test_vicuna_is_read_from_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening, speakers and separators are the package's; a system message takes the opening's place."""
    package(tmp_path, "fastchat", {"conversation.py": VICUNA})
    monkeypatch.syspath_prepend(tmp_path)
    vicuna = load_template("vicuna")
    assert vicuna.prompt("Add.", "1") == "OPENING USER: Add.\nInput:\n1 ASSISTANT:"
    assert vicuna.prompt("So?", system="Be brief.", history=HISTORY[:1]) == (
        "Be brief. USER: What melts ice? ASSISTANT: Salt.</s>USER: So? ASSISTANT:"
    )
    assert vicuna.response_prefix == "ASSISTANT:"


@pytest.mark.parametrize(("name", "module"), [("alpaca", "alpaca_eval"), ("vicuna", "fastchat")])
def test_packages_that_are_missing_are_named(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install, and what to do without it."""
    if find_spec(module) is not None:
        pytest.skip(f"{module} is installed")
    with pytest.raises(UsageError, match=r"which is not installed; do: pip install .* as template=FILE"):
        load_template(name)


def test_every_name_is_documented() -> None:
    """The names are in the table of the module."""
    from longismore.instructions import _templates

    assert all(f"``{name}``" in str(_templates.__doc__) for name in TEMPLATES)
