"""The results files of lm_eval, from version 0.3 on, as numbers.

Keys of metrics are ``acc,none`` (metric, filter) since 0.4 and ``acc`` before; ``acc_stderr,none`` has the standard
error. The file of 0.3 says how many examples were shown once for all tasks, and a model by its arguments only.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json
from longismore.collecting._harness_model import model_of
from longismore.collecting._harness_tasks import TaskFacts, hidden_parts
from longismore.collecting._reading import NORMAL, Read, Without, file_time, moment, normal_interval, number_of
from longismore.collecting._walk import LM_EVAL
from longismore.errors import SchemaError
from longismore.reports.collection import Number, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

__all__ = ["OURS", "read_harness_file"]

OURS = "longismore_"
"""How our own tasks begin."""
_OUR_MAIN = {"win_rate", "lc_win_rate", "length_ratio", "length_controlled_v1"}
_NO_METRICS = {"name", "alias", "sample_len", "sample_count", "samples", " "}
_BYPASS = "bypass"
"""What lm_eval writes where answers were only generated."""
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2})-(\d{2})-(\d{2}(?:\.\d+)?)")
_RATES = re.compile(
    r"(acc|acc_\w+|\w+_acc|exact_match|em|f1|mc1|mc2|pass@\d+|pass_at_\d+|win_rate|lc_win_rate|tie_rate|unjudged|"
    r"swap_consistency|preference|length_controlled_v1)"
)


def read_harness_file(path: Path) -> Read:
    """Read one file.

    Raises:
        DataError: It cannot be read.
        SchemaError: It is no results file of lm_eval.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("results"), dict):
        raise SchemaError(str(path), 'an object with "results" was expected, as lm_eval writes it')
    read = Read()
    versions = {"lm_eval": str(document["lm_eval_version"])} if document.get("lm_eval_version") else {}
    plain = Source(path=str(path), kind=LM_EVAL, created=_created(document, path), versions=versions)
    judged = replace(plain, is_paid=True)
    hidden = hidden_parts(document)
    model = model_of(document, path)
    for task, metrics in document["results"].items():
        if not isinstance(metrics, dict):
            raise SchemaError(str(path), f'"results" of "{task}": an object was expected, found {metrics!r:.80}')
        facts = TaskFacts.read(document, task)
        source = plain if facts.judged_by is None else judged
        named = facts.candidate or model
        read.numbers += _numbers(metrics, read, facts, model=named, source=source, is_whole=task not in hidden)
    return read


def _numbers(
    metrics: Mapping[str, Any], read: Read, facts: TaskFacts, *, model: str, source: Source, is_whole: bool
) -> Iterator[Number]:
    task = facts.task
    for key, given in metrics.items():
        metric, _, filtered = key.partition(",")
        if key in _NO_METRICS or metric.endswith("_stderr") or metric.strip() == "":
            continue
        if metric == _BYPASS:
            read.notes.append(f"{task}: answers were generated, not scored (--predict_only)")
            continue
        value = number_of(given)
        if value is None:
            read.without_value.append(Without(model, f"{task}/{metric}"))
            continue
        is_rate = _RATES.fullmatch(metric) is not None and 0 <= value <= 1
        error = number_of(metrics.get(f"{metric}_stderr,{filtered}" if filtered else f"{metric}_stderr"))
        interval = normal_interval(value, error, is_rate=is_rate)
        yield Number(
            model=model,
            benchmark=task,
            metric=metric,
            value=value,
            source=source,
            interval=interval,
            interval_kind=None if interval is None else NORMAL,
            n=facts.n(key),
            is_rate=is_rate,
            is_shown=is_whole and (not task.startswith(OURS) or metric in _OUR_MAIN),
            lower_is_better=facts.higher_is_better.get(metric) is False,
            settings=facts.settings | ({"filter": filtered} if filtered not in {"", "none"} else {}),
            versions=facts.versions,
            remarks=facts.remarks,
        )


def _created(document: Mapping[str, Any], path: Path) -> datetime | None:
    """When the evaluation began; older files say it in their name only, or not at all."""
    stamp = _STAMP.search(path.name)
    named = moment(f"{stamp[1]}:{stamp[2]}:{stamp[3]}") if stamp else None
    return moment(document.get("date")) or named or file_time(path)
