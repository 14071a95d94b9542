"""Files of ratings, and to which rows they belong."""

__all__: list[str] = []
