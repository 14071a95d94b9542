"""What a page of the documentation finds in its folder: answers, data, models, a judge."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from contextlib import ExitStack
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from anthropic_server import AnthropicServer, message_reply
from gemini_server import GeminiServer, gemini_reply
from judge_server import JudgeServer, Reply, chat_reply, hash_score
from row_answers import rating, refining

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from docs_blocks import Page
    from judge_server import Body

__all__ = ["Place", "judge_reply", "pool_rows", "tiny_model", "without_settings"]

ROWS = 1200
"""Of ``pool.json``: pages take budgets of 1,000."""
FIVE = ("koala", "lima", "sinstruct", "vicuna", "wizardlm")
_CHAT = (
    "{% for message in messages %}{{ '### ' + message['role'] + '\n' + message['content'] + '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### assistant\n' }}{% endif %}"
)


class Place(ExitStack):
    """The folder of a page, with what the page asks for; servers end with it.

    Args:
        folder: Made by whoever calls.
        data: The folder of published files; ``None`` where there is none.
        model: A folder with a tiny model; ``None`` where none can be made.
    """

    def __init__(self, folder: Path, *, data: Path | None, model: Path | None) -> None:
        super().__init__()
        self.folder = folder
        self.data = data
        self.model = model
        self.environ: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        """Texts of the page, and what stands for them here."""
        self.printed: dict[str, str] = {}
        """What is printed here only, and what a reader sees in its place."""

    def prepare(self, page: Page) -> None:
        """Make everything that a page asks for."""
        fixtures = page.fixtures
        if "published" in fixtures:
            self._published()
        if "testsets" in fixtures:
            self._testsets(self._published())
        if "answers" in fixtures:
            self._answers(with_five="testsets" in fixtures)
        if "pool" in fixtures:
            rows = pool_rows(ROWS)
            self.folder.joinpath("pool.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        if "judge" in fixtures:
            self._judge(page.path.read_text(encoding="utf-8"))
        for name in page.models:
            self._model(name)

    def _published(self) -> Path:
        if self.data is None:
            pytest.skip("the published files are not here; set LONGISMORE_TEST_DATA")
        self.environ["PUBLISHED"] = str(self.data)
        return self.data

    def _testsets(self, data: Path) -> None:
        folder = self.folder.parent / "testsets"
        folder.mkdir()
        for path in (data / "testsets").iterdir():
            folder.joinpath(path.name).symlink_to(path.resolve())
        published = data / "alpaca_eval" / "alpaca-7b" / "weighted_alpaca_eval_gpt4_turbo"
        if not folder.joinpath("alpaca_eval").exists():
            folder.joinpath("alpaca_eval").symlink_to(published.resolve())
        self.environ["LONGISMORE_TESTSETS"] = str(folder)

    def _answers(self, *, with_five: bool) -> None:
        data = files("longismore.testsets").joinpath("data")
        for name, source in (("base", "mini_longer.json"), ("tuned", "mini_better.json")):
            rows = [row | {"dataset": "mini"} for row in json.loads(data.joinpath(source).read_text(encoding="utf-8"))]
            if with_five:
                rows += self._five_sets(name)
            rows = [row | {"generator": name} for row in rows]
            self.folder.joinpath(f"{name}.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")

    def _five_sets(self, name: str) -> list[dict[str, str]]:
        from longismore.testsets import TESTSETS

        assert self.data is not None
        times = 3 if name == "base" else 1
        return [
            {
                "id": item.id,
                "instruction": item.prompt,
                "output": f"As to {item.prompt[:40]!r}: " + "it depends. " * (len(item.prompt) % 7 + times),
                "dataset": testset,
            }
            for testset in FIVE
            for item in TESTSETS.get(testset).load(folder=self.data / "testsets")
        ]

    def _judge(self, text: str) -> None:
        packaged = files("longismore.judges").joinpath("files")
        texts = [text, *(each.read_text(encoding="utf-8") for each in packaged.iterdir() if each.name.endswith("yaml"))]
        named = sorted({name for each in texts for name in re.findall(r"\b(?:anthropic|google)/([\w.:-]+)", each)})
        chat = self.enter_context(JudgeServer(reply=judge_reply, models=404))
        anthropic = self.enter_context(AnthropicServer(reply=_anthropic, models=named))
        gemini = self.enter_context(GeminiServer(reply=_gemini, models=named))
        self.environ |= {
            "OPENAI_BASE_URL": chat.base_url,
            "ANTHROPIC_BASE_URL": anthropic.base_url,
            "GOOGLE_GEMINI_BASE_URL": gemini.base_url,
            # The table of the package holds for the providers themselves only.
            "LONGISMORE_PRICES": str(files("longismore.judges").joinpath("prices.yaml")),
        }
        self.printed[self.environ["LONGISMORE_PRICES"]] = "prices.yaml"
        address = chat.base_url.removesuffix("/v1")
        self.addresses |= {f"http://{host}:{port}": address for host in ("localhost", "127.0.0.1") for port in (8000,)}
        self.printed[address] = "http://localhost:8000"

    def _model(self, name: str) -> None:
        if self.model is None:
            missing = [package for package in ("torch", "transformers") if find_spec(package) is None]
            pytest.skip(f"not installed: {', '.join(missing)}")
        shutil.copytree(self.model, self.folder / name)


def tiny_model(folder: Path) -> Path | None:
    """A model of 0.1 million parameters that knows a chat template; ``None`` where torch is missing."""
    if any(find_spec(package) is None for package in ("torch", "transformers")):
        return None
    from tiny_models import make_tiny_llama, make_tokenizer

    make_tiny_llama(folder)
    tokenizer = make_tokenizer()
    tokenizer.chat_template = _CHAT
    tokenizer.save_pretrained(folder)
    return folder


_WORDS = ("salt", "ice", "water", "heat", "light", "stone", "river", "wind", "leaf", "glass", "iron", "sand")


def pool_rows(number: int) -> list[dict[str, str]]:
    """Different rows in the format of Alpaca, every third one with an input, of 3 to 40 words."""
    words = [
        "salt",
        "ice",
        "water",
        "heat",
        "light",
        "stone",
        "river",
        "wind",
        "leaf",
        "glass",
        "iron",
        "sand",
        "cloud",
        "grain",
        "bread",
        "clock",
    ]
    return [
        {
            "instruction": f"Say what you know about {words[n % 12]} number {n}.",
            "input": f"It is about {words[n // 12 % 12]}." if n % 3 == 0 else "",
            "output": f"Number {n}: " + " ".join(words[(n * k) % 12] for k in range(1, n * 7 % 38 + 3)) + ".",
        }
        for n in range(number)
    ]


def judge_reply(body: Body) -> Reply:
    """What any prompt of ours asks for, found by its words."""
    text = "\n".join(_text(message) for message in body["messages"])
    if re.search(r"^BEGIN response ", text, re.MULTILINE):
        return refining(body) if "[Better Answer" in text else rating(body)
    if found := re.findall(r"^BEGIN answer [12] (\S+)\n(.*?)\nEND answer [12] \1$", text, re.DOTALL | re.MULTILINE):
        marks = marks_of([answer for _, answer in found])
        return _letter(body, marks) if text.rstrip().endswith("The letter:") else _two_marks(body, marks)
    if body.get("logprobs"):
        return _letter(body, [6, 4], letters="mM")
    for asked, said in _OTHERS.items():
        if asked in text:
            return chat_reply(body, said)
    return chat_reply(body, "That depends on what you have in mind; in short, yes.")


_OTHERS = {
    "[[rating]]": "It does what was asked. Rating: [[7]]",
    "[[A]]": "The first one says why. [[A]]",
    "'rank'": "[{'model': 'model_1', 'rank': 1}, {'model': 'model_2', 'rank': 2}]",
    "Assistant 1": "8 6\nThe first one says why.",
}
"""What published prompts ask for, found by their words."""


def marks_of(answers: list[str]) -> list[int]:
    """Marks from 1 to 10: by the texts, and better for the shorter one, so that small gates decide."""
    shortest = min(answers, key=len)
    return [min(10, hash_score(answer) + 3 * (answer == shortest)) for answer in answers]


def _two_marks(body: Body, marks: list[int]) -> Reply:
    return chat_reply(body, f"{marks[0]} {marks[1]}\nBecause the marks follow from the texts.")


def _letter(body: Body, marks: list[int], letters: str = "AB") -> Reply:
    """The letter of the better answer; with log-probabilities where they were asked for."""
    reply = chat_reply(body, letters[0] if marks[0] >= marks[1] else letters[1])
    if not body.get("logprobs"):
        return reply
    top = sorted(((math.log(mark / sum(marks)), letter) for mark, letter in zip(marks, letters, strict=True)))[::-1]
    listed = [{"token": letter, "logprob": value, "bytes": list(letter.encode())} for value, letter in top]
    document = json.loads(reply.body)
    document["choices"][0]["logprobs"] = {"content": [{**listed[0], "top_logprobs": listed}], "refusal": None}
    return Reply(body=json.dumps(document).encode())


def _text(message: Mapping[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in content)


def _said(body: Body) -> str:
    document = json.loads(judge_reply(body).body)
    return str(document["choices"][0]["message"]["content"])


def _anthropic(body: Body) -> Reply:
    return message_reply(body, _said(_chat_of(body, body.get("system", ""), body["messages"])))


def _gemini(body: Body) -> Reply:
    system = "".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", []))
    messages = [
        {"role": "user", "content": "".join(part["text"] for part in content["parts"])} for content in body["contents"]
    ]
    return gemini_reply(_said(_chat_of(body, system, messages)))


def _chat_of(body: Body, system: Any, messages: list[dict[str, Any]]) -> Body:
    rules = _text({"content": system})
    asked = [{"role": message["role"], "content": _text(message)} for message in messages]
    return {**body, "model": body.get("model", ""), "messages": [{"role": "system", "content": rules}, *asked]}


def without_settings() -> dict[str, str]:
    """The environment of a block before the page adds its own."""
    left_out = ("LONGISMORE_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "HF_", "PYTHON", "SLURM_")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
