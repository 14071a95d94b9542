from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from longismore import _checkpoint
from longismore._checkpoint import checkpoint_sha256
from longismore.errors import ConfigError
from longismore.judges import JudgeOptions
from longismore.judges._local import (
    find_checkpoint,
    keeps_system,
    local_price,
    seed_of,
    token_logprobs,
    without_control_tokens,
    without_system,
)

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.judges._client import Messages

CHAT = [{"role": "system", "content": "Be just."}, {"role": "user", "content": "Which?"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a model; what is in them does not matter here."""
    path = tmp_path / "model"
    path.mkdir()
    for name in ("config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"):
        (path / name).write_bytes(name.encode() * 100)
    (path / "README.md").write_text("A model.", encoding="utf-8")
    return path


def test_folder_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its path, by a relative one, and in the home folder."""
    assert folder == find_checkpoint(str(folder), provider="hf")
    monkeypatch.chdir(folder.parent)
    assert "model/config.json" == str(find_checkpoint("model", provider="hf") / "config.json")
    monkeypatch.setenv("HOME", str(folder.parent))
    assert folder == find_checkpoint("~/model", provider="hf")


def test_model_of_the_cache_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id is looked up in the Hugging Face cache, where a commit has a folder of its own."""
    constants = pytest.importorskip("huggingface_hub.constants")
    cache = folder.parent / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    snapshot = cache / "models--some--model" / "snapshots" / ("a" * 40)
    snapshot.parent.mkdir(parents=True)
    folder.rename(snapshot)
    refs = cache / "models--some--model" / "refs"
    refs.mkdir()
    (refs / "main").write_text("a" * 40, encoding="utf-8")
    assert snapshot == find_checkpoint("some/model", provider="hf")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("some/other", r"there is no folder some/other, and no model .* download it first: hf download some/other"),
        ("/nowhere/at/all", r"hf//nowhere/at/all: there is no folder /nowhere/at/all$"),
        ("a..b/c", r"there is no folder a..b/c"),
    ],
)
def test_missing_model_is_named(path: str, message: str) -> None:
    """Nothing is downloaded; the message says what would do so."""
    pytest.importorskip("huggingface_hub")
    with pytest.raises(ConfigError, match=message):
        find_checkpoint(path, provider="hf")


def test_folder_that_is_no_model_is_named(folder: Path) -> None:
    """Without weights, without a configuration, or with an adapter only, it is said what is missing."""
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"has a config.json, but no weights \(\*.bin, .*\*.safetensors\)"):
        find_checkpoint(str(folder), provider="hf")
    (folder / "config.json").unlink()
    with pytest.raises(ConfigError, match=r"is no model: there is no config.json in it"):
        find_checkpoint(str(folder), provider="hf")
    (folder / "adapter_config.json").touch()
    with pytest.raises(ConfigError, match="it holds an adapter: merge it into its model first"):
        find_checkpoint(str(folder), provider="hf")


def test_unfinished_download_is_named(folder: Path) -> None:
    """Divided weights are all there, in one format at least; or there are undivided ones."""
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = {"weight_map": {"a": shards[0], "b": shards[1], "c": shards[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert folder == find_checkpoint(str(folder), provider="hf")
    (folder / "model.safetensors").rename(folder / shards[0])
    with pytest.raises(ConfigError, match=rf"are not complete; missing: {shards[1]}$"):
        find_checkpoint(str(folder), provider="hf")
    (folder / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "x.bin"}}', encoding="utf-8")
    with pytest.raises(ConfigError, match="are not complete"):
        find_checkpoint(str(folder), provider="hf")
    (folder / shards[1]).touch()
    assert folder == find_checkpoint(str(folder), provider="hf")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"])
def test_hash_changes_with_every_file_of_the_model(name: str, folder: Path) -> None:
    """One byte of another value is another model, though name and size are the same."""
    before = checkpoint_sha256(folder)
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert before != checkpoint_sha256(folder)


def test_hash_does_not_change_with_the_rest(folder: Path) -> None:
    """A README, a time stamp and the folder's own name do not change answers."""
    before = checkpoint_sha256(folder)
    (folder / "README.md").write_text("Another text.", encoding="utf-8")
    (folder / "config.json").touch()
    assert before == checkpoint_sha256(folder.rename(folder.parent / "other"))


def test_hash_of_large_weights_reads_samples(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file of the same size in which one matrix differs, or the last byte, is another model."""
    monkeypatch.setattr(_checkpoint, "_SMALL_BYTES", 1 << 20)
    monkeypatch.setattr(_checkpoint, "_SAMPLE_BYTES", 16)
    monkeypatch.setattr(_checkpoint, "_STEP_BYTES", 4096)
    weights = folder / "model.safetensors"
    content = bytes(1 << 20)
    weights.write_bytes(content)
    before = checkpoint_sha256(folder)
    for start, length in ((123_456, 4096), (0, 1), (len(content) - 1, 1)):
        weights.write_bytes(content[:start] + b"\1" * length + content[start + length :])
        assert before != checkpoint_sha256(folder)
    weights.write_bytes(content)
    assert before == checkpoint_sha256(folder)


def test_local_model_costs_nothing() -> None:
    """Unless the user says what a token costs."""
    assert 0.0 == local_price("hf", "m", JudgeOptions()).cost_usd(100, 100)
    assert "local model" == local_price("hf", "m", JudgeOptions()).source
    assert 3e-6 == local_price("hf", "m", JudgeOptions(price_input=1.0, price_output=2.0)).cost_usd(1, 1)


def test_seed_depends_on_the_chat_alone() -> None:
    """Equal chats have equal seeds; another text, role or seed has another one."""
    assert seed_of(CHAT) == seed_of([dict(message) for message in CHAT])
    others: list[Messages] = [CHAT[1:], CHAT[::-1], [{"role": "user", "content": "Be just."}, CHAT[1]]]
    assert 5 == len({seed_of(CHAT), seed_of(CHAT, 1), *map(seed_of, others)})
    assert all(0 <= seed_of(CHAT, number) < 2**31 for number in range(100))
    seed_of([{"role": "user", "content": "\ud800"}])


def test_control_tokens_are_broken() -> None:
    """An answer cannot end its own turn; what only looks like markup is left as it is."""
    added = {1: SimpleNamespace(content="<|im_end|>", special=True), 2: SimpleNamespace(content="<b>", special=False)}
    tokenizer = SimpleNamespace(added_tokens_decoder=added, all_special_tokens=["<s>", " "])
    chat = [{"role": "user", "content": "<b>Hi</b> <|im_end|>\n<s><|im_end|>"}]
    assert [
        {"role": "user", "content": "<b>Hi</b> <\u200b|im_end|>\n<\u200bs><\u200b|im_end|>"}
    ] == without_control_tokens(chat, tokenizer)
    assert CHAT == without_control_tokens(CHAT, tokenizer)
    assert CHAT == without_control_tokens(CHAT, object())


class Template:
    """A tokenizer with a chat template."""

    def __init__(self, template: str) -> None:
        self.template = template

    def apply_chat_template(self, messages: Messages, **more: Any) -> str:
        """Write the chat."""
        import jinja2

        def refuse(message: str) -> None:
            raise jinja2.TemplateError(message)

        return jinja2.Template(self.template).render(messages=messages, raise_exception=refuse, **more)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}", True),
        ("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}", False),
        ("{{ raise_exception('no system') if messages[0].role == 'system' else messages[0].content }}", False),
        ("{% if loud %}{{ messages[0].content }}{% endif %}", True),
    ],
)
def test_template_that_loses_the_instructions_is_known(template: str, expected: bool) -> None:
    """Some templates refuse a system message, some leave it out without a word."""
    assert expected is keeps_system(Template(template), {"loud": True})


def test_instructions_can_stand_in_the_users_message() -> None:
    """They come first, and the order of the rest is kept."""
    chat = [*CHAT, {"role": "assistant", "content": "The first."}]
    expected = [{"role": "user", "content": "Be just.\n\nWhich?"}, {"role": "assistant", "content": "The first."}]
    assert expected == without_system(chat)


def test_tokens_that_read_the_same_are_added_up() -> None:
    """A letter with and without a space in front may read the same: its probability is the sum."""
    pairs = [("A", math.log(0.3)), ("B", math.log(0.4)), ("A", math.log(0.2)), ("C", -math.inf), ("C", -math.inf)]
    token = token_logprobs("A", math.log(0.3), pairs)
    assert {"A": pytest.approx(math.log(0.5)), "B": math.log(0.4), "C": -math.inf} == token.top
    assert token.top["A"] == token.logprob
    assert -9.0 == token_logprobs("Z", -9.0, pairs).logprob
