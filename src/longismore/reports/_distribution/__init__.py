"""The parts of descriptions of instruction data: what `longismore.reports.distribution` puts together."""

__all__: list[str] = []
