"""The command ``longismore``: one thin module a command, results on stdout, everything else on stderr.

Exit codes: 0 done, 1 the judge or the run failed, 2 the input or a setting is wrong.
"""

from __future__ import annotations

import logging
import sys

import typer

from longismore.cli import _compare, _doctor, _eval, _import, _testsets
from longismore.errors import LongismoreError, UsageError

__all__ = ["app", "main"]

app = typer.Typer(
    name="longismore",
    help="Did the fine-tuned model get better, or only longer?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("compare", context_settings=_compare.CONTEXT)(_compare.compare)
app.command("eval", context_settings=_eval.CONTEXT, add_help_option=False)(_eval.evaluate)
app.command("import")(_import.import_reviews)
app.add_typer(_testsets.app, name="testsets")
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
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("longismore").setLevel(logging.DEBUG if verbose else logging.INFO)


def main() -> None:
    """Run the command line; errors of ours are one message on stderr, without a traceback."""
    try:
        app()
    except LongismoreError as error:
        sys.stderr.write(f"longismore: error: {error}\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        sys.stderr.write("longismore: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader of our stdout went away, e.g. `| head`
        sys.stderr.close()
        sys.exit(1)
