"""A server on the loopback interface that speaks OpenAI's files and batches, for tests.

Chats and what becomes of them are :class:`judge_server.JudgeServer`'s; batches end when they have been asked about
often enough, and leave a file of answers and a file of errors.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from judge_server import FAULTS, REPLIES, JudgeServer, Reply, error_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from judge_server import Body

__all__ = ["OpenAIBatchServer"]

_ENDPOINT = "/v1/chat/completions"


class OpenAIBatchServer(JudgeServer):
    """The server.

    Args:
        outcome: What becomes of a request of a batch: gets its number among all that were handed in, and its body;
            returns ``None`` for the usual answer, the name of a reply or fault, ``expired``, ``cancelled`` or
            ``missing``.
        problem: Why a batch is refused as a whole: gets the number of the batch and how many others are going on.
        asked_until_done: A batch is done when it has been asked about so often.
        steps: What happens to the first requests to ``upload``, ``create``, ``list``, ``retrieve`` and ``content``:
            faults, ``lost`` (it is done, but the connection breaks), or ``None`` for the usual.
        others: How many minutes ago batches were handed in that are not ours.
        settings: As of :class:`JudgeServer`.
    """

    def __init__(
        self,
        *,
        outcome: Callable[[int, Body], str | None] = lambda _number, _body: None,
        problem: Callable[[int, int], str | None] = lambda _number, _others: None,
        asked_until_done: int = 1,
        steps: Mapping[str, Sequence[str | Reply | None]] | None = None,
        others: Sequence[int] = (),
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self._outcome = outcome
        self._problem = problem
        self._asked_until_done = asked_until_done
        self._steps = {route: list(each) for route, each in (steps or {}).items()}
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        """What was handed in, by the batch's id: its requests, its document, and how often it was asked about."""
        self.handed_in: Counter[str] = Counter()
        """How often each request was handed in, by its name."""
        self.asked: Counter[str] = Counter()
        """How often each route was used."""
        if others:
            self.files["file-others"] = b""
        usual = {"endpoint": _ENDPOINT, "completion_window": "24h", "input_file_id": "file-others"}
        for minutes in others:
            self._create(usual | {"minutes_ago": minutes})

    async def respond(self, target: str, headers: Mapping[str, str], content: bytes) -> Reply:
        """The reply to one request."""
        method, _, address = target.partition(" ")
        parts = urlsplit(address).path.removeprefix("/v1").strip("/").split("/")
        if parts[0] not in {"files", "batches"}:
            return await super().respond(target, headers, content)
        if self._refuses(headers):
            return FAULTS["401"]({})
        is_file, is_post, name = parts[0] == "files", method == "POST", parts[1:2]
        route = (
            ("upload" if is_post else "content") if is_file else "create" if is_post else "retrieve" if name else "list"
        )
        self.asked[route] += 1
        steps = self._steps.get(route)
        step = steps.pop(0) if steps else None
        if step is not None and step != "lost":
            return step if isinstance(step, Reply) else FAULTS[step]({"model": "m", "messages": []})
        reply = self._done(route, name[0] if name else "", headers, content, address)
        return Reply(reset=True) if step == "lost" else reply

    def _done(self, route: str, name: str, headers: Mapping[str, str], content: bytes, address: str) -> Reply:
        if route == "upload":
            return self._upload(headers, content)
        if route == "create":
            return self._create(json.loads(content))
        if route == "list":
            return self._list(parse_qs(urlsplit(address).query))
        if route == "content" and name in self.files:
            return Reply(body=self.files[name], content_type="application/octet-stream")
        if route == "retrieve" and name in self.batches:
            return self._retrieve(self.batches[name])
        return error_reply(404, f"No such {route}: {name}")

    def _upload(self, headers: Mapping[str, str], content: bytes) -> Reply:
        form = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: %b\r\n\r\n" % headers["content-type"].encode() + content
        )
        fields = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
        assert fields["purpose"].get_payload(decode=True) == b"batch"
        name = f"file-{len(self.files) + 1}"
        self.files[name] = fields["file"].get_payload(decode=True)
        row = {"id": name, "object": "file", "bytes": len(self.files[name]), "created_at": 1, "purpose": "batch"}
        return _json(row | {"filename": fields["file"].get_filename(), "status": "processed"})

    def _create(self, wanted: dict[str, Any]) -> Reply:
        assert (wanted["endpoint"], wanted["completion_window"]) == (_ENDPOINT, "24h")
        requests = [json.loads(line) for line in self.files[wanted["input_file_id"]].splitlines()]
        name, number = f"batch_{len(self.batches) + 1}", len(self.batches)
        going_on = sum(batch["document"]["status"] == "in_progress" for batch in self.batches.values())
        problem = self._problem(number, going_on)
        document = {
            "id": name,
            "object": "batch",
            "endpoint": wanted["endpoint"],
            "completion_window": "24h",
            "input_file_id": wanted["input_file_id"],
            "created_at": int(time.time()) - 60 * wanted.get("minutes_ago", 0),
            "metadata": wanted.get("metadata"),
            "status": "in_progress" if problem is None else "failed",
            "errors": None,
            "output_file_id": None,
            "error_file_id": None,
            "request_counts": {"total": 0 if problem else len(requests), "completed": 0, "failed": 0},
        }
        if problem is not None:
            reason = {"code": problem.partition(":")[0], "message": problem, "line": None, "param": None}
            document["errors"] = {"object": "list", "data": [reason]}
        else:
            self.handed_in.update(request["custom_id"] for request in requests)
        first = sum(len(batch["requests"]) for batch in self.batches.values())
        self.batches[name] = {"requests": requests, "document": document, "asked": 0, "first": first}
        return _json(document)

    def _retrieve(self, batch: dict[str, Any]) -> Reply:
        batch["asked"] += 1
        document = batch["document"]
        if document["status"] == "in_progress" and batch["asked"] >= self._asked_until_done:
            self._end(batch)
        return _json(document)

    def _end(self, batch: dict[str, Any]) -> None:
        answers, errors = [], []
        kinds = set()
        for number, request in enumerate(batch["requests"], batch["first"]):
            kind = self._outcome(number, request["body"])
            kinds.add(kind)
            row = {"id": f"batch_req_{number}", "custom_id": request["custom_id"], "response": None, "error": None}
            if kind in {"expired", "cancelled"}:
                errors.append(row | {"error": {"code": f"batch_{kind}", "message": f"This request is {kind}."}})
            elif kind != "missing":
                reply = self._reply(request["body"]) if kind is None else {**REPLIES, **FAULTS}[kind](request["body"])
                response = {"status_code": reply.status, "request_id": "req_1", "body": json.loads(reply.body)}
                (answers if reply.status == 200 else errors).append(row | {"response": response})
        document = batch["document"]
        document["status"] = next((kind for kind in ("expired", "cancelled") if kind in kinds), "completed")
        document["request_counts"] |= {"completed": len(answers), "failed": len(errors)}
        for field, rows in (("output_file_id", answers), ("error_file_id", errors)):
            if rows:
                document[field] = f"file-{len(self.files) + 1}"
                # U+2028 is no line end in JSON lines, whatever some readers think.
                text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows[::-1])
                self.files[document[field]] = text.encode()

    def _list(self, query: Mapping[str, list[str]]) -> Reply:
        """Two on a page, newest first."""
        ages = {name: (self.batches[name]["document"]["created_at"], n) for n, name in enumerate(self.batches)}
        names = sorted(ages, key=lambda name: ages[name], reverse=True)
        if "after" in query:
            names = names[names.index(query["after"][0]) + 1 :]
        page = [self.batches[name]["document"] for name in names[:2]]
        return _json({"object": "list", "data": page, "has_more": len(names) > len(page)})


def _json(document: dict[str, Any]) -> Reply:
    return Reply(body=json.dumps(document).encode())
