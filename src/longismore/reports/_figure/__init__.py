"""The parts of the figures: what `longismore.reports.figures` puts together."""

__all__: list[str] = []
