"""Configs of one's own, and an alpaca_eval that cannot be imported."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from alpaca_answers import judge_for, needs_alpaca_eval
from longismore.errors import ConfigError, MissingDependencyError, SchemaError
from longismore.judges._client import Completion
from longismore.records import Order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.records import Pair

PROMPT = "<|im_start|>user\n{instruction}\n1: {output_1}\n2: {output_2}\n<|im_end|>"
OWN: dict[str, Any] = {
    "prompt_template": "own/prompt.txt",
    "completions_kwargs": {"model_name": "m", "max_tokens": 9},
    "fn_completion_parser": "eval_parser",
}


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., str]:
    """Write a config of one's own and return the path to its folder."""

    def write(*, prompt: str | None = PROMPT, text: str | None = None, **changes: Any) -> str:
        folder = tmp_path / "own"
        folder.mkdir(exist_ok=True)
        if prompt is not None:
            (folder / "prompt.txt").write_text(prompt, encoding="utf-8")
        (folder / "configs.yaml").write_text(text or json.dumps({"own": OWN | changes}), encoding="utf-8")
        return str(folder)

    return write


@needs_alpaca_eval
def test_folder_of_ones_own_is_a_config(own: Callable[..., str], make_pair: Callable[..., Pair]) -> None:
    """A path with a slash is read where alpaca_eval would read it; every change of it changes the fingerprint."""
    judge = judge_for(own())
    assert [{"role": "user", "content": "Q\n1: R\n2: C"}] == judge.protocol.render(
        make_pair(prompt="Q", reference="R", candidate="C"), Order.REFERENCE_FIRST
    )
    assert {"temperature": 0.7, "max_tokens": 9, "parameters": {"top_p": 1.0}}.items() <= judge.client.settings.items()
    assert 0.75 == getattr(judge.protocol.read(Completion(text="1.25")), "preference", None)
    fingerprints = [
        judge_for(own(**changes)).fingerprint
        for changes in (
            {},
            {"prompt": PROMPT.replace("1:", "First:")},
            {"fn_completion_parser": "lmsys_parser"},
            {"link": "somewhere"},
        )
    ]
    assert judge.fingerprint == fingerprints[0]
    assert len(fingerprints) == len(set(fingerprints))


@needs_alpaca_eval
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": None}, "the prompt of .* cannot be read"),
        ({"prompt": "{instruction} {output_1} {output_2}"}, "text completion"),
        ({"prompt": "<|im_start|>{instruction}{output_1}{output_2}<|im_end|>"}, "is no chat"),
        ({"prompt": PROMPT.replace("{instruction}", "{input}")}, r"\{input\}, which pairs do not have\n.* 0 times"),
        ({"prompt": PROMPT + PROMPT}, r"\{instruction\} 2 times, but batch_size is 1"),
        ({"fn_completion_parser": "my_parser"}, "my_parser does not exist"),
        ({"fn_completions": "replicate_completions"}, "made for Replicate"),
        ({"fn_completions": "my_completions"}, "made for my_completions"),
        ({"prompts": "x", "seeed": 1}, 'unknown key "prompts"\n.*unknown key "seeed"'),
        ({"completions_kwargs": [1]}, r"completions_kwargs must be a mapping, found \[1\]"),
        ({"completion_key": "texts"}, 'completion_key must be one of .* found "texts"'),
        ({"processors_to_kwargs": {"Other": {}}}, 'the processor "Other"'),
        ({"completions_kwargs": {}}, "names no model"),
        ({"completions_kwargs": {"model_name": "m", "requires_chatml": False}}, "by text completion"),
        ({"completions_kwargs": {"model_name": "m", "tokens_to_favor": ["a"]}}, "tokens_to_favor is not supported"),
        ({"completions_kwargs": {"model_name": "m", "client_kwargs": {"timeout": 1}}}, "only base_url is supported"),
        ({"fn_completions": "anthropic_completions",
          "completions_kwargs": {"model_name": "m", "client_function_name": "completions"}}, "by text completion"),
        ({"fn_completions": "vllm_local_completions"}, "by text completion"),
        ({"text": "[1]"}, "a mapping from a name"),
        ({"text": "own: 1"}, "an evaluator must be a mapping, found 1"),
        ({"text": "{"}, "is not YAML"),
        ({"text": '{"a": {}, "b": {}}'}, "a pool of 2 evaluators"),
    ],
)  # fmt: skip
def test_config_that_cannot_be_a_judge_says_why(own: Callable[..., str], changes: dict[str, Any], words: str) -> None:
    """The message names what is wrong; nothing is guessed."""
    with pytest.raises((ConfigError, SchemaError), match=f"(?s){words}"):
        judge_for(own(**changes))


@needs_alpaca_eval
def test_config_without_a_parser_reads_nothing(own: Callable[..., str]) -> None:
    """A completion as it is, is a text and no preference."""
    assert judge_for(own(fn_completion_parser=None)).protocol.read(Completion(text="1")) is None


@needs_alpaca_eval
def test_prompt_for_google_is_sent_as_it_is(own: Callable[..., str], make_pair: Callable[..., Pair]) -> None:
    """alpaca_eval hands Google a prompt without chat markup as one text, under Google's names of settings."""
    pytest.importorskip("google.genai", reason="the SDK of Google is not installed")
    folder = own(
        prompt="{instruction}\n{output_1}\n{output_2}\n",
        fn_completions="google_completions",
        completions_kwargs={"model_name": "gemini", "max_output_tokens": 7, "top_k": 1},
    )
    judge = judge_for(folder, base_url="http://127.0.0.1:1")
    assert [{"role": "user", "content": "Q\nC\nR"}] == judge.protocol.render(
        make_pair(prompt="Q", reference="R", candidate="C"), Order.CANDIDATE_FIRST
    )
    assert {"provider": "google", "model": "gemini", "max_tokens": 7, "parameters": {"top_k": 1}}.items() <= (
        judge.client.settings.items()
    )


IMPORTING = """
import json, logging, os, sys
before = dict(os.environ)
if sys.argv[1] == "judge":
    from longismore.harness._alpaca_judge import alpaca_eval_judge
    from longismore.judges import JudgeOptions
    assert "alpaca_eval" not in sys.modules
    alpaca_eval_judge("gpt4", JudgeOptions(environ={"OPENAI_API_KEY": "k"}))
else:
    import alpaca_eval
added = {name for name in os.environ if os.environ[name] != before.get(name)}
root = logging.getLogger()
print(json.dumps([os.environ.get("SECRET_OF_DOTENV"), len(added) > 0, root.level, len(root.handlers)]))
"""


@needs_alpaca_eval
@pytest.mark.slow
@pytest.mark.parametrize(("who", "left"), [("judge", [None, False, 30, 0]), ("host", ["s", True, 20, 0])])
def test_import_of_alpaca_eval_leaves_the_process_as_it_was(who: str, left: list[object], tmp_path: Path) -> None:
    """No keys of a .env file in the environment, no other level of the root logger; without us both are there."""
    (tmp_path / ".env").write_text("SECRET_OF_DOTENV=s\n")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTING, who], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert left == json.loads(done.stdout)


BROKEN = """
import sys
sys.modules[sys.argv[1]] = None  # the import system then says that there is no such module
from longismore.harness._alpaca_judge import alpaca_eval_judge
from longismore.judges import JudgeOptions
try:
    alpaca_eval_judge("gpt4", JudgeOptions())
except Exception as error:
    print(type(error).__name__, error)
"""


@needs_alpaca_eval
@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("alpaca_eval", r'MissingDependencyError .*"alpaca_eval" is not installed; .*"longismore\[alpaca\]"'),
        ("pkg_resources", 'UsageError alpaca_eval needs the module pkg_resources, .* pip install "setuptools<82"'),
        ("fire", "UsageError alpaca_eval cannot be imported: .*fire.*whose versions are known to work together"),
    ],
)  # fmt: skip
def test_import_that_fails_says_what_to_do(module: str, message: str) -> None:
    """alpaca_eval itself, setuptools 82 and any other package that is missing."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BROKEN, module], capture_output=True, text=True, check=True
    )
    assert re.match(message, done.stdout), done.stdout


@pytest.mark.skipif(find_spec("alpaca_eval") is not None, reason="alpaca_eval is installed")
def test_without_alpaca_eval_the_extra_is_named() -> None:
    """The judge can be found and asked for; the message names what to install."""
    with pytest.raises(MissingDependencyError, match=r"longismore\[alpaca\]"):
        judge_for("gpt4")
