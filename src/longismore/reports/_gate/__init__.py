"""The parts of the gate: what `longismore.reports.gate` puts together."""

__all__: list[str] = []
