"""What lm_eval's own flags do to our tasks: in this process, with a model that answers at once."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval import evaluator, tasks
from lm_eval.api.metrics import pooled_sample_stderr
from lm_eval.api.registry import model_registry

from lm_eval_fakes import EchoLM, ProbeJudge, words
from longismore.errors import ConfigError
from longismore.harness import TASKS_FOLDER
from longismore.harness._command import run_lm_eval
from longismore.harness._lm_eval import only_our_tasks, tasks_imported
from longismore.harness._pool import POOL
from longismore.judges import JUDGES, read_judgments
from longismore.records import Judgment, Order
from longismore.reports import cluster_key, standard_error
from longismore.testsets import TESTSETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


SETS = ("koala", "lima", "sinstruct", "vicuna", "wizardlm")
RATES = ("win_rate", "winning_score", "tie_rate", "swap_consistency", "length_ratio", "unjudged", "lc_win_rate")


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run folders go to `runs` below the current folder; and no test leaves anything to be judged."""
    monkeypatch.chdir(tmp_path)
    # lm_eval asks git, pip and the graphics driver for its results file: seconds that no test here needs.
    monkeypatch.setattr(evaluator, "add_env_info", lambda results: None)
    monkeypatch.setattr(evaluator, "get_git_commit_hash", lambda: None)
    tasks_imported(tasks)
    yield
    assert [] == [task for session in POOL._sessions for task in session.alive() if task.is_answered]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> ProbeJudge:
    """The judge `probe`, known by that name for one test."""
    judge = ProbeJudge()
    monkeypatch.setitem(JUDGES._loaded, "probe", lambda argument, options: judge)
    return judge


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a judge that must not even be made."""

    def refuse(argument: str, options: Any) -> Any:
        raise AssertionError("the judge was asked for")

    monkeypatch.setitem(JUDGES._loaded, "forbidden", refuse)
    return "forbidden"


@pytest.fixture
def five(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The five test sets are at hand; the metadata that name a reference for them."""
    folder = data / "testsets"
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(folder))
    rows = [
        {
            "id": example.id,
            "dataset": example.testset,
            "instruction": example.instruction,
            "input": example.input,
            "output": words(example.prompt, "reference"),
            "generator": "base",
        }
        for name in SETS
        for example in TESTSETS.get(name).load(folder)
    ]
    path = tmp_path / "reference.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return {"judge_reference": str(path)}


def manager(**metadata: Any) -> tasks.TaskManager:
    """A task manager that knows our tasks alone."""
    return tasks.TaskManager(include_defaults=False, include_path=TASKS_FOLDER, metadata=metadata)


def evaluate(lm: EchoLM, names: Sequence[Any], metadata: dict[str, Any] | None = None, **options: Any) -> Any:
    """Evaluate as lm_eval does; `judge` is `length` unless the metadata say otherwise."""
    told = {"judge": "length"} if metadata is None else metadata
    return evaluator.simple_evaluate(model=lm, tasks=list(names), task_manager=manager(**told), **options)


def run_folders() -> list[Path]:
    """The run folders below `runs`, oldest first."""
    return sorted(Path("runs").glob("*"), key=lambda path: path.stat().st_mtime_ns)


def judgments_of(folder: Path) -> list[Judgment]:
    """What the run folder says was judged."""
    return list(read_judgments(folder / "judgments.jsonl"))


def saved(name: str) -> Any:
    """A file of the newest run folder."""
    return json.loads((run_folders()[-1] / name).read_text(encoding="utf-8"))


def wins_by_id(judgments: Sequence[Judgment]) -> dict[str, float]:
    """The preference for the candidate by id; both orders agree for the judges here."""
    return {judgment.id: judgment.preference for judgment in judgments if judgment.preference is not None}


def test_limit_counts_in_each_subtask(probe: ProbeJudge, five: dict[str, str]) -> None:
    """--limit 2 asks and judges the first two instructions of every test set, all in one pool."""
    results = evaluate(EchoLM(), ["longismore_pairwise"], {"judge": "probe", **five}, limit=2)
    [pairs] = probe.runs
    assert dict.fromkeys(SETS, 2) == {name: [pair.testset for pair in pairs].count(name) for name in SETS}
    assert dict.fromkeys(SETS, 2) == {name: results["results"][f"longismore_{name}"]["sample_len"] for name in SETS}
    assert 10 == saved("results.json")["pooled"]["pairs"]


def test_samples_get_the_verdicts_of_their_own_ids(probe: ProbeJudge) -> None:
    """--samples chooses documents; lm_eval labels them wrongly, but each carries the verdict on its own id."""
    lm = EchoLM()
    lm.generate_until = lambda requests: [  # type: ignore[method-assign]
        "long " * 2000 if each.doc["id"] == "mini_9" else "short" for each in requests
    ]
    chosen = [9, 5, 20]
    results = evaluate(lm, ["longismore_mini"], {"judge": "probe"}, samples={"longismore_mini": chosen})
    samples = results["samples"]["longismore_mini"]
    assert {"mini_9", "mini_5", "mini_20"} == {pair.id for pair in probe.runs[0]}
    assert {"mini_9": 1.0, "mini_5": 0.0, "mini_20": 0.0} == {each["doc"]["id"]: each["win_rate"] for each in samples}
    # The reason for all this; when lm_eval mends it, this line goes.
    assert [f"mini_{each['doc_id']}" for each in samples] != [each["doc"]["id"] for each in samples]


def test_predict_only_needs_no_judge(forbidden: str) -> None:
    """--predict_only generates and logs, and asks no judge, not even where one was named."""
    lm = EchoLM()
    results = evaluate(lm, ["longismore_mini"], {"judge": forbidden}, predict_only=True, limit=3)
    assert 3 == len(lm.asked) == len(results["samples"]["longismore_mini"])
    assert 999 == results["results"]["longismore_mini"]["bypass,none"]
    assert [] == run_folders()


def test_predict_only_needs_no_reference(five: dict[str, str]) -> None:
    """--predict_only makes the answers of a first reference: the group works without judge and reference."""
    results = evaluate(EchoLM(), ["longismore_pairwise"], {}, predict_only=True, limit=2)
    assert {f"longismore_{name}": 2 for name in SETS} == {name: len(each) for name, each in results["samples"].items()}


@pytest.mark.parametrize("name", ["longismore_mini", "longismore_koala"])
def test_what_is_missing_is_said_before_the_first_generation(name: str, request: pytest.FixtureRequest) -> None:
    """Without a judge, or without a reference, nothing is generated, and the message says what to add."""
    if name == "longismore_koala":
        request.getfixturevalue("five")
    lm = EchoLM()
    metadata, missing = ({}, "judge=SPEC") if name == "longismore_mini" else ({"judge": "length"}, "judge_reference=")
    with pytest.raises(ConfigError, match=re.escape(missing)):
        evaluate(lm, [name], metadata, limit=2)
    assert [] == lm.asked


def test_system_instruction_and_chat_template_reach_the_prompts() -> None:
    """--system_instruction and --apply_chat_template change what the model is asked, not what the judge is shown."""
    plain, chat = EchoLM(), EchoLM()
    evaluate(plain, ["longismore_mini"], limit=1)
    evaluate(chat, ["longismore_mini"], limit=1, system_instruction="Be brief.", apply_chat_template=True)
    [prompt], [templated] = plain.prompts, chat.prompts
    assert f"<system>Be brief.<user>{prompt}" == templated
    first, second = (judgments_of(folder) for folder in run_folders())
    assert {judgment.prompt for judgment in first} == {judgment.prompt for judgment in second}


def test_prompts_are_the_instructions_themselves() -> None:
    """Without flags the model gets each instruction with its input, unchanged and in order."""
    lm = EchoLM()
    evaluate(lm, ["longismore_mini"])
    assert [example.prompt for example in TESTSETS.get("mini").load()] == lm.prompts


def test_gen_kwargs_reach_the_model_and_stay_in_their_evaluation() -> None:
    """--gen_kwargs update the task's own settings for one evaluation; the next starts from the defaults again."""
    first, second = EchoLM(), EchoLM()
    evaluate(first, ["longismore_mini"], limit=1, gen_kwargs="max_gen_toks=7,temperature=0.3,do_sample=True")
    evaluate(second, ["longismore_mini"], limit=1)
    [(_, changed)], [(_, default)] = first.asked, second.asked
    assert {"until": [], "max_gen_toks": 7, "do_sample": True, "temperature": 0.3} == changed
    assert {"until": [], "max_gen_toks": 1024, "do_sample": False, "temperature": 0.0} == default


def test_use_cache_generates_once(tmp_path: Path) -> None:
    """With --use_cache a second run generates nothing, and judges the same answers again."""
    first, second = EchoLM(), EchoLM()
    cache = str(tmp_path / "cache")
    once = evaluate(first, ["longismore_mini"], limit=5, use_cache=cache)
    again = evaluate(second, ["longismore_mini"], limit=5, use_cache=cache)
    assert (5, 0) == (len(first.asked), len(second.asked))
    assert once["results"] == again["results"]
    assert [judgments_of(folder) for folder in run_folders()[:1]] == [judgments_of(run_folders()[1])]


def test_cache_requests_asks_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --cache_requests the second run takes its requests from lm_eval's cache and has the same results."""
    monkeypatch.setattr("lm_eval.caching.cache.PATH", str(tmp_path / "requests"))
    first, second = EchoLM(), EchoLM()
    once = evaluate(first, ["longismore_mini"], cache_requests=True)
    assert list((tmp_path / "requests").iterdir())
    again = evaluate(second, ["longismore_mini"], cache_requests=True)
    assert first.prompts == second.prompts
    assert once["results"] == again["results"]


def test_evaluations_in_one_process_do_not_mix(probe: ProbeJudge) -> None:
    """Two evaluations, of two models by two judges, have their own pairs, results and run folders."""
    first = evaluate(EchoLM(), ["longismore_mini"], {"judge": "length", "judge_candidate": "one"}, limit=6)
    second = evaluate(EchoLM(salt="x"), ["longismore_mini"], {"judge": "probe", "judge_candidate": "two"}, limit=4)
    [pairs] = probe.runs
    assert {"two"} == {pair.candidate.model for pair in pairs}
    assert [6, 4] == [each["n-samples"]["longismore_mini"]["effective"] for each in (first, second)]
    assert [{"one"}, {"two"}] == [{each.candidate.model for each in judgments_of(folder)} for folder in run_folders()]


def test_the_same_task_object_can_be_evaluated_twice(probe: ProbeJudge) -> None:
    """Task objects that are kept have, after the second evaluation, the verdicts of the second alone."""
    loader = manager(judge="probe")
    task = loader.load(["longismore_mini"])["tasks"]["longismore_mini"]
    short, long = EchoLM(), EchoLM()
    short.generate_until = lambda requests: ["no"] * len(requests)  # type: ignore[method-assign]
    long.generate_until = lambda requests: ["yes " * 2000] * len(requests)  # type: ignore[method-assign]
    rates = [
        evaluator.simple_evaluate(model=lm, tasks=[task], task_manager=loader, limit=limit)["results"]
        for lm, limit in ((short, 5), (long, 3))
    ]
    assert [0.0, 1.0] == [each["longismore_mini"]["win_rate,none"] for each in rates]
    assert [5, 3] == [len(pairs) for pairs in probe.runs]
    assert 3 == len(task.verdicts)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["longismore_pairwise"], SETS),
        (["longismore_koala"], ("koala",)),
        (["longismore_koala", "longismore_vicuna"], ("koala", "vicuna")),
    ],
    ids=["group", "one", "two"],
)
def test_whatever_is_asked_for_is_judged_in_one_pool(
    names: list[str], expected: tuple[str, ...], probe: ProbeJudge, five: dict[str, str]
) -> None:
    """A group, one subtask or several: one run of the judge, one run folder, and only a group has group values."""
    results = evaluate(EchoLM(), names, {"judge": "probe", **five}, limit=3)
    [pairs], [folder] = probe.runs, run_folders()
    assert set(expected) == {pair.testset for pair in pairs}
    assert 2 * 3 * len(expected) == len(judgments_of(folder))
    assert set(expected) == set(saved("results.json")["testsets"])
    assert ({"longismore_pairwise"} if len(expected) == 5 else set()) == set(results.get("groups", {}))


def test_a_subtask_has_the_same_value_alone_and_in_the_group(five: dict[str, str]) -> None:
    """A test set's raw rates do not depend on the other tasks of the run; at equal length, all share one slope."""
    group = evaluate(EchoLM(), ["longismore_pairwise"], {"judge": "length", **five}, limit=10)
    alone = evaluate(EchoLM(), ["longismore_vicuna"], {"judge": "length", **five}, limit=10)
    names = [f"{name}{kind},none" for name in RATES if name != "lc_win_rate" for kind in ("", "_stderr")]
    assert [group["results"]["longismore_vicuna"][name] for name in names] == [
        alone["results"]["longismore_vicuna"][name] for name in names
    ]


@pytest.mark.slow
def test_the_group_value_is_that_of_all_pairs_together(five: dict[str, str]) -> None:
    """The group's row is results.json's pooled row, and its standard error is clustered by prompt."""
    results = evaluate(EchoLM(), ["longismore_pairwise"], {"judge": "length", **five})
    group = results["groups"]["longismore_pairwise"]
    pooled = saved("results.json")["pooled"]
    assert (1030, 987) == (pooled["n"], pooled["clusters"])
    assert {name: pytest.approx(pooled[name], abs=1e-12) for name in RATES} == {
        name: group[f"{name},none"] for name in RATES
    }
    judged = [each for each in judgments_of(run_folders()[-1]) if each.order is Order.REFERENCE_FIRST]
    values = [each.preference for each in judged]
    expected = standard_error(values, [cluster_key(each.prompt) for each in judged])
    assert pytest.approx(expected, abs=1e-12) == group["win_rate_stderr,none"]
    subtasks = [results["results"][f"longismore_{name}"] for name in SETS]
    own = pooled_sample_stderr(
        [each["win_rate_stderr,none"] for each in subtasks], [each["sample_len"] for each in subtasks]
    )
    # Answers follow from prompts here, so that repeated prompts repeat their verdicts: lm_eval's own is too small.
    assert own < group["win_rate_stderr,none"]


def test_pairs_without_a_verdict_enter_no_rate(probe: ProbeJudge, five: dict[str, str]) -> None:
    """Where orders are unparsed, rates are those of the judged pairs: nothing counts as a tie, and all is counted."""
    evaluate(EchoLM(), ["longismore_koala", "longismore_vicuna"], {"judge": "probe", **five}, limit=8)
    everything = [(pair.testset, pair.id) for pair in probe.runs.pop()]
    lost = {*everything[:5], *everything[-1:]}
    assert {"koala": 5, "vicuna": 1} == {name: [each for each, _ in lost].count(name) for name in ("koala", "vicuna")}
    probe.unparsed = {(name, order) for order, (_, name) in zip([*Order] * 3, sorted(lost), strict=True)}
    results = evaluate(EchoLM(), ["longismore_pairwise"], {"judge": "probe", **five}, limit=8)
    judged = [each for each in judgments_of(run_folders()[-1]) if (each.testset, each.id) not in lost]
    values = [each.preference for each in judged if each.order is Order.REFERENCE_FIRST]
    group, koala = results["groups"]["longismore_pairwise"], results["results"]["longismore_koala"]
    assert 34 == len(values)
    assert pytest.approx(sum(values) / 34) == group["win_rate,none"]
    assert pytest.approx(values.count(0.5) / 34) == group["tie_rate,none"]
    assert (pytest.approx(6 / 40), 5 / 8) == (group["unjudged,none"], koala["unjudged,none"])
    assert (3, pytest.approx(sum(values[:3]) / 3)) == (koala["sample_len"], koala["win_rate,none"])
    pooled = saved("results.json")["pooled"]
    assert (40, 34, 6, 6) == (pooled["pairs"], pooled["n"], pooled["partial"], pooled["unparsed"])
    for name in RATES:
        assert pytest.approx(pooled[name]) == group[f"{name},none"]


def test_without_any_verdict_there_is_no_rate(probe: ProbeJudge) -> None:
    """Where nothing could be judged, the table has `unjudged` = 1 and nothing else."""
    probe.unparsed = {("*", order) for order in Order}
    results = evaluate(EchoLM(), ["longismore_mini"], {"judge": "probe"}, limit=4)["results"]["longismore_mini"]
    assert {"unjudged,none": 1.0} == {
        name: value for name, value in results.items() if name.endswith(",none") and "_stderr" not in name
    }
    assert "N/A" == results["unjudged_stderr,none"]


def test_a_test_set_without_any_verdict_does_not_change_the_group(probe: ProbeJudge, five: dict[str, str]) -> None:
    """One test set that could not be judged at all leaves the group's value to the others, and is counted."""
    vicuna = [example.id for example in TESTSETS.get("vicuna").load(Path(os.environ["LONGISMORE_TESTSETS"]))]
    probe.unparsed = {(name, order) for name in vicuna for order in Order}
    results = evaluate(EchoLM(), ["longismore_pairwise"], {"judge": "probe", **five}, limit=4)
    group, pooled = results["groups"]["longismore_pairwise"], saved("results.json")["pooled"]
    assert (16, 0.2) == (pooled["n"], pytest.approx(group["unjudged,none"]))
    assert pytest.approx(pooled["win_rate"]) == group["win_rate,none"]


def test_logged_samples_carry_the_metrics(probe: ProbeJudge) -> None:
    """Every sample has the verdict on it as numbers; one that was not judged has null, which is not 0."""
    probe.unparsed = {("mini_1", Order.CANDIDATE_FIRST)}
    samples = evaluate(EchoLM(), ["longismore_mini"], {"judge": "probe"}, limit=3)["samples"]["longismore_mini"]
    judged = wins_by_id(judgments_of(run_folders()[-1]))
    for sample in samples:
        if sample["doc"]["id"] == "mini_1":
            assert dict.fromkeys(RATES) == {name: sample[name] for name in RATES}
        else:
            assert judged[sample["doc"]["id"]] == sample["win_rate"] == sample["winning_score"] / 2
            reference = answers("mini_better.json")[sample["doc"]["id"]]
            assert len(sample["resps"][0][0]) / len(reference) == sample["length_ratio"]


def answers(name: str) -> dict[str, str]:
    """The shipped answers by id."""
    path = Path(str(TASKS_FOLDER)).parents[1] / "testsets" / "data" / name
    return {row["id"]: row["output"] for row in json.loads(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("first", ["longismore_koala", "longismore_vicuna"])
def test_an_evaluation_that_failed_leaves_nothing_to_the_next(
    first: str, probe: ProbeJudge, five: dict[str, str]
) -> None:
    """A model that breaks off leaves neither pairs nor its name behind, though its error keeps the tasks alive."""
    metadata = {"judge": "probe", **five}
    with pytest.raises(RuntimeError, match="out of memory") as kept:
        evaluate(EchoLM(fails=True), [first], {**metadata, "pretrained": "broken"}, limit=6)
    assert kept.value.__traceback__ is not None
    evaluate(EchoLM(), ["longismore_vicuna"], {**metadata, "pretrained": "whole"}, limit=2)
    [pairs] = probe.runs
    assert [("vicuna_1", "whole"), ("vicuna_2", "whole")] == [(pair.id, pair.candidate.model) for pair in pairs]


def test_an_evaluation_that_failed_after_its_answers_leaves_nothing(
    probe: ProbeJudge, five: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks that were answered, but never judged, are not judged, and paid for, in the next evaluation."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    loaded = manager(judge="probe", **five).load(["longismore_koala", "longismore_vicuna"])
    monkeypatch.setattr(loaded["tasks"]["longismore_koala"], "apply_filters", interrupted)
    with pytest.raises(KeyboardInterrupt) as kept:
        evaluator.evaluate(EchoLM(), loaded, limit=3)
    assert kept.value.__traceback__ is not None
    evaluate(EchoLM(), ["longismore_lima"], {"judge": "probe", **five}, limit=2)
    [pairs] = probe.runs
    assert ["lima_0", "lima_1"] == [pair.id for pair in pairs]


def test_a_judge_that_fails_stops_the_run_and_leaves_nothing(
    probe: ProbeJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the judge ends the evaluation; the answers are in the run folder, and the next starts anew."""
    judge_all = ProbeJudge.judge

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("no more disk")

    monkeypatch.setattr(ProbeJudge, "judge", broken)
    with pytest.raises(OSError, match="no more disk"):
        evaluate(EchoLM(), ["longismore_mini"], {"judge": "probe"}, limit=3)
    assert ("stopped", 3) == (saved("run.json")["status"], len(saved("candidate.json")))
    monkeypatch.setattr(ProbeJudge, "judge", judge_all)
    evaluate(EchoLM(), ["longismore_mini"], {"judge": "probe"}, limit=2)
    assert [2] == [len(pairs) for pairs in probe.runs]


@pytest.mark.parametrize(
    ("arguments", "metadata", "expected"),
    [
        ("pretrained=org/tuned", {}, "org/tuned"),
        ("pretrained=org/base,peft=org/adapter", {}, "org/adapter"),
        ("", {"model": "gpt-test"}, "gpt-test"),
        ("pretrained=org/tuned", {"judge_candidate": "mine"}, "mine"),
        ("", {}, "candidate"),
    ],
)
def test_the_candidate_is_called_as_its_arguments_say(
    arguments: str, metadata: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """run.json and candidate.json name the model that --model_args name, unless judge_candidate says otherwise."""
    monkeypatch.setitem(model_registry._objs, "echo", EchoLM)
    with only_our_tasks():
        evaluator.simple_evaluate(
            model="echo",
            model_args=arguments,
            tasks=["longismore_mini"],
            metadata={"judge": "length", **metadata},
            limit=1,
        )
    assert expected == saved("run.json")["candidate"]["model"]
    assert [expected] == [row["generator"] for row in saved("candidate.json")]


def test_settings_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """LONGISMORE_JUDGE and its sisters do what --metadata do, for hosts without that flag."""
    for name, value in {
        "LONGISMORE_JUDGE": "length",
        "LONGISMORE_JUDGE_REFERENCE": "mini:longer",
        "LONGISMORE_JUDGE_OUTPUT": str(tmp_path / "elsewhere"),
        "LONGISMORE_JUDGE_CANDIDATE": "from-env",
        "LONGISMORE_STORE": str(tmp_path / "store.sqlite"),
    }.items():
        monkeypatch.setenv(name, value)
    evaluate(EchoLM(), ["longismore_mini"], {}, limit=1)
    [folder] = (tmp_path / "elsewhere").iterdir()
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert ("length", "mini:longer", "from-env") == (
        run["judge"]["spec"],
        run["reference"]["source"],
        run["candidate"]["model"],
    )
    assert (tmp_path / "store.sqlite").is_file()


def test_metadata_win_over_the_environment(monkeypatch: pytest.MonkeyPatch, forbidden: str) -> None:
    """Where both say something, the command line counts."""
    monkeypatch.setenv("LONGISMORE_JUDGE", forbidden)
    monkeypatch.setenv("LONGISMORE_JUDGE_CANDIDATE", "from-env")
    evaluate(EchoLM(), ["longismore_mini"], {"judge": "lexical", "judge_candidate": "from-metadata"}, limit=1)
    assert ("lexical", "from-metadata") == (saved("run.json")["judge"]["name"], saved("run.json")["candidate"]["model"])


def test_the_command_writes_samples_that_can_be_a_reference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The run folder lies beside lm_eval's own files; what --log_samples wrote is a reference for the next run."""
    monkeypatch.setitem(model_registry._objs, "echo", EchoLM)
    monkeypatch.setattr("sys.argv", ["longismore"])
    common = ["run", "--model", "echo", "--tasks", "longismore_mini", "--limit", "4"]
    first = [*common, "--model_args", "pretrained=org/base", "--predict_only", "--log_samples"]
    run_lm_eval([*first, "--output_path", "base"])
    second = [*common, "--model_args", "pretrained=org/tuned,salt=x", "--output_path", "out"]
    capsys.readouterr()
    # JSON, because lm_eval 0.4.12 reads nothing else here.
    run_lm_eval([*second, "--metadata", json.dumps({"judge": "length", "judge_reference": "base"})])
    [run] = Path("out").glob("*/*/run.json")
    [_] = run.parents[1].glob("results_*.json")
    described = json.loads(run.read_text(encoding="utf-8"))
    assert ("done", "org__base", "org/tuned") == (
        described["status"],
        described["reference"]["model"],
        described["candidate"]["model"],
    )
    assert sorted(RATES) == re.findall(rf"\|({'|'.join(RATES)}) *\|", capsys.readouterr().out)
