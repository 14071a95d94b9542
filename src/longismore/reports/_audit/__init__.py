"""The parts of the audit: what `longismore.reports.audit` and its command put together."""

__all__: list[str] = []
