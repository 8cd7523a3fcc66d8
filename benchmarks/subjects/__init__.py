"""What is measured: Lamina, and what else somebody could pick."""

from __future__ import annotations
