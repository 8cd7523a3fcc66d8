"""The wire: botocore's service model turned into routing, parsing, constraint checks, printing and errors.

Reads botocore's files and imports nothing else of Lamina's; only the gateway imports it.
"""

from __future__ import annotations

from lamina.wire.api import Api
from lamina.wire.coming import ComingJson, Place
from lamina.wire.faults import Invalid, UnknownOperation, WireError
from lamina.wire.response import Response
from lamina.wire.routes import Route, parse_query

__all__ = [
    "Api",
    "ComingJson",
    "Invalid",
    "Place",
    "Response",
    "Route",
    "UnknownOperation",
    "WireError",
    "parse_query",
]
