"""The script of the page: search, filters and pages of 25 pairs. The page names it by its hash; nothing else can run.

Texts are set as text, never as HTML. A pair's own texts are put into the page when it is opened.
"""

from __future__ import annotations

__all__ = ["SCRIPT"]

SCRIPT = r"""
"use strict";
(() => {
  const source = document.getElementById("pair-data");
  if (!source) return;
  const data = JSON.parse(source.textContent), size = 25;
  const get = (id) => document.getElementById(id);
  const list = get("pair-list"), filters = get("filters"), pager = get("pager"), count = get("pair-count");
  const box = filters.querySelector("input"), [back, on] = pager.querySelectorAll("button");
  const minus = (text) => text.replace("-", "\u2212");
  let found = [], page = 0;

  const make = (tag, kind, ...inside) => {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    element.append(...inside);
    return element;
  };
  const whole = (number) => number === null ? null : data.texts[number];
  const plain = (number) => { const text = whole(number); return Array.isArray(text) ? text[0] : text; };
  const shown = (number, none) => {
    const text = whole(number), start = plain(number);
    if (text === null || !start.trim())
      return [make("p", "nothing", text === null ? `(${none})` : start ? "(only white space)" : "(empty)")];
    const pre = make("pre", "", start);
    pre.dir = "auto";
    return Array.isArray(text) ? [pre, make("p", "soft", `${text[1]} more characters are in the files.`)] : [pre];
  };
  const name = (text) => make("bdi", "", text);

  const body = (pair) => {
    const sides = make("div", "sides", ...[0, 1].map((side) => make("div", "",
      make("h3", "", side ? "candidate: " : "reference: ", name(data.models[pair.models][side]),
        `, ${pair.chars[side]} characters`),
      ...shown(pair.answers[side], "the files keep no text"))));
    const calls = pair.said.flatMap(([judge, , , ...orders]) => orders.map((call, order) => call && make("details",
      "call", make("summary", "", name(data.judges[judge]),
        `, ${order ? "candidate" : "reference"} first: ${call[0]}${call[1]}`), ...shown(call[2], "no text"))));
    return [make("h3", "", "prompt"), ...shown(pair.prompt), sides, ...calls.filter(Boolean)];
  };
  const row = (pair) => {
    const chips = pair.said.flatMap(([judge, outcome, text]) => [
      ...(pair.said.length > 1 ? [make("span", "by", name(data.judges[judge]))] : []),
      make("span", `chip ${outcome === "not judged" ? "none" : outcome}`, text)]);
    const difference = pair.chars[1] - pair.chars[0];
    const start = plain(pair.prompt).slice(0, 160).split(/\s+/).join(" ").trim();
    const details = make("details", "pair", make("summary", "",
      make("span", "name", name(pair.name)), make("span", "start", name(start)),
      make("span", "difference", minus(`${difference > 0 ? "+" : ""}${difference} chars`)),
      make("span", "chips", ...chips)));
    details.addEventListener("toggle", () => details.append(...body(pair)), { once: true });
    return details;
  };

  const value = (id) => { const select = get(id); return select ? select.value : ""; };
  const sought = (pair) => pair.sought ??= [pair.name, ...[pair.prompt, ...pair.answers,
    ...pair.said.flatMap(([, , , ...orders]) => orders.map((call) => call ? call[2] : null))]
    .map((number) => plain(number) ?? "")].join("\n").toLowerCase();
  const differ = (said, how) => {
    const [first, second] = said.slice(3).map((call) => call && call[0]);
    const both = ["win", "tie", "lose"].includes(first) && ["win", "tie", "lose"].includes(second);
    return both && first !== second && (how === "orders" || (first !== "tie" && second !== "tie"));
  };
  const lengths = {
    longer: ([one, two]) => two > one, shorter: ([one, two]) => two < one,
    longer2: ([one, two]) => two > one && two >= 2 * one, shorter2: ([one, two]) => two < one && 2 * two <= one,
    similar: ([one, two]) => Math.abs(two - one) <= 0.1 * Math.max(one, two),
  };
  const wanted = () => {
    const text = box.value.trim().toLowerCase(), set = value("testset"), models = value("models");
    const judge = value("judge"), verdict = value("verdict"), length = value("length"), how = value("differ");
    return (pair) => {
      if (set && pair.set !== +set || models && pair.models !== +models) return false;
      if (length && !lengths[length](pair.chars)) return false;
      const said = judge ? pair.said.filter((each) => each[0] === +judge) : pair.said;
      if (!said.length || verdict && !said.some((each) => each[1] === verdict)) return false;
      if (how === "judges") {
        const outcomes = pair.said.map((each) => each[1]).filter((outcome) => outcome !== "not judged");
        if (new Set(outcomes).size < 2) return false;
      } else if (how && !said.some((each) => differ(each, how))) return false;
      return !text || sought(pair).includes(text);
    };
  };
  const apart = (pair) => Math.abs(pair.chars[1] - pair.chars[0]);
  const turn = (to) => {
    const pages = Math.max(1, Math.ceil(found.length / size));
    page = Math.min(Math.max(to, 0), pages - 1);
    list.replaceChildren(...found.slice(size * page, size * (page + 1)).map(row));
    count.textContent = `${found.length} of ${data.pairs.length} pairs`;
    pager.hidden = pages < 2;
    pager.querySelector("span").textContent = `page ${page + 1} of ${pages}`;
    back.disabled = page === 0;
    on.disabled = page === pages - 1;
  };
  const look = () => {
    const sort = value("sort");
    found = data.pairs.filter(wanted());
    if (sort !== "file") found.sort((one, two) => (sort === "most" ? -1 : 1) * (apart(one) - apart(two)));
    turn(0);
  };

  let waiting;
  box.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(look, 120); });
  box.addEventListener("keydown", (event) => { if (event.key === "Enter") { clearTimeout(waiting); look(); } });
  for (const select of filters.querySelectorAll("select")) select.addEventListener("change", look);
  for (const [button, step] of [[back, -1], [on, 1]])
    button.addEventListener("click", () => { turn(page + step); count.scrollIntoView({ block: "start" }); });
  filters.hidden = false;
  get("unscripted").hidden = true;
  look();
})();
"""
