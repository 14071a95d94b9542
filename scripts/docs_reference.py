"""Write the reference pages of the documentation: one a command, from the real commands, and one a Python module.

    python scripts/docs_reference.py --output reference      # to look at; the site makes them by itself

``mkdocs build`` calls this through ``docs_hooks.py``, so that the reference is never older than the code. Typer
brings a click of its own, which plug-ins that document click's commands do not know.
"""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COMMANDS", "PYTHON", "command_pages", "main", "module_pages"]

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "longismore"
COMMANDS, PYTHON = "reference/commands", "reference/python"
"""Where the pages stand."""
_PRIVATE_ROOMS = ("cli", "pytest_plugin")
"""The commands have pages of their own; the plug-in has a fixture and no names."""
_WITH_PARTS = ("reports", "train", "selectors")
"""Rooms of which single modules are public, too."""
_KINDS = {
    "str": "TEXT",
    "list[str]": "TEXT",
    "path": "PATH",
    "list[Path]": "PATH",
    "int": "N",
    "int range": "N",
    "float": "NUMBER",
    "float range": "NUMBER",
}
"""What typer calls the types of values, and what the pages say."""
_ARGUMENT = re.compile(r"\{(.+?)\}|(\[[a-z_]+\])")
"""How typer writes one in the line of usage."""


def command_pages() -> dict[str, str]:
    """Markdown by path, for every command, and an overview."""
    import typer

    from longismore.cli import app

    root = typer.main.get_command(app)
    context = root.make_context("longismore", [], resilient_parsing=True)
    pages = {f"{COMMANDS}/{name}.md": "\n".join(_command(context, command, name)) for name, command in _commands(root)}
    rows = [f"| [`longismore {name}`]({name}.md) | {_first_sentence(each.help)} |" for name, each in _commands(root)]
    index = [
        "# Commands",
        "",
        "Results stand on stdout, everything else on stderr. The exit code says how it ended:",
        "",
        "| exit code | |",
        "| ---: | --- |",
        "| 0 | done; of a gate: pass |",
        "| 1 | the judge or the run failed; of a gate: the candidate is worse |",
        "| 2 | the input or a setting is wrong |",
        "| 3 | a gate is inconclusive |",
        "| 130 | interrupted |",
        "",
        "| command | what it does |",
        "| --- | --- |",
        *rows,
        "",
        "## Before any command",
        "",
        *_parameters(context, root, skip=("install_completion", "show_completion")),
        "",
    ]
    return {f"{COMMANDS}/index.md": "\n".join(index), **pages}


def _commands(group: Any) -> list[tuple[str, Any]]:
    return sorted((name, command) for name, command in group.commands.items() if not command.hidden)


def _command(parent: Any, command: Any, name: str, level: int = 1) -> Iterator[str]:
    """A command, and below it those of a group."""
    context = command.context_class(command, info_name=name, parent=parent)
    yield f"{'#' * level} `{context.command_path}`"
    yield ""
    yield _prose(command.help or "")
    yield ""
    if hasattr(command, "commands"):
        for each, below in _commands(command):
            yield from _command(context, below, each, level + 1)
        return
    yield "```sh"
    handed_on = command.context_settings.get("ignore_unknown_options")
    pieces = "ARGUMENTS..." if handed_on else " ".join(command.collect_usage_pieces(context))
    yield f"{context.command_path} {_ARGUMENT.sub(_upper, pieces)}"
    yield "```"
    yield ""
    yield from _parameters(context, command)
    yield ""


def _upper(found: re.Match[str]) -> str:
    """Arguments are written as in the table: those that must be given without brackets."""
    return (found[1] or found[2]).upper()


def _parameters(context: Any, command: Any, skip: tuple[str, ...] = ()) -> Iterator[str]:
    """A table of arguments and options."""
    shown = [each for each in command.params if not each.hidden and each.name not in skip]
    if not shown:
        return
    yield '<div class="options" markdown>'
    yield ""
    yield "| name | meaning | default |"
    yield "| --- | --- | --- |"
    for each in shown:
        yield f"| {_names(context, each)} | {_told(each)} | {_default(each)} |"
    yield ""
    yield "</div>"


def _told(parameter: Any) -> str:
    told = _cell(parameter.help or "")
    if not told.endswith(("...", "…")):
        told = f"{told.rstrip('.')}."
    if parameter.param_type_name == "option" and parameter.multiple:
        told += " May be given several times."
    return f"{told} Also by `{parameter.envvar}`" if parameter.envvar else told


def _names(context: Any, parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        dots = "..." if parameter.nargs != 1 else ""
        return f"`{(parameter.metavar or parameter.name).upper()}{dots}`"
    joined = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return joined
    kind = parameter.metavar or parameter.display_type(context).strip("<>")
    return f"{joined} `{_KINDS.get(kind, kind)}`"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "must be given"
    value = parameter.default
    if callable(value) or value is None or value is False or value in ("", [], ()):
        return ""
    return f"`{_cell(', '.join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))}`"


def _first_sentence(text: str | None) -> str:
    paragraph = _cell((text or "").split("\n\n")[0])
    return re.split(r"(?<=[a-z)])\. |: longismore ", paragraph)[0].rstrip(".")


def _cell(text: str) -> str:
    return _prose(" ".join(text.split())).replace("|", "\\|")


def _prose(text: str) -> str:
    """Help texts are plain: what would be markup in Markdown is not meant so."""
    return re.sub(r"([*<\[])", r"\\\1", text.replace("\b", ""))


def module_pages() -> dict[str, str]:
    """Markdown by path, for every public module, and an overview."""
    pages: dict[str, str] = {}
    rows: list[str] = []
    for name, path in _public_modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        summary = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
        page = f"{name.removeprefix('longismore.')}.md"
        rows.append(f"| [`{name}`]({page}) | {_plain_roles(summary).rstrip('.')} |")
        pages[f"{PYTHON}/{page}"] = f"# `{name}`\n\n::: {name}\n"
    index = [
        "# Python modules",
        "",
        "Every public module with its names. Most programs need the seven functions of `longismore` only, which",
        "[From Python, and in a notebook](../../python.md) shows at work.",
        "",
        "| module | what it has |",
        "| --- | --- |",
        *rows,
        "",
    ]
    return {f"{PYTHON}/index.md": "\n".join(index), **pages}


def _plain_roles(text: str) -> str:
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`").replace("|", "\\|")


def _public_modules() -> Iterator[tuple[str, Path]]:
    yield "longismore", SOURCE / "__init__.py"
    for path in sorted(SOURCE.iterdir()):
        name = path.stem
        if name.startswith("_") or name in _PRIVATE_ROOMS:
            continue
        if path.is_dir() and (path / "__init__.py").is_file():
            yield f"longismore.{name}", path / "__init__.py"
            if name in _WITH_PARTS:
                yield from _parts(name)
        elif path.suffix == ".py" and "__all__" in path.read_text(encoding="utf-8"):
            yield f"longismore.{name}", path


def _parts(room: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((SOURCE / room).glob("*.py")):
        if not path.stem.startswith("_"):
            yield f"longismore.{room}.{path.stem}", path


def main() -> None:
    """Write all pages into a folder."""
    parser = argparse.ArgumentParser(description="write the reference pages of the documentation")
    parser.add_argument("--output", type=Path, required=True, help="folder that gets them")
    output = parser.parse_args().output
    for name, text in {**command_pages(), **module_pages()}.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"reference written to {output}")


if __name__ == "__main__":
    main()
