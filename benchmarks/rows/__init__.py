"""What is measured: one module for each group of rows, whose `measure` yields them."""

from __future__ import annotations
