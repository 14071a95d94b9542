"""What judges answer to the prompts of alpaca_eval's configs: for tests of alpaca_eval:CONFIG."""

from __future__ import annotations

import json
import math
import random
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, Reply, chat_reply
from longismore.errors import ConfigError
from longismore.harness._alpaca_config import config_names, read_config
from longismore.harness._alpaca_judge import alpaca_eval_judge
from longismore.harness._alpaca_request import request_of
from longismore.judges import JudgeOptions
from longismore.judges._openai_chat import completion_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.harness._alpaca_config import AlpacaConfig
    from longismore.judges._chat import ChatJudge
    from longismore.judges._protocol import Reading

__all__ = [
    "KEYS",
    "PROSE",
    "EitherServer",
    "judge_for",
    "needs_alpaca_eval",
    "needs_sdks",
    "reading",
    "says",
    "thinks",
    "verdicts",
    "working",
    "write_gamed",
]

needs_alpaca_eval = pytest.mark.skipif(
    find_spec("alpaca_eval") is None, reason='alpaca_eval is not installed: pip install "longismore[alpaca]"'
)
needs_sdks = pytest.mark.skipif(
    find_spec("aiohttp") is None or find_spec("anthropic") is None,
    reason='an SDK is not installed: pip install "longismore[openai,anthropic]"',
)
KEYS = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "OTHER_API_KEY": "k"}
PROSE = "Both have merits, and I would not choose."

Choice = dict[str, Any]
"""One of the choices of a chat completion, as OpenAI writes it."""


def judge_for(argument: str, **settings: Any) -> ChatJudge:
    """A judge with *settings* as a user gives them."""
    return alpaca_eval_judge(argument, JudgeOptions.from_mapping(settings, KEYS))


def working(folder: Path) -> dict[str, ChatJudge]:
    """The judge of every installed config that can be one; a model of vLLM's is pretended in *folder*."""
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    found = {}
    for name in config_names():
        try:
            local = f"@vllm:{folder}" if request_of(read_config(name), "").provider == "vllm" else ""
            found[name] = judge_for(name + local, api_key_env="OTHER_API_KEY")
        except ConfigError as error:
            assert "cannot be a judge: " in str(error)  # noqa: PT017  which is what the docs promise
    return found


def reading(judge: ChatJudge, choice: Choice) -> Reading | None:
    """What the judge reads in a choice."""
    return judge.protocol.read(completion_of({"choices": [choice]}))


def says(text: str, **fields: Any) -> Choice:
    """A choice with a text."""
    return {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}, **fields}


def thinks(*tokens: dict[str, float]) -> Choice:
    """A choice whose tokens have these probabilities, the likeliest of which stands first."""
    content = [
        {
            "token": next(iter(top)),
            "logprob": math.log(next(iter(top.values()))),
            "bytes": None,
            "top_logprobs": [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in top.items()],
        }
        for top in tokens
    ]
    return says("".join(next(iter(top)) for top in tokens), logprobs={"content": content, "refusal": None})


def _calls(arguments: object) -> Choice:
    function = {"name": "a_function", "arguments": json.dumps(arguments)}
    call = {"id": "call_1", "type": "function", "function": function}
    return says("") | {"message": {"role": "assistant", "content": None, "tool_calls": [call]}}


def verdicts(config: AlpacaConfig) -> tuple[Choice, Choice]:
    """What a judge of that config says where it prefers the first, and where it prefers the second answer."""
    kwargs = config.parser_kwargs
    has_tools = "tools" in config.request
    if config.parser == "logprob_parser":
        one, other = kwargs["denominator_tokens"]
        before = [{"Well": 0.9}] if "log_prob_index" in kwargs else []
        return thinks(*before, {one: 0.7, other: 0.2, "x": 0.1}), thinks(*before, {other: 0.6, one: 0.3})
    if config.parser == "lmsys_parser":
        return says("8 6.5\nThe first one."), says("6 7\nThe second one.")
    if config.parser == "regex_parser":
        texts = [
            "\n".join(f"Output ({letter})" for letter in letters[: config.batch_size]) for letters in ("abbbb", "baaaa")
        ]
        first, second = (_calls({"best_output": text}) if has_tools else says(text) for text in texts)
        return first, second
    names = ("m", "M") if '"m"' in json.dumps(dict(kwargs)) else ("model_1", "model_2")
    ranks = [
        [{"model": name, "rank": rank} for name, rank in zip(names, order, strict=True)] for order in ((1, 2), (2, 1))
    ]
    first, second = (_calls({"ordered_models": each}) if has_tools else says(str(each)) for each in ranks)
    return first, second


class EitherServer(JudgeServer):
    """A judge that speaks OpenAI's API and Anthropic's; the same messages get the same answer.

    Args:
        choices: One of them is taken by a hash of the messages.
    """

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__(reply=self._chosen)
        self.choices = choices

    def _chosen(self, body: Mapping[str, Any]) -> Reply:
        document = json.loads(chat_reply(dict(body), "").body)
        document["choices"] = [self._choice_for(body)]
        return Reply(body=json.dumps(document).encode())

    def _choice_for(self, body: Mapping[str, Any]) -> Choice:
        contents = json.dumps([message["content"] for message in body["messages"]])
        return self.choices[sha256(contents.encode()).digest()[0] % len(self.choices)]

    async def respond(self, target: str, headers: Mapping[str, str], content: bytes) -> Reply:
        """The reply of either API."""
        if not target.endswith("/v1/messages"):
            return await super().respond(target, headers, content)
        body = json.loads(content)
        self.requests.append(body)
        document = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": self._choice_for(body)["message"]["content"]}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 9},
        }
        return Reply(body=json.dumps(document).encode())


def write_gamed(path: Path) -> Path:
    """A file of the shape of AlpacaEval's ``df_gamed.csv``, with invented figures."""
    drawn = random.Random(1)
    difficulty = [drawn.gauss(0, 1) for _ in range(805)]
    lines = ["index,preference,std_delta_len,instruction_difficulty,not_gamed_baseline,model"]
    for model, shift in (("concise", -1.5), ("verbose", 1.5)):
        for number in range(805):
            delta = drawn.gauss(shift, 0.5)
            preference = 1 / (1 + math.exp(1.2 * math.tanh(delta) - 0.3 * difficulty[number] + drawn.gauss(0, 0.3)))
            lines.append(f"{number},{preference:.6f},{delta:.6f},{difficulty[number]:.6f},False,{model}")
    path.write_text("\n".join(lines) + "\n")
    return path
