"""A run before its model is loaded: everything that can be wrong is found out here, before the first step."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._lock import alone
from longismore._optional import require
from longismore.errors import ConfigError, UsageError
from longismore.train._batching import make_batches
from longismore.train._checkpoints import CHECKPOINTS, list_checkpoints
from longismore.train._describe import describe_template
from longismore.train._encode import encode_rows
from longismore.train._machine import resolved, this_machine
from longismore.train._model import saved_dtype
from longismore.train._model_size import load_tokenizer, model_size
from longismore.train._packing import pack_rows
from longismore.train._plan import check_model
from longismore.train._record import RECORD
from longismore.train._run_identity import check_same_run, identify_run, read_identity, write_identity
from longismore.train._save import remove_trained
from longismore.train._space import bytes_needed, check_space, make_folder
from longismore.train._steps import count_steps
from longismore.train._training_log import LOG, TrainingLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.instructions import InstructionData
    from longismore.train._encode import EncodedData
    from longismore.train._machine import Machine
    from longismore.train._model_size import ModelSize
    from longismore.train._record import RecordedTemplate
    from longismore.train._run_identity import RunIdentity
    from longismore.train._steps import Steps
    from longismore.train.settings import TrainSettings

__all__ = ["PreparedRun", "prepared_run"]

_LOCK = ".lock"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PreparedRun:
    """A run whose folder is its own, with its rows."""

    settings: TrainSettings
    """With every ``auto`` decided."""
    data: InstructionData
    model: str
    folder: Path
    machine: Machine
    process: Any
    """This one of several: an ``accelerate.PartialState``."""
    tokenizer: Any
    template: RecordedTemplate
    encoded: EncodedData
    steps: Steps
    identity: RunIdentity
    log: TrainingLog

    @property
    def checkpoints(self) -> Path:
        """Their folder."""
        return self.folder / CHECKPOINTS

    @property
    def is_finished(self) -> bool:
        """Whether the model is there: its record is written last."""
        return (self.folder / RECORD).exists()

    @property
    def tokens(self) -> int:
        """That the whole run trains on, every epoch counted, without padding."""
        lengths, processes = self.encoded.lengths, self.process.num_processes
        epochs, rest = divmod(self.steps.total, self.steps.per_epoch)
        batches = make_batches(lengths, self.settings, self.settings.seed, epochs, world_size=processes)
        read = batches[: rest * self.steps.accumulation * processes]
        return epochs * self.encoded.tokens + sum(lengths[row] for batch in read for row in batch)


@contextmanager
def prepared_run(
    settings: TrainSettings, data: InstructionData, model: str, folder: Path, *, resume: bool
) -> Iterator[PreparedRun]:
    """Read and encode the rows, and make a folder this run's, and nobody else's meanwhile.

    Args:
        settings: As given.
        data: The rows.
        model: A folder, or an id of the Hugging Face Hub.
        folder: Gets the model.
        resume: Whether what was begun there is gone on with.

    Raises:
        UsageError: As for :func:`longismore.train.train`.
    """
    accelerate = require("accelerate", extra="train")
    machine = this_machine()
    settings = resolved(settings, machine)
    process = accelerate.PartialState(cpu=machine.device == "cpu")
    if settings.parallel == "fsdp2" and process.num_processes == 1:
        raise ConfigError(
            "parallel=fsdp2 divides a model among processes, and there is one; start several with accelerate launch "
            "or torchrun, or set parallel=none"
        )
    size = model_size(model)
    check_model(settings, size)
    tokenizer = load_tokenizer(model)
    template = describe_template(settings, tokenizer)
    encoded = encode_rows(data.rows(), tokenizer, settings)
    _check_vocabulary(encoded, size)
    rows = len(encoded.examples)
    sequences = len(pack_rows(encoded.lengths, settings.max_length)) if settings.batching == "pack" else rows
    run = PreparedRun(
        settings=settings,
        data=data,
        model=model,
        folder=folder,
        machine=machine,
        process=process,
        tokenizer=tokenizer,
        template=template,
        encoded=encoded,
        steps=count_steps(settings, rows=rows, sequences=sequences, processes=process.num_processes),
        identity=identify_run(
            settings, data=data, encoded=encoded, template=template, model=model, processes=process.num_processes
        ),
        log=TrainingLog(folder / LOG),
    )
    with ExitStack() as held:
        problem = _problem_of_folder(run, size, held, resume=resume) if process.is_main_process else None
        if process.num_processes > 1:
            problem = require("accelerate.utils", extra="train").broadcast_object_list([problem])[0]
        if problem is not None:
            raise problem
        yield run


def _check_vocabulary(encoded: EncodedData, size: ModelSize) -> None:
    highest = max(int(example.input_ids.max()) for example in encoded.examples)
    if highest >= size.vocabulary:
        raise ConfigError(
            f"the tokenizer gives token {highest}, and the model knows {size.vocabulary} tokens, from 0: "
            "they do not belong together"
        )


def _problem_of_folder(run: PreparedRun, size: ModelSize, held: ExitStack, *, resume: bool) -> UsageError | None:
    try:
        _take_folder(run, size, held, resume=resume)
    except UsageError as error:
        return error
    return None


def _take_folder(run: PreparedRun, size: ModelSize, held: ExitStack, *, resume: bool) -> None:
    """Make the folder this run's; one process does it, and *held* is what keeps others away."""
    if Path(run.model).exists() and run.folder.resolve() == Path(run.model).resolve():
        raise ConfigError(f"output {run.folder} is the model that is trained; choose another folder")
    make_folder(run.folder)
    if resume:
        _check_foreign(run)
    else:
        _check_models(run)
    held.enter_context(alone(run.checkpoints / _LOCK, wait=False))
    if not resume:
        _remove_run(run)
    if (found := _begun(run)) is not None:
        check_same_run(found, run.identity, run.folder)
    if not run.is_finished:
        needed = bytes_needed(run.settings, size, run.steps, weight_bytes=saved_dtype(run.model).itemsize)
        check_space(run.folder, needed, run.settings)
    write_identity(run.checkpoints, run.identity)


def _check_models(run: PreparedRun) -> None:
    """Refuse to remove a model that another program made."""
    weights = sorted(path.name for path in run.folder.glob("*.safetensors"))
    if weights and not run.is_finished and read_identity(run.checkpoints) is None:
        raise ConfigError(
            f"output {run.folder} has a model that longismore did not train: {weights[0]}; choose another folder"
        )


def _remove_run(run: PreparedRun) -> None:
    """Remove what an earlier run has written, and nothing else."""
    for path in run.checkpoints.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _LOCK:
            path.unlink()
    remove_trained(run.folder)
    run.log.path.unlink(missing_ok=True)


def _check_foreign(run: PreparedRun) -> None:
    """Refuse to write among files that are not of a run without checkpoints."""
    foreign = sorted(path.name for path in run.folder.iterdir() if path.name not in {CHECKPOINTS, LOG})
    if foreign and _begun(run) is None:
        raise ConfigError(
            f"output {run.folder} has other files: {', '.join(foreign[:5])}; choose another folder, "
            "or begin anew in this one with --fresh (resume=False)"
        )


def _begun(run: PreparedRun) -> RunIdentity | None:
    """The run of which there is something to go on with, or the whole model."""
    is_begun = run.is_finished or any(each.is_whole for each in list_checkpoints(run.checkpoints))
    return read_identity(run.checkpoints) if is_begun else None
