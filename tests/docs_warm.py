"""A process that has imported what commands need, and becomes ``longismore`` again and again.

The documentation has some two hundred commands, and half of what each takes is the start: torch alone takes seconds.
So they are children of one process that has everything loaded. What a command is given is all its own: arguments,
folder, environment, and where it reads and writes. Wherever this process is not there, commands start as usual.
"""

from __future__ import annotations

import array
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ADDRESS", "READ_AT_IMPORT", "run_warm", "warm_process"]

ADDRESS = "DOCS_WARM"
"""The variable with the socket at which the process listens."""
READ_AT_IMPORT = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""What packages look at once, when they are imported; the same for every page."""
_STREAMS = 3
_MODULES = (
    "longismore.cli",
    "rich.table",
    "numpy",
    "yaml",
    "polars",
    "pyarrow.parquet",
    "msgspec",
    "nltk",
    "aiohttp",
    "matplotlib.pyplot",
    "datasets",
    "torch",
    "transformers",
    "transformers.models.llama.modeling_llama",
    "lm_eval.evaluator",
    "lm_eval.models.huggingface",
    "accelerate",
    "peft",
    "trl",
)


@contextmanager
def warm_process(address: Path) -> Iterator[None]:
    """Have the process run, and listen at *address*."""
    command = [sys.executable, str(Path(__file__).resolve()), str(address)]
    environ = os.environ | READ_AT_IMPORT
    with subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield
        finally:
            process.terminate()


def run_warm(arguments: Sequence[str]) -> int | None:
    """Run ``longismore`` in a child of the process; ``None`` where there is no such process."""
    address = os.environ.get(ADDRESS, "")
    if not address:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(address)
        given = {"arguments": list(arguments), "folder": str(Path.cwd()), "environ": dict(os.environ)}
        streams = array.array("i", range(_STREAMS))
        connection.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        connection.sendall(json.dumps(given).encode())
        connection.shutdown(socket.SHUT_WR)
        code = connection.recv(4)
    return int(code) if code else 1


def _serve(address: str) -> None:
    for name in _MODULES:
        with suppress(ImportError):
            importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _become(connection)
            connection.close()


def _become(connection: socket.socket) -> None:
    """Be the command, and end with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(connection, 1, _STREAMS)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    content = b""
    while part := connection.recv(1 << 16):
        content += part
    given = json.loads(content)
    os.chdir(given["folder"])
    os.environ.clear()
    os.environ.update(given["environ"])
    sys.argv = ["longismore", *given["arguments"]]
    found = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    sys.path[:1] = [given["folder"], *found]
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode, encoding="utf-8") for number, mode in enumerate("rww"))  # noqa: PTH123, SIM115
    code = 1
    try:
        from longismore.cli import main

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  as the interpreter does at its end
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    connection.sendall(str(code).encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
