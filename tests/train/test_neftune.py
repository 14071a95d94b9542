"""Noise on the embeddings: a row's own, whatever surrounds it, and only while training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
transformers = pytest.importorskip("transformers")
from longismore.train import _run  # noqa: E402
from longismore.train._neftune import Noise, Span  # noqa: E402
from tiny_models import make_tiny_llama  # noqa: E402  it needs torch
from training_runs import largest_difference, one_thread, run, write_rows  # noqa: E402

STEP = {"max_steps": 1, "global_batch_size": 12, "neftune_alpha": 5}
WAYS = {
    "padded, at once": {"batching": "pad", "batch_size": 12},
    "padded to a length, in batches": {"batching": "pad", "pad_to": 256, "batch_size": 4},
    "grouped": {"batching": "group", "batch_size": 4},
    "packed": {"batching": "pack", "batch_size": 1},
    "packed, two packs at a time": {"batching": "pack", "batch_size": 2},
    "with an adapter": {"batching": "pad", "batch_size": 3, "lora_rank": 2, "lora_alpha": 4, "lora_dropout": 0},
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model."""
    return make_tiny_llama(tmp_path_factory.mktemp("model"))


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A file of rows."""
    return write_rows(tmp_path / "pool.json", 12)


class Tokens(torch.nn.Module):
    """An embedding of ones, in a model."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding.from_pretrained(torch.ones(9, width))

    def get_input_embeddings(self) -> Any:
        """As models of Transformers have it."""
        return self.embedding

    def forward(self, ids: Any) -> Any:
        """Noise alone."""
        return self.embedding(ids) - 1


def noise_of(spans: list[Span], shape: tuple[int, int], **changes: Any) -> Any:
    """What is added to a batch."""
    given = {"alpha": 5.0, "reference_length": None, "seed": 1, "epoch": 0, "spans": spans} | changes
    tokens, noise = Tokens(), Noise(**given)
    noise.attach(tokens)
    return tokens.train()(torch.zeros(shape, dtype=torch.long))


def test_scale() -> None:
    """Noise is uniform up to alpha / sqrt(L d), L being the reference length or the row's own; padding has none.

    With alpha 5 and d = 64, L = 100 gives 5 / sqrt(6400) = 0.0625, and the mean square of a uniform number in [-a, a]
    is a^2 / 3.
    """
    own = noise_of([Span(3, 0, 0, 100)], (1, 120))[0]
    assert float(own[:100].abs().max()) == pytest.approx(0.0625, rel=1e-3)
    assert float(own[:100].square().mean()) == pytest.approx(0.0625**2 / 3, rel=0.05)
    assert float(own[:100].mean()) == pytest.approx(0, abs=0.002)
    assert float(own[100:].abs().max()) == 0
    fixed = noise_of([Span(3, 0, 0, 100)], (1, 120), reference_length=2048)[0]
    torch.testing.assert_close(fixed, own * math.sqrt(100 / 2048))


def test_a_row_has_its_own_noise() -> None:
    """Wherever a row stands in a batch, its noise is the same; another row, epoch or seed has another."""
    first = noise_of([Span(7, 0, 0, 10)], (1, 10))[0]
    packed = noise_of([Span(2, 0, 0, 8), Span(4, 1, 0, 5), Span(7, 1, 5, 10)], (2, 20))
    assert torch.equal(packed[1, 5:15], first)
    assert torch.equal(packed[1, :5], noise_of([Span(4, 0, 0, 5)], (3, 9))[0, :5])
    assert not packed[0, 8:].any()
    for changes in ({"epoch": 1}, {"seed": 2}):
        assert not torch.isclose(noise_of([Span(7, 0, 0, 10)], (1, 10), **changes)[0], first).any()
    assert not torch.isclose(noise_of([Span(8, 0, 0, 10)], (1, 10))[0], first).any()


def test_the_global_generator_is_left_alone() -> None:
    """Dropout is the same with noise and without."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    noise_of([Span(7, 0, 0, 10)], (1, 10))
    assert torch.equal(torch.rand(3), expected)


def test_only_while_training() -> None:
    """A model that is evaluated, or that has been trained, has no noise."""
    tokens, noise = Tokens(), Noise(alpha=5.0, reference_length=None, seed=1, spans=[Span(0, 0, 0, 4)])
    noise.attach(tokens)
    ids = torch.zeros((1, 4), dtype=torch.long)
    assert not tokens.eval()(ids).any()
    assert tokens.train()(ids).all()
    noise.remove()
    assert not tokens.train()(ids).any()
    assert not tokens.embedding._forward_hooks


def test_half_precision() -> None:
    """Embeddings stay in their type."""
    tokens, noise = Tokens().bfloat16(), Noise(alpha=5.0, reference_length=None, seed=1, spans=[Span(0, 0, 0, 4)])
    noise.attach(tokens)
    assert tokens.train()(torch.zeros((1, 4), dtype=torch.long)).dtype == torch.bfloat16


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[dict[tuple[int, ...], Any]]:
    """The noise that reaches the first layer, batch by batch: by the row's tokens."""
    found: list[dict[tuple[int, ...], Any]] = []
    load, seen = _run.load_network, []

    def watched(*given: Any, **named: Any) -> Any:
        network = load(*given, **named)
        clean = network.get_input_embeddings().weight.detach().clone()

        def look(_: Any, __: Any, named: dict[str, Any]) -> None:
            ids = seen[-1]["input_ids"]
            noise = named["inputs_embeds"].detach() - clean[ids]
            where = seen[-1].get("position_ids")
            for number, row in enumerate(ids.tolist()):
                ends = seen[-1]["attention_mask"][number].sum() if where is None else len(row)
                starts = [0] if where is None else [at for at in range(len(row)) if where[number, at] == 0]
                for start, end in zip(starts, [*starts[1:], int(ends)], strict=True):
                    found.append({tuple(row[start:end]): noise[number, start:end]})
                if where is None:
                    assert not noise[number, int(ends) :].any()

        network.model.layers[0].register_forward_pre_hook(
            lambda module, given, named: look(module, given, {"inputs_embeds": given[0]} | named), with_kwargs=True
        )
        network.register_forward_pre_hook(lambda _, __, inputs: seen.append(inputs), with_kwargs=True)
        network.model.register_forward_pre_hook(lambda _, __, inputs: seen.append(inputs), with_kwargs=True)
        return network

    monkeypatch.setattr(_run, "load_network", watched)
    return found


def test_noise_does_not_depend_on_batches(
    model: Path, pool: Path, tmp_path: Path, added: list[dict[tuple[int, ...], Any]]
) -> None:
    """Padded, grouped, packed or with an adapter, each row gets the same noise, and it gets some."""
    rows: dict[str, dict[tuple[int, ...], Any]] = {}
    for number, (way, changes) in enumerate(WAYS.items()):
        added.clear()
        run(model, pool, tmp_path / str(number), max_length=256, **{**STEP, **changes})
        rows[way] = {tokens: noise for each in added for tokens, noise in each.items() if noise.any()}
    expected = rows.pop("padded, at once")
    assert len(expected) == 12
    assert all(noise.all(dim=-1).all() for noise in expected.values())
    for way, found in rows.items():
        assert set(found) == set(expected), way
        for tokens, noise in found.items():
            torch.testing.assert_close(noise, expected[tokens], atol=1e-7, rtol=0, msg=way)


def test_packed_and_unpacked_rows_train_the_same(model: Path, pool: Path, tmp_path: Path) -> None:
    """With noise too, a step with packs makes the weights of a step with padded rows."""
    step = {**STEP, "optimizer": "sgd", "learning_rate": 1.0, "schedule": "constant", "warmup_ratio": 0}
    padded = run(model, pool, tmp_path / "pad", max_length=256, **{**step, **WAYS["padded, at once"]})
    packed = run(model, pool, tmp_path / "pack", max_length=256, **{**step, **WAYS["packed"]})
    assert padded.losses == ((1, pytest.approx(packed.losses[0][1], abs=1e-6, rel=0)),)
    assert largest_difference(tmp_path / "pad", tmp_path / "pack") < 1e-6
    silent = run(model, pool, tmp_path / "none", max_length=256, **{**step, "neftune_alpha": "none", "batch_size": 12})
    assert silent.losses != padded.losses
    assert largest_difference(tmp_path / "pad", tmp_path / "none") > 1e-5


def test_a_trained_model_has_no_noise(model: Path, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When training is over, also by an error, the model is as it was."""
    made: list[Any] = []
    make = _run.make_trainer

    def watched(*given: Any, **named: Any) -> Any:
        made.append(make(*given, **named))
        assert made[-1].model.get_input_embeddings()._forward_hooks
        return made[-1]

    monkeypatch.setattr(_run, "make_trainer", watched)
    run(model, pool, tmp_path / "out", **STEP, batching="pad", batch_size=12)
    with pytest.raises(UsageError, match="of step"):
        run(model, pool, tmp_path / "failed", neftune_alpha=5, learning_rate=1e30, optimizer="sgd", epochs=9)
    assert [len(trainer.model.get_input_embeddings()._forward_hooks) for trainer in made] == [0, 0]
