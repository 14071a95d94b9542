"""Anthropic's Message Batches: up to a day, half the price.

Source: https://platform.claude.com/docs/en/build-with-claude/batch-processing
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import finalize

from longismore._optional import require
from longismore.errors import CutAnswerError, JudgeError, JudgeServerError
from longismore.judges._anthropic_chat import completion_of, error_of, said, sdk_error_of, without_key
from longismore.judges._client import BatchState, Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from longismore.judges._client import Messages

__all__ = ["AnthropicBatches"]

logger = logging.getLogger(__name__)

_MOST_REQUESTS = 100_000
_MOST_BYTES = 240_000_000
"""The provider takes 256 MB."""
_NAME = "f" * 64
_UPLOAD_TIMEOUT_S = 600.0
_CLOCKS_DIFFER = timedelta(minutes=15)
_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")


@dataclass(slots=True, weakref_slot=True, kw_only=True)
class AnthropicBatches:
    """The batches of one model.

    Args:
        model: As Anthropic names it.
        body_of: Makes the JSON body of one call, as for single calls.
        api_key: Gives the key when it is needed.
        base_url: The server, without ``/v1``.
        timeout_s: For one question; handing in may take longer.
        drops: Gets the status and the text of an error; whether a parameter was refused that is left out from
            now on, so that asking again may help.
    """

    model: str
    body_of: Callable[[Messages], dict[str, Any]] = field(repr=False)
    api_key: Callable[[], str] = field(repr=False)
    base_url: str
    timeout_s: float
    drops: Callable[[int | None, str], bool] = field(default=lambda _status, _text: False, repr=False)
    discount: float = field(default=0.5, init=False)
    most_requests: int = field(init=False)
    most_bytes: int = field(init=False)
    _client: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        # Limits are of whole requests, callers count only chats: what stands around them is taken off.
        around = len(json.dumps({"custom_id": _NAME, "params": self.body_of([])})) + len('{"role": "system"}, ')
        self.most_requests = min(_MOST_REQUESTS, _MOST_BYTES // 2 // around)
        self.most_bytes = _MOST_BYTES - self.most_requests * around

    def submit(self, requests: Sequence[tuple[str, Messages]], *, label: str) -> str:  # noqa: ARG002  has no place
        """Hand in chats; sent once, since a second copy would be billed too."""
        try:
            return self._create(requests)
        except JudgeError as error:
            # Fields that no batch may have are refused at once, with the same words as in single calls.
            if not self.drops(400, str(error)):
                raise
            return self._create(requests)

    def _create(self, requests: Sequence[tuple[str, Messages]]) -> str:
        entries = [{"custom_id": name, "params": self.body_of(messages)} for name, messages in requests]
        with self._sdk() as client:
            timeout_s = max(self.timeout_s, _UPLOAD_TIMEOUT_S)
            return _id_of(client.messages.batches.create(requests=entries, timeout=timeout_s))

    def find(self, *, label: str, size: int, since: str) -> list[str]:  # noqa: ARG002  has no place
        """Batches of that size from that time on, oldest first: this provider keeps no names of ours."""
        oldest = datetime.fromisoformat(since) - _CLOCKS_DIFFER
        found = []
        with self._sdk() as client:
            for batch in _listed(client):
                if _created(batch) < oldest:
                    break
                if sum(_counts(batch).values()) == size:
                    found.append(_id_of(batch))
        return found[::-1]

    def state(self, batch: str) -> BatchState:
        """How far the batch has come; this provider refuses none as a whole."""
        with self._sdk() as client:
            found = self._found(client, batch)
        if found is None:
            return BatchState(is_done=True)
        counts = _counts(found)
        total = sum(counts.values())
        return BatchState(is_done=found.processing_status == "ended", done=total - counts["processing"], total=total)

    def _found(self, client: Any, batch: str) -> Any:
        """The provider's description; ``None`` where it has forgotten the batch, or its results."""
        try:
            found = client.messages.batches.retrieve(batch)
        except require("anthropic", extra="anthropic").NotFoundError as error:
            logger.warning("%s has no batch %s (any more): %s", self._where(), batch, self._clean(said(error)))
            return None
        if not isinstance(getattr(found, "processing_status", None), str):
            raise CutAnswerError(f"{self._where()}: the answer does not say how far the batch has come")
        if found.processing_status == "ended" and not found.results_url:
            logger.warning("%s has the results of the batch %s no longer", self._where(), batch)
            return None
        return found

    def results(self, batch: str) -> Iterator[tuple[str, Completion | JudgeError]]:
        """Every result, as it is read."""
        with self._sdk() as client:
            if self._found(client, batch) is None:
                return
            with closing(client.messages.batches.results(batch)) as reply:
                # The SDK's own reading takes 64 bytes at a time, and trusts every line to be as it should.
                for line in _lines(reply.http_response.iter_bytes()):
                    yield self._result(json.loads(line))

    def _result(self, row: Any) -> tuple[str, Completion | JudgeError]:
        result = row.get("result") if isinstance(row, dict) else None
        if not isinstance(result, dict):
            raise CutAnswerError(f"{self._where()}: a result of the batch is none: {row!r:.80}")
        return str(row.get("custom_id")), self._outcome(result)

    def _outcome(self, result: Mapping[str, Any]) -> Completion | JudgeError:
        kind, reason = result.get("type"), result.get("error")
        if kind == "succeeded":
            try:
                return completion_of(result.get("message"))
            except JudgeError as error:
                return error
        if kind != "errored":
            return JudgeServerError(f"{self._where()}: the request is {kind} in its batch")
        text = f"{self._where()}: {self._clean(said(reason if isinstance(reason, dict) else {}))}"
        return JudgeServerError(text) if self.drops(400, text) else error_of(reason, text)

    @contextmanager
    def _sdk(self) -> Iterator[Any]:
        """The SDK's client for one question; what goes wrong becomes an error of the engine."""
        sdk = require("anthropic", extra="anthropic")
        if self._client is None:
            self._client = sdk.Anthropic(
                api_key=self.api_key(), base_url=self.base_url, timeout=self.timeout_s, max_retries=0
            )
            finalize(self, self._client.close)
        try:
            yield self._client
        except (sdk.AnthropicError, ValueError, OSError, *_transport_errors()) as error:
            raise sdk_error_of(sdk, error, f"{self._where()}: {self._clean(said(error))}") from None

    def _where(self) -> str:
        return f"anthropic/{self.model}"

    def _clean(self, text: str) -> str:
        return without_key(text, self.api_key())


def _id_of(batch: Any) -> str:
    name = getattr(batch, "id", None)
    if not isinstance(name, str) or not name:
        raise CutAnswerError("the answer names no batch")
    return name


def _listed(client: Any) -> Iterator[Any]:
    """All batches, newest first."""
    try:
        yield from client.messages.batches.list(limit=100)
    except (AttributeError, TypeError) as error:  # the SDK trips over what is no list
        raise CutAnswerError("the answer lists no batches") from error


def _created(batch: Any) -> datetime:
    created = getattr(batch, "created_at", None)
    if not isinstance(created, datetime):
        raise CutAnswerError(f"the answer lists no batches: {batch!r:.80}")
    return created.replace(tzinfo=UTC) if created.tzinfo is None else created


def _counts(batch: Any) -> dict[str, int]:
    counts = getattr(batch, "request_counts", None)
    read = {name: getattr(counts, name, 0) for name in _COUNTS}
    return {name: count if isinstance(count, int) else 0 for name, count in read.items()}


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


def _transport_errors() -> tuple[type[Exception], ...]:
    """What the SDK lets through while an answer is streamed: it depends on its version from which package."""
    modules = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return tuple(module.HTTPError for module in modules if module is not None)
