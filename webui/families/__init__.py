"""The model families. Each module here with a FAMILY constant is one; nothing else needs to know of it."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from webui.families.base import Family


def all_families() -> tuple[Family, ...]:
    """Every family that has a file in this folder, by file name. Imports no torch."""
    modules = (
        import_module(f"{__name__}.{found.name}") for found in sorted(iter_modules(__path__), key=lambda m: m.name)
    )
    return tuple(module.FAMILY for module in modules if hasattr(module, "FAMILY"))
