"""The parts of the report page: what `longismore.reports.page` puts together."""

__all__: list[str] = []
