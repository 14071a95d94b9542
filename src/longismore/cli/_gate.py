"""``longismore gate``: pass, regress or inconclusive, for a CI job."""

from __future__ import annotations

import json
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from longismore.cli._compare import CONTEXT, names_of, settings_of
from longismore.cli._like_compare import with_options_of_compare
from longismore.errors import ConfigError, JudgeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.api import Gated
    from longismore.reports.gate import GateRule

__all__ = ["CONTEXT", "gate"]

logger = logging.getLogger(__name__)

_INCONCLUSIVE = 3


@with_options_of_compare
def gate(
    context: typer.Context,
    baseline: str = typer.Argument("", help="Answers of the baseline: a file, a folder, mini:better, or a model."),
    candidate: str = typer.Argument("", help="Answers of the candidate, the same; it passes or regresses."),
    testset: list[str] = typer.Option([], "--testset", "-t", help="Test sets, also separated by commas, or 'all'."),
    from_: list[Path] = typer.Option(
        [], "--from", help="Decide on these judgments, without a call: a run folder, judgments.jsonl, annotations.json."
    ),
    judge_name: str | None = typer.Option(None, "--judge-name", help="With --from: whose judgments decide."),
    candidate_name: str | None = typer.Option(None, "--candidate", help="With --from: which candidate."),
    reference_name: str | None = typer.Option(None, "--reference", help="With --from: against which reference."),
    margin: float = typer.Option(0.03, help="How far below one half the rate may be: 0.03 is three points."),
    metric: str = typer.Option("win_rate", help="win_rate, preference or lc_win_rate, pooled."),
    mode: str | None = typer.Option(
        None, help="fixed, obrien-fleming (default where calls are made) or sequential: when it may stop early."
    ),
    looks: int | None = typer.Option(None, help="Looks at the data; default 5, 20 for sequential."),
    alpha: float = typer.Option(0.05, help="Probability of a false pass, and of a false regress, at most."),
    seed: int = typer.Option(0, min=0, max=2**32 - 1, help="Of the order in which prompts are asked."),
    max_unjudged: float = typer.Option(0.05, help="Share of pairs without a verdict above which nothing passes."),
    audit: str = typer.Option("warn", help="warn, refuse or off: what happens to an unsteady judge."),
    min_consistency: float = typer.Option(0.6, help="Share of verdicts that the judge must keep when swapped."),
    max_flip: float = typer.Option(0.3, help="Share of verdicts that the judge may turn around when swapped."),
    max_unparsed: float = typer.Option(0.05, help="Share of the judge's answers that may be unreadable."),
    junit: Path | None = typer.Option(None, help="Write JUnit XML to this file."),
    markdown: Path | None = typer.Option(None, help="Write a summary in Markdown to this file."),
    github: bool = typer.Option(
        False, "--github", help="Add the summary to $GITHUB_STEP_SUMMARY and verdict=... to $GITHUB_OUTPUT."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the decision as one JSON object."),
    **options: Any,
) -> None:
    """Let a candidate pass unless it is worse than the baseline by more than a margin.

    Exit code 0: pass, 1: regress, 3: inconclusive, 2: the input is wrong. All options of compare hold too.
    """
    from longismore.cli._gate_files import GateFiles
    from longismore.reports.gate import GateRule

    rule = GateRule(
        margin=margin,
        metric=metric,
        mode=mode,
        looks=looks,
        alpha=alpha,
        seed=seed,
        max_unjudged=max_unjudged,
        audit=audit,
        min_consistency=min_consistency,
        max_flip=max_flip,
        max_unparsed=max_unparsed,
    )
    files = GateFiles.checked(junit=junit, markdown=markdown, github=github, environ=os.environ)
    testsets = names_of(testset)
    run: Callable[[], Gated | None]
    if from_:
        names = {"judge": judge_name, "candidate": candidate_name, "reference": reference_name}
        run = partial(_from, [*from_, *filter(None, [baseline, candidate]), *context.args], testsets, names, rule)
    else:
        run = partial(_made, baseline, candidate, [*testsets, *names_of(context.args)], options, rule)
    try:
        gated = run()
    except UsageError:
        raise
    except JudgeError as error:
        logger.error("the gate is inconclusive: %s", error)  # noqa: TRY400  the message says it all
        raise typer.Exit(_INCONCLUSIVE) from error
    except Exception as error:
        # Whatever it was, it must not end with 1, which says that the candidate is worse.
        logger.exception("the gate is inconclusive, because it broke")
        raise typer.Exit(_INCONCLUSIVE) from error
    if gated is None:
        return
    files.write(gated.result)
    if as_json:
        sys.stdout.write(json.dumps(gated.to_dict(), indent=1) + "\n")  # ASCII: no name reaches the terminal raw
    else:
        from rich.console import Console

        Console(highlight=False).print(gated)
    if gated.folder is not None:
        logger.info("run folder: %s", gated.folder)
    raise typer.Exit(gated.result.exit_code)


def _from(paths: list[Path | str], testsets: list[str], names: dict[str, str | None], rule: GateRule) -> Gated:
    from longismore.api._gating import Recorded, gate_recorded

    return gate_recorded(Recorded(judged=paths, testsets=testsets, **names), rule)


def _made(baseline: str, candidate: str, testsets: list[str], options: dict[str, Any], rule: GateRule) -> Gated | None:
    from longismore.cli._judge_options import given_settings
    from longismore.cli._run_gate import Request, run_gate
    from longismore.testsets import folder_in

    if not (baseline and candidate):
        raise ConfigError("a gate needs BASELINE and CANDIDATE, or --from JUDGMENTS")
    request = Request(
        reference=baseline,
        candidate=candidate,
        testsets=testsets,
        judge=options["judge"],
        options=given_settings(options),
        reference_options=settings_of(options["reference_option"]),
        limit=options["limit"],
        output=options["output"],
        testsets_folder=folder_in(os.environ),
        environ=dict(os.environ),
        command=sys.argv,
    )
    return run_gate(request, rule, store=options["store"], dry_run=options["dry_run"])
