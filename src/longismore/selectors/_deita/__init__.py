"""The parts of DEITA: scorers, embeddings, and the diversity filter."""

__all__: list[str] = []
