"""The parts of instruction-following difficulty: texts, losses, filters, clusters."""

__all__: list[str] = []
