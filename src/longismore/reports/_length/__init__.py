"""The parts of length control: what `longismore.reports.length_control` puts together."""

__all__: list[str] = []
