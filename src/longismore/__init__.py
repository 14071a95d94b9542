"""Did the fine-tuned model get better, or only longer?

Pairwise LLM-as-judge evaluation and length control for instruction-tuned models, as a plug-in of
lm-evaluation-harness and as a library. Importing this package loads nothing heavy: no torch, no lm_eval, no
SDK of a provider.

PYTEST_DONT_REWRITE: the hook of the start-up has imported this package before pytest could rewrite its asserts, of
which it has none.
"""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        # On first use: this package is imported at every start of the interpreter, for the hook into lm_eval.
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("longismore")
        except PackageNotFoundError:  # a source tree that is not installed
            return "0+unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
