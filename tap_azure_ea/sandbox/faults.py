"""Faults: how the next requests are answered, if not as usual."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Fault:
    """Affects the next ``times`` requests whose target matches ``path``, a regular expression.

    ``skip`` lets that many matching requests pass first. A ``status`` is answered with an error in Azure's envelope,
    ``headers`` are added to the answer, and ``body`` replaces its own. ``cut`` closes the connection in the middle of
    the body, ``reset`` before any answer, and ``hang`` answers nothing until the client gives up. ``restate`` restates
    a billing period, a reported day or the ``rate card`` before the request is answered.
    """

    path: str = ""
    times: int = 1
    skip: int = 0
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    cut: bool = False
    reset: bool = False
    hang: bool = False
    restate: str | None = None

    def strikes(self, target: str) -> bool:
        """Say whether this request is affected, and count it."""
        if not self.times or not re.search(self.path, target):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True
