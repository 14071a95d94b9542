"""How the numbers were made, and how to make them again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from longismore.reports._escape import html_text, name_text
from longismore.reports._facts import command_of, facts
from longismore.reports._page.frame import section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports._page.entry import Entry

__all__ = ["entry_facts", "method_section", "repeat_section"]

_METHOD = """
Every pair is judged in both orders, unless it says otherwise. Two wins, or a win and a tie, are a win; a win and a
loss are a tie. All rates are the candidate's. What could not be read is counted and enters no rate.

Length control fits logit P = a + b \N{MULTIPLICATION SIGN} tanh(d / sd(d)) to the candidate's share over the orders
that were asked, with a for each test set, d the candidate's characters minus the reference's, and a prior on the slope
b. The length-controlled win rate is the prediction at d = 0, averaged over the pairs. Its interval comes from refitting
on resampled prompts.

The answer is \N{LEFT DOUBLE QUOTATION MARK}better\N{RIGHT DOUBLE QUOTATION MARK} only where the length-controlled
interval lies above 50%. A slope that is seen within one pair of models is confounded: on easy questions a model may
write more and also win more. So raw and length-controlled rates stand together, with the curve over other slopes.
"""


def method_section() -> str:
    """Say how the numbers were computed."""
    return section(
        "method", "How the numbers were made", [f"<p>{html_text(text)}</p>" for text in _METHOD.strip().split("\n\n")]
    )


def repeat_section(entries: Sequence[Entry], command: Sequence[str] | None) -> str:
    """Show commands, settings, versions, checksums and files of every comparison, and what made this page."""
    several = len(entries) > 1
    parts = [_entry(entry, heading=several) for entry in entries]
    if command:
        parts.append(f"<h3>this page</h3><pre>{html_text(shlex.join(command))}</pre>")
    return section("repeat", "How to repeat this", parts)


def _entry(entry: Entry, *, heading: bool) -> str:
    items = "".join(f"<dt>{html_text(label)}</dt><dd>{html_text(value)}</dd>" for label, value in entry_facts(entry))
    command = command_of(entry.judged.run)
    title = f"<h3>{html_text(entry.title)}</h3>" if heading else ""
    made = "" if command is None else f"<pre>{html_text(command)}</pre>"
    return f'{title}<dl class="facts">{items}</dl>{made}' if items or made else ""


def entry_facts(entry: Entry) -> list[tuple[str, str]]:
    """List what was compared, by whom and with what, and where it was read, as label and value."""
    run = entry.judged.run
    return [*(facts(run) if run else _known(entry)), *_prior(entry), *_files(entry)]


def _known(entry: Entry) -> list[tuple[str, str]]:
    """What is known where no run folder says more."""
    fingerprint = name_text(entry.judged.fingerprint or "unknown")
    return [
        ("candidate", entry.candidate),
        ("reference", entry.reference),
        ("judge", f"{entry.judge}, fingerprint {fingerprint}"),
        *((f"test set {name_text(name)}", f"{rates.pairs} pairs") for name, rates in entry.results.testsets.items()),
    ]


def _prior(entry: Entry) -> list[tuple[str, str]]:
    prior = entry.rates.length_prior
    if prior is None:
        return []
    return [("prior of the slope", name_text(f"mean {prior['mean']}, sd {prior['sd']}: {prior['source']}", 1000))]


def _files(entry: Entry) -> list[tuple[str, str]]:
    return [("read from", name_text(file, 1000)) for file in entry.judged.files]
