"""AWS Lambda layers for real, on any Linux machine: publish a layer, attach it, invoke the function.

This package module stays empty but for the version, so that `lamina --help` and the guest pay for no import.
"""

from __future__ import annotations

__version__ = "0.1.0"
