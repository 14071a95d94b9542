"""How long answers are, and the longest of very many."""

__all__: list[str] = []
