"""The parts of a collection: its values, its words, and its forms. `longismore.reports.collection` joins them."""

__all__: list[str] = []
