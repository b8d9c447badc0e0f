"""Names and modules of version 0.1 that have moved: for one release they are found where they were, with a warning."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

NAMES = {
    **dict.fromkeys(("AdaIN", "adaptive_instance_norm", "channel_mean_std", "load_decoder", "load_encoder"), "nn"),
    "StyleCache": "stylizer",
}
"""Names of ``adain``, by the package that has them now."""

_NOW_IN = {
    "": "errors",
    "backends": "export onnx",
    "batch.ray": "engines.ray",
    "control": "color guidance labels masks style",
    "image": "images tensors",
    "metrics": "evaluation.pairs evaluation.report evaluation.run",
    "nn": "backbones layer pretrained vgg",
    "nn.convert": "convert",
    "stylizer": "style_cache",
}
MODULES = {old: home for home, modules in _NOW_IN.items() for old in modules.split()}
"""Modules of ``adain``, by the package or module that has their public names now; empty for ``adain`` itself."""

PACKAGES = {module.partition(".")[0] for module in MODULES if "." in module}
"""Those that held nothing but modules."""


def attach(module: str, lazy: Callable[[str], Any]) -> Callable[[str], Any]:
    """``lazy``, the ``__getattr__`` of a module, for the names of :data:`NAMES`, too."""

    def find(name: str) -> Any:
        if name not in NAMES:
            return lazy(name)
        # ``from adain import name`` asks first whether it is there, and then for it.
        if not sys._getframe(1).f_code.co_filename.startswith("<frozen importlib"):
            _warn(f"{module}.{name}", f"{module}.{NAMES[name]}.{name}")
        return getattr(importlib.import_module(f"{module}.{NAMES[name]}"), name)

    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder(module))
    return find


def _warn(old: str, new: str) -> None:
    # The place told of is that of the caller's caller: frames of the import system do not count.
    warnings.warn(f"{old} is {new} now", DeprecationWarning, stacklevel=3)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked last, and so only for modules that are not there."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        old = name.removeprefix(f"{self.package}.")
        if old == name or old not in MODULES.keys() | PACKAGES:
            return None
        if old in MODULES:
            _warn(name, self._new(old))
        return importlib.util.spec_from_loader(name, self, is_package=old in PACKAGES)

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__.removeprefix(f"{self.package}.")
        if old in MODULES:
            new = importlib.import_module(self._new(old))
            module.__getattr__ = lambda name: getattr(new, name)  # type: ignore[method-assign]

    def _new(self, old: str) -> str:
        return f"{self.package}.{MODULES[old]}".rstrip(".")
