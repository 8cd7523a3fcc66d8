"""The runtimes that this machine has for whoever runs the tests; an ordinary user may see fewer than root."""

from __future__ import annotations

from lamina.worker import interpreters

INSTALLED = tuple(interpreters.find())
NEWEST = INSTALLED[-1]
