"""The prompt protocol ``score_pair``: two answers, two scores on the first line.

The protocol is the one of AlpaGasus (https://arxiv.org/abs/2307.08701, section 4) and Long Is More
(https://arxiv.org/abs/2402.04833, section 2); the wording is our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from longismore.judges._order import preference_of
from longismore.judges._parse import PARSER_VERSION, parse_score_pair
from longismore.judges._protocol import Reading
from longismore.judges._quoting import QuotingProtocol

if TYPE_CHECKING:
    from longismore.judges._client import Completion

__all__ = ["ScorePair"]


class ScorePair(QuotingProtocol):
    """Asks for two marks from 1 to 10."""

    __slots__ = ()
    name: ClassVar[str] = "score_pair"
    version: ClassVar[int] = 1
    parser_version: ClassVar[int] = PARSER_VERSION
    request: ClassVar[str] = "The two marks on one line, then the reasons:"
    max_tokens: ClassVar[int] = 1024
    usual_output_tokens: ClassVar[int] = 200

    def read(self, completion: Completion) -> Reading | None:
        """The two scores, as :func:`parse_score_pair` reads them."""
        scores = parse_score_pair(completion.text)
        # preference_of sees the first as the reference: its share is the second's complement.
        return None if scores is None else Reading(1.0 - preference_of(*scores), scores)
