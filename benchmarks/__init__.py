"""How fast Lamina is, beside what else somebody could pick: `python -m benchmarks --help`."""

from __future__ import annotations
