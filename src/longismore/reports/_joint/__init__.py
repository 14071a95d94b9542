"""The fit of several candidates: what `longismore.reports.joint` puts together."""

__all__: list[str] = []
