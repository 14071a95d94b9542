"""What is settled before alpaca_eval's ``evaluate`` runs: with a judge of ours, or with our metric.

Whatever can fail fails here, before anything is judged: the judge, the answers, the metric, and what a metric of
alpaca_eval would fetch from a hub afterwards.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._annotator_names import annotator_name, is_ours, spec_of
from longismore._optional import require
from longismore.errors import ConfigError, DataError, UnknownNameError
from longismore.harness._alpaca_annotator import LongismoreAnnotator
from longismore.harness._alpaca_import import alpaca_module, quiet_host
from longismore.harness._alpaca_metric import METRIC, SORT_BY
from longismore.harness._alpaca_outputs import as_frame, outputs_of
from longismore.run_folder import check_writable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["settle"]

logger = logging.getLogger(__name__)

_THEIR_LC = "get_length_controlled_winrate"
_THEIR_RAW = "get_winrate"
_ITEMS = 805
"""Of AlpacaEval: their length control knows the difficulty of so many instructions, by the number of the row."""


def settle(arguments: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """Change the arguments of one call in place.

    Args:
        arguments: Those that were given, by name.
        defaults: alpaca_eval's own.

    Raises:
        UsageError: Something will not do; nothing was judged.
    """
    spec = None
    if is_ours(arguments.get("annotators_config")):
        spec = spec_of(arguments["annotators_config"], os.environ)
        arguments["annotators_config"] = annotator_name(spec)
        arguments.setdefault("fn_metric", METRIC)
    metric = arguments["fn_metric"]
    _check_metric(metric)
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "")
    if name in {METRIC, _THEIR_RAW}:
        arguments.setdefault("sort_by", SORT_BY if name == METRIC else "win_rate")
    if arguments.get("model_outputs") is None:
        return
    config = arguments.get("annotators_config", defaults["annotators_config"])
    if arguments.get("is_recompute_metrics_only"):
        _recompute(arguments, config, name)
    elif spec is not None and "Annotator" not in arguments:
        arguments.setdefault("precomputed_leaderboard", None)  # there is none of a judge of ours
        arguments.setdefault("reference_outputs", defaults["reference_outputs"])
        _judge(arguments, spec, name)


def _check_metric(metric: object) -> None:
    """alpaca_eval looks for it when all is judged."""
    metrics = alpaca_module("metrics")
    if isinstance(metric, str) and not callable(getattr(metrics, metric, None)):
        known = [METRIC, *(name for name in vars(metrics) if name.startswith("get_"))]
        raise UnknownNameError("metric of alpaca_eval (fn_metric)", metric, known)


def _recompute(arguments: dict[str, Any], config: object, metric: str) -> None:
    """Metrics of annotations that are there: alpaca_eval wants to find the model on a leaderboard first."""
    pandas: Any = require("pandas", extra="alpaca")
    model = outputs_of(arguments["model_outputs"], "model_outputs")
    name = _name(arguments, as_frame(model))
    folder = _output_folder(arguments, name)
    if folder is None:
        raise ConfigError("is_recompute_metrics_only needs the folder with the annotations: --output_path FOLDER")
    own = folder if "/" in str(config) else folder / str(config)
    if not (own / "annotations.json").is_file():
        raise DataError(f"{own / 'annotations.json'}: no such file; is_recompute_metrics_only reads it")
    if is_ours(config) and metric == _THEIR_LC:
        _settle_their_lc(arguments, own, len(model))
    # Not looked at, but alpaca_eval would fetch the reference, and stop at an answer that is a number.
    arguments.setdefault("reference_outputs", pandas.DataFrame())
    # A path: of a name, alpaca_eval would make a second folder in the first.
    path = own.absolute().as_posix()
    arguments |= {"annotators_config": path, "output_path": path, "model_outputs": as_frame(model), "name": name}
    if "precomputed_leaderboard" in arguments:
        return
    leaderboard = own / "leaderboard.csv"
    if leaderboard.is_file() and name in pandas.read_csv(leaderboard, index_col=0).index:
        arguments["precomputed_leaderboard"] = leaderboard
        return
    mean = sum(len(each.output) for each in model) // len(model)
    line = {"mode": [arguments.get("current_leaderboard_mode", "community")], "avg_length": [mean]}
    arguments["precomputed_leaderboard"] = lambda: pandas.DataFrame(line, index=[name])


def _judge(arguments: dict[str, Any], spec: str, metric: str) -> None:
    """Everything that judging needs, checked."""
    model, reference = arguments["model_outputs"], arguments["reference_outputs"]
    _check_leaderboard(arguments["precomputed_leaderboard"])
    candidate = as_frame(outputs_of(model, "model_outputs"))
    baseline = as_frame(outputs_of(reference, "reference_outputs"))
    name = _name(arguments, candidate)
    folder = _output_folder(arguments, name)
    own = None if folder is None else folder / arguments["annotators_config"]
    annotator = LongismoreAnnotator(
        spec=spec,
        runs=None if own is None else own / "runs",
        names=("reference", name),
        sources={"reference": _path(reference), "candidate": _path(model)},
        **arguments.get("annotator_kwargs", {}),
    )
    if metric == _THEIR_LC:
        _settle_their_lc(arguments, own, min(len(candidate), len(baseline)))
    if own is not None:
        check_writable(own)
        arguments["output_path"] = str(folder)
    arguments |= {"model_outputs": candidate, "reference_outputs": baseline, "Annotator": lambda **_: annotator}


def _check_leaderboard(path: object) -> None:
    package = Path(alpaca_module().__file__ or "").parent
    if isinstance(path, str | Path) and package in Path(path).resolve().parents:
        raise ConfigError(
            f"{path}: a leaderboard of a judge of longismore must not be written into the installed alpaca_eval: "
            "name another file (--precomputed_leaderboard, of make_leaderboard --leaderboard_path)"
        )


def _settle_their_lc(arguments: dict[str, Any], own: Path | None, rows: int) -> None:
    """Find out whether alpaca_eval's own length control will have what it needs; its weights go beside the rest."""
    if rows > _ITEMS:
        raise ConfigError(
            f"{_THEIR_LC} knows the {_ITEMS} instructions of AlpacaEval by their place only, and these are {rows}: "
            f"take --fn_metric {METRIC}"
        )
    constants, metric = alpaca_module("constants"), alpaca_module("metrics.glm_winrate")
    try:
        with quiet_host():
            metric.hf_hub_download(
                repo_id="tatsu-lab/alpaca_eval",
                filename="df_gamed.csv",
                repo_type="dataset",
                token=constants.DATASETS_TOKEN,
                cache_dir=constants.DEFAULT_CACHE_DIR,
            )
    except Exception as error:
        raise ConfigError(
            f"{_THEIR_LC} needs df_gamed.csv of the data set tatsu-lab/alpaca_eval, which is neither in the cache nor "
            f"can be fetched ({type(error).__name__}): take --fn_metric {METRIC}, which needs nothing, or fetch it "
            "where there is a network: hf download tatsu-lab/alpaca_eval df_gamed.csv --repo-type dataset"
        ) from error
    weights = None if own is None else own / "weights"
    arguments["metric_kwargs"] = {"save_weights_dir": weights, **(arguments.get("metric_kwargs") or {})}


def _name(arguments: dict[str, Any], frame: Any) -> str:
    return str(alpaca_module("utils").get_generator_name(arguments.get("name"), frame))


def _output_folder(arguments: dict[str, Any], name: str) -> Path | None:
    """Where alpaca_eval writes, but for the folder of the annotator in it."""
    given = arguments.get("output_path", "auto")
    if given is None:
        return None
    if given != "auto":
        return Path(given)
    elsewhere, path = Path("results") / name, _path(arguments["model_outputs"])
    if path is None or not path.exists():
        return elsewhere
    if arguments.get("is_recompute_metrics_only") or os.access(path.parent, os.W_OK):
        return path.parent
    logger.warning("%s cannot be written: everything goes to %s; choose with --output_path", path.parent, elsewhere)
    return elsewhere


def _path(source: object) -> Path | None:
    return Path(source) if isinstance(source, str | Path) else None
