"""What Azure publishes: a folder for each API family, a file for each dataset, and the folder is the register."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any


def datasets(family: ModuleType) -> list[type[Any]]:
    """Return the stream classes that the modules of a family define."""
    names = [f"{family.__name__}.{module.name}" for module in pkgutil.iter_modules(family.__path__)]
    members = (inspect.getmembers(import_module(name), inspect.isclass) for name in names)
    return [cls for name, classes in zip(names, members, strict=True) for _, cls in classes if _is_dataset(cls, name)]


def _is_dataset(cls: type[Any], module: str) -> bool:
    return cls.__module__ == module and isinstance(vars(cls).get("name"), str)
