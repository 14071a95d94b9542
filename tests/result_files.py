"""Results as the programs write them, small: lm_eval of three ages, run folders, alpaca_eval, MT-Bench."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OLD", "annotation", "grade", "harness", "put", "put_lines", "put_run"]

OLD: dict[str, Any] = {
    "results": {
        "drop": {"em": 0.25, "em_stderr": 0.01, "f1": 0.5, "f1_stderr": 0.02},
        "race": {"acc": 0.75, "acc_stderr": 0.03},
    },
    "versions": {"drop": 1, "race": 1},
    "config": {
        "model": "hf-causal-experimental",
        "model_args": "pretrained=org/old,use_accelerate=True",
        "num_fewshot": 2,
        "batch_size": "auto",
        "limit": None,
        "description_dict": {},
    },
}
"""Version 0.3: no filters, no names, no dates."""


def put(path: Path, document: object) -> Path:
    """Write one JSON document; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def put_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSON lines; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def harness(
    model: str = "org/base",
    *,
    task: str = "arc_challenge",
    metrics: dict[str, Any] | None = None,
    version: object = 1.0,
    shots: int | None = 25,
    date: float = 1_795_000_000.0,
    effective: int = 40,
    metadata: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A results file of one task as 0.4.13 writes it; *more* are other keys of the document."""
    metrics = {"acc,none": 0.5, "acc_stderr,none": 0.05} if metrics is None else metrics
    return {
        "results": {task: {"name": task, "alias": task, "sample_len": effective, **metrics}},
        "group_subtasks": {},
        "configs": {task: {"task": task, "num_fewshot": shots, "metadata": {"version": version, **(metadata or {})}}},
        "versions": {task: version},
        "n-shot": {} if shots is None else {task: shots},
        "higher_is_better": {task: {"acc": True, "word_perplexity": False}},
        "n-samples": {task: {"original": 40, "effective": effective}},
        "config": {"model": "hf", "model_args": {"pretrained": model}, "limit": None, "gen_kwargs": None},
        "date": date,
        "lm_eval_version": "0.4.13",
        "model_source": "hf",
        "model_name": model,
        "chat_template": None,
        "chat_template_sha": None,
        "system_instruction": None,
        "system_instruction_sha": None,
        "task_hashes": {},
        **more,
    }


def put_run(
    folder: Path,
    candidate: str = "tuned",
    *,
    run: dict[str, Any] | None = None,
    rates: dict[str, Any] | None = None,
    answer: str = "A river.",
    asked: str = "Name a river.",
) -> Path:
    """A run folder on the set ``mini``; *run* and *rates* replace what they name."""
    found = {
        "pairs": 40,
        "n": 40,
        "win_rate": 0.625,
        "win_rate_ci": [0.5, 0.75],
        "lc_win_rate": 0.5,
        "lc_win_rate_ci": [0.25, 0.75],
        "length_ratio": 1.5,
        "tie_rate": None,
        **(rates or {}),
    }
    document = {
        "created": "2026-11-21T17:01:15+00:00",
        "judge": {"spec": "lexical", "name": "lexical", "fingerprint": "f" * 64},
        "reference": {"model": "base"},
        "candidate": {"model": candidate},
        "testsets": {"mini": {"version": 1, "size": 40, "pairs": 40}},
        "versions": {"longismore": "0.1.0"},
        "usage": {"answered": 0, "from_store": 0, "cost_usd": 0.0},
        "status": "done",
        **(run or {}),
    }
    put(folder / "run.json", document)
    put(folder / "reference.json", [{"instruction": asked, "output": answer, "dataset": "mini", "generator": "base"}])
    put(folder / "candidate.json", [])
    put(folder / "results.json", {"pooled": found, "testsets": {"mini": found}})
    return folder


def annotation(number: int, preference: float | None, model: str = "tuned", **more: Any) -> dict[str, Any]:
    """A row of alpaca_eval's ``annotations.json``."""
    return {
        "instruction": f"Question {number}?",
        "output_1": "Yes.",
        "generator_1": "base",
        "output_2": "No.",
        "generator_2": model,
        "annotator": "some_judge",
        "preference": preference,
        **more,
    }


def grade(question: int, score: float, model: str = "tuned", turn: int = 1, **more: Any) -> dict[str, Any]:
    """A row of MT-Bench's ``JUDGE_single.jsonl``."""
    prompt = "single-v1" if turn == 1 else "single-v1-multi-turn"
    return {
        "question_id": question,
        "model": model,
        "judge": ["gpt-4", prompt],
        "user_prompt": "...",
        "judgment": "$ERROR$" if score == -1 else f"[[{score}]]",
        "score": score,
        "turn": turn,
        "tstamp": 1_700_000_000.0 + question,
        **more,
    }
