"""What models answer when rows are rated or refined, for the chat server of ``judge_server``."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from judge_server import chat_reply, hash_score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from judge_server import Body, Reply

__all__ = ["alpaca_rows", "mark", "rating", "refining", "saying", "shown", "write_rows"]


def shown(body: Body, title: str) -> str:
    """A quoted text of the request."""
    text = body["messages"][-1]["content"]
    found = re.search(
        rf"^BEGIN {title} (?P<code>\S+)\n(?P<text>.*?)\nEND {title} (?P=code)$", text, re.DOTALL | re.MULTILINE
    )
    return found["text"] if found else ""


def mark(response: str) -> float:
    """The rating that a response gets, 0.5 to 5 by halves: it depends on the text alone."""
    return hash_score(response) / 2


def rating(body: Body) -> Reply:
    """Rates the quoted response."""
    return chat_reply(body, f"{mark(shown(body, 'response'))}\nBecause the mark follows from the text.")


def refining(body: Body) -> Reply:
    """Writes the quoted response again, with a word more, between the marks that the rules name."""
    opening, closing = re.findall(r"\[(?:Better Answer|End)(?: [0-9a-f]+)?\]", body["messages"][0]["content"])[:2]
    return chat_reply(body, f"It is too short.\n\n{opening}\n{shown(body, 'response')} Indeed.\n{closing}")


def saying(text: str) -> Callable[[Body], Reply]:
    """Answers every request with the same text."""
    return lambda body: chat_reply(body, text)


def alpaca_rows(number: int) -> list[dict[str, Any]]:
    """Different rows in the format of Alpaca, every other one with an input."""
    return [
        {"instruction": f"Explain {n}.", "input": "" if n % 2 else f"About {n}.", "output": f"{n} is a number."}
        for n in range(number)
    ]


def write_rows(path: Path, rows: Sequence[object]) -> Path:
    """Write rows as JSON lines, or as a JSON array where the name ends so."""
    lines = [json.dumps(row) for row in rows]
    path.write_text("[" + ",\n".join(lines) + "]" if path.suffix == ".json" else "".join(f"{line}\n" for line in lines))
    return path
