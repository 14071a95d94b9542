"""Make the plain ``lm_eval`` and ``alpaca_eval`` commands know longismore: loaded by a ``.pth`` file at every start.

alpaca_eval finds no plug-ins, and until lm-eval finds them by itself there is no other place to be asked from. So
this module is all there is at start-up: it imports the standard library's ``sys`` and ``os`` (both loaded anyway),
puts one finder first and does nothing until one of the two is imported. Whatever goes wrong then is a warning, and
the host goes on. ``LONGISMORE_AUTOLOAD=0`` switches it off.
"""

import os
import sys

_HOOKS = {
    "lm_eval.tasks": ("_lm_eval", "tasks_imported"),
    "lm_eval.models": ("_lm_eval", "models_imported"),
    "lm_eval.evaluator": ("_evaluated", "evaluator_imported"),
    "lm_eval.loggers.evaluation_tracker": ("_lm_eval", "tracker_imported"),
    "alpaca_eval.main": ("_alpaca_plugin", "main_imported"),
}
"""Modules to wait for, and what to call, in which module of longismore.harness, when they have been imported."""


class LmEvalFinder:
    """Finds these modules as everybody does, and acts when one has been executed."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN206
        """Find one of these modules through the other finders; none of our business otherwise."""
        hook = _HOOKS.get(name)
        if hook is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is cls else finder.find_spec(name, path, target)
            if spec is not None:
                return _act_after(spec, hook)  # type: ignore[no-untyped-call]
        return None


def _act_after(spec, hook):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    loader, execute = spec.loader, getattr(spec.loader, "exec_module", None)
    if execute is None:
        return spec

    def exec_module(module):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        # The loader stays what it was, so that importlib.resources and reload see nothing unusual.
        loader.__dict__.pop("exec_module", None)
        execute(module)
        try:
            from importlib import import_module  # only now is a host wanted

            getattr(import_module("longismore.harness." + hook[0]), hook[1])(module)
        except Exception as error:  # noqa: BLE001  a broken plug-in must never break its host
            _warn(f"longismore could not hook into {module.__name__}: {error!r}")  # type: ignore[no-untyped-call]

    try:  # noqa: SIM105  contextlib is not loaded at start-up
        loader.exec_module = exec_module
    except AttributeError:  # a loader with slots: leave it alone
        pass
    return spec


def _warn(message):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    import warnings

    try:
        warnings.warn(message, stacklevel=3)
    except Warning:  # python -W error: still no reason to break the host
        sys.stderr.write(message + "\n")


def install() -> None:
    """Put the finder first, once, unless ``LONGISMORE_AUTOLOAD=0``."""
    if os.environ.get("LONGISMORE_AUTOLOAD") != "0" and LmEvalFinder not in sys.meta_path:
        sys.meta_path.insert(0, LmEvalFinder)


install()
