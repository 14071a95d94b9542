"""The parts of paired comparisons: what `longismore.reports.paired` puts together."""

__all__: list[str] = []
