"""Train once, as ``run_program`` of training_runs.py asks: with settings, and with what may go wrong.

The one argument is a JSON object: model, data, output, settings; kill_at, the step after which the process kills
itself; file_limit, the bytes that a file may have after the first checkpoint, as on a disk that is full; divide_on_cpu,
whether FSDP divides models on processors too, which accelerate does on GPUs only.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any

import torch

from longismore.errors import UsageError
from longismore.instructions import open_data
from longismore.train import load_preset, train


def divide_on_cpu() -> None:
    """Let accelerate do for processes on processors what it does for processes on GPUs."""
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType

    begin = AcceleratorState.__init__

    def init(self: Any, *given: Any, fsdp_plugin: Any = None, **named: Any) -> None:
        begin(self, *given, fsdp_plugin=fsdp_plugin, **named)
        if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin
            if self._mixed_precision != "no":
                fsdp_plugin.set_mixed_precision(self._mixed_precision)

    AcceleratorState.__init__ = init


def main() -> None:
    """Train."""
    request = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    if request.get("divide_on_cpu"):
        divide_on_cpu()

    def watch(step: int, steps: int, loss: float | None) -> None:
        if step == request.get("kill_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        if step > 1 and (limit := request.get("file_limit")):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    settings = load_preset("tiny-cpu", {"logging_steps": 1, **request["settings"]})
    try:
        result = train(settings, open_data(request["data"]), request["model"], request["output"], on_progress=watch)
    except UsageError as error:
        sys.exit(f"usage error: {error}")
    if int(os.environ.get("RANK", "0")) == 0:
        print(json.dumps({"losses": result.losses, "resumed_from": result.resumed_from}))  # noqa: T201


if __name__ == "__main__":
    main()
