"""Output folders of lm-eval: which of the logged samples are read."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from longismore.errors import DataError, SchemaError
from longismore.testsets import read_outputs

if TYPE_CHECKING:
    from pathlib import Path


def write_samples(path: Path, *texts: object, **doc: object) -> None:
    """Write samples as lm-eval logs them, one for each text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = [
        {"doc": {"prompt": f"{number}?", **doc}, "resps": [[text]]} for number, text in enumerate(texts)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_folder_gives_the_newest_samples_of_each_task(tmp_path: Path) -> None:
    """Underscores in a task's name do not confuse its date; other files are not looked at."""
    model = tmp_path / "out" / "org__model"
    write_samples(model / "samples_a_1_2025-01-01T00-00-00.000001.jsonl", "old")
    write_samples(model / "samples_a_1_2025-01-02T00-00-00.jsonl", "new", "newer")
    write_samples(model / "samples_a_2024-01-01T00-00-00.5.jsonl", "other task")
    write_samples(model / "samples_undated.jsonl", "undated")
    (model / "results_2025-01-02T00-00-00.json").write_text("{}")
    found = read_outputs(tmp_path / "out")
    assert {"new", "newer", "other task", "undated"} == {output.output for output in found.outputs}
    assert (tmp_path / "out", "org__model") == (found.path, found.model)


def test_in_a_folder_our_tasks_go_before_others(tmp_path: Path) -> None:
    """Where a run had other tasks too, those are not taken for answers, even if they generate no text."""
    write_samples(tmp_path / "m" / "samples_longismore_koala_2025-01-01T00-00-00.jsonl", "ours", testset="koala")
    write_samples(tmp_path / "m" / "samples_mmlu_2025-01-01T00-00-00.jsonl", ["-1.5", "False"])
    assert ["ours"] == [output.output for output in read_outputs(tmp_path).outputs]


def test_what_is_left_out_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An older run is not dropped silently."""
    for day in (1, 2):
        write_samples(tmp_path / f"samples_t_2025-01-0{day}T00-00-00.jsonl", "?")
    with caplog.at_level(logging.INFO):
        read_outputs(tmp_path)
    (message,) = caplog.messages
    assert message.endswith("are left out: samples_t_2025-01-01T00-00-00.jsonl")


def test_an_empty_samples_file_is_an_error(tmp_path: Path) -> None:
    """A run that was stopped leaves one."""
    (tmp_path / "samples_t_2025-01-01T00-00-00.jsonl").touch()
    with pytest.raises(SchemaError, match="the file is empty"):
        read_outputs(tmp_path)


def test_a_folder_with_two_models_is_an_error(tmp_path: Path) -> None:
    """Both are named; one is to be given."""
    for model in ("one", "two"):
        write_samples(tmp_path / model / "samples_t_2025-01-01T00-00-00.jsonl", "?")
    with pytest.raises(DataError) as caught:
        read_outputs(tmp_path)
    assert f"samples of 2 model folders: {tmp_path / 'one'}, {tmp_path / 'two'}; give" in str(caught.value)


def test_a_folder_without_samples_is_an_error(tmp_path: Path) -> None:
    """The option that makes lm-eval write them is in the message."""
    with pytest.raises(DataError, match=r"no samples_.* --log_samples"):
        read_outputs(tmp_path)
