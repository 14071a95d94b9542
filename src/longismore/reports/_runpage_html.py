"""The frame and the figures of ``report.html``. Every text from outside goes through `html_text`, without exception."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from longismore.reports._escape import html_text
from longismore.reports._runpage_style import SCRIPT, STYLE
from longismore.reports._words import named_rates, number, percent, percent_interval, percent_sentence, times

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longismore.reports.winrate import Rates, Results

__all__ = [
    "bars",
    "document",
    "facts_list",
    "missing_table",
    "rates_table",
    "repeat_section",
    "sentences",
]


def document(title: str, subtitle: str, body: Iterable[str]) -> str:
    """Wrap the parts into a page whose policy allows its own style and script and nothing else."""
    policy = f"default-src 'none'; style-src '{_digest(STYLE)}'; script-src '{_digest(SCRIPT)}'; base-uri 'none'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html_text(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            f'<h1>{html_text(title)}</h1><p class="soft">{html_text(subtitle)}</p>',
            *(part for part in body if part),
            f"<script>{SCRIPT}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def sentences(lines: Sequence[str]) -> str:
    """Show the result, and the warnings below it."""
    result, *warnings = lines
    items = "".join(f"<li>{html_text(warning)}</li>" for warning in warnings)
    notes = f'<ul class="notes">{items}</ul>' if items else ""
    return f'<p class="result">{html_text(result)}</p>{notes}'


def bars(results: Results) -> str:
    """Draw win, tie and lose of every set as one bar, and the win rate with its interval below."""
    rows = [_bar(name, rates) for name, rates in named_rates(results) if rates.n]
    if not rows:
        return ""
    keys = "".join(f'<span class="key {word}"></span>{word}' for word in ("win", "tie", "lose"))
    legend = (
        f'<p class="soft">{keys}. The dot is the win rate, a tie counting half, so it stands in the middle of the '
        "ties; the line through it is the 95% interval, the thin upright line is 50%.</p>"
    )
    return f'<h2>Win rate of the candidate</h2><div class="bars">{"".join(rows)}</div>{legend}'


def _bar(name: str, rates: Rates) -> str:
    low, high = rates.win_rate_ci or (0.0, 1.0)
    win, tie = rates.wins / rates.n, rates.ties / rates.n
    shown = percent_sentence(rates.win_rate, rates.win_rate_ci)
    label = f"{name}: {rates.wins} wins, {rates.ties} ties, {rates.losses} losses; win rate {shown}"
    shapes = [
        _rect("win", 0, win, 0, 18),
        _rect("tie", win, tie, 0, 18),
        _rect("lose", win + tie, rates.losses / rates.n, 0, 18),
        _rect("mark", low, high - low, 26, 2),
        '<rect class="half" x="50%" y="0" width="1" height="34"/>',
        f'<circle class="mark" cx="{_share(win + tie / 2)}" cy="27" r="4.5"/>',
    ]
    return (
        f'<div>{html_text(name)}</div><div class="value">{html_text(shown)}</div>'
        f'<svg role="img" aria-label="{html_text(label)}">{"".join(shapes)}</svg>'
    )


def _rect(kind: str, start: float, width: float, top: int, height: int) -> str:
    place = f'x="{_share(start)}" y="{top}" width="{_share(width)}" height="{height}"'
    return f'<rect class="{kind}" {place}/>'


def _share(rate: float) -> str:
    return f"{100 * rate:.2f}%"


def rates_table(results: Results) -> str:
    """Show every rate of every set."""
    head = ["test set", "pairs judged", "win", "tie", "lose", "win rate %", "winning score", "preference %"]
    head += ["kept %", "reversed %", "chars ratio", "chars reference", "chars candidate"]
    rows = [
        [
            name,
            rates.n,
            rates.wins,
            rates.ties,
            rates.losses,
            percent_interval(rates.win_rate, rates.win_rate_ci),
            number(rates.winning_score, 3),
            percent_interval(rates.preference, rates.preference_ci),
            percent_interval(rates.swap_consistency, rates.swap_consistency_ci),
            percent(rates.swap_flip),
            times(rates.length_ratio),
            number(rates.mean_chars_reference, 0),
            number(rates.mean_chars_candidate, 0),
        ]
        for name, rates in named_rates(results)
    ]
    explanation = (
        "Intervals are 95%, clustered by prompt. Winning score: (wins minus losses)/n + 1. Preference: the candidate's "
        "share averaged over both orders. Kept: the same outcome when the answers change places; reversed: a win in "
        "one order, a loss in the other. Characters are means over the pairs judged."
    )
    return f'<h2>Numbers</h2>{_table(head, rows)}<p class="soft">{html_text(explanation)}</p>'


def missing_table(results: Results) -> str:
    """Count everything that was not judged, also where nothing is missing."""
    head = ["test set", "pairs", "judged", "partial", "missing", "unparsed", "refused", "failed"]
    head += ["empty reference", "empty candidate", "distinct prompts"]
    rows = [
        [
            name,
            rates.pairs,
            rates.n,
            rates.partial,
            rates.pairs - rates.n - rates.partial,
            rates.unparsed,
            rates.refused,
            rates.failed,
            rates.empty_reference,
            rates.empty_candidate,
            rates.clusters,
        ]
        for name, rates in named_rates(results)
    ]
    explanation = (
        "Partial: one order could be read; missing: none. Such pairs enter no rate and are never counted as ties. "
        "Unparsed, refused and failed count judge calls, two a pair; empty counts answers of nothing but white space."
    )
    return f'<h2>What was not judged</h2>{_table(head, rows)}<p class="soft">{html_text(explanation)}</p>'


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    top = "".join(f'<th scope="col">{html_text(cell)}</th>' for cell in head)
    body = "".join(_row(row) for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: Sequence[object]) -> str:
    cells = "".join(f"<td>{html_text(cell)}</td>" for cell in row)
    return f"<tr>{cells}</tr>"


def facts_list(rows: Sequence[tuple[str, str]]) -> str:
    """Show what was compared, by whom and with what."""
    items = "".join(f"<dt>{html_text(label)}</dt><dd>{html_text(value)}</dd>" for label, value in rows)
    return f"<h2>Run</h2><dl>{items}</dl>" if items else ""


def repeat_section(command: str | None) -> str:
    """Show the command line that made the run."""
    if command is None:
        return ""
    return f"<h2>How to repeat</h2><pre>{html_text(command)}</pre>"
