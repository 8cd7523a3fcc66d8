"""The HTTP surface of the server: HTTP in, the operations of each service, HTTP out."""

from __future__ import annotations

from lamina.gateway.beside import Beside
from lamina.gateway.doors import Doors
from lamina.gateway.listening import CannotListen
from lamina.gateway.messages import Timeouts
from lamina.gateway.server import Gateway
from lamina.gateway.services import Service, Services
from lamina.gateway.within import within

__all__ = ["Beside", "CannotListen", "Doors", "Gateway", "Service", "Services", "Timeouts", "within"]
