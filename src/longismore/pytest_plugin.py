"""A gate as a test: ``def test_it(longismore_gate): longismore_gate("base.json", "tuned.json", judge=...)``.

pytest loads this module at every start, so it imports nothing but pytest; the rest is loaded by the first gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.api import Gated
    from longismore.reports.gate import GateResult

__all__ = ["LongismoreGate", "longismore_gate"]


@pytest.fixture
def longismore_gate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LongismoreGate:
    """Call it with two sources of answers and a judge: it fails the test unless the candidate passes."""
    return LongismoreGate(request, tmp_path_factory)


class LongismoreGate:
    """Runs gates for one test."""

    def __init__(self, request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> None:
        self._request, self._folders = request, folders

    def __call__(
        self,
        baseline: str | Path,
        candidate: str | Path,
        *,
        judge: str,
        margin: float = 0.03,
        testsets: str | Sequence[str] = (),
        limit: int | None = None,
        output: str | Path | None = None,
        store: str | Path | None = None,
        allow_inconclusive: bool = False,
        **options: Any,
    ) -> GateResult:
        """Judge, look by look, as ``longismore gate BASELINE CANDIDATE`` does.

        Args:
            baseline: Answers, or a model, as in ``longismore compare``.
            candidate: The same.
            judge: Its spec, e.g. ``openai/gpt-4.1``.
            margin: How far below one half the candidate's rate may be, 0..0.5.
            testsets: At least one.
            limit: Only the first so many instructions of each test set.
            output: Folder in which the run folder is made; a temporary one of pytest by default.
            store: Database of paid answers; the user's own by default.
            allow_inconclusive: Do not fail where the pairs cannot tell.
            options: Of the gate (``mode``, ``alpha``, ``audit``, ...) or of the judge (``max_cost_usd``, ...).

        Raises:
            UsageError: Something in the call will not do.
        """
        import os
        from pathlib import Path

        from longismore.api._comparing import Request
        from longismore.api._gating import gate_answers, rule_of, split_options
        from longismore.store import default_store_path
        from longismore.testsets import folder_in

        of_gate, of_judge = split_options(options)
        gated = gate_answers(
            Request(
                reference=str(baseline),
                candidate=str(candidate),
                testsets=[testsets] if isinstance(testsets, str) else list(testsets),
                judge=judge,
                options=of_judge,
                limit=limit,
                output=Path(output) if output else self._folders.mktemp("longismore"),
                testsets_folder=folder_in(os.environ),
                environ=dict(os.environ),
                command=["pytest", self._request.node.nodeid],
            ),
            rule_of(of_gate, margin),
            Path(store) if store else default_store_path(),
        )
        return self._ended(gated, allow_inconclusive=allow_inconclusive)

    def from_judgments(
        self,
        *paths: str | Path,
        margin: float = 0.03,
        testsets: str | Sequence[str] = (),
        judge: str | None = None,
        reference: str | None = None,
        candidate: str | None = None,
        allow_inconclusive: bool = False,
        **options: Any,
    ) -> GateResult:
        """Decide without a call, as ``longismore gate --from PATH`` does.

        Args:
            paths: Run folders or files of judgments.
            margin: How far below one half the candidate's rate may be, 0..0.5.
            testsets: Only these; empty for all.
            judge: Whose judgments, where the files have several judges.
            reference: Against which reference.
            candidate: Which candidate.
            allow_inconclusive: Do not fail where the pairs cannot tell.
            options: Of the gate: ``mode``, ``alpha``, ``audit``, ...

        Raises:
            UsageError: Something in the call will not do.
        """
        from longismore.api._gating import Recorded, gate_recorded, rule_of

        recorded = Recorded(
            judged=paths,
            testsets=[testsets] if isinstance(testsets, str) else testsets,
            judge=judge,
            reference=reference,
            candidate=candidate,
        )
        return self._ended(gate_recorded(recorded, rule_of(options, margin)), allow_inconclusive=allow_inconclusive)

    def _ended(self, gated: Gated, *, allow_inconclusive: bool) -> GateResult:
        from longismore.reports._gate.outputs import gate_headline, gate_sentences
        from longismore.reports.gate import Decision

        result = gated.result
        self._request.node.user_properties.append(("longismore_verdict", str(result.decision)))
        allowed = {Decision.PASS, Decision.INCONCLUSIVE} if allow_inconclusive else {Decision.PASS}
        if result.decision not in allowed:
            where = [] if gated.folder is None else [f"run folder: {gated.folder}"]
            pytest.fail("\n  ".join([gate_headline(result), *gate_sentences(result), *where]), pytrace=False)
        return result
