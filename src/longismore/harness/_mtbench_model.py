"""A model of lm_eval, built as its own evaluation builds it."""

from __future__ import annotations

import json
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._checkpoint import checkpoint_sha256
from longismore.errors import ConfigError, LongismoreError, UnknownNameError, UsageError
from longismore.harness._host_data import missing_model
from longismore.harness._lm_eval import check_version, models_imported

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["as_mapping", "build_model", "check_model", "model_identity", "model_name"]

_FOLDERS = ("peft", "delta", "pretrained", "model")
"""Arguments that name a model, most telling first; each may be a folder."""
_TELLING = frozenset(
    {
        *_FOLDERS,
        "add_bos_token",
        "backend",
        "chat_template_args",
        "dtype",
        "enable_thinking",
        "engine",
        "gguf_file",
        "load_in_4bit",
        "load_in_8bit",
        "max_length",
        "max_model_len",
        "quantization",
        "revision",
        "subfolder",
        "think_end_token",
        "tokenizer",
    }
)
"""Arguments that change what a model says. The others change where and how fast it runs, or hold a key."""

_UNFIT = re.compile(r'[\\:*?"<>|\s]+')
"""What the name of a file cannot have."""


def as_mapping(model_args: str | Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name, as lm_eval reads them.

    Raises:
        ConfigError: They are no arguments.
    """
    if not isinstance(model_args, str):
        return dict(model_args)
    text = model_args.strip()
    if text.startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise ConfigError(f"model_args is not JSON: {error}") from error
    from lm_eval.utils import simple_parse_args_string

    wrong = [part for part in text.split(",") if part and "=" not in part]
    if wrong:
        raise ConfigError(f'model_args must be name=value,name=value or a JSON object, found "{wrong[0]:.80}"')
    return dict(simple_parse_args_string(text))


def model_name(model: str, model_args: str | Mapping[str, Any]) -> str:
    """What a model is called where the user does not say: the last part of its path or id."""
    arguments = as_mapping(model_args)
    for name in (*_FOLDERS, "engine"):
        value = str(arguments.get(name) or "").rstrip("/\\")
        if value:
            folder = Path(value).expanduser()
            return _UNFIT.sub("-", folder.resolve().name if folder.is_dir() else value.rpartition("/")[2])
    return model


def check_model(model: str, model_args: str | Mapping[str, Any]) -> None:
    """Find out whether lm_eval has such a type of models, and whether it can generate.

    Raises:
        CompatError: This version of lm_eval is not supported.
        UsageError: It has no such type, or only one that replays answers.
    """
    check_version()
    import lm_eval.models
    from lm_eval.api.registry import model_registry

    models_imported(lm_eval.models)
    as_mapping(model_args)
    if model == "longismore_outputs":
        raise ConfigError(
            "longismore_outputs replays saved answers and cannot be asked; MT-Bench needs a model that answers, e.g. hf"
        )
    if model not in model_registry:
        raise UnknownNameError("type of models", model, model_registry.keys())


def model_identity(model: str, model_args: str | Mapping[str, Any]) -> dict[str, Any]:
    """Which model it is: type, telling arguments, and a hash of its files where it is a folder."""
    arguments = {name: value for name, value in as_mapping(model_args).items() if name in _TELLING}
    files = {}
    for name in _FOLDERS:
        folder = Path(str(arguments.get(name) or "")).expanduser()
        if arguments.get(name) and folder.is_dir():
            files[name] = checkpoint_sha256(folder)[:16]
            arguments[name] = folder.resolve().name  # the same files may lie elsewhere tomorrow
    return {
        "type": model,
        "model_args": json.loads(json.dumps(arguments, default=str, sort_keys=True)),
        "files": files,
    }


def build_model(model: str, model_args: str | Mapping[str, Any], *, batch_size: int | str, device: str | None) -> Any:
    """Load the model.

    Raises:
        UsageError: lm_eval cannot load it; the message says why.
    """
    from lm_eval.api.registry import get_model

    arguments = as_mapping(model_args)
    # As lm_eval's own command: its hf takes the processor where there is no such device, but not with "cuda".
    more = {"batch_size": batch_size, "device": device or "cuda:0"}
    more = {name: value for name, value in more.items() if name not in arguments}
    try:
        with redirect_stdout(sys.stderr):  # some of its models print
            kind = get_model(model)
            if isinstance(model_args, str) and not model_args.strip().startswith("{"):
                return kind.create_from_arg_string(model_args, more)
            return kind.create_from_arg_obj(arguments, more)
    except LongismoreError:
        raise
    except Exception as error:  # of whatever the model is made of: they have no base in common
        if (ours := missing_model(error)) is not None:
            raise ours from error
        told = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        if re.search("not compiled with CUDA|No CUDA GPU|no NVIDIA driver", told):
            told += "; where there is no GPU, add --device cpu"
        raise UsageError(
            f"lm_eval cannot load the model {model} with the arguments {_shown(arguments)}: {told}"
        ) from error


def _shown(arguments: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in arguments.items() if name in _TELLING) or "(none)"
