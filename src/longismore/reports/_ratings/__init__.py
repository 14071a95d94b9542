"""The parts of ratings: what `longismore.reports.bradley_terry` puts together."""

__all__: list[str] = []
