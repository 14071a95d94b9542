"""The style of the page, for light and dark screens of any width and for print; the page names it by its hash."""

from __future__ import annotations

__all__ = ["DARK", "FIGURES", "LIGHT", "STYLE", "TEXT"]

# Blue, grey and orange stay apart for every common colour blindness and, by their lightness, in grey print.
LIGHT = """--text: #1c2126; --soft: #59626c; --paper: #ffffff; --panel: #f4f6f8;
  --line: #d5dae0; --win: #2f6fb5; --tie: #c3cad1; --lose: #dd8b35; --on-win: #ffffff; --on-tie: #14181c;
  --on-lose: #14181c; --mark: #1c2126; --raw: #59626c; --lc: #1d5c9e; --band: #2f6fb526; --alert: #8a4b00;
  --tip: #a84a00; --heat: #2f6fb5;"""
DARK = """--text: #e4e8ec; --soft: #a2abb5; --paper: #14181c; --panel: #1e242a; --line: #37404a; --win: #5b9be0;
    --tie: #7b858f; --lose: #d98a3c; --on-win: #0d1117; --on-tie: #0d1117; --on-lose: #0d1117; --mark: #ffffff;
    --raw: #a2abb5; --lc: #6fb0f5; --band: #5b9be033; --alert: #f0b36a; --tip: #f0a35a; --heat: #5b9be0;"""
_COLOURS = f"""
:root {{ color-scheme: light dark; {LIGHT} }}
@media (prefers-color-scheme: dark) {{
  :root {{ {DARK} }} }}
"""
_PRINTED = """@media print {
  :root { color-scheme: light; --text: #000; --soft: #444; --paper: #fff; --panel: #fff; --line: #bbb; --win: #2f6fb5;
    --tie: #c3cad1; --lose: #dd8b35; --on-win: #fff; --on-tie: #000; --on-lose: #000; --mark: #000; --raw: #555;
    --lc: #1d5c9e; --band: #2f6fb526; --alert: #5a3100; --tip: #a84a00; --heat: #2f6fb5; } }
"""
TEXT = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere;
  counter-reset: figure table; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; text-wrap: balance; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.6rem 0 .8rem; }
h3 { font-size: .9rem; margin: 1rem 0 .3rem; color: var(--soft); font-weight: 600; }
p { margin: .4rem 0; }
a { color: inherit; text-underline-offset: .2em; }
:focus-visible { outline: 2px solid var(--lc); outline-offset: 2px; }
.soft { color: var(--soft); font-size: .9rem; }
.answer { font-size: 1.1rem; max-width: 50rem; margin: 1.2rem 0 1rem; padding: .1rem 0 .1rem 1rem;
  border-left: .4rem solid var(--tie); }
.answer.win { border-color: var(--win); } .answer.lose { border-color: var(--lose); }
.answer strong { display: block; font-size: 1.5rem; line-height: 1.3; }
.answer span { display: block; } .answer span::first-letter, .notes li::first-letter { text-transform: uppercase; }
.answers { margin: 1rem 0; padding: 0; list-style: none; } .answers li { margin: .4rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.tiles > div { background: var(--panel); border-radius: 6px; padding: .6rem .8rem; }
.tiles dt, .tiles span { color: var(--soft); font-size: .85rem; line-height: 1.35; }
.tiles dd { margin: 0; font-variant-numeric: tabular-nums; } .tiles span { display: block; }
.tiles b { font-size: 1.35rem; font-weight: 600; }
.notes { margin: 1rem 0; padding: 0; list-style: none; max-width: 54rem; }
.said { margin: .4rem 0; padding: 0 0 0 1.1rem; color: var(--soft); font-size: .9rem; }
.notes li { border-left: 3px solid var(--lose); padding: .1rem 0 .1rem .7rem; margin: .4rem 0; color: var(--alert); }
.notes li.plain { border-color: var(--line); color: inherit; }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 1rem 0; padding: 0; list-style: none; }
.facts { display: grid; grid-template-columns: fit-content(14rem) minmax(0, 1fr); gap: .25rem 1.2rem; margin: .6rem 0;
  font-size: .92rem; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; }
pre { margin: 0; padding: .6rem .8rem; background: var(--panel); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; font: .85rem/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  unicode-bidi: isolate; max-height: 40rem; overflow: auto; }
.scroll { overflow-x: auto; margin: 1.8rem 0 .6rem; } .beside .scroll { margin: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
table:not(.matrix) { counter-increment: table; }
caption { text-align: left; padding-bottom: .5rem; font-weight: 600; }
caption span { display: block; position: sticky; left: 0; width: min(100%, calc(100vw - 2rem)); }
table:not(.matrix) > caption span::before { content: "Table " counter(table) ". "; font-weight: 400;
  color: var(--soft); }
th, td { padding: .3rem 1.1rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap;
  vertical-align: baseline; }
th { font-weight: 600; color: var(--soft); }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); white-space: normal;
  min-width: 8.5rem; max-width: 24rem; }
tbody th { font-weight: 400; color: var(--text); }
.group th { font-weight: 600; padding-top: 1rem; color: var(--text); border-bottom-color: var(--soft); }
h1, h2, h3, .soft, .notes li, .rows > div, dt, dd, td, th, .name { overflow: clip; overflow-clip-margin: .2em; }
"""
FIGURES = """
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 2rem 3rem;
  margin-top: 1.6rem; }
h2 + .figures { margin-top: 0; }
figure { margin: 0; min-width: 0; counter-increment: figure; }
.figure.wide { grid-column: 1 / -1; }
.beside { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; align-items: center; }
.beside > p { flex: 1 1 20rem; max-width: 34rem; }
figcaption { margin-bottom: .6rem; }
figcaption::before { content: "Figure " counter(figure) ". "; color: var(--soft); }
.chart { width: 100%; max-width: 32rem; height: auto; display: block; overflow: visible; }
svg text { fill: var(--soft); font-variant-numeric: tabular-nums; font-size: 12.5px; }
.chart text { font-size: 11.5px; }
.chart .strong { fill: var(--text); font-weight: 600; } .chart .title { fill: var(--soft); text-anchor: middle; }
svg .on-win { fill: var(--on-win); } svg .on-tie { fill: var(--on-tie); } svg .on-lose { fill: var(--on-lose); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .9rem; color: var(--soft);
  margin-bottom: .5rem; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
.key.dot { width: 11px; height: 11px; border: 2px solid var(--raw); border-radius: 50%; }
.key.rhomb { background: var(--lc); border-radius: 0; transform: rotate(45deg) scale(.85); }
.rows { display: grid; grid-template-columns: fit-content(14rem) max-content minmax(6rem, 1fr); gap: .5rem 1.2rem;
  align-items: center; }
.rows svg { width: 100%; height: 40px; display: block; overflow: visible; }
.rows.forest { row-gap: 0; } .rows.forest svg { height: 44px; } .rows.forest .axis { height: 20px; }
.value { font-variant-numeric: tabular-nums; white-space: nowrap; text-align: right; font-size: .92rem;
  line-height: 1.3; }
.value span { display: block; }
.win { fill: var(--win); } .tie { fill: var(--tie); } .lose { fill: var(--lose); }
.key.win { background: var(--win); } .key.tie { background: var(--tie); } .key.lose { background: var(--lose); }
.mark { fill: var(--mark); } .half { stroke: var(--mark); stroke-opacity: .55; stroke-dasharray: 3 3; }
.grid { stroke: var(--line); } .whisker { stroke: var(--mark); stroke-width: 2; }
.whisker.raw { stroke: var(--raw); } .whisker.lc { stroke: var(--lc); stroke-width: 3; }
.raw { fill: var(--paper); stroke: var(--raw); stroke-width: 2; } .lc { fill: var(--lc); }
.band { fill: var(--band); } .measured { stroke: var(--lc); }
.curve { fill: none; stroke: var(--mark); stroke-width: 2; }
.tipping { stroke: var(--tip); stroke-dasharray: 4 3; } .tip { fill: var(--tip); }
.fit { fill: none; stroke: var(--lc); stroke-width: 2; }
.rug { fill: none; stroke-width: 1; stroke-opacity: .75; }
.rug.win { stroke: var(--win); } .rug.tie { stroke: var(--soft); } .rug.lose { stroke: var(--tip); }
.matrix th, .matrix td { text-align: center; white-space: normal; border: 2px solid var(--paper);
  padding: .5rem .6rem; }
.matrix thead th { vertical-align: bottom; font-weight: 400; border: 0; }
.matrix th:first-child { min-width: 5.5rem; position: static; text-align: right; }
.matrix caption { max-width: 26rem; font-weight: 400; font-size: .9rem; color: var(--soft); }
.heat { min-width: 5.2rem; } .heat b { display: block; font-size: 1.1rem; font-weight: 600; }
.heat span { font-size: .85rem; display: block; white-space: nowrap; }
.matrix .same { outline: 2px solid var(--mark); outline-offset: -3px; }
""" + "".join(
    f".h{step} {{ background: color-mix(in srgb, var(--heat) {5 * step + 4}%, var(--paper)); }}\n" for step in range(11)
)
_PAIRS = """
[hidden] { display: none !important; }
.filters { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .6rem 1rem;
  margin: 1rem 0; }
.filters label { font-size: .85rem; color: var(--soft); display: block; min-width: 0; }
.filters .search { grid-column: 1 / -1; max-width: 32rem; }
.filters input, .filters select { font: inherit; font-size: 1rem; width: 100%; padding: .4rem .5rem;
  margin-top: .15rem; height: 2.5rem; color: var(--text); background: var(--panel); border: 1px solid var(--soft);
  border-radius: 6px; }
.pager { display: flex; gap: 1rem; align-items: center; margin: 1rem 0; }
.pager button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--soft);
  border-radius: 6px; padding: .4rem 1rem; } .pager button:disabled { opacity: .5; }
.pair { border-top: 1px solid var(--line); }
summary { cursor: pointer; padding: .5rem 0; }
.pair > summary { display: grid; grid-template-columns: 8rem minmax(0, 1fr) max-content max-content; gap: .2rem 1rem;
  list-style: none; align-items: baseline; }
.pair > summary::-webkit-details-marker { display: none; }
.pair > summary:hover { background: var(--panel); }
.pair[open] { padding-bottom: 1rem; }
.pair .name, .difference, .by { color: var(--soft); font-size: .85rem; }
.difference { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
.start { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.chips { font-size: .85rem; text-align: right; max-width: 26rem; }
.chip { display: inline-block; border-radius: 4px; padding: 0 .45rem; margin-left: .3rem; color: #14181c; }
.chip.win { background: #a9ccf2; } .chip.tie { background: #d5dae0; } .chip.lose { background: #f5c890; }
.chip.none { color: var(--alert); outline: 1px dashed var(--alert); outline-offset: -1px; }
.by { margin-left: .6rem; }
.call { margin-top: .4rem; } .nothing { color: var(--soft); font-style: italic; margin: .2rem 0; }
.sides { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 1rem; }
.printed { display: none; }
"""
_NARROW = """
@media (max-width: 40rem) {
  .rows { grid-template-columns: minmax(0, 1fr) max-content; gap: .2rem 1rem; }
  .rows svg { grid-column: 1 / -1; margin-bottom: .5rem; } .rows.forest .axis { margin-top: -.5rem; }
  .chart text { font-size: 12.5px; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .sides, .facts { grid-template-columns: minmax(0, 1fr); }
  .facts dd { margin-bottom: .5rem; }
  .filters { grid-template-columns: 1fr 1fr; }
  .pair > summary { grid-template-columns: minmax(0, 1fr) max-content; }
  .start, .chips { grid-column: 1 / -1; } .difference { grid-area: 1 / 2; } .chips { text-align: left; }
  .chip:first-child, .by:first-child { margin-left: 0; }
  .heat { min-width: 4rem; } .matrix th:first-child { min-width: 4.5rem; }
  .matrix th, .matrix td { padding: .45rem .3rem; }
  table { font-size: .85rem; } th, td { padding-right: .8rem; }
}
@media print {
  @page { margin: 1.6cm; } html { font-size: 10pt; }
  body { max-width: none; padding: 0; font-size: 1rem; } .chart text { font-size: 13px; }
  svg, .key, .chip, .heat, .tiles > div, .answer { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .tiles > div { border: 1px solid var(--line); } .tiles { grid-template-columns: repeat(5, 1fr); }
  .figures { grid-template-columns: 1fr 1fr; gap: 1.2rem 1.6rem; }
  #filters, #pager, #pair-count, nav, #unscripted, .pair:not([open]) { display: none; } .printed { display: inline; }
  .scroll { overflow: visible; } table { font-size: 8.5pt; } th, td { padding-top: .15rem; padding-bottom: .15rem; }
  th:first-child { position: static; } .group th { padding-top: .5rem; }
  pre { max-height: none; overflow: visible; border: 1px solid var(--line); }
  figure, tr, summary, .tiles > div, .notes li, .answer { break-inside: avoid; }
  h2, figcaption, .answer { break-after: avoid; } .comparison { break-before: page; }
}
"""

STYLE = _COLOURS + _PRINTED + TEXT + FIGURES + _PAIRS + _NARROW
