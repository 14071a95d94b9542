"""The command ``longismore``: one thin module a command, results on stdout, everything else on stderr.

Exit codes: 0 done, 1 the judge or the run failed (of a gate: the candidate is worse), 2 the input or a setting is
wrong, 3 a gate is inconclusive.
"""

from __future__ import annotations

import errno
import logging
import sys

import typer

from longismore.cli import (
    _alpaca,
    _audit,
    _collect,
    _compare,
    _convert,
    _data,
    _demo,
    _doctor,
    _eval,
    _gate,
    _import,
    _judge,
    _mtbench,
    _rate,
    _refine,
    _report,
    _select,
    _store,
    _study,
    _summarize,
    _testsets,
    _train,
)
from longismore.errors import LongismoreError, UsageError

__all__ = ["app", "main"]

_INTERRUPTED = 130


class _Printable(logging.Formatter):
    """Names and answers in a message do nothing to the terminal, and cannot pass for a message of their own."""

    def format(self, record: logging.LogRecord) -> str:
        return _one_message(super().format(record))


def _one_message(text: object) -> str:
    from longismore.reports import printable

    return printable(text).replace("\n", "\n  ")


app = typer.Typer(
    name="longismore",
    help="Did the fine-tuned model get better, or only longer?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("compare", context_settings=_compare.CONTEXT)(_compare.compare)
app.command("judge")(_judge.judge_files)
app.command("gate", context_settings=_gate.CONTEXT)(_gate.gate)
app.command("eval", context_settings=_eval.CONTEXT, add_help_option=False)(_eval.evaluate)
app.command("import")(_import.import_reviews)
app.command("summarize")(_summarize.summarize)
app.command("audit")(_audit.audit_judges)
app.command("report")(_report.report)
app.command("collect")(_collect.collect)
app.command("alpaca", context_settings=_alpaca.CONTEXT, add_help_option=False)(_alpaca.alpaca)
app.command("select")(_select.select)
app.command("rate")(_rate.rate)
app.command("refine")(_refine.refine)
app.command("convert")(_convert.convert)
app.add_typer(_data.app, name="data")
app.add_typer(_mtbench.app, name="mtbench")
app.command("train")(_train.train)
app.command("study")(_study.study)
app.command("demo")(_demo.demo)
app.add_typer(_testsets.app, name="testsets")
app.add_typer(_store.app, name="store")
app.command("doctor")(_doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        import longismore

        sys.stdout.write(f"longismore {longismore.__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more on stderr."),
    _version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
    ),
) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("longismore").setLevel(logging.DEBUG if verbose else logging.INFO)


def main() -> None:
    """Run the command line; errors of ours are one message on stderr, without a traceback."""
    try:
        app()
    except LongismoreError as error:
        sys.stderr.write(f"longismore: error: {_one_message(error)}\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:  # typer makes this of Ctrl-C, and says nothing
            sys.stderr.write("longismore: interrupted\n")
        raise
    except BrokenPipeError:  # the reader of our stdout went away, e.g. `| head`
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:  # of a file that nobody has explained: a disk is full, a name too long
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        where = "" if error.filename is None else f"{_one_message(error.filename)}: "
        sys.stderr.write(f"longismore: error: {where}{error.strerror}\n")
        sys.exit(1)
