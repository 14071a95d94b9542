"""The whole way with a real model: lm_eval's own command, Hugging Face weights, answers, judge, run folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

MISSING = [name for name in ("torch", "transformers") if find_spec(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_tiny_model.py"
PLAIN = ("-m", "lm_eval", "run")
"""lm_eval's own command: ten seconds of it are its index of other people's tasks."""
QUICK = ("-m", "longismore", "eval")
"""The same without that index."""


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python offline, with an empty home folder."""
    home.mkdir(exist_ok=True)
    left_out = ("LONGISMORE_", "OPENAI_", "XDG_", "HF_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment |= {"HOME": str(home), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    process = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-4000:]
    return process


def evaluate(home: Path, model: Path, out: Path, *more: str, program: tuple[str, ...] = QUICK) -> str:
    """Evaluate four answers of the tiny model; returns stdout."""
    fixed = ("--model", "hf", "--tasks", "longismore_mini", "--device", "cpu", "--limit", "4")
    given = ("--model_args", f"pretrained={model},dtype=float32", "--gen_kwargs", "max_gen_toks=16")
    return run(home, *program, *fixed, *given, "--output_path", str(out), *more).stdout


def told(**metadata: str) -> list[str]:
    """The flag --metadata, as the version of lm_eval wants it."""
    if version("lm_eval").startswith("0.4.12"):
        return ["--metadata", json.dumps(metadata)]
    return ["--metadata", *(f"{name}={value}" for name, value in metadata.items())]


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def samples(out: Path) -> list[dict[str, Any]]:
    """What --log_samples wrote."""
    [path] = out.glob("*/samples_longismore_mini_*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def prompts(out: Path) -> list[str]:
    """What the model was asked."""
    return [sample["arguments"]["gen_args_0"]["arg_0"] for sample in samples(out)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home folder for the module."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    """The tiny model, made by its script."""
    path = tmp_path_factory.mktemp("model") / "tiny"
    run(home, str(SCRIPT), "--output", str(path))
    return path


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, home: Path, model: Path) -> Path:
    """The output folder of a run that only predicts; no judge and no reference were named."""
    out = tmp_path_factory.mktemp("reference")
    evaluate(home, model, out, "--predict_only", "--log_samples")
    return out


def test_the_same_seed_gives_the_same_files(tmp_path: Path, home: Path, model: Path) -> None:
    """Another process writes the same bytes; another seed, text and a few steps give another model."""
    text = tmp_path / "text.txt"
    text.write_text("a b c d e f g\n", encoding="utf-8")
    again = ["--output", str(tmp_path / "again")]
    other = ["--output", str(tmp_path / "other"), "--seed", "1", "--steps", "2", "--text", str(text)]
    both = f"import runpy; main = runpy.run_path({str(SCRIPT)!r})['main']; main({again!r}); main({other!r})"
    process = run(home, "-c", both)
    names = {path.name for path in model.iterdir()}
    assert {"model.safetensors", "tokenizer.json", "config.json", "chat_template.jinja"} <= names
    assert [] == [name for name in names if (model / name).read_bytes() != (tmp_path / "again" / name).read_bytes()]
    assert (model / "model.safetensors").read_bytes() != (tmp_path / "other" / "model.safetensors").read_bytes()
    assert re.search(r"2 steps, last loss \d\.\d+", process.stderr)


def test_a_missing_package_is_named(tmp_path: Path, home: Path) -> None:
    """Without torch the script says what to install, and ends with status 2."""
    absent = f"import runpy, sys; sys.modules['torch'] = None; sys.argv = ['x', '--output', {str(tmp_path / 'no')!r}]; "
    program = f"{absent}runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (2, 'torch is not installed; do: pip install "longismore[hf]"\n') == (process.returncode, process.stderr)


def test_the_plain_command_evaluates_the_model(tmp_path: Path, home: Path, model: Path) -> None:
    """lm_eval finds the task by itself, prints the rates, and the run folder lies beside its own results."""
    stdout = evaluate(home, model, tmp_path, *told(judge="lexical"), program=PLAIN)
    assert re.search(r"\|win_rate +\|↑ +\|0\.\d{4}\|", stdout)
    [results] = tmp_path.glob("*/results_*.json")
    [run_json] = tmp_path.glob("*/*/run.json")
    assert results.parent == run_json.parents[1]
    described = read(run_json)
    assert ("done", "lexical") == (described["status"], described["judge"]["name"])
    candidate = read(run_json.with_name("candidate.json"))
    assert [str(model)] * 4 == [row["generator"] for row in candidate]
    assert [f"mini_{number}" for number in range(4)] == [row["id"] for row in candidate]
    assert all(row["output"] for row in candidate)
    pooled = read(run_json.with_name("results.json"))["pooled"]
    task = read(results)["results"]["longismore_mini"]
    assert (4, pooled["win_rate"]) == (pooled["n"], task["win_rate,none"])


def test_predict_only_spends_nothing(reference: Path) -> None:
    """--predict_only --log_samples writes the answers, and no run folder."""
    assert 4 == len(samples(reference))
    assert [] == list(reference.glob("*/*/run.json"))


def test_a_folder_of_predictions_is_a_reference(tmp_path: Path, home: Path, model: Path, reference: Path) -> None:
    """A model that is compared with its own answers ties with itself."""
    evaluate(home, model, tmp_path, *told(judge="lexical", judge_reference=str(reference)))
    [run_json] = tmp_path.glob("*/*/run.json")
    pooled = read(run_json.with_name("results.json"))["pooled"]
    assert (4, 4, 0.5, 1.0) == (pooled["n"], pooled["ties"], pooled["win_rate"], pooled["length_ratio"])
    assert str(reference) == read(run_json)["reference"]["source"]


def test_the_chat_template_changes_the_prompt(tmp_path: Path, home: Path, model: Path, reference: Path) -> None:
    """--apply_chat_template and --system_instruction wrap the instruction as the tokenizer says."""
    more = ("--apply_chat_template", "--system_instruction", "Be brief.", "--log_samples")
    evaluate(home, model, tmp_path, *told(judge="lexical"), *more)
    expected = [f"[system]\nBe brief.<|end|>\n[user]\n{plain}<|end|>\n[assistant]\n" for plain in prompts(reference)]
    assert expected == prompts(tmp_path)
    assert [sample["doc"]["prompt"] for sample in samples(tmp_path)] == prompts(reference)
