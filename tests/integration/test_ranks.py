"""Several processes of one evaluation: data parallel ranks share the judging, tensor parallel shadows stay quiet.

The processes run this very file: two of them meet through a file, talk on the loopback interface, and the first
prints what lm_eval returned to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval.api.model import LM

from longismore.harness import TASKS_FOLDER
from longismore.harness._lm_eval import tasks_imported
from longismore.judges import JUDGES, Usage
from longismore.records import Judgment, Order, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.judges._judge import OnJudgment
    from longismore.records import Example, Pair
    from longismore.store import Store

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
METRICS = ("win_rate", "winning_score", "tie_rate", "swap_consistency", "length_ratio", "unjudged", "lc_win_rate")
VALUES = [f"{name}{kind},none" for name in METRICS for kind in ("", "_stderr")]


CASES: dict[str, tuple[int, tuple[str, ...]]] = {
    "all-judged": (40, ()),
    "uneven": (5, ()),
    "some-unparsed": (40, ("mini_3", "mini_8")),
    "first-rank-unparsed": (2, ("mini_0",)),
    "second-rank-unparsed": (2, ("mini_1",)),
    "none-judged": (2, ("mini_0", "mini_1")),
}
"""Instructions to ask, and the ids of those that the judge fails to judge; rank 0 has the even ones."""


class RankLM(LM):  # type: ignore[misc]  # lm_eval has no types
    """Answers from the prompt, on one of several ranks."""

    def __init__(self, rank: int, world_size: int) -> None:
        import torch

        super().__init__()
        self._rank, self._world_size, self._device = rank, world_size, torch.device("cpu")

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """So many words as a hash of the prompt says; none to a request that only fills up the rank."""
        prompts = [request.args[0] for request in requests]
        new = [prompt not in prompts[:number] for number, prompt in enumerate(prompts)]
        lengths = [60 * sha256(prompt.encode()).digest()[0] // 16 for prompt in prompts]
        return ["word " * (length * first) for length, first in zip(lengths, new, strict=True)]

    def all_gather(self, tensor: Any) -> Any:
        """The tensors of all ranks, one after the other."""
        import torch

        everybody = [torch.zeros(1, dtype=tensor.dtype) for _ in range(self.world_size)]
        torch.distributed.all_gather(everybody, tensor.reshape(1))
        return torch.cat(everybody)

    def gather_object(self, obj: Any, dst: int = 0) -> list[Any] | None:
        """The objects of all ranks, on one of them."""
        import torch

        everybody = [None] * self.world_size if self.rank == dst else None
        torch.distributed.gather_object(obj, everybody, dst=dst)
        return everybody

    def barrier(self) -> None:
        """Wait for the others."""
        import torch

        torch.distributed.barrier()

    def loglikelihood(self, requests: Any) -> Any:
        """Not needed."""
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood


@dataclass(frozen=True)
class CountingJudge:
    """Prefers the longer answer, and writes down what it was asked."""

    folder: Path
    unparsed: tuple[str, ...]
    name: str = "counting"
    fingerprint: str = "counting"
    note: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)

    def check(self, examples: Sequence[Example], store: Store) -> None:
        """Nothing can fail."""

    def judge(self, pairs: Sequence[Pair], *, store: Store, on_judgment: OnJudgment) -> None:
        """Judge on the spot."""
        with (self.folder / f"asked-{os.getpid()}.txt").open("a", encoding="utf-8") as file:
            file.writelines(f"{pair.testset} {pair.id}\n" for pair in pairs)
        for pair, order in product(pairs, Order):
            lost = pair.id in self.unparsed
            on_judgment(
                Judgment(
                    id=pair.id,
                    testset=pair.testset,
                    prompt=pair.prompt,
                    reference=pair.reference,
                    candidate=pair.candidate,
                    order=order,
                    judge=self.name,
                    fingerprint=self.fingerprint,
                    status=Status.UNPARSED if lost else Status.JUDGED,
                    preference=None if lost else float(len(pair.candidate.output) > len(pair.reference.output)),
                )
            )


def work(folder: Path, rank: int, world_size: int) -> dict[str, Any]:
    """Evaluate all cases as one of *world_size* processes."""
    import torch.distributed as dist
    from lm_eval import evaluator, tasks

    if world_size > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world_size)
    evaluator.add_env_info = lambda results: None  # seconds that no test here needs
    tasks_imported(tasks)
    found = {}
    for case, (limit, unparsed) in CASES.items():
        place = folder / case
        place.mkdir(exist_ok=True)
        judge = CountingJudge(place, unparsed)
        JUDGES.register("counting", lambda argument, options, judge=judge: judge)
        metadata = {"judge": "counting", "judge_output": str(place / "runs"), "judge_candidate": "tuned"}
        manager = tasks.TaskManager(include_defaults=False, include_path=TASKS_FOLDER, metadata=metadata)
        results = evaluator.simple_evaluate(
            model=RankLM(rank, world_size),
            tasks=["longismore_mini"],
            task_manager=manager,
            limit=limit,
            bootstrap_iters=10,
        )
        found[case] = {} if results is None else results["results"]["longismore_mini"]
    if world_size > 1:
        dist.destroy_process_group()
    return found


@dataclass(frozen=True)
class Launch:
    """The processes of one evaluation, after they have ended."""

    folder: Path
    results: dict[str, dict[str, Any]]
    """What the first process had for results, by case."""

    def asked(self, case: str) -> list[Counter[str]]:
        """What each process had judged."""
        paths = (self.folder / case).glob("asked-*")
        return [Counter(path.read_text(encoding="utf-8").splitlines()) for path in paths]

    def run_folders(self, case: str) -> list[Path]:
        """The run folders that were written."""
        return list((self.folder / case).glob("runs/*"))


def launch(folder: Path, world_size: int, **environ: str) -> Launch:
    """Run the processes of one evaluation, two minutes at most."""
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"} | environ
    with ExitStack() as files:
        processes = [
            subprocess.Popen(
                [sys.executable, __file__, str(folder), str(rank), str(world_size)],
                env=environment,
                cwd=folder,
                stdout=files.enter_context((folder / f"stdout-{rank}.txt").open("w")),
                stderr=files.enter_context((folder / f"stderr-{rank}.txt").open("w")),
            )
            for rank in range(world_size)
        ]
        try:
            codes = [process.wait(timeout=120) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
    errors = "\n".join(path.read_text(encoding="utf-8")[-3000:] for path in sorted(folder.glob("stderr-*")))
    assert [0] * world_size == codes, errors
    last = (folder / "stdout-0.txt").read_text(encoding="utf-8").splitlines()[-1]
    return Launch(folder, json.loads(last))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """One process."""
    return launch(tmp_path_factory.mktemp("alone"), 1)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """Two ranks."""
    return launch(tmp_path_factory.mktemp("together"), 2)


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_ranks_have_the_results_of_one(case: str, alone: Launch, together: Launch) -> None:
    """Rates and standard errors do not depend on the number of processes, nor on who could judge nothing."""
    expected, actual = ({name: each.results[case].get(name) for name in VALUES} for each in (alone, together))
    assert pytest.approx(expected, nan_ok=True) == actual
    assert "unjudged,none" in alone.results[case]


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_ranks_judge_every_pair_once(case: str, alone: Launch, together: Launch) -> None:
    """Each rank judges its own half; no pair is judged, and paid for, twice."""
    first, second = together.asked(case)
    limit = CASES[case][0]
    assert [limit // 2, limit - limit // 2] == sorted([first.total(), second.total()])
    assert alone.asked(case) == [first + second]


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_ranks_write_one_run_folder(case: str, alone: Launch, together: Launch) -> None:
    """The first rank writes what one process would: all answers, all judgments, the same results."""
    [one], [both] = alone.run_folders(case), together.run_folders(case)
    for name in ("results.json", "judgments.jsonl", "candidate.json", "reference.json"):
        assert (one / name).read_bytes() == (both / name).read_bytes(), name
    assert "done" == json.loads((both / "run.json").read_text(encoding="utf-8"))["status"]


_ABANDONED = """
import sys, torch.distributed as dist
from longismore.errors import JudgeError
from longismore.harness._ranks import Ranks
meet, rank = sys.argv[1], int(sys.argv[2])
dist.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=2)
ranks = Ranks(rank, 2)
if rank == 1:
    ranks.abandon(JudgeError("the key was withdrawn"))
else:
    try:
        ranks.gather(["mine"])
    except JudgeError as error:
        print(error)
dist.barrier()  # torch aborts, now and then, in a process whose group was left open
dist.destroy_process_group()
"""


@needs_torch
@pytest.mark.slow
def test_a_rank_that_cannot_judge_ends_the_others(tmp_path: Path) -> None:
    """Nobody waits for the time-out of the process group: the others say what stopped the first."""
    launched = [
        subprocess.Popen(
            [sys.executable, "-c", _ABANDONED, str(tmp_path / "meet"), str(rank)], stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in launched]
    assert [0, 0] == [process.returncode for process in launched]
    assert ["rank 1 could not judge its share: the key was withdrawn\n", ""] == said


@needs_torch
@pytest.mark.slow
def test_a_tensor_parallel_shadow_judges_and_writes_nothing(tmp_path: Path) -> None:
    """A process that claims to be rank 0 of 1, but is the second on its machine, leaves all to the first."""
    shadow = launch(tmp_path, 1, LOCAL_RANK="1")
    assert {case: {} for case in CASES} == shadow.results
    assert [] == [found for case in CASES for found in (*shadow.asked(case), *shadow.run_folders(case))]


if __name__ == "__main__":
    place, own_rank, size = sys.argv[1:]
    sys.stdout.write("\n" + json.dumps(work(Path(place), int(own_rank), int(size))) + "\n")
