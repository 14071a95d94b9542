"""Who compares, and how verdicts are made.

A judge is named by a spec that every host and command takes: ``openai/MODEL``, ``length``, ``lexical``,
``replay:FILE``. It is a module of this package; other packages add theirs by the entry-point group
``longismore.judges``, as a function from the rest of the spec and :class:`JudgeOptions` to a :class:`Judge`.
"""

from __future__ import annotations

from longismore.judges._annotations import is_annotations, read_annotations
from longismore.judges._chat import ChatJudge, chat_judge
from longismore.judges._client import BatchClient, BatchState, ChatClient, Completion, RateLimits, TokenLogprobs
from longismore.judges._estimate import Estimate, Range
from longismore.judges._generate import REFERENCE_OPTIONS, Generator, is_model, make_generator
from longismore.judges._gold import read_gold, write_gold
from longismore.judges._judge import Judge, JudgeFactory
from longismore.judges._judgments import judgment_to_row, read_judgments, write_judgments
from longismore.judges._options import JudgeOptions
from longismore.judges._order import combine
from longismore.judges._prices import Price, find_price
from longismore.judges._protocol import PromptProtocol, Reading
from longismore.judges._reviews import REVIEW_FORMATS, WITH_INSTRUCTIONS, ReviewNames
from longismore.judges._samples import SAMPLE_FIELD, Comparands, is_sample, read_samples, sample_row
from longismore.judges._spec import CHOICES, make_judge
from longismore.judges._usage import Usage
from longismore.registry import Registry

__all__ = [
    "CHOICES",
    "JUDGES",
    "REFERENCE_OPTIONS",
    "REVIEW_FORMATS",
    "SAMPLE_FIELD",
    "WITH_INSTRUCTIONS",
    "BatchClient",
    "BatchState",
    "ChatClient",
    "ChatJudge",
    "Comparands",
    "Completion",
    "Estimate",
    "Generator",
    "Judge",
    "JudgeFactory",
    "JudgeOptions",
    "Price",
    "PromptProtocol",
    "Range",
    "RateLimits",
    "Reading",
    "ReviewNames",
    "TokenLogprobs",
    "Usage",
    "chat_judge",
    "combine",
    "find_price",
    "is_annotations",
    "is_model",
    "is_sample",
    "judgment_to_row",
    "make_generator",
    "make_judge",
    "read_annotations",
    "read_gold",
    "read_judgments",
    "read_samples",
    "sample_row",
    "write_gold",
    "write_judgments",
]

JUDGES: Registry[JudgeFactory] = Registry("judge", __name__)
