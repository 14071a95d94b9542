"""AlpacaEval's own length-controlled win rate, computed by alpaca_eval itself, to stand beside ours.

``length_controlled_v1`` needs ``df_gamed.csv`` of AlpacaEval's data set: the annotations of two models that were asked
to be brief and to be wordy, and the difficulty of each instruction. Difficulties belong to the *number of the row*, so
the same annotations in another order give another figure, and so do fewer of them; here the order of AlpacaEval is
restored, and anything but its 805 instructions is refused.
"""

from __future__ import annotations

import hashlib
import warnings
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import ChecksumError, DataError
from longismore.harness._alpaca_import import alpaca_module, quiet_host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["DF_GAMED_SHA256", "OFFICIAL_LC", "official_lc"]

OFFICIAL_LC = "length_controlled_v1"
DF_GAMED_SHA256 = "97aeec3f1c7de6dee6fd31fe66f1702623f4614c3efe1c6fc5f4927cd5fd674d"
"""Of the published file."""
_GET = "hf download tatsu-lab/alpaca_eval df_gamed.csv --repo-type dataset --local-dir ."
_ORDER = "alpaca_eval_order.txt"
"""The first 8 hexadecimal digits of the SHA-256 of every instruction of AlpacaEval, in its order."""


def official_lc(
    annotations: Sequence[Mapping[str, Any]], df_gamed: str | Path, *, sha256: str | None = DF_GAMED_SHA256
) -> dict[str, float]:
    """What alpaca_eval's ``get_length_controlled_winrate`` gives, with nothing fetched and nothing written.

    Args:
        annotations: Rows of ``annotations.json`` about the 805 instructions of AlpacaEval, in any order.
        df_gamed: The file ``df_gamed.csv`` of AlpacaEval's data set.
        sha256: Its checksum; ``None`` takes any file.

    Returns:
        alpaca_eval's own names and figures, percent: ``length_controlled_winrate``, ``lc_standard_error`` (the spread
        of the fitted values, no sampling error), ``win_rate``, ...

    Raises:
        DataError: The annotations are not those of the 805 instructions, or the file is missing, or another one.
        UsageError: alpaca_eval is not installed, or cannot be imported.
    """
    rows = _in_order(annotations)
    path = _checked(Path(df_gamed), sha256)
    metrics: Any = alpaca_module("metrics.glm_winrate")
    pandas, sklearn = (require(package, extra="alpaca") for package in ("pandas", "sklearn"))
    kept = metrics.hf_hub_download
    metrics.hf_hub_download = lambda **_: str(path)
    try:
        with quiet_host(), warnings.catch_warnings(), sklearn.config_context():
            warnings.simplefilter("ignore")
            found = metrics.get_length_controlled_winrate(
                pandas.DataFrame(rows),
                glm_name=OFFICIAL_LC,
                save_weights_dir=None,
                is_add_glm_preference_inplace=False,
                is_warn_extreme_changes=False,
            )
    except Exception as error:
        raise DataError(
            f"alpaca_eval's {OFFICIAL_LC} cannot be computed of these annotations: {error!r:.300}"
        ) from error
    finally:
        metrics.hf_hub_download = kept
    return {name: float(value) for name, value in found.items()}


def _in_order(annotations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows in the order of AlpacaEval.

    Raises:
        DataError: They are others, fewer or more, or of several models.
    """
    order = files("longismore.harness").joinpath(_ORDER).read_text(encoding="ascii").split()
    places = {digits: place for place, digits in enumerate(order)}
    by_place: dict[int | None, dict[str, Any]] = {}
    for row in annotations:
        by_place.setdefault(places.get(_digits(row.get("instruction"))), dict(row))
    known = [place for place in by_place if place is not None]
    if len(annotations) != len(order) or len(known) != len(order):
        raise DataError(
            f"{OFFICIAL_LC} knows the difficulty of AlpacaEval's {len(order)} instructions by the number of the row: "
            f"of the {len(annotations)} annotations given, {len(known)} instructions are among them. With other rows "
            "or fewer, alpaca_eval gives each row the difficulty of another instruction without a word; "
            "lc_win_rate needs none of it"
        )
    models = sorted({str(row.get("generator_2")) for row in annotations})
    if len(models) != 1:
        raise DataError(f"annotations of one model were expected (generator_2), found: {', '.join(models[:20])}")
    return [by_place[place] for place in sorted(known)]


def _digits(instruction: object) -> str:
    return hashlib.sha256(instruction.encode(errors="replace")).hexdigest()[:8] if isinstance(instruction, str) else ""


def _checked(path: Path, sha256: str | None) -> Path:
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; get df_gamed.csv of AlpacaEval's data set where there is a network: {_GET}"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 is not None and found != sha256:
        raise ChecksumError(
            f"{path}: sha256 {found} is not that of the published df_gamed.csv, {sha256}; get it: {_GET}"
        )
    return path
