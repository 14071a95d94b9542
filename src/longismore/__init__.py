"""Did the fine-tuned model get better, or only longer?

Pairwise LLM-as-judge evaluation and length control for instruction-tuned models, as a plug-in of
lm-evaluation-harness and as a library: ``longismore.compare(...)`` and its six neighbours do what the commands of
these names do. Importing this package loads nothing heavy: no torch, no lm_eval, no SDK of a provider.

PYTEST_DONT_REWRITE: the hook of the start-up has imported this package before pytest could rewrite its asserts, of
which it has none.
"""

import sys

TYPE_CHECKING = False  # as in typing, which takes its time
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from longismore.api import audit, compare, gate, judge, select, summarize, train

    __version__: str
else:
    ModuleType = type(sys)

__all__ = ["__version__", "audit", "compare", "gate", "judge", "select", "summarize", "train"]


def _load(name: str) -> object:
    """What is public is loaded on first use: this package is imported at every start of the interpreter."""
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("longismore")
        except PackageNotFoundError:  # a source tree that is not installed
            return "0+unknown"
    if name == "train":
        return import_module("longismore.train")
    if name in __all__:
        return getattr(import_module("longismore.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:
    __getattr__ = _load  # a type checker knows the names without it, and finds wrong ones


class _TrainPackage(ModuleType):
    """The package ``longismore.train``, which can be called: it stands where the function of its name is wanted."""

    def __call__(self, *arguments: object, **named: object) -> object:
        """Train a model: see `longismore.api.train`."""
        return _trainer()(*arguments, **named)

    @property
    def __signature__(self) -> object:
        from inspect import signature

        return signature(_trainer())


def _trainer() -> "Callable[..., object]":
    from importlib import import_module

    found: Callable[..., object] = import_module("longismore.api").train
    return found


class _Package(ModuleType):
    """This package, in which a package that is imported becomes an attribute."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "train" and type(value) is ModuleType:
            value.__class__ = _TrainPackage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
