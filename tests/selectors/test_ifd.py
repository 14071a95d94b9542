"""The strategy ``ifd`` from data to choice, with the engine and its store."""

from __future__ import annotations

import json
import math
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ifd_reference import cherry, middle, prompt_features, superfiltering
from longismore.errors import ConfigError, SchemaError, UsageError
from longismore.instructions import open_data
from longismore.instructions._templates import load_template
from longismore.selectors import SELECTORS, Choice, Shard, Work
from longismore.selectors.ifd import Ifd
from tiny_models import make_tiny_llama

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from longismore.instructions import InstructionData

pytest.importorskip("polars")

WORDS = [
    "salt",
    "ice",
    "river",
    "water",
    "melts",
    "freezing",
    "point",
    "because",
    "lowers",
    "three",
    "count",
    "and",
    "the",
]


def record(number: int) -> dict[str, str]:
    """An Alpaca record; each fourth has an input, and all differ."""
    words = [WORDS[(number * step + step) % len(WORDS)] for step in range(1, 5 + number % 17)]
    return {
        "instruction": f"Say it {number}: {' '.join(words[:4])}?",
        "input": " ".join(words[1:3]) if number % 4 == 0 else "",
        "output": " ".join(words[::-1]),
    }


RECORDS = [record(number) for number in range(60)]
RECORDS[7] = {"instruction": "Nothing.", "input": "", "output": " "}
RECORDS[9] = {"instruction": "long " * 600, "input": "", "output": "short"}
RECORDS[20] = dict(RECORDS[3])


@pytest.fixture
def torch() -> Iterator[Any]:
    """PyTorch on one thread, with Transformers."""
    found = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    threads = found.get_num_threads()
    found.set_num_threads(1)
    yield found
    found.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama whose losses depend on the text."""
    pytest.importorskip("transformers")
    return make_tiny_llama(tmp_path_factory.mktemp("model"), scale=3, head=8)


@pytest.fixture
def pool(tmp_path: Path) -> InstructionData:
    """The records above."""
    return written(tmp_path / "pool.json", RECORDS)


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    """The local engine with a store of its own."""
    from longismore.selectors._scores.local_engine import LocalEngine
    from longismore.selectors._scores.store import ScoreStore

    return LocalEngine(ScoreStore(tmp_path / "scores"))


def written(path: Path, records: list[Any]) -> InstructionData:
    """Data in a file."""
    path.write_text(json.dumps(records), encoding="utf-8")
    return open_data(path)


def run(ifd: Ifd, data: InstructionData, engine: Any, **work: Any) -> Choice:
    """Prepare and choose, as the runner does."""
    asked = Work(**({"budget": None, "engine": engine} | work))
    ifd.prepare(data, asked)
    choice = ifd.choose(data, asked)
    assert list(choice.rows) == sorted(set(choice.rows))
    assert len(choice.rows) + sum(choice.dropped.values()) == data.size
    json.dumps(dict(choice.facts))
    return choice


def reference(folder: Path, template: str = "plain") -> list[float]:
    """The IFD of each record, straight from the definition; not a number where there is none."""
    from longismore.selectors._models.causal_lm import load

    lm, form = load(str(folder), device="cpu"), load_template(template)
    scores = []
    for each in RECORDS:
        prompt = form.prompt(each["instruction"], each["input"])
        if template == "none":
            found = superfiltering(lm.model, lm.tokenizer, prompt, each["output"], max_length=1024)
            scores.append(math.exp(found.conditional) / math.exp(found.direct))
        else:
            found = cherry(lm.model, lm.tokenizer, prompt, form.response_prefix, each["output"], max_length=512)
            scores.append(found.conditional / found.direct)
    return scores


def test_it_is_found_by_its_name() -> None:
    """The registry knows it, and importing it imports no model library."""
    assert SELECTORS.get("ifd") is Ifd
    assert "ifd" in SELECTORS.names()


@pytest.mark.parametrize("variant", ["cherry", "cherry_v2"])
def test_cherry_takes_the_largest_up_to_one(
    variant: str, torch: Any, folder: Path, pool: InstructionData, engine: Any
) -> None:
    """The rows, the counts and the cut are those of the published rule on scores from the definition."""
    scores = reference(folder)
    ranked = sorted((score, row) for row, score in enumerate(scores) if score <= 1)
    choice = run(Ifd(variant=variant, model=str(folder), device="cpu"), pool, engine, budget=12)
    assert list(choice.rows) == sorted(row for _, row in ranked[-12:])
    assert dict(choice.dropped) == {
        "empty response": 1,
        "prompt fills max_length": 1,
        "IFD above 1": sum(score > 1 for score in scores),
        "IFD below the cut": len(ranked) - 12,
    }
    assert choice.facts["cut"] == pytest.approx(ranked[-12][0], abs=1e-5)
    assert choice.facts["variant"] == variant
    assert choice.facts["scorer"]["max_length"] == 512


def test_a_rate_is_of_the_rows_that_qualify_for_cherry(
    torch: Any, folder: Path, pool: InstructionData, engine: Any
) -> None:
    """Twice the same content is two rows of the same IFD, of which the later one goes first."""
    ranked = sorted((score, row) for row, score in enumerate(reference(folder)) if score <= 1)
    choice = run(Ifd(model=str(folder), device="cpu", rate=0.2), pool, engine)
    assert list(choice.rows) == sorted(row for _, row in ranked[-int(len(ranked) * 0.2) :])


def test_superfiltering_ranks_by_perplexities_without_a_template(
    torch: Any, folder: Path, pool: InstructionData, engine: Any
) -> None:
    """The ratio of perplexities below 1; a rate is of all rows."""
    scores = reference(folder, "none")
    ranked = sorted((row for row, score in enumerate(scores) if score < 1), key=lambda row: -scores[row])
    choice = run(Ifd(variant="superfiltering", model=str(folder), device="cpu", rate=0.25), pool, engine)
    assert list(choice.rows) == sorted(ranked[:15])
    assert choice.facts["scorer"]["max_length"] == 1024
    assert choice.dropped["IFD 1 or more"] == sum(score >= 1 for score in scores)


def test_another_budget_scores_nothing_again(torch: Any, folder: Path, pool: InstructionData, engine: Any) -> None:
    """A second budget, another filter and other batches read the store; rows of equal content are scored once."""
    seen: list[tuple[str, int, int | None]] = []
    first = Ifd(model=str(folder), device="cpu", batch_rows=16)
    run(first, pool, engine, budget=5, on_progress=lambda *said: seen.append(said))
    assert ("ifd", 59, 59) in seen
    assert engine.missing(pool, first._scorer()) == 0
    seen.clear()
    for other in (first, Ifd(variant="cherry_v2", model=str(folder), largest=0.9, max_tokens=64, device="cpu")):
        run(other, pool, engine, budget=9, on_progress=lambda *said: seen.append(said))
    assert [said for said in seen if said[0] == "ifd"] == []


@pytest.mark.parametrize("max_tokens", [1, 100, 100_000])
def test_the_choice_does_not_depend_on_batches(
    max_tokens: int, torch: Any, folder: Path, pool: InstructionData, engine: Any
) -> None:
    """Neither on how many rows nor on how many tokens are scored at once."""
    wanted = run(Ifd(model=str(folder), device="cpu"), pool, engine, budget=12)
    from longismore.selectors._scores.local_engine import LocalEngine
    from longismore.selectors._scores.store import ScoreStore

    other = LocalEngine(ScoreStore(engine.store.folder / "other"))
    batches = {"max_tokens": max_tokens, "batch_rows": 7}
    assert run(Ifd(model=str(folder), device="cpu", **batches), pool, other, budget=12).rows == wanted.rows


def test_shards_prepare_their_parts(torch: Any, folder: Path, pool: InstructionData, engine: Any) -> None:
    """Two shards together leave nothing to score."""
    ifd = Ifd(model=str(folder), device="cpu")
    for index in (1, 2):
        ifd.prepare(pool, Work(budget=None, engine=engine, shard=Shard(index, 2)))
    assert engine.missing(pool, ifd._scorer()) == 0


def test_pre_experience_takes_the_middle_of_every_cluster(
    torch: Any, folder: Path, pool: InstructionData, engine: Any
) -> None:
    """Labels of scikit-learn on features from the definition, and the plain rule on them."""
    import numpy as np

    cluster = pytest.importorskip("sklearn.cluster")
    from longismore.selectors._models.causal_lm import load

    lm, form = load(str(folder), device="cpu"), load_template("plain")
    rows = [row for row, each in enumerate(RECORDS) if each["output"].strip()]
    features = [
        prompt_features(
            lm.model, lm.tokenizer, form.prompt(RECORDS[row]["instruction"], RECORDS[row]["input"]), max_length=64
        )
        for row in rows
    ]
    labels = cluster.KMeans(n_clusters=6, random_state=0).fit(np.float32([vector for vector, _ in features])).labels_
    wanted = middle(labels.tolist(), [math.exp(loss) for _, loss in features], count=4, low=25, high=75)
    choice = run(
        Ifd(variant="pre_experience", model=str(folder), device="cpu", clusters=6, per_cluster=4, max_length=64),
        pool,
        engine,
    )
    assert list(choice.rows) == [rows[place] for place in wanted]
    assert sum(choice.facts["cluster_sizes"]) == 59
    assert choice.dropped == {
        "empty response": 1,
        "not among the rows that its cluster gives": 59 - len(wanted),
    }


def test_pre_experience_has_a_size_of_its_own(torch: Any, folder: Path, pool: InstructionData, engine: Any) -> None:
    """A budget is refused; and so are more clusters than rows."""
    ifd = Ifd(variant="pre_experience", model=str(folder), device="cpu")
    with pytest.raises(UsageError, match=r"at most clusters \* per_cluster = 1000 rows by itself; leave out"):
        ifd.prepare(pool, Work(budget=5, engine=engine))
    with pytest.raises(UsageError, match="100 clusters cannot be made of 59 rows; lower clusters"):
        run(ifd, pool, engine)


def test_duplicates_can_be_dropped(torch: Any, folder: Path, pool: InstructionData, engine: Any) -> None:
    """The later of two equal rows goes, before a rate is counted."""
    choice = run(Ifd(model=str(folder), device="cpu"), pool, engine, drop_duplicates=True)
    assert choice.dropped["duplicate of an earlier row"] == 1
    assert 20 not in choice.rows


CHAT = [
    {"messages": [{"role": "user", "content": "Name a river."}, {"role": "assistant", "content": "The Rhine."}]},
    {
        "messages": [
            {"role": "user", "content": "Count to three."},
            {"role": "assistant", "content": "1, 2, 3"},
            {"role": "user", "content": "And back."},
            {"role": "assistant", "content": "3, 2, 1"},
        ]
    },
]


def test_conversations_of_several_turns_are_refused(torch: Any, folder: Path, tmp_path: Path, engine: Any) -> None:
    """The row is named, with what to do, before anything is scored."""
    data = written(tmp_path / "chat.json", CHAT)
    with pytest.raises(SchemaError, match=r"chat\.json.*2 turns; .* score the first answers with multi_turn=first"):
        run(Ifd(model=str(folder), device="cpu"), data, engine)
    assert not engine.store.folder.exists()


def test_the_first_answers_of_conversations_can_be_scored(
    torch: Any, folder: Path, tmp_path: Path, engine: Any
) -> None:
    """What comes after the first answer changes nothing."""
    data = written(tmp_path / "chat.json", CHAT)
    short = [{"messages": each["messages"][:2]} for each in CHAT]
    ifd = Ifd(model=str(folder), device="cpu", multi_turn="first", largest=9)
    wanted = run(ifd, written(tmp_path / "short.json", short), engine).facts["mean"]
    assert run(ifd, data, engine).facts["mean"] == pytest.approx(wanted, abs=1e-6)


def test_a_conversation_that_the_chat_template_refuses_does_not_end_the_job(
    torch: Any, folder: Path, tmp_path: Path, engine: Any
) -> None:
    """One row of many: it is counted and its reason told; the others are scored."""
    model = shutil.copytree(folder, tmp_path / "model")
    refusal = "{% if 'it 3:' in messages[0]['content'] %}{{ raise_exception('not that') }}{% endif %}"
    written_as = "{% for each in messages %}{{ each['content'] + '\\n' }}{% endfor %}"
    (model / "chat_template.jinja").write_text(refusal + written_as)
    data = written(tmp_path / "some.json", RECORDS[:6])
    choice = run(Ifd(model=str(model), template="chat", largest=100), data, engine)
    assert [0, 1, 2, 4, 5] == list(choice.rows)
    assert {"scoring failed": 1} == choice.dropped
    (error,) = choice.facts["errors"]
    assert error.endswith("the tokenizer's chat template cannot write a conversation: not that")


def test_a_template_without_a_form_for_inputs_refuses_such_rows(
    torch: Any, folder: Path, tmp_path: Path, pool: InstructionData, engine: Any
) -> None:
    """The first such row is named."""
    form = tmp_path / "form.txt"
    form.write_text("{instruction}\n\nAnswer:")
    with pytest.raises(SchemaError, match=r"pool\.json.*a row with an input, for which the template .* has no form"):
        run(Ifd(model=str(folder), device="cpu", template=str(form)), pool, engine)


SCORED = [
    {
        "instruction": str(number),
        "input": "",
        "output": "x" if number != 4 else "",
        "ifd_score": score,
        "ifd_ppl": score,
    }
    for number, score in enumerate([0.5, 1.0, 1.2, 0.9, 0.8, None, "0.7", True, 0.5, 0])
]


def test_scores_in_the_data_are_taken_as_published(tmp_path: Path, engine: Any) -> None:
    """Up to 1, ties to the earlier row, a rate of all rows; what is no number is counted."""
    data = written(tmp_path / "scored.json", SCORED)
    choice = run(Ifd(variant="precomputed"), data, engine)
    assert list(choice.rows) == [0, 1, 3, 8, 9]
    assert dict(choice.dropped) == {"empty response": 1, 'no number in "ifd_score"': 3, "IFD above 1": 1}
    assert list(run(Ifd(variant="precomputed"), data, engine, budget=3).rows) == [0, 1, 3]
    assert list(run(Ifd(variant="precomputed", rate=0.35), data, engine).rows) == [0, 1, 3]
    assert list(run(Ifd(variant="precomputed", ties="later"), data, engine, budget=3).rows) == [1, 3, 8]


def test_ratios_of_perplexities_in_the_data_stay_below_one(tmp_path: Path, engine: Any) -> None:
    """The field of Superfiltering has the rule of Superfiltering."""
    choice = run(Ifd(variant="precomputed", column="ifd_ppl"), written(tmp_path / "scored.json", SCORED), engine)
    assert list(choice.rows) == [0, 3, 8, 9]


def test_a_field_that_no_row_has_is_named(tmp_path: Path, engine: Any) -> None:
    """With the fields that there are."""
    data = written(tmp_path / "scored.json", SCORED)
    with pytest.raises(UsageError, match=r'has a number in the field "ifd"; fields found: ifd_ppl, ifd_score, input'):
        run(Ifd(variant="precomputed", column="ifd"), data, engine)


def test_a_budget_and_a_rate_exclude_each_other(tmp_path: Path, engine: Any) -> None:
    """Both say how many rows are taken."""
    data = written(tmp_path / "scored.json", SCORED)
    with pytest.raises(UsageError, match=r"a budget of 3 and rate=0\.5 are both given"):
        run(Ifd(variant="precomputed", rate=0.5), data, engine, budget=3)


def test_all_wrong_parameters_are_named_at_once() -> None:
    """One sentence each, with what is allowed."""
    with pytest.raises(ConfigError) as caught:
        Ifd(
            variant="ifd", rate=1.5, largest=math.nan, ties="first", multi_turn="all", low_percent=80, clusters=0,
            max_length=4, direct_extra=-1,
        )  # fmt: skip
    found = "\n".join(caught.value.problems)
    for name in ("variant", "rate", "largest", "ties", "multi_turn", "low_percent", "clusters", "max_length"):
        assert f"{name} must be" in found or f"{name} and" in found, name
    assert "direct_extra must be at least 0, found -1" in found
    assert len(caught.value.problems) == 9
    with pytest.raises(ConfigError, match="model is missing; variant=cherry needs a folder"):
        Ifd()


def test_importing_it_imports_no_model_library() -> None:
    """Listing strategies costs nothing."""
    import subprocess

    heavy = "torch", "transformers", "sklearn", "polars", "numpy"
    code = f"import sys, longismore.selectors.ifd; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "[]"


def test_says_which_model_is_needed(folder: Path) -> None:
    """Before anything is computed: for an estimate, and for the manifest."""
    assert [scorer.name for scorer in Ifd(model=str(folder)).scorers()] == ["ifd"]
    assert [scorer.name for scorer in Ifd(model=str(folder), variant="pre_experience").scorers()] == ["ifd_prompts"]
    assert Ifd(variant="precomputed").scorers() == []
