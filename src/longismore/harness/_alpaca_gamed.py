"""Where ``df_gamed.csv`` of AlpacaEval's data set is, which its own length control needs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.harness._alpaca_official import DF_GAMED_SHA256
from longismore.testsets import folder_in
from longismore.testsets._source import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["find_gamed"]

_REVISION = "2edc6fad8be6b14ea7230aabfd08188da6b8b814"
_DATA_SET = "tatsu-lab/alpaca_eval"
_NAME = "df_gamed.csv"
_FILE = f"alpaca_eval/{_NAME}"


def find_gamed(environ: Mapping[str, str], sha256: str = DF_GAMED_SHA256) -> Path:
    """The file: from ``LONGISMORE_TESTSETS``, from what Hugging Face's client has kept, or from its public address.

    Raises:
        DataError: It is not at hand and cannot be fetched, or is another file.
    """
    folder = folder_in(environ)
    kept = _kept()
    if kept is not None and (folder is None or not (folder / _FILE).exists()):
        return kept
    address = f"https://huggingface.co/datasets/{_DATA_SET}/resolve/{_REVISION}/{_NAME}"
    try:
        return fetch(address, sha256, folder=folder, name=_FILE)
    except DataError as error:
        raise DataError(f"{error}; or: hf download {_DATA_SET} {_NAME} --repo-type dataset") from error


def _kept() -> Path | None:
    """In the cache of ``huggingface_hub``, which lm_eval brings."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(_DATA_SET, _NAME, repo_type="dataset")
    return Path(found) if isinstance(found, str) else None
