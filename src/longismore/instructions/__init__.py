"""Instruction data: rows that models are trained on, read from and written to every usual format.

Below the rooms: selectors choose among rows, recipes train on them, judges rate them. Files of lines and Parquet are
read block by block; a block decodes only what it is asked about.
"""

from __future__ import annotations

from longismore.instructions._block import Block
from longismore.instructions._convert import Conversion, ConversionCounts
from longismore.instructions._formats import FORMATS, Format
from longismore.instructions._instruction_data import InstructionData, open_data
from longismore.instructions._row import Row, Turn, content_key
from longismore.instructions._span import Span
from longismore.instructions._templates import TEMPLATES, Template, load_template
from longismore.instructions._unwrap import unwrap
from longismore.instructions._write import write_records, write_responses

__all__ = [
    "FORMATS",
    "TEMPLATES",
    "Block",
    "Conversion",
    "ConversionCounts",
    "Format",
    "InstructionData",
    "Row",
    "Span",
    "Template",
    "Turn",
    "content_key",
    "load_template",
    "open_data",
    "unwrap",
    "write_records",
    "write_responses",
]
