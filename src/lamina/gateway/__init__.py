"""The HTTP surface of the server: HTTP in, the Lambda API's operations, HTTP out."""

from __future__ import annotations

from lamina.gateway.messages import Timeouts
from lamina.gateway.server import CannotListen, Gateway

__all__ = ["CannotListen", "Gateway", "Timeouts"]
