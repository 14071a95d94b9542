"""A causal language model measures in batches what it measures one text at a time."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ifd_reference import mean, token_losses
from longismore.errors import ConfigError, UsageError
from longismore.selectors._models import causal_lm as _causal_lm
from longismore.selectors._models import forward as _causal_lm_forward
from longismore.selectors._models.causal_lm import (
    answer_losses,
    batches_by_length,
    identity,
    last_hidden,
    load,
    losses_and_means,
    next_token_logits,
)
from longismore.selectors._models.prefix import Family, families
from tiny_models import make_tiny_llama

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from longismore.selectors._models.causal_lm import CausalLM

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LENGTHS = (5, 40, 1, 17, 17, 64, 2, 33)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama whose hidden states and losses depend on the text."""
    return make_tiny_llama(tmp_path_factory.mktemp("model"), scale=3, head=8)


@pytest.fixture
def lm(folder: Path) -> CausalLM:
    """The model, loaded."""
    return load(str(folder), device="cpu")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of the model that a test may change."""
    return shutil.copytree(folder, tmp_path / "copy")


def texts(lengths: tuple[int, ...] = LENGTHS, vocabulary: int = 900) -> list[list[int]]:
    """Token ids of these lengths."""
    draw = np.random.default_rng(0)
    return [draw.integers(3, vocabulary, size=length).tolist() for length in lengths]


def expected(model: Any, rows: list[list[int]], starts: list[int]) -> list[float]:
    """Mean losses, one text and one token at a time."""
    return [mean(token_losses(model, row)[max(start, 1) - 1 :]) for row, start in zip(rows, starts, strict=True)]


def means_of(losses: list[_causal_lm.AnswerLoss]) -> list[float]:
    """Mean losses; of no token, not a number."""
    return [math.nan if loss.mean is None else loss.mean for loss in losses]


@pytest.mark.parametrize("max_tokens", [1, 60, 100_000])
def test_losses_are_those_of_one_text_at_a_time(lm: CausalLM, max_tokens: int) -> None:
    """Whatever the size of a batch, mean losses agree to 1e-5, and every token is counted."""
    rows, starts = texts(), [3, 0, 0, 16, 1, 20, 1, 33]
    losses = answer_losses(lm, rows, starts, max_tokens=max_tokens)
    assert means_of(losses) == pytest.approx(expected(lm.model, rows, starts), abs=1e-5, nan_ok=True)
    assert [loss.tokens for loss in losses] == [2, 39, 0, 1, 16, 44, 1, 0]


def test_losses_do_not_depend_on_how_many_logits_are_made_at_once(
    lm: CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven positions at once, of whose losses two at once, give what all at once give."""
    rows, starts = texts(), [0] * len(LENGTHS)
    whole = means_of(answer_losses(lm, rows, starts))
    monkeypatch.setattr(_causal_lm_forward, "_logit_rows", lambda _: (7, 2))
    assert means_of(answer_losses(lm, rows, starts)) == pytest.approx(whole, abs=1e-6, nan_ok=True)


def test_rows_without_tokens_have_no_loss(lm: CausalLM) -> None:
    """Nothing in, nothing out: no batch is made of them."""
    assert answer_losses(lm, [[], [5, 6]], [0, 0])[0] == (0.0, 0)
    assert answer_losses(lm, [], []) == []


def test_means_of_the_last_layer_leave_padding_out(lm: CausalLM) -> None:
    """The mean is over the row's own tokens of what the whole model calls its last hidden state."""
    rows = texts()
    found = losses_and_means(lm, rows, [0] * len(rows))
    for row, (_, vector) in zip(rows, found, strict=True):
        states = lm.model(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states[-1][0]
        assert vector is not None
        assert vector.tolist() == pytest.approx(states.mean(0).tolist(), abs=1e-5)
    assert last_hidden(lm, rows, pool="mean").tolist() == [vector.tolist() for _, vector in found]  # type: ignore[union-attr]


def test_last_hidden_and_next_token_are_read_at_the_last_token(lm: CausalLM) -> None:
    """Padding stands after it, and is not read."""
    rows, wanted = texts(), [7, 900, 3]
    hidden, logits = last_hidden(lm, rows), next_token_logits(lm, rows, wanted)
    for place, row in enumerate(rows):
        found = lm.model(input_ids=torch.tensor([row]), output_hidden_states=True)
        assert hidden[place].tolist() == pytest.approx(found.hidden_states[-1][0, -1].tolist(), abs=1e-5)
        assert logits[place].tolist() == pytest.approx(found.logits[0, -1, wanted].tolist(), abs=1e-5)
    assert hidden.dtype == logits.dtype == np.float32
    assert last_hidden(lm, []).shape == (0, 0)
    assert next_token_logits(lm, [], wanted).shape == (0, 3)


def test_rows_that_begin_alike_are_families() -> None:
    """What is shared ends two tokens before the first answer, at least; few tokens, or few rows, are not worth it."""
    common, other = [9, 8, 7, 6, 5], [1, 2, 3, 4]
    rows = [[*common, 1], [*common, 4, 4], [*common, 4, 5], [*common, 1, 2], [*other, 1], [*other, 2], [], [9, 8]]
    assert families(rows, [6] * 8) == [Family([0, 1, 2, 3], 5), Family([4, 5, 6, 7], 0)]
    assert families(rows, [6, 6, 5, 6, 6, 6, 6, 6])[0] == Family([0, 1, 2, 3], 4)
    assert families(rows, [6, 6, 4, 6, 6, 6, 6, 6]) == [Family(list(range(8)), 0)]
    assert families([[1, 2, 3, 4]] * 4, [9] * 4) == [Family([0, 1, 2, 3], 4)]
    assert families([], []) == []


@pytest.mark.parametrize("max_tokens", [1, 80, None])
def test_what_texts_begin_with_goes_through_once(
    lm: CausalLM, max_tokens: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses agree with those of whole texts one at a time, also of answers that begin right after it."""
    rows = [[11, 12, 13, 14, 15, 16, *row] for row in texts()] + texts()
    starts = [7, 9, 7, 10, 23, 60, 7, 7] + [2] * 8
    read = 0
    forward = _causal_lm_forward._forward

    def counting(model: Any, some: list[list[int]], states: Any = None) -> Any:
        nonlocal read
        read += sum(map(len, some))
        return forward(model, some, states)

    monkeypatch.setattr(_causal_lm_forward, "_forward", counting)
    losses = answer_losses(lm, rows, starts, max_tokens=max_tokens)
    assert read == sum(map(len, rows)) - 8 * 6
    assert means_of(losses) == pytest.approx(expected(lm.model, rows, starts), abs=1e-5, nan_ok=True)
    assert [loss.tokens for loss in losses] == [
        max(0, len(row) - start) for row, start in zip(rows, starts, strict=True)
    ]


def test_batches_are_bounded_by_tokens_and_hold_each_row_once() -> None:
    """The longest come first; a row above the bound is a batch of its own."""
    lengths = [3, 9, 4, 4, 1, 50, 0]
    batches = batches_by_length(lengths, 12)
    assert batches == [[5], [1], [2, 3, 0], [4, 6]]
    assert all(len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= 12 for batch in batches)
    assert batches_by_length([], 12) == []


MODELS = {
    "absolute positions": lambda: transformers.GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=100),
    "alibi": lambda: transformers.BloomConfig(hidden_size=32, n_layer=2, n_head=2, vocab_size=100),
    "positions from the mask": lambda: transformers.OPTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=64, vocab_size=100, word_embed_proj_dim=16
    ),
    "capped logits": lambda: transformers.Gemma2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=16,
        intermediate_size=64, vocab_size=100, sliding_window=8, final_logit_softcapping=0.5,
    ),
    "scaled logits": lambda: transformers.CohereConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, vocab_size=100,
        logit_scale=4.0,
    ),
    "divided logits": lambda: transformers.GraniteConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, vocab_size=100,
        logits_scaling=3.0,
    ),
    "state space": lambda: transformers.MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=100),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_other_architectures_measure_the_same(kind: str, folder: Path, tmp_path: Path) -> None:
    """Positions that are learned, alibi, sliding windows, scaled or capped logits: batches agree with single texts."""
    config = MODELS[kind]()
    config.pad_token_id = 0
    torch.manual_seed(1)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.mul_(4)
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    lm = load(str(tmp_path), device="cpu")
    assert lm.shares_prefixes == (kind != "state space")
    rows = texts(vocabulary=99)
    alike = [[5, 80, 6, 70, 7, 60, 9, *row] for row in rows]
    for some, starts in ((rows, [0] * len(rows)), (alike, [8] * len(rows))):
        assert means_of(answer_losses(lm, some, starts)) == pytest.approx(
            expected(lm.model, some, starts), rel=1e-5, abs=1e-5, nan_ok=True
        )
    wanted = [3, 50]
    for row, found in zip(rows, next_token_logits(lm, rows, wanted), strict=True):
        single = lm.model(input_ids=torch.tensor([row])).logits[0, -1, wanted]
        assert found.tolist() == pytest.approx(single.tolist(), rel=1e-4, abs=1e-5)


def test_a_model_that_looks_at_padding_is_found_out(lm: CausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither padding nor a mask leaves its numbers alone, texts go through one by one."""
    forward = type(lm.model.base_model).forward

    def leaking(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = forward(self, *args, **kwargs)
        found.last_hidden_state = found.last_hidden_state + found.last_hidden_state.mean(dim=1, keepdim=True)
        return found

    rows, starts = texts(), [0] * len(LENGTHS)
    monkeypatch.setattr(type(lm.model.base_model), "forward", leaking)
    _causal_lm_forward.try_out(lm)
    assert lm.one_by_one
    assert means_of(answer_losses(lm, rows, starts)) == pytest.approx(
        expected(lm.model, rows, starts), abs=1e-5, nan_ok=True
    )


def test_a_model_with_more_than_an_output_layer_gives_its_own_logits(
    lm: CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logits are taken from the whole model where its output layer alone does not explain them."""
    forward = type(lm.model).forward

    def shifting(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = forward(self, *args, **kwargs)
        found.logits = found.logits * torch.linspace(1, 3, found.logits.shape[-1])
        return found

    rows, starts = texts(), [0] * len(LENGTHS)
    monkeypatch.setattr(type(lm.model), "forward", shifting)
    _causal_lm_forward.try_out(lm)
    assert lm.whole_logits
    assert not lm.one_by_one
    wanted = expected(lm.model, rows, starts)
    assert means_of(answer_losses(lm, rows, starts)) == pytest.approx(wanted, abs=1e-5, nan_ok=True)
    single = lm.model(input_ids=torch.tensor([rows[1]])).logits[0, -1, [4, 5]]
    assert next_token_logits(lm, rows, [4, 5])[1].tolist() == pytest.approx(single.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("MPS backend out of memory"),
    ],
)
def test_a_batch_that_does_not_fit_is_halved(lm: CausalLM, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The results are those of batches that fit, and later batches are smaller from the start."""
    rows, starts = texts(), [0] * len(LENGTHS)
    fitting = means_of(answer_losses(lm, rows, starts))
    forward, sizes = _causal_lm_forward._forward, []

    def short_of_memory(model: Any, some: list[list[int]], states: Any = None) -> Any:
        sizes.append(len(some) * max(map(len, some)))
        if sizes[-1] > 100:
            raise error
        return forward(model, some, states)

    monkeypatch.setattr(_causal_lm_forward, "_forward", short_of_memory)
    assert means_of(answer_losses(lm, rows, starts)) == pytest.approx(fitting, abs=1e-6, nan_ok=True)
    assert lm.most_tokens is not None
    assert lm.most_tokens <= 512
    failed = sum(size > 100 for size in sizes)
    answer_losses(lm, rows, starts)
    assert sum(size > 100 for size in sizes) == failed


def test_one_row_that_does_not_fit_is_an_error(lm: CausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left to halve; the message says how long the row is and what helps."""

    def full(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(_causal_lm_forward, "_forward", full)
    with pytest.raises(MemoryError, match=r"a text of 64 tokens does not fit into the memory of cpu; lower max_length"):
        answer_losses(lm, texts(), [0] * len(LENGTHS))


def test_other_errors_of_the_model_are_not_taken_for_lack_of_memory(
    lm: CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They reach whoever called."""

    def broken(*_: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(_causal_lm_forward, "_forward", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        answer_losses(lm, texts(), [0] * len(LENGTHS))


def test_half_precision_comes_near(folder: Path) -> None:
    """The weights are in 16 bits then, and losses agree within their rounding."""
    half, single = load(str(folder), dtype="bfloat16", device="cpu"), load(str(folder), device="cpu")
    rows, starts = texts(), [0] * len(LENGTHS)
    assert half.dtype == "bfloat16"
    assert not half.one_by_one
    assert means_of(answer_losses(half, rows, starts)) == pytest.approx(
        means_of(answer_losses(single, rows, starts)), rel=0.03, nan_ok=True
    )


def test_identity_tells_models_apart_by_their_contents(folder: Path, copy: Path, tmp_path: Path) -> None:
    """A copy is the same model; other weights of the same shape are not, nor is another number format."""
    assert identity(str(copy)) == identity(str(folder))
    assert identity(str(folder)) == identity(str(folder), dtype="float32")
    assert identity(str(folder), dtype="bfloat16") != identity(str(folder))
    other = make_tiny_llama(tmp_path / "other", seed=1, scale=3, head=8)
    assert identity(str(other)) != identity(str(folder))


def test_identity_sees_that_a_model_was_trained_on_in_its_place(copy: Path) -> None:
    """The same folder with new weights is another model, within one process too."""
    before = identity(str(copy))
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.unlink()
    weights.write_bytes(data)
    assert identity(str(copy)) != before


def test_missing_and_broken_models_are_named(copy: Path, tmp_path: Path) -> None:
    """The message says which model, and what is wrong with it."""
    with pytest.raises(UsageError, match=r'model "\./nothing/of/it": there is no such folder'):
        load("./nothing/of/it", device="cpu")
    with pytest.raises(UsageError, match=r"is no model: there is no config\.json in it"):
        identity(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="it holds an adapter; merge it"):
        identity(str(tmp_path))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (copy / name).unlink()
    with pytest.raises(UsageError, match=r'model ".*": no tokenizer can be loaded from'):
        load(str(copy), device="cpu")


def test_broken_weights_and_settings_are_named(folder: Path, copy: Path) -> None:
    """Cut weights, none at all, an unreadable configuration, and one that is no object."""
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UsageError, match=r"cannot be loaded from .* onto cpu"):
        load(str(copy), device="cpu")
    weights.unlink()
    with pytest.raises(UsageError, match=r"has a config\.json, but no weights"):
        load(str(copy), device="cpu")
    shutil.copy(folder / "model.safetensors", copy)
    (copy / "config.json").write_text("{")
    with pytest.raises(UsageError, match=r"config\.json: cannot be read"):
        identity(str(copy))
    with pytest.raises(UsageError, match=r"config\.json cannot be used"):
        _causal_lm.check(str(copy), device="cpu")
    (copy / "config.json").write_text("[]")
    with pytest.raises(UsageError, match="a JSON object is expected, found list"):
        identity(str(copy))


def test_an_id_without_network_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the folder nor the hub has it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match=r'model "nobody/nothing": there is no such folder, and no model of that id'):
        identity("nobody/nothing")


def test_dtype_device_and_length_are_checked_without_loading(folder: Path) -> None:
    """What cannot be had is named with what can."""
    with pytest.raises(ConfigError, match=r'dtype "int3" is not known; allowed: auto, float32, bfloat16, float16'):
        load(str(folder), dtype="int3", device="cpu")
    with pytest.raises(ConfigError, match=r'device "tpu" is not known; allowed: auto, cuda, mps, cpu'):
        _causal_lm.check(str(folder), device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match=r'device "cuda:1": this machine has none that PyTorch can use'):
            load(str(folder), device="cuda:1")
    with pytest.raises(ConfigError, match=r"max_length 4096 is more than the 2048 tokens"):
        _causal_lm.check(str(folder), device="cpu", max_length=4096)
    _causal_lm.check(str(folder), max_length=2048)
