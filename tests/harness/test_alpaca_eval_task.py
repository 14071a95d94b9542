"""The task of AlpacaEval 2, with the published instructions, answers and annotations."""

from __future__ import annotations

import csv
import json
import logging
import subprocess
import sys
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval import evaluator, tasks

from alpaca_answers import KEYS, EitherServer, needs_alpaca_eval, needs_sdks, verdicts, write_gamed
from judge_server import JudgeServer, Reply, chat_reply
from lm_eval_fakes import EchoLM, words
from longismore.errors import DataError
from longismore.harness import TASKS_FOLDER, _alpaca_eval_task, official_lc
from longismore.harness._alpaca_config import read_config
from longismore.harness._alpaca_official import _digits
from longismore.harness._lm_eval import tasks_imported
from longismore.harness._one_order import OneOrderJudge, one_order_judge
from longismore.harness._outputs_model import OutputsLM
from longismore.harness._pool import POOL
from longismore.judged import read_judged
from longismore.judges import JudgeOptions, make_judge, read_annotations
from longismore.reports import summarize
from longismore.store import Store, default_store_path
from longismore.testsets import TESTSETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longismore.records import Pair

TASK = "longismore_alpaca_eval"
CONFIG = "weighted_alpaca_eval_gpt4_turbo"
PROBE = {"role": "user", "content": "Reply with the letter A."}
"""What a judge that reads log-probabilities asks first."""
PUBLISHED = f"alpaca_eval/alpaca-7b/{CONFIG}/annotations.json"


@pytest.fixture(autouse=True)
def _prepared(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published file is at hand, in a folder as somebody fills it by hand; files go below the current folder."""
    folder = tmp_path / "testsets" / "alpaca_eval"
    folder.mkdir(parents=True)
    (folder / "annotations.json").symlink_to(data / PUBLISHED)
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(folder.parent))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    # lm_eval asks git, pip and the graphics driver for its results file: seconds that no test here needs.
    monkeypatch.setattr(evaluator, "add_env_info", lambda results: None)
    monkeypatch.setattr(evaluator, "get_git_commit_hash", lambda: None)
    tasks_imported(tasks)


@pytest.fixture
def rows(data: Path) -> list[dict[str, Any]]:
    """The published annotations of alpaca-7b."""
    found: list[dict[str, Any]] = json.loads((data / PUBLISHED).read_text(encoding="utf-8"))
    return found


class PublishedLM(EchoLM):
    """Answers as alpaca-7b did."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        super().__init__()
        self.published = {row["instruction"]: row["output_2"] for row in rows}

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
        """The published answers."""
        super().generate_until(requests)
        return [self.published[request.args[0]] for request in requests]


def evaluate(lm: EchoLM | OutputsLM, metadata: Mapping[str, Any], beside: Sequence[str] = (), **options: Any) -> Any:
    """The values of the task, which is evaluated *beside* others."""
    manager = tasks.TaskManager(include_defaults=False, include_path=TASKS_FOLDER, metadata=dict(metadata))
    results = evaluator.simple_evaluate(
        model=lm, tasks=[*beside, TASK], task_manager=manager, bootstrap_iters=0, **options
    )
    return {name.partition(",")[0]: value for name, value in results["results"][TASK].items()}


def saved(path: str) -> Any:
    """A JSON file that the task wrote."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def test_the_test_set_is_alpaca_eval_in_its_own_order(data: Path, tmp_path: Path) -> None:
    """805 instructions in the order that its length control needs, with the answers of GPT-4 Turbo."""
    testset: Any = TESTSETS.get("alpaca_eval")
    folder = tmp_path / "testsets"
    examples, reference = testset.load(folder), testset.reference(folder)
    order = files("longismore.harness").joinpath("alpaca_eval_order.txt").read_text(encoding="ascii").split()
    assert order == [_digits(example.instruction) for example in examples]
    assert ["alpaca_eval_0", "alpaca_eval_804"] == [examples[0].id, examples[-1].id]
    assert list(reference) == [("alpaca_eval", example.id) for example in examples]
    assert {"gpt4_1106_preview"} == {answer.model for answer in reference.values()}
    published = saved(str(data / "alpaca_eval" / "vicuna-13b" / "model_outputs.json"))
    assert [(row["instruction"], row["dataset"]) for row in published] == [
        (example.prompt, example.category) for example in examples
    ]
    assert (True, False) == (testset.is_at_hand(folder), testset.is_at_hand(tmp_path))


def test_a_missing_file_is_named_with_its_address_and_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is generated."""
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(tmp_path))
    with pytest.raises(DataError, match=r"annotations\.json; put it there from https://raw.*sha256 41047c654c6c5"):
        evaluate(EchoLM(), {})


@pytest.mark.parametrize("options", [{"predict_only": True}, {}], ids=["predict-only", "no-judge"])
def test_answers_are_written_as_alpaca_eval_has_them(
    options: dict[str, Any], rows: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """Without a judge too: then the log says how to have them judged."""
    logging.getLogger("longismore").propagate = True
    caplog.set_level(logging.INFO, logger="longismore")
    lm = EchoLM()
    found = evaluate(lm, {"judge_candidate": "my/model", "judge_output": "out"}, limit=3, **options)
    assert [row["instruction"] for row in rows[:3]] == lm.prompts
    keys = ("instruction", "dataset", "output", "generator")
    assert [
        dict(zip(keys, (row["instruction"], row["dataset"], words(row["instruction"]), "my/model"), strict=True))
        for row in rows[:3]
    ] == saved("out/my-model/alpaca_eval/model_outputs.json")
    assert [
        dict(zip(keys, (row["instruction"], row["dataset"], row["output_1"], "gpt4_1106_preview"), strict=True))
        for row in rows[:3]
    ] == saved("out/my-model/alpaca_eval/reference_outputs.json")
    message = next(text for text in caplog.messages if "nobody judges them" in text)
    assert "--model_args path=out/my-model/alpaca_eval/model_outputs.json" in message
    assert "alpaca_eval --model_outputs out/my-model/alpaca_eval/model_outputs.json --reference_outputs out/" in message
    lengths = [len(words(row["instruction"])) for row in rows[:3]]
    name, expected = ("bypass", 999) if options else ("avg_length", sum(lengths) / 3)
    assert expected == found[name]
    assert "win_rate" not in found


def test_answers_that_are_there_are_never_lost() -> None:
    """Other answers go to another folder, the same ones to the same."""
    for salt, limit in (("", 4), ("", 4), ("", 2), ("other", 4), ("", 4)):
        evaluate(EchoLM(salt=salt), {"judge_candidate": "m"}, limit=limit)
    assert {"alpaca_eval", "alpaca_eval-2", "alpaca_eval-3"} == {path.name for path in Path("runs/m").iterdir()}
    assert [4, 2, 4] == [len(saved(f"runs/m/alpaca_eval{n}/model_outputs.json")) for n in ("", "-2", "-3")]


def test_a_judge_of_ours_sees_both_orders(rows: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    """Its annotations have both, a run folder is written, and the official figure of a part is left out, and said."""
    logging.getLogger("longismore").propagate = True
    found = evaluate(EchoLM(), {"judge": "length", "judge_candidate": "m"}, limit=6)
    expected = [float(len(words(row["instruction"])) > len(row["output_1"])) for row in rows[:6]]
    mean = sum(expected) / 6
    assert (mean, mean, 1.0, 0.0) == tuple(
        found[name] for name in ("win_rate", "preference", "swap_consistency", "unjudged")
    )
    assert "length_controlled_v1" not in found
    assert "length_controlled_v1 is left out: it is defined for all 805 instructions only" in caplog.messages
    annotations = saved("runs/m/alpaca_eval/longismore_length/annotations.json")
    assert [1 + value for value in expected] == [row["preference"] for row in annotations]
    assert [1 + value for value in expected] == [row["preference_candidate_first"] for row in annotations]
    (results,) = Path("runs").glob("*/results.json")
    assert 6 == json.loads(results.read_text(encoding="utf-8"))["pooled"]["n"]
    (judged,) = read_judged([Path("runs/m/alpaca_eval/longismore_length/annotations.json")])
    assert 6 == summarize(list(judged.verdicts)).pooled.n


def test_an_own_reference_takes_the_place_of_gpt4(
    rows: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Then there is no official figure, however many instructions are judged."""
    logging.getLogger("longismore").propagate = True
    path = tmp_path / "mine.json"
    answers = [{"instruction": row["instruction"], "output": "x", "generator": "mine"} for row in rows]
    path.write_text(json.dumps(answers), encoding="utf-8")
    metadata = {"judge": "length", "judge_candidate": "m", "judge_reference": str(path)}
    found = evaluate(EchoLM(), metadata, limit=3)
    assert (1.0, 0.0) == (found["win_rate"], found["unjudged"])
    with pytest.raises(RuntimeError, match="out of memory"):
        evaluate(EchoLM(fails=True), metadata)
    assert any("compared with those of gpt4_1106_preview only" in text for text in caplog.messages)


def test_what_the_official_figure_lacks_is_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is generated: the file and how to get it."""
    logging.getLogger("longismore").propagate = True
    monkeypatch.setattr(_alpaca_eval_task, "alpaca_module", lambda name: None)
    with pytest.raises(RuntimeError, match="out of memory"):
        evaluate(EchoLM(fails=True), {"judge": "length", "judge_candidate": "m"})
    message = next(text for text in caplog.messages if text.startswith("length_controlled_v1 is left out"))
    assert "has no file df_gamed.csv; put it there from https://huggingface.co/datasets/tatsu-lab/" in message
    assert message.endswith("or: hf download tatsu-lab/alpaca_eval df_gamed.csv --repo-type dataset")


def test_files_of_alpaca_eval_are_answers_too(data: Path) -> None:
    """Its rows name Koala and Vicuna, of which AlpacaEval took some instructions: they belong here all the same."""
    path = data / "alpaca_eval" / "vicuna-13b" / "model_outputs.json"
    evaluate(OutputsLM(str(path)), {"path": str(path)})
    published = saved(str(path))
    assert [row["output"] for row in published] == [
        row["output"] for row in saved("runs/vicuna-13b/alpaca_eval/model_outputs.json")
    ]


def test_it_is_judged_beside_other_tasks() -> None:
    """In one run of the judge, each with the reference that belongs to it."""
    found = evaluate(EchoLM(), {"judge": "length", "judge_candidate": "m"}, limit=4, beside=["longismore_mini"])
    assert (4, 0.0) == (found["sample_len"], found["unjudged"])
    (folder,) = Path("runs").glob("2*")
    judged = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    pairs = {name: rates["pairs"] for name, rates in judged["testsets"].items()}
    assert {"mini": 4, "alpaca_eval/helpful_base": 4} == pairs
    written = saved("runs/m/alpaca_eval/longismore_length/annotations.json")
    assert ["gpt4_1106_preview"] * 4 == [row["generator_1"] for row in written]


class RecordedServer(JudgeServer):
    """Gives the completion that GPT-4 gave to the very same messages, and nothing else."""

    def __init__(self, rows: list[dict[str, Any]], make_pair: Callable[..., Pair]) -> None:
        super().__init__(reply=self._recorded)
        options = JudgeOptions.from_mapping({"base_url": "http://127.0.0.1:1/v1"}, KEYS)
        judge = one_order_judge(make_judge(f"alpaca_eval:{CONFIG}", options))
        self.choices = {json.dumps([PROBE], sort_keys=True): rows[0]["raw_completion"]}
        for row in rows:
            pair = make_pair(prompt=row["instruction"], reference=row["output_1"], candidate=row["output_2"])
            messages = judge.protocol.render(pair, judge.order_of(pair))
            self.choices[json.dumps(messages, sort_keys=True)] = row["raw_completion"]

    def _recorded(self, body: dict[str, Any]) -> Reply:
        document = json.loads(chat_reply(body, "").body)
        messages = [{"role": each["role"], "content": each["content"]} for each in body["messages"]]
        document["choices"] = [self.choices[json.dumps(messages, sort_keys=True)]]
        return Reply(body=json.dumps(document).encode())


@pytest.fixture
def recorded(rows: list[dict[str, Any]], make_pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server, and a key for it."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with RecordedServer(rows, make_pair) as server:
        yield server


def asked(server: JudgeServer) -> int:
    """How many pairs the judge was asked about, the first small question left aside."""
    return sum(request["messages"][-1]["content"] != PROBE["content"] for request in server.requests)


@needs_alpaca_eval
@needs_sdks
@pytest.mark.slow
def test_an_evaluator_of_alpaca_eval_gives_the_published_figures(
    rows: list[dict[str, Any]], recorded: JudgeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    """Asked in its own order about every pair: the leaderboard's win rate, and a file as alpaca_eval writes it."""
    gamed = tmp_path / "testsets" / "alpaca_eval" / "df_gamed.csv"
    write_gamed(gamed)
    monkeypatch.setattr(_alpaca_eval_task, "DF_GAMED_SHA256", sha256_of(gamed))
    metadata = {"judge": f"alpaca_eval:{CONFIG}", "judge_base_url": recorded.base_url, "judge_candidate": "alpaca-7b"}
    found = evaluate(PublishedLM(rows), metadata)
    equal = [row for row in rows if row["output_1"] == row["output_2"]]
    assert (3, 802) == (len(equal), asked(recorded))
    assert pytest.approx(sum(row["preference"] - 1 for row in rows) / 805, abs=1e-9) == found["preference"]
    assert 0.0259 == pytest.approx(found["preference"], abs=5e-5)
    assert "swap_consistency" not in found
    (published,) = read_judged([data / PUBLISHED])
    rates = summarize(list(published.verdicts)).pooled
    assert rates.lc_win_rate == pytest.approx(found["lc_win_rate"], abs=1e-6)
    assert rates.win_rate == found["win_rate"]
    folder = Path("runs/alpaca-7b/alpaca_eval") / CONFIG
    written, one_order = read_annotations(folder / "annotations.json")
    theirs, _ = read_annotations(data / PUBLISHED)
    assert one_order
    assert [(each.prompt, each.order) for each in theirs] == [(each.prompt, each.order) for each in written]
    assert [pytest.approx(each.preference, abs=1e-9) for each in theirs] == [each.preference for each in written]
    official = official_lc(rows, gamed, sha256=None)["length_controlled_winrate"]
    assert official / 100 == pytest.approx(found["length_controlled_v1"], abs=1e-6)
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        (line,) = csv.DictReader(file)
    assert ("alpaca-7b", "396", "805") == (line[""], line["avg_length"], line["n_total"])
    assert 2.5914505 == pytest.approx(float(line["win_rate"]), abs=1e-6)
    assert official == pytest.approx(float(line["length_controlled_winrate"]), abs=1e-4)


@needs_alpaca_eval
@needs_sdks
@pytest.mark.slow
def test_alpaca_eval_itself_takes_the_files_up(rows: list[dict[str, Any]], recorded: JudgeServer) -> None:
    """Its own metrics of our annotations are those that stand in our leaderboard."""
    metadata = {"judge": f"alpaca_eval:{CONFIG}", "judge_base_url": recorded.base_url, "judge_candidate": "alpaca-7b"}
    evaluate(PublishedLM(rows), metadata, limit=20)
    folder = Path("runs/alpaca-7b/alpaca_eval")
    text = (folder / CONFIG / "leaderboard.csv").read_text(encoding="utf-8")
    (ours,) = csv.DictReader(text.splitlines())
    code = """
import json, sys, pandas, alpaca_eval
from alpaca_eval.metrics import get_winrate
rows = pandas.read_json(sys.argv[1])
print(json.dumps({name: float(value) for name, value in get_winrate(rows).items()}))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(folder / CONFIG / "annotations.json")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert {"win_rate", "standard_error", "n_total", "n_wins", "n_draws"} <= set(theirs)
    assert theirs == {name: pytest.approx(float(ours[name]), abs=1e-9) for name in theirs}


@needs_alpaca_eval
@needs_sdks
def test_nothing_is_paid_twice(
    rows: list[dict[str, Any]], make_pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run asks nobody; and what was asked in one order is not asked again in both."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with EitherServer(list(verdicts(read_config(CONFIG)))) as server:
        metadata = {"judge": f"alpaca_eval:{CONFIG}", "judge_base_url": server.base_url, "judge_candidate": "alpaca-7b"}
        first = evaluate(PublishedLM(rows), metadata, limit=5)
        assert 5 == asked(server)
        assert first == evaluate(PublishedLM(rows), metadata, limit=5)
        assert 5 == asked(server)
        judge = make_judge(metadata["judge"], JudgeOptions.from_mapping({"base_url": server.base_url}, KEYS))
        pairs = [make_pair(prompt=r["instruction"], reference=r["output_1"], candidate=r["output_2"]) for r in rows[:5]]
        with Store(default_store_path()) as store:
            judge.judge(pairs, store=store, on_judgment=lambda judgment: None)
        assert 10 == asked(server)


@needs_alpaca_eval
@needs_sdks
def test_both_ways_of_asking_share_one_limit_on_the_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluator of alpaca_eval that also judges another task sees that in both orders; its calls count together."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    found: list[Any] = []

    class LookingLM(EchoLM):
        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            found.extend(POOL._sessions)
            return super().generate_until(requests)

    with EitherServer(list(verdicts(read_config(CONFIG)))) as server:
        metadata = {"judge": f"alpaca_eval:{CONFIG}", "judge_base_url": server.base_url, "judge_candidate": "m"}
        evaluate(LookingLM(), metadata, limit=2, beside=["longismore_mini"])
        assert 2 * 2 + 2 == asked(server)
    one, other = (session.judge for session in found)
    assert one.usage is other.usage
    assert {False, True} == {isinstance(judge, OneOrderJudge) for judge in (one, other)}


@needs_alpaca_eval
@needs_sdks
def test_what_cannot_be_read_is_no_number(
    rows: list[dict[str, Any]], recorded: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted, its preference is null, and its text is kept."""
    broken = next(key for key in recorded.choices if json.dumps(rows[1]["instruction"])[1:-1] in key)
    recorded.choices[broken] = {"index": 0, "message": {"role": "assistant", "content": "Neither."}, "logprobs": None}
    metadata = {"judge": f"alpaca_eval:{CONFIG}", "judge_base_url": recorded.base_url, "judge_candidate": "alpaca-7b"}
    found = evaluate(PublishedLM(rows), metadata, limit=4)
    assert 0.25 == found["unjudged"]
    kept = [row for number, row in enumerate(rows[:4]) if number != 1]
    assert pytest.approx(sum(row["preference"] - 1 for row in kept) / 3, abs=1e-9) == found["preference"]
    written = saved(f"runs/alpaca-7b/alpaca_eval/{CONFIG}/annotations.json")
    assert (None, "unparsed", "Neither.") == tuple(
        written[1][name] for name in ("preference", "preference_status", "preference_raw_completion")
    )


def sha256_of(path: Path) -> str:
    """Of a file."""
    return sha256(path.read_bytes()).hexdigest()
