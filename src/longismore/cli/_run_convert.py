"""What ``longismore convert`` does, once its arguments are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.instructions import open_data, write_records
from longismore.instructions._write import check_output
from longismore.reports import name_text

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.instructions._convert import Conversion

__all__ = ["convert_file"]


def convert_file(path: Path, output: Path, conversion: Conversion, *, source: str) -> list[str]:
    """Convert a file.

    Returns:
        What was done, and what was lost, in words.

    Raises:
        UsageError: The file cannot be read, converted or written.
    """
    data = open_data(path, format=source)
    check_output(data, output)
    try:
        write_records(conversion.records(data), output)
    except OSError as error:
        raise DataError(f"{output}: cannot be written: {error.strerror}; name another place") from error
    return _sentences(output, conversion, data.format)


def _sentences(output: Path, conversion: Conversion, source: str) -> list[str]:
    counts = conversion.counts
    said = [f"{counts.written} rows written to {output}: {source} to {conversion.form.name}"]
    plain = {
        "instructions taken out of their template": counts.unwrapped,
        "instructions in no template, left as they are": counts.not_wrapped,
        "inputs put behind the instruction; the field context remembers them": counts.joined,
        "inputs found again behind the instruction": counts.separated,
        "conversations split into a row a turn, which knows nothing of the turns before": counts.split,
        f"conversations cut to their first turn, {counts.turns_lost} turns lost": counts.cut,
        "system messages dropped": counts.systems_dropped,
        "system messages put before the instruction": counts.systems_prepended,
    }
    said += [f"{count} {what}" for what, count in plain.items() if count]
    said += [
        f"{count} rows lost the field {name_text(name)}, which {conversion.form.name} has no place for"
        for name, count in sorted(counts.fields_lost.items())
    ]
    return said
