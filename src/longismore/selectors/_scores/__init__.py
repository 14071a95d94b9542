"""Scores of rows: where they are kept, and the engines that compute them."""

__all__: list[str] = []
