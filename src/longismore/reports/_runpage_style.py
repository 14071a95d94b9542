"""Style and script of ``report.html``; the page names both by their hash, so nothing else can run in it."""

from __future__ import annotations

__all__ = ["SCRIPT", "STYLE"]

# Blue, grey and orange stay apart for every common colour blindness and in grey print.
STYLE = """
:root { color-scheme: light dark; --text: #1c2126; --soft: #59626c; --paper: #ffffff; --panel: #f4f6f8;
  --line: #d5dae0; --win: #2f6fb5; --tie: #b3bac2; --lose: #e0903d; --mark: #1c2126; --alert: #8a4b00; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e8ec; --soft: #a2abb5; --paper: #14181c; --panel: #1e242a; --line: #37404a;
    --win: #5b9be0; --tie: #5d6771; --lose: #d98a3c; --mark: #ffffff; --alert: #f0b36a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: .9rem; margin: 1rem 0 .3rem; color: var(--soft); font-weight: 600; }
p { margin: .4rem 0; }
.result { font-size: 1.15rem; max-width: 46rem; margin-top: 1rem; }
.result::first-letter, .notes li::first-letter { text-transform: uppercase; }
.notes { margin: .6rem 0; padding: 0; list-style: none; max-width: 54rem; }
.notes li { border-left: 3px solid var(--lose); padding: .1rem 0 .1rem .7rem; margin: .4rem 0; color: var(--alert); }
.soft { color: var(--soft); font-size: .9rem; }
.bars { display: grid; grid-template-columns: fit-content(16rem) max-content minmax(6rem, 1fr); gap: .5rem 1rem;
  align-items: center; }
.bars svg { width: 100%; height: 34px; display: block; overflow: visible; }
.bars .value { font-variant-numeric: tabular-nums; white-space: nowrap; text-align: right; }
.win { fill: var(--win); background: var(--win); } .tie { fill: var(--tie); background: var(--tie); }
.lose { fill: var(--lose); background: var(--lose); } .mark { fill: var(--mark); }
.half { fill: var(--mark); opacity: .45; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .35em 0 .8em; }
.key:first-child { margin-left: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .35rem .8rem .35rem 0; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper);
  max-width: 16rem; text-overflow: ellipsis; }
th { font-weight: 600; color: var(--soft); white-space: normal; overflow-wrap: normal; }
dl { display: grid; grid-template-columns: fit-content(14rem) minmax(0, 1fr); gap: .25rem 1.2rem; margin: 0;
  font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; }
pre { margin: 0; padding: .6rem .8rem; background: var(--panel); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; font: .85rem/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  unicode-bidi: isolate; max-height: 40rem; overflow: auto; }
h1, h3, .soft, .notes li, .bars > div, dt, dd, td, .name { overflow: clip; overflow-clip-margin: .2em; }
#filter { font: inherit; width: 100%; max-width: 24rem; padding: .4rem .6rem; margin: .4rem 0 .8rem;
  color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
.pair { border-top: 1px solid var(--line); }
summary { cursor: pointer; padding: .4rem 0; }
.pair > summary { display: grid; grid-template-columns: 9rem minmax(0, 1fr) max-content; gap: .2rem 1rem; }
.pair > summary::-webkit-details-marker { display: none; }
.pair > summary:hover { background: var(--panel); }
.pair[open] { padding-bottom: 1rem; }
.name { color: var(--soft); font-size: .85rem; }
.start { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.orders { font-size: .85rem; white-space: nowrap; }
.chip { border-radius: 4px; padding: 0 .4rem; margin-left: .25rem; color: #14181c; background: var(--tie); }
.chip.win { background: #a9ccf2; } .chip.tie { background: #d5dae0; } .chip.lose { background: #f5c890; }
.chip.none { background: none; color: var(--alert); outline: 1px dashed var(--alert); outline-offset: -1px; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1rem; }
@media (max-width: 40rem) {
  .bars { grid-template-columns: 1fr max-content; gap: .2rem 1rem; }
  .bars svg { grid-column: 1 / -1; margin-bottom: .6rem; }
  .sides, dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .5rem; }
  .pair > summary { grid-template-columns: 1fr max-content; }
  .start { grid-column: 1 / -1; grid-row: 2; }
}
@media print {
  :root { --text: #000; --soft: #444; --paper: #fff; --panel: #fff; --line: #bbb; --win: #2f6fb5; --tie: #b3bac2;
    --lose: #e0903d; --mark: #000; --alert: #5a3100; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  svg, .key, .chip { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  #filter { display: none; } .scroll { overflow: visible; } table { font-size: 8.5pt; }
  pre { max-height: none; overflow: visible; }
  .bars > *, tr, summary { break-inside: avoid; } h2 { break-after: avoid; }
}
"""

SCRIPT = """
const box = document.getElementById("filter");
if (box) {
  box.hidden = false;
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase();
    for (const pair of document.querySelectorAll(".pair"))
      pair.hidden = !pair.textContent.toLowerCase().includes(wanted);
  });
}
"""
