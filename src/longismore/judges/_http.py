"""JSON over HTTP for chat calls: one shared session, connections that are used again, errors told apart.

aiohttp needs a tenth of the processor time of the providers' SDKs for a plain call (``docs/benchmarks.md``), which
is what counts when a local server answers hundreds of calls at once.
"""

from __future__ import annotations

import io
import json
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from longismore._optional import require
from longismore.errors import CutAnswerError, JudgeTimeoutError, JudgeUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HttpReply", "JsonHttp"]

_CONNECT_TIMEOUT_S = 20.0
_KEEP_ALIVE_S = 30.0
_LONGEST_QUOTE = 200
_LARGE = 2**20
_ENCODER = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A whole answer with a JSON object as its body; of an error, the body may be empty."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    """Names are found in any case."""
    text: str
    """The body of an error, shortened."""


@dataclass(slots=True, kw_only=True)
class JsonHttp:
    """Sends and receives JSON.

    Args:
        extra: The extra of longismore that brings aiohttp, for the message where it is missing.
        base_url: What paths are appended to.
        headers: Sent with every request; one of them holds the key.
        timeout_s: For one request, from connecting to the last byte.
        connections: Kept open at once, at most.
    """

    extra: str
    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    timeout_s: float
    connections: int
    _aiohttp: Any = field(default=None, init=False, repr=False)
    _session: Any = field(default=None, init=False, repr=False)
    _proxy: str | None = field(default=None, init=False, repr=False)

    async def send(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> HttpReply:
        """One request.

        Raises:
            JudgeUnreachableError: No connection could be made.
            JudgeTimeoutError: No answer in time, or the connection broke.
            CutAnswerError: A success without a whole JSON object as its body.
        """
        if self._session is None:
            self._aiohttp = require("aiohttp", extra=self.extra)
            self._session = self._open(self._aiohttp)
        aiohttp = self._aiohttp
        data = None if content is None else _payload(_ENCODER.encode(content).encode())
        try:
            async with self._session.request(
                method, self.base_url + path, data=data, proxy=self._proxy, allow_redirects=False
            ) as response:
                payload = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise JudgeUnreachableError(f"no connection: {str(error) or type(error).__name__}") from error
        except TimeoutError as error:
            raise JudgeTimeoutError(f"no answer within {self.timeout_s:g} s") from error
        except aiohttp.ClientPayloadError as error:
            raise CutAnswerError("the answer was cut off") from error
        except (aiohttp.ClientError, OSError) as error:
            raise JudgeTimeoutError(f"the connection failed: {str(error) or type(error).__name__}") from error
        return _reply(response.status, payload, response.headers)

    def _open(self, aiohttp: Any) -> Any:
        parts = urlsplit(self.base_url)
        # Proxies are read here and not by aiohttp, which would also take log-ins out of ~/.netrc, above our key.
        self._proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
        connector = aiohttp.TCPConnector(
            limit=self.connections,
            keepalive_timeout=_KEEP_ALIVE_S,
            ssl=_trusted() if parts.scheme == "https" else True,
        )
        timeout = aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=_CONNECT_TIMEOUT_S)
        headers = {"Content-Type": "application/json", **self.headers}
        return aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        """Close the connections of the current event loop."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _payload(content: bytes) -> bytes | io.BytesIO:
    """As a stream where it is large: aiohttp would warn."""
    return content if len(content) < _LARGE else io.BytesIO(content)


def _trusted() -> ssl.SSLContext:
    """The certificates that SSL_CERT_FILE names, else certifi's."""
    import os

    import certifi

    own = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    return ssl.create_default_context(cafile=None if own else certifi.where())


def _reply(status: int, payload: bytes, headers: Mapping[str, str]) -> HttpReply:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return HttpReply(status, body, headers, "")
    text = " ".join(payload[: 4 * _LONGEST_QUOTE].decode(errors="replace").split())[:_LONGEST_QUOTE]
    if 200 <= status < 300:  # noqa: PLR2004
        raise CutAnswerError(f'the answer is not a whole JSON object: "{text}"')
    return HttpReply(status, {}, headers, text)
