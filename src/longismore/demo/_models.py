"""The first three parts: rows and a base model out of nothing, selections, and a model trained on each."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from longismore._jsonl import write_text
from longismore._optional import require
from longismore.demo._pool import make_pool, text_of
from longismore.demo._settings import EXAMPLE, MODELS
from longismore.errors import ConfigError
from longismore.instructions import open_data
from longismore.selectors import LocalEngine, ScoreStore, Work, make_selector, select_rows
from longismore.study._stage import Stage, digest_of
from longismore.train import load_preset, train
from longismore.train._tiny import make_network, make_tokenizer, train_on_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from longismore.demo._settings import Sizes
    from longismore.demo._teller import Teller
    from longismore.instructions import InstructionData
    from longismore.train import TrainResult

__all__ = ["PRESET", "Models", "quiet_machine"]

PRESET = "tiny-cpu"


@contextmanager
def quiet_machine() -> Iterator[None]:
    """One thread, since sums depend on how they are divided among threads; and no bars of Transformers."""
    torch = require("torch", extra="train")
    bars = require("transformers.utils.logging", extra="train")
    threads, were_shown = torch.get_num_threads(), bars.is_progress_bar_enabled()
    torch.set_num_threads(1)
    bars.disable_progress_bar()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if were_shown:
            bars.enable_progress_bar()


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What is made in the demonstration's folder before any model is asked; what is there already is kept."""

    folder: Path
    seed: int
    sizes: Sizes
    teller: Teller

    def make_base(self) -> dict[str, Any]:
        """Write the rows, and make a model that has read them; returns what is known of it."""
        started = time.monotonic()
        rows = make_pool(self.sizes.rows, self.seed)
        text = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
        path = self.data("full")
        is_there = path.is_file() and path.read_bytes() == text.encode()
        if not is_there:
            write_text(path, text)
        told = f"{self._named(path)}: {len(rows)} rows of instruction data"
        self.teller.done(told, seconds=None if is_there else time.monotonic() - started)
        return self._read(list(map(text_of, rows)))

    def _read(self, texts: Sequence[str]) -> dict[str, Any]:
        steps = self.sizes.base_steps
        stage = Stage(self.folder / "base", {"texts": digest_of(texts), "seed": self.seed, "steps": steps})
        marker, seconds = stage.found(), None
        if marker is None:
            stage.begin()
            with self.teller.doing("base") as on_step:
                tokenizer = make_tokenizer(texts)
                network = make_network(tokenizer, self.seed)
                loss = train_on_text(network, tokenizer, texts, steps=steps, seed=self.seed, on_step=on_step)
                network.save_pretrained(stage.folder)
                tokenizer.save_pretrained(stage.folder)
            files = [each for each in stage.folder.iterdir() if each.name != "stage.json"]
            marker = stage.end(sorted(files), {"parameters": network.num_parameters(), "loss": loss})
            seconds = marker["seconds"]
        told = f"base: a Llama of {marker['parameters']:,} parameters, {steps} steps on them, loss {marker['loss']:.2f}"
        self.teller.done(told, seconds=seconds)
        return marker

    def data(self, model: str) -> Path:
        """What a model is trained on."""
        return self.folder / "data" / ("pool.json" if model == "full" else f"{model}.json")

    def select(self) -> None:
        """Choose rows, in each way the same number."""
        pool = open_data(self.data("full"))
        scores = self.folder / "data" / "measured"
        work = Work(budget=self.sizes.budget, engine=LocalEngine(ScoreStore(scores)), folder=scores)
        for model, meaning in MODELS.items():
            started, was_done, path = time.monotonic(), False, self.data(model)
            if model != "full":
                name, settings = self._strategy(model)
                pairs = [word for each in settings.items() for word in ("--set", "=".join(each))]
                ends = ["--budget", str(self.sizes.budget), "--output", self._named(path)]
                words = ["longismore", "select", name, *pairs, "--data", self._named(pool.paths[0]), *ends]
                self.teller.command(words, is_example=model == EXAMPLE)
                selection = select_rows(name, make_selector(name, settings), pool, work, path)
                was_done = selection is not None and selection.was_done
            told = f"{model}: {_lengths(open_data(path))}, {meaning}"
            self.teller.done(told, seconds=None if was_done else time.monotonic() - started)

    def _strategy(self, model: str) -> tuple[str, dict[str, str]]:
        if model == "longest":
            return model, {}
        return "random", {"seed": str(self.seed), "trial": "2" if model == "random-2" else "1"}

    def trained(self, model: str) -> Path:
        """Folder of a trained model."""
        return self.folder / "models" / model

    def train(self) -> None:
        """Train the base model on each selection, and on all rows."""
        overrides = {"epochs": str(self.sizes.epochs), "seed": str(self.seed)}
        settings = load_preset(PRESET, overrides)
        base = self.folder / "base"
        for model in MODELS:
            folder, path = self.trained(model), self.data(model)
            sets = [word for each in overrides.items() for word in ("--set", "=".join(each))]
            files = ["--data", self._named(path), "--model", base.name, "--output", self._named(folder)]
            words = ["longismore", "train", "--preset", PRESET, *sets, *files]
            self.teller.command(words, is_example=model == EXAMPLE)
            with self.teller.doing(model) as on_step:
                data = open_data(path)
                try:
                    result = train(settings, data, str(base), folder, on_progress=on_step)
                except ConfigError:  # it was begun with another seed, or other rows
                    result = train(settings, data, str(base), folder, resume=False, on_progress=on_step)
            self.teller.done(f"{model}: {_course(result)}", seconds=None if result.was_finished else result.seconds)

    def _named(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def _lengths(data: InstructionData) -> str:
    mean = fmean(len(row.response) for row in data.rows())
    return f"{data.size} rows, {mean:,.0f} characters an answer"


def _course(result: TrainResult) -> str:
    (_, first), (_, last) = result.losses[0], result.losses[-1]
    return f"{result.steps} steps, loss {first:.2f} at first, {last:.2f} at last"
