"""Language models as scorers: loading, and forward passes over many rows at once."""

__all__: list[str] = []
