"""The parts of a study's results: numbers, words, table, picture and page. `longismore.reports.study` joins them."""

__all__: list[str] = []
