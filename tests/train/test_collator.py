"""Tensors of a batch: however rows are put together, the loss of each is what it is by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longismore.instructions import Row, Turn
from longismore.train._batching import EpochBatches, count_positions, make_batches
from longismore.train._collator import IGNORED, Collator
from longismore.train._encode import Encoded, encode_rows
from longismore.train._tokens import padding_id
from longismore.train.settings import TrainSettings, load_preset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from tiny_models import make_tiny_llama, make_tokenizer  # noqa: E402  it needs torch

PAD = 1
FORMS = {
    "pad": {"batching": "pad"},
    "pad to 128": {"batching": "pad", "pad_to": 128, "max_length": 128},
    "group": {"batching": "group"},
    "pack": {"batching": "pack", "max_length": 128},
}


def settings(**changes: object) -> TrainSettings:
    """Those of the tiny preset, with other values."""
    return load_preset("tiny-cpu", {"batch_size": 3, "global_batch_size": 12} | changes)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums depend on how they are divided among threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model whose losses differ much from token to token, and with what stands before."""
    return make_tiny_llama(tmp_path_factory.mktemp("model"), scale=6.0, head=8.0)


@pytest.fixture(scope="module", params=["sdpa", "eager"])
def model(request: pytest.FixtureRequest, folder: Path) -> Any:
    """The model with one implementation of attention or the other, set up as for training."""
    found = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation=request.param).double()
    found.config.use_cache = False
    return found


@pytest.fixture(scope="module")
def rows() -> list[Encoded]:
    """Twenty-three rows of 30 to 128 tokens, some of several turns."""
    draw = np.random.default_rng(3)
    words = ["Salt", "melts", "ice,", "because", "water", "with", "ions", "freezes", "later.\n", "Why?"]

    def text(most: int) -> str:
        return " ".join(words[place] for place in draw.integers(len(words), size=draw.integers(1, most)))

    given = [
        Row(number=number, place="", turns=tuple(Turn(text(5), text(12)) for _ in range(1 + number % 3 // 2)))
        for number in range(23)
    ]
    found = encode_rows(given, make_tokenizer(), settings(max_length=128)).examples
    assert len({len(row) for row in found}) > 10
    return found


def loss_sum(model: Any, batch: dict[str, Any]) -> Any:
    """Sum of the losses of a batch."""
    return model(**batch, num_items_in_batch=1).loss


def alone(model: Any, rows: Sequence[Encoded]) -> tuple[Any, int]:
    """Sum and number of the losses of rows, each by itself and without a collator."""
    total, count = 0.0, 0
    for row in rows:
        ids = torch.from_numpy(row.input_ids.astype(np.int64))
        logits = model(input_ids=ids[None]).logits[0, :-1]
        taken = torch.from_numpy(row.loss[1:])
        total = total + torch.nn.functional.cross_entropy(logits[taken], ids[1:][taken], reduction="sum")
        count += int(taken.sum())
    return total, count


def check_gradients(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """They are equal, but for the rounding of losses to 32 bits."""
    for name, each in wanted.items():
        assert float((found[name] - each).abs().max() / each.abs().max()) < 1e-5, name


def batched(rows: Sequence[Encoded], chosen: TrainSettings) -> list[dict[str, Any]]:
    """The tensors of an epoch."""
    collate = Collator(chosen, PAD)
    batches = make_batches([len(row) for row in rows], chosen, 0, 0)
    return [collate([rows[place] for place in batch]) for batch in batches]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss_on", ["response", "full"])
def test_the_loss_is_that_of_the_rows_alone(model: Any, rows: list[Encoded], form: str, loss_on: str) -> None:
    """Padded, grouped or packed: the same mean over all tokens with loss to 1e-6, and as many labels as losses."""
    if loss_on == "full":
        rows = [replace(row, loss=np.ones_like(row.loss)) for row in rows]
    batches = batched(rows, settings(**FORMS[form]))
    with torch.no_grad():
        wanted, count = alone(model, rows)
        found = sum(loss_sum(model, batch) for batch in batches)
    labels = sum(int(batch["labels"].ne(IGNORED).sum()) for batch in batches)
    assert labels == sum(int(batch["labels"][..., 1:].ne(IGNORED).sum()) for batch in batches) == count
    assert float(found / labels) == pytest.approx(float(wanted / count), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_that_of_the_rows_alone(model: Any, rows: list[Encoded], form: str) -> None:
    """So is what the model learns from them."""
    gradients = []
    for total in (alone(model, rows)[0], sum(loss_sum(model, b) for b in batched(rows, settings(**FORMS[form])))):
        model.zero_grad()
        total.backward()
        gradients.append({name: weight.grad.clone() for name, weight in model.named_parameters()})
    check_gradients(gradients[1], gradients[0])


def packed(rows: list[Encoded]) -> dict[str, Any]:
    """One batch of three packs."""
    return batched(rows, settings(**FORMS["pack"]))[0]


def contaminated(batch: dict[str, Any], how: str) -> dict[str, Any]:
    """The batch, as a collator would make it that forgets something."""
    broken = dict(batch)
    match how:
        case "positions go on":
            broken["position_ids"] = torch.arange(batch["input_ids"].shape[1]).expand_as(batch["input_ids"])
        case "a mask is there too":
            broken["attention_mask"] = torch.ones_like(batch["input_ids"])
        case "the model keeps a cache":
            broken["use_cache"] = True
        case "first tokens are foretold":
            first = batch["position_ids"].eq(0) & batch["input_ids"].ne(PAD)
            broken["labels"] = torch.where(first, batch["input_ids"], batch["labels"])
    return broken


@pytest.mark.parametrize(
    "how", ["positions go on", "a mask is there too", "the model keeps a cache", "first tokens are foretold"]
)
def test_contamination_would_be_seen(model: Any, rows: list[Encoded], how: str) -> None:
    """The loss says whether rows of a pack see each other: with any of these mistakes it is another one."""
    batch = packed(rows)
    with torch.no_grad():
        right, wrong = (float(loss_sum(model, each)) for each in (batch, contaminated(batch, how)))
    assert abs(right - wrong) > 1e-2


def test_no_row_of_a_pack_depends_on_another(model: Any, rows: list[Encoded]) -> None:
    """Other tokens in the first row change no logits but its own."""
    batch = packed(rows)
    end = int(batch["position_ids"][0].diff().lt(0).nonzero()[0, 0]) + 1
    other = {name: tensor.clone() for name, tensor in batch.items()}
    other["input_ids"][0, :end] = 7
    with torch.no_grad():
        change = (model(**batch).logits - model(**other).logits).abs().amax(-1)
    assert change[0, :end].min() > 1e-3
    assert change[0, end:].max() < 1e-9
    assert change[1:].max() == 0


def example(*ids: int, prompt: int = 1) -> Encoded:
    """A row whose answer begins after so many tokens."""
    return Encoded(np.array(ids, dtype=np.int32), np.arange(len(ids)) >= prompt, 0)


def test_padded_by_hand() -> None:
    """Rows of 2 and 4 tokens: padding at the right, without attention and without labels."""
    batch = Collator(settings(batching="pad"), 9)([example(3, 4), example(5, 6, 7, 8, prompt=0)])
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[3, 4, 9, 9], [5, 6, 7, 8]],
        "labels": [[-100, 4, -100, -100], [-100, 6, 7, 8]],
        "attention_mask": [[1, 1, 0, 0], [1, 1, 1, 1]],
    }
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_packed_by_hand() -> None:
    """Rows of 2, 4 and 3 tokens in sequences of six: 4 and 2 share one; positions begin anew, also those of padding."""
    rows = [example(3, 4), example(5, 6, 7, 8, prompt=0), example(1, 1, 2, prompt=2)]
    batch = Collator(settings(batching="pack", max_length=6), 9)(rows)
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[5, 6, 7, 8, 3, 4], [1, 1, 2, 9, 9, 9]],
        "labels": [[-100, 6, 7, 8, -100, 4], [-100, -100, 2, -100, -100, -100]],
        "position_ids": [[0, 1, 2, 3, 0, 1], [0, 1, 2, 0, 1, 2]],
    }


def test_flash_attention_gets_one_sequence() -> None:
    """It looks at positions in a batch of one only; there is no padding then."""
    chosen = settings(batching="pack", max_length=6, attention="flash_attention_2", precision="bf16")
    batch = Collator(chosen, 9)([example(3, 4), example(5, 6, 7, 8), example(1, 1, 2)])
    assert batch["input_ids"].tolist() == [[3, 4, 5, 6, 7, 8, 1, 1, 2]]
    assert batch["position_ids"].tolist() == [[0, 1, 0, 1, 2, 3, 0, 1, 2]]
    assert "attention_mask" not in batch


@pytest.mark.parametrize("form", FORMS)
def test_an_end_that_is_also_padding_is_learned(folder: Path, form: str) -> None:
    """Where padding is made of the end-of-text token, the end of an answer still has its label and is seen."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    given = [Row(number=number, place="", turns=(Turn("A?", "Yes. " * number),)) for number in (1, 4)]
    chosen = settings(**FORMS[form])
    rows = encode_rows(given, tokenizer, chosen).examples
    batch = Collator(chosen, padding_id(tokenizer))(rows)
    assert int(batch["labels"].eq(tokenizer.eos_token_id).sum()) == 2
    if "attention_mask" in batch:
        assert batch["attention_mask"].sum(-1).tolist() == [len(row) for row in rows]


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_batch_changes_nothing(model: Any, rows: list[Encoded], form: str) -> None:
    """A device for which there is no row takes part, with a loss of zero and no gradient."""
    batch = Collator(settings(**FORMS[form]), PAD)([])
    model.zero_grad()
    loss = loss_sum(model, batch)
    loss.backward()
    assert loss.item() == 0
    assert all(float(weight.grad.abs().sum()) == 0 for weight in model.parameters())


@pytest.mark.parametrize("form", FORMS)
def test_positions_are_those_that_are_counted(rows: list[Encoded], form: str) -> None:
    """The size of the tensors is what padding waste is worked out from."""
    chosen, lengths = settings(**FORMS[form]), [len(row) for row in rows]
    made = sum(batch["input_ids"].numel() for batch in batched(rows, chosen))
    assert made == count_positions(lengths, make_batches(lengths, chosen, 0, 0), chosen)


class Recorder:
    """Keeps the gradients of every optimizer step, and changes no weight."""

    def __init__(self, model: Any) -> None:
        self.model, self.steps = model, []

    def optimizer(self) -> Any:
        """For the trainer."""
        recorder = self

        class Kept(torch.optim.SGD):
            def step(self, closure: Any = None) -> None:
                found = {name: weight.grad.clone() for name, weight in recorder.model.named_parameters()}
                recorder.steps.append(found)

        return Kept(self.model.parameters(), lr=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_steps_average_over_tokens(folder: Path, rows: list[Encoded], tmp_path: Path, form: str) -> None:
    """The Trainer's step over several batches is the mean over all their tokens, also the last and shorter one's."""
    chosen = settings(**FORMS[form])
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa").double()
    model.config.use_cache = False
    sampler = EpochBatches(lengths=[len(row) for row in rows], settings=chosen, seed=0)
    recorder, accumulation = Recorder(model), 3

    class Trainer(transformers.Trainer):  # type: ignore[misc, name-defined]
        def get_train_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(rows, batch_sampler=sampler, collate_fn=Collator(chosen, PAD))

    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        gradient_accumulation_steps=accumulation,
        num_train_epochs=1,
        max_grad_norm=0,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    Trainer(model=model, args=arguments, train_dataset=rows, optimizers=(recorder.optimizer(), None)).train()
    batches = list(sampler)
    steps = [batches[start : start + accumulation] for start in range(0, len(batches), accumulation)]
    assert len(recorder.steps) == len(steps) > 1
    assert len(steps[-1]) < accumulation or len(batches[-1]) < len(batches[0])
    for found, step in zip(recorder.steps, steps, strict=True):
        model.zero_grad()
        total, count = alone(model, [rows[place] for batch in step for place in batch])
        (total / count).backward()
        check_gradients(found, {name: weight.grad for name, weight in model.named_parameters()})
