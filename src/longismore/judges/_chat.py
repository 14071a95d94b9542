"""A judge that is asked by chat: a prompt protocol, a client, a parser."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longismore.judges._order import by_model, make_judgment
from longismore.judges._parse import PARSER_VERSION, parse_score_pair
from longismore.judges._run import Call, run_calls
from longismore.judges._score_pair import PROMPT_VERSION, prompt_text, render
from longismore.records import Order, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.judges._client import ChatClient
    from longismore.judges._judge import JudgeOptions, OnJudgment
    from longismore.judges._run import Answered
    from longismore.records import Example, Judgment, Pair
    from longismore.store import Store

__all__ = ["ChatJudge", "digest"]


def digest(value: object) -> str:
    """SHA-256 of a JSON value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatJudge:
    """Asks a chat model for two scores, under the protocol ``score_pair``."""

    name: str
    client: ChatClient
    options: JudgeOptions
    note: str | None = None

    @property
    def fingerprint(self) -> str:
        """Hash of the prompt, the model with its settings, and the parser."""
        return digest(
            {
                "protocol": ["score_pair", PROMPT_VERSION, prompt_text()],
                "parser": PARSER_VERSION,
                "client": self.client.settings,
            }
        )

    @property
    def settings(self) -> Mapping[str, object]:
        """The client's: model, address, temperature, ..."""
        return self.client.settings

    def check(self, examples: Sequence[Example], store: Store) -> None:  # noqa: ARG002  part of the protocol
        """Ask the client, unless this judge has answered before: then a run may need no call at all."""
        if store.count(self.fingerprint) == 0:
            self.client.check()

    def judge(self, pairs: Sequence[Pair], *, store: Store, on_judgment: OnJudgment) -> None:
        """Both orders of every pair, all in one pool."""
        fingerprint = self.fingerprint
        asked = [(pair, order) for pair in pairs for order in Order]
        calls = []
        for pair, order in asked:
            messages = render(pair, order)
            calls.append(Call(digest([fingerprint, messages]), messages))

        def on_answer(index: int, answered: Answered) -> None:
            on_judgment(self._judgment(*asked[index], answered, fingerprint))

        run_calls(
            calls,
            client=self.client,
            store=store,
            fingerprint=fingerprint,
            concurrency=self.options.concurrency,
            retries=self.options.retries,
            on_answer=on_answer,
        )

    def _judgment(self, pair: Pair, order: Order, answered: Answered, fingerprint: str) -> Judgment:
        completion = answered.completion
        if completion is None:
            return make_judgment(pair, order, judge=self.name, fingerprint=fingerprint, status=Status.FAILED)
        shown = None if completion.refused else parse_score_pair(completion.text)
        unread = Status.REFUSED if completion.refused else Status.UNPARSED
        judgment = make_judgment(
            pair,
            order,
            judge=self.name,
            fingerprint=fingerprint,
            status=unread if shown is None else Status.JUDGED,
            scores=by_model(shown, order),
        )
        return replace(
            judgment,
            completion=completion.text,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            cost_usd=completion.cost_usd,
            latency_s=answered.latency_s,
            created=answered.created,
        )
