"""Results of many models and programs as one table: for the terminal, CSV, Markdown, LaTeX, HTML and JSON.

`longismore.collecting` finds the numbers and decides which of them can stand in one column.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from longismore._jsonl import write_text
from longismore.errors import ConfigError, DataError
from longismore.reports._collection.documents import collection_csv, collection_latex, collection_markdown
from longismore.reports._collection.page import collection_page
from longismore.reports._collection.records import Collection, Column, Left, Mark, Number, Place, Source
from longismore.reports._collection.terminal import collection_tables
from longismore.reports._collection.words import mark_sentences, setting_names, setting_text, version_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = [
    "Collection",
    "Column",
    "Left",
    "Mark",
    "Number",
    "Place",
    "Source",
    "check_table",
    "collection_csv",
    "collection_json",
    "collection_latex",
    "collection_markdown",
    "collection_page",
    "collection_tables",
    "mark_sentences",
    "setting_names",
    "setting_text",
    "version_text",
    "write_table",
]


def collection_json(collection: Collection) -> str:
    """Write everything as one JSON document."""
    return json.dumps(collection.to_dict(), indent=1, allow_nan=False) + "\n"


_FORMS: Mapping[str, Callable[[Collection], str]] = {
    ".csv": collection_csv,
    ".md": collection_markdown,
    ".tex": collection_latex,
    ".html": collection_page,
    ".json": collection_json,
}


def check_table(path: Path) -> None:
    """Make sure that a table can be written to *path*.

    Raises:
        ConfigError: Its ending is no form.
    """
    if path.suffix.lower() not in _FORMS:
        raise ConfigError(f"{path}: a table is written as one of {', '.join(_FORMS)}; end the name in one of them")


def write_table(collection: Collection, path: Path) -> None:
    """Write the table in the form that the file's ending says; folders are made.

    Raises:
        ConfigError: The ending is no form.
        DataError: The file cannot be written.
    """
    check_table(path)
    try:
        write_text(path, _FORMS[path.suffix.lower()](collection))
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}; name another place") from error
