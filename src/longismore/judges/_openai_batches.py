"""OpenAI's Batch API: a file of requests, up to a day, half the price.

Source: https://platform.openai.com/docs/guides/batch
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import finalize

from longismore._optional import require
from longismore.errors import CutAnswerError, JudgeError, JudgeServerError, JudgeTimeoutError
from longismore.judges._client import BatchState, Completion
from longismore.judges._http import HttpReply
from longismore.judges._openai_chat import error_of, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from longismore.judges._client import Messages

__all__ = ["OpenAIBatches"]

logger = logging.getLogger(__name__)

_OPENAI = "https://api.openai.com/v1"
_ENDPOINT = "/v1/chat/completions"
_LABEL = "longismore"
_MOST_REQUESTS = 50_000
_MOST_BYTES = 190_000_000
"""The provider takes 200 MB."""
_NAME = "f" * 64
_TRANSFER_TIMEOUT_S = 600.0
_CLOCKS_DIFFER_S = 900.0
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_OK = 200
_LONGEST_QUOTE = 300
_UNUSED_KEY = "none"
"""What is sent to a server of the user's own that has no key: the SDK insists on one."""


@dataclass(slots=True, weakref_slot=True, kw_only=True)
class OpenAIBatches:
    """The batches of one model.

    Args:
        model: As the server names it.
        body_of: Makes the JSON body of one call, as for single calls.
        completion_of: Reads the JSON body of a successful answer.
        api_key: Gives the key when it is needed; ``None`` where the server needs none.
        base_url: The server, with ``/v1``; ``None`` is OpenAI's own.
        timeout_s: For one question; uploads and downloads may take longer.
        headers: Sent with every request, e.g. the organization.
        drops: Gets a refused answer; whether a parameter was refused that is left out from now on, so that asking
            again may help.
    """

    model: str
    body_of: Callable[[Messages], dict[str, Any]] = field(repr=False)
    completion_of: Callable[[Mapping[str, Any]], Completion] = field(repr=False)
    api_key: Callable[[], str | None] = field(repr=False)
    base_url: str | None
    timeout_s: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    drops: Callable[[HttpReply], bool] = field(default=lambda _: False, repr=False)
    discount: float = field(default=0.5, init=False)
    most_requests: int = field(init=False)
    most_bytes: int = field(init=False)
    _client: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        # Limits are of whole lines, callers count only chats: what stands around them is taken off.
        around = len(self._line(_NAME, []))
        self.most_requests = min(_MOST_REQUESTS, _MOST_BYTES // 2 // around)
        self.most_bytes = _MOST_BYTES - self.most_requests * around

    def _line(self, name: str, messages: Messages) -> bytes:
        request = {"custom_id": name, "method": "POST", "url": _ENDPOINT, "body": self.body_of(messages)}
        return json.dumps(request).encode() + b"\n"

    def submit(self, requests: Sequence[tuple[str, Messages]], *, label: str) -> str:
        """Upload the file and hand in the batch; sent once, since a second copy would be billed too."""
        lines = b"".join(self._line(name, messages) for name, messages in requests)
        with self._sdk() as client:
            timeout_s = max(self.timeout_s, _TRANSFER_TIMEOUT_S)
            name = f"longismore-{label}.jsonl"
            file = client.files.create(file=(name, lines), purpose="batch", timeout=timeout_s)
            batch = client.batches.create(
                input_file_id=_id_of(file), endpoint=_ENDPOINT, completion_window="24h", metadata={_LABEL: label}
            )
            return _id_of(batch)

    def find(self, *, label: str, size: int, since: str) -> list[str]:  # noqa: ARG002  the label says it all
        """The batches that bear the label."""
        oldest_s = datetime.fromisoformat(since).timestamp() - _CLOCKS_DIFFER_S
        found = []
        with self._sdk() as client:
            for batch in _listed(client):
                created_s, metadata = getattr(batch, "created_at", None), getattr(batch, "metadata", None)
                if not isinstance(created_s, int | float):
                    raise CutAnswerError(f"the answer lists no batches: {batch!r:.80}")
                if created_s < oldest_s:
                    break
                if isinstance(metadata, dict) and metadata.get(_LABEL) == label:
                    found.append(_id_of(batch))
        return found[::-1]

    def state(self, batch: str) -> BatchState:
        """How far the batch has come."""
        with self._sdk() as client:
            found = self._found(client, batch)
        if found is None:
            return BatchState(is_done=True)
        counts = getattr(found, "request_counts", None)
        done, failed, total = (getattr(counts, name, None) or 0 for name in ("completed", "failed", "total"))
        problem = self._problem(found) if found.status == "failed" else None
        return BatchState(is_done=found.status in _ENDED, done=done + failed, total=total, problem=problem)

    def _found(self, client: Any, batch: str) -> Any:
        """The provider's description; ``None`` where it has forgotten the batch."""
        try:
            found = client.batches.retrieve(batch)
        except require("openai", extra="openai").NotFoundError as error:
            text = self._clean(said(_reply_of(error)))
            logger.warning("%s has no batch %s (any more): %s", self._where(), batch, text)
            return None
        if not isinstance(getattr(found, "status", None), str):
            raise CutAnswerError(f"{self._where()}: the answer does not say how far the batch has come")
        return found

    def _problem(self, batch: Any) -> str:
        errors = getattr(getattr(batch, "errors", None), "data", None) or []
        words = [f"{getattr(each, 'code', None)}: {getattr(each, 'message', None)}" for each in errors[:3]]
        return self._clean("; ".join(words) or "it failed, and it does not say why")

    def results(self, batch: str) -> Iterator[tuple[str, Completion | JudgeError]]:
        """Answers first, then errors, each in a file of its own."""
        sdk = require("openai", extra="openai")
        timeout_s = max(self.timeout_s, _TRANSFER_TIMEOUT_S)
        with self._sdk() as client:
            found = self._found(client, batch)
            for name in ("output_file_id", "error_file_id"):
                file = getattr(found, name, None)
                if not file:
                    continue
                try:
                    content: bytes = client.files.content(file, timeout=timeout_s).content
                except sdk.NotFoundError:
                    logger.warning("%s has the file %s of the batch %s no longer", self._where(), file, batch)
                    continue
                for line in content.split(b"\n"):
                    if line.strip():
                        yield self._result(json.loads(line))

    def _result(self, row: Any) -> tuple[str, Completion | JudgeError]:
        if not isinstance(row, dict) or "custom_id" not in row:
            raise CutAnswerError(f"{self._where()}: a result of the batch is none: {row!r:.80}")
        return str(row["custom_id"]), self._outcome(row)

    def _outcome(self, row: Mapping[str, Any]) -> Completion | JudgeError:
        response = row.get("response")
        body = response.get("body") if isinstance(response, dict) else None
        if not isinstance(response, dict) or not isinstance(body, dict):
            # It was not answered: expired, cancelled, timed out.
            return JudgeServerError(f"{self._where()}: {self._clean(json.dumps(row.get('error')))}")
        status = response.get("status_code")
        if status == _OK:
            try:
                return self.completion_of(body)
            except JudgeError as error:
                return error
        reply = HttpReply(status if isinstance(status, int) else 500, body, {}, "")
        text = f"{self._where()}: {self._clean(said(reply))}"
        return JudgeServerError(text) if self.drops(reply) else error_of(reply, text)

    @contextmanager
    def _sdk(self) -> Iterator[Any]:
        """The SDK's client for one question; what goes wrong becomes an error of the engine."""
        sdk = require("openai", extra="openai")
        if self._client is None:
            self._client = sdk.OpenAI(
                api_key=self.api_key() or _UNUSED_KEY,
                base_url=self.base_url or _OPENAI,
                timeout=self.timeout_s,
                max_retries=0,
                default_headers=dict(self.headers),
            )
            finalize(self, self._client.close)
        try:
            yield self._client
        except sdk.APIStatusError as error:
            reply = _reply_of(error)
            raise error_of(reply, f"{self._where()}: {self._clean(said(reply))}") from None
        except (sdk.OpenAIError, ValueError, OSError) as error:
            is_cut = "complete message body" in f"{error.__cause__}" or not isinstance(error, sdk.APIConnectionError)
            kind = CutAnswerError if is_cut else JudgeTimeoutError
            text = str(error.__cause__ or error) or type(error).__name__
            raise kind(f"{self._where()}: {self._clean(text)}") from None

    def _where(self) -> str:
        return f"openai/{self.model}" + (f" at {self.base_url}" if self.base_url else "")

    def _clean(self, text: str) -> str:
        """What the server said, on one line, shortened; without the key, should it have repeated it."""
        key, text = self.api_key(), " ".join(text.split())
        return (text if key is None else text.replace(key, "***"))[:_LONGEST_QUOTE]


def _listed(client: Any) -> Iterator[Any]:
    """All batches, newest first."""
    try:
        yield from client.batches.list(limit=100)
    except (AttributeError, TypeError) as error:  # the SDK trips over what is no list
        raise CutAnswerError("the answer lists no batches") from error


def _id_of(thing: Any) -> str:
    name = getattr(thing, "id", None)
    if not isinstance(name, str) or not name:
        raise CutAnswerError(f"the answer names neither a file nor a batch: {thing!r:.80}")
    return name


def _reply_of(error: Any) -> HttpReply:
    body = error.body if isinstance(error.body, dict) else {}
    return HttpReply(error.status_code, body, error.response.headers, error.response.text[:_LONGEST_QUOTE])
