"""``longismore mtbench show``: folders and files of judgments, in every mode and form."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from longismore._jsonl import write_jsonl
from longismore.cli._run_mtbench_show import ShowRequest, run_show
from longismore.errors import ConfigError, DataError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NORMAL, _GRIFFIN = "Meta-Llama-3-8B-Instruct-Normal", "Meta-Llama-3-8B-Instruct-Griffin"


def shown(*paths: Path, as_json: bool = False, mode: str | None = None, **options: Any) -> tuple[bool, str]:
    """Whether there was a result, and what was printed."""
    files = dict.fromkeys(("baseline", "plot", "csv", "markdown", "latex"))
    out = io.StringIO()
    done = run_show(ShowRequest(paths=paths, mode=mode, **files | options), out=out, as_json=as_json)
    return done, out.getvalue()


def document(*paths: Path, **options: Any) -> dict[str, Any]:
    """What ``--json`` prints."""
    found: dict[str, Any] = json.loads(shown(*paths, as_json=True, **options)[1])
    return found


def singles(scores: Sequence[float], model: str = "tuned") -> list[dict[str, Any]]:
    """Rows of a ``_single.jsonl``: first turns of ten questions apart, so that each is of another category."""
    return [
        {"question_id": 81 + 10 * place, "model": model, "judge": ["gpt-4", "single-v1"], "user_prompt": "?"}
        | {"judgment": "$ERROR$" if score == -1 else f"[[{score}]]", "score": score, "turn": 1, "tstamp": 1.0}
        for place, score in enumerate(scores)
    ]


def pairs(*winners: tuple[str, str], other: str = "base") -> list[dict[str, Any]]:
    """Rows of a ``_pair.jsonl``: tuned against another."""
    return [
        {"question_id": 81 + 10 * place, "model_1": "tuned", "model_2": other, "g1_winner": first, "g2_winner": second}
        | {"judge": ["gpt-4", "pair-v2"], "turn": 1, "tstamp": 1.0}
        | {f"g{game}_{what}": "?" for game in (1, 2) for what in ("judgment", "user_prompt")}
        for place, (first, second) in enumerate(winners)
    ]


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A folder of MT-Bench with both kinds of judgments."""
    inner = tmp_path / "mt_bench" / "model_judgment"
    inner.mkdir(parents=True)
    write_jsonl(inner / "gpt-4_single.jsonl", [*singles([8, 9.5, -1, 3]), *singles([5, 6, 7, 4], "base")])
    write_jsonl(
        inner / "gpt-4_pair.jsonl",
        pairs(("model_1", "model_1"), ("model_1", "model_2"), ("tie", "tie"), ("error", "tie")),
    )
    (inner / ".gpt-4_single.jsonl").write_text("half a li", "utf-8")
    return tmp_path / "mt_bench"


def test_published_file_is_shown(data: Path) -> None:
    """The means of each turn, the rows without a score, and the difference of the two models."""
    path = data / "reviews" / "mt_bench" / "gpt-4_single-origin.jsonl"
    done, text = shown(path)
    assert done
    flat = " ".join(text.split())
    for expected in ("MT-Bench, 1 to 10, graded by gpt-4", "7.84 8.38 7.26 166 4", "2.70 3.14 2.26 160 0"):
        assert expected in flat
    assert f"{_NORMAL} minus {_GRIFFIN}: +5.07 (+4.24 to +5.65) on the same 160 turns of 80 questions" in flat
    assert "4 rows of 170 without a score, in no mean; 6 rows for a turn that has a score already" in flat
    found = document(path)
    normal, griffin = found["models"]
    assert ("single", [str(path)], _NORMAL, _GRIFFIN) == (
        found["mode"], found["files"], normal["model"], griffin["model"],
    )  # fmt: skip
    assert [8.38372, 7.2625, 3.1375, 2.2625] == [
        pytest.approx(model[turn]["mean"], abs=1e-5) for model in (normal, griffin) for turn in ("first", "second")
    ]
    assert (4, 6, 0) == (normal["unread"], normal["repeated"], normal["missing"])


def test_a_folder_shows_scores_first(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Comparisons that lie beside them are pointed to; hidden files are none."""
    caplog.set_level(logging.INFO, "longismore")
    found = document(folder)
    assert ("single", ["tuned", "base"], 1) == (
        found["mode"], [model["model"] for model in found["models"]], found["models"][0]["unread"],
    )  # fmt: skip
    assert ("gpt-4_pair.jsonl: not shown here; --mode pairwise-all does") in caplog.text
    assert found == document(folder / "model_judgment") | {"files": found["files"]}
    again = folder / "model_judgment" / ".." / "model_judgment" / "gpt-4_single.jsonl"
    assert found == document(folder, *map(Path, found["files"]), again)


def test_comparisons_are_shown_by_mode(folder: Path) -> None:
    """Wins, ties and what depends on the order; the baseline is the model that is in all comparisons with another."""
    found = document(folder, mode="pairwise-all")
    (tuned, base) = found["models"]
    assert ("pairwise-all", None, 3, 1, 1, 1, 0, 1) == (
        found["mode"], found["baseline"],
        *(tuned[name] for name in ("n", "wins", "ties", "inconsistent", "losses", "unread")),
    )  # fmt: skip
    assert (2 / 3, 1 / 3) == pytest.approx((tuned["adjusted"]["mean"], base["adjusted"]["mean"]))
    against = document(folder, baseline="base")
    assert ("pairwise-baseline", "base", ["tuned"]) == (
        against["mode"], against["baseline"], [model["model"] for model in against["models"]],
    )  # fmt: skip
    _, text = shown(folder, mode="pairwise-baseline", baseline="base")
    assert "MT-Bench, against base, judged by gpt-4" in text
    assert "1/1/0" in text


def test_baseline_is_found_or_asked_for(folder: Path) -> None:
    """Of two models either could be it; with a third it is the one that all were compared with."""
    with pytest.raises(ConfigError, match="needs --baseline MODEL; models that were compared: base, tuned"):
        document(folder, mode="pairwise-baseline")
    write_jsonl(folder / "more.jsonl", pairs(("model_2", "model_2"), other="longest"))
    found = document(folder, folder / "more.jsonl", mode="pairwise-baseline")
    assert ("tuned", ["longest", "base"]) == (found["baseline"], [model["model"] for model in found["models"]])
    with pytest.raises(DataError, match='no comparison is with the baseline "none"'):
        document(folder, baseline="none")


def test_files_are_written(folder: Path, tmp_path: Path) -> None:
    """Tables of all forms and the picture, in one call."""
    pytest.importorskip("matplotlib")
    files = {name: tmp_path / "new" / f"a.{ending}" for name, ending in
             (("csv", "csv"), ("markdown", "md"), ("latex", "tex"), ("plot", "png"))}  # fmt: skip
    for mode in ("single", "pairwise-all"):
        assert shown(folder, mode=mode, **files)[0]
        assert '"gpt-4","tuned"' in files["csv"].read_text("utf-8")
        assert "| tuned | " in files["markdown"].read_text("utf-8")
        assert "{tuned} & " in files["latex"].read_text("utf-8")
        assert files["plot"].read_bytes().startswith(b"\x89PNG")
    (tmp_path / "here").mkdir()
    with pytest.raises(DataError, match="here: is a folder"):
        shown(folder, csv=tmp_path / "here")


@pytest.mark.parametrize("kind", ["single", "pair"])
def test_judges_of_one_name_are_told_apart_in_a_note(tmp_path: Path, kind: str) -> None:
    """Once, with their fingerprints, on the screen, in JSON and in Markdown; the same judge twice is no matter."""
    made = singles([8, 9]) if kind == "single" else pairs(("model_1", "model_1"), ("tie", "tie"))
    marks = {"a": "0123456789abcdef", "b": "fedcba9876543210", "c": "0123456789abcdef", "d": 7}
    for name, mark in marks.items():
        (tmp_path / name / "model_judgment").mkdir(parents=True)
        rows = [row | {"fingerprint": mark, "question_id": row["question_id"] + ord(name) % 4} for row in made]
        write_jsonl(tmp_path / name / "model_judgment" / f"gpt-4_{kind}.jsonl", rows)
    a, b, c, d = (tmp_path / name for name in marks)
    assert "fingerprint" not in shown(a, c)[1]
    (note,) = (each for each in document(a, b, c)["notes"] if "fingerprint" in each)
    assert note.startswith("gpt-4 is the name of judges with different settings")
    assert note.endswith(": fingerprints 0123456789ab, fedcba987654")
    assert shown(a, b, c, markdown=tmp_path / "it.md")[1].count("fingerprints 0123456789ab,") == 1
    assert (tmp_path / "it.md").read_text().count("fingerprints 0123456789ab, fedcba987654") == 1
    assert any(each.endswith("fingerprints 0123456789ab, unknown") for each in document(a, d)["notes"])


def test_errors_alone_are_no_result(tmp_path: Path) -> None:
    """Dashes, the count, and a failure: there is nothing that could be taken for a score."""
    write_jsonl(tmp_path / "a_single.jsonl", singles([-1, -1]))
    done, text = shown(tmp_path)
    assert not done
    assert "\N{EN DASH}" in text
    assert "2 rows of 2 without a score" in text
    write_jsonl(tmp_path / "a_single.jsonl", pairs(("error", "error")))
    done, text = shown(tmp_path)
    assert not done
    assert "1 row of 1 without a verdict in both orders" in " ".join(text.split())


def test_other_files_are_told_apart(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What lies in a folder and holds no judgments is left out and named; named itself, it is an error."""
    answers = folder / "model_judgment" / "answers.jsonl"
    write_jsonl(answers, [{"question_id": 81, "choices": []}])
    assert 1 == len(document(folder)["files"])
    assert "answers.jsonl holds no judgments and is left out" in caplog.text
    with pytest.raises(SchemaError, match="holds no judgments of MT-Bench"):
        document(answers)
    with pytest.raises(DataError, match="no such file"):
        document(folder / "none.jsonl")
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"empty: no judgments .* make them: longismore mtbench judge"):
        document(empty)


def test_options_must_go_together(folder: Path) -> None:
    """A mode that does not exist, a baseline of another mode, a mode that the file has nothing of."""
    inner = folder / "model_judgment"
    for options, message in (
        ({"mode": "double"}, '--mode must be single, pairwise-baseline, pairwise-all, found "double"'),
        ({"mode": "single", "baseline": "base"}, "--baseline is for --mode pairwise-baseline, not for single"),
        ({"plot": folder / "a.gif"}, "gif"),
    ):
        with pytest.raises(ConfigError, match=message):
            shown(folder, **options)
    with pytest.raises(DataError, match="has comparisons, nothing for --mode single; take --mode pairwise-all"):
        shown(inner / "gpt-4_pair.jsonl", mode="single")
    with pytest.raises(DataError, match="has scores, nothing for --mode pairwise-baseline; take --mode single"):
        shown(inner / "gpt-4_single.jsonl", baseline="base")
