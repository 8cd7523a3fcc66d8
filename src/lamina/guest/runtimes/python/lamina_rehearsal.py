"""What a runtime does between its order and its first answer, done once before, on nothing that is anybody's.

A process that was just forked copies every page that it writes to, and what it runs for the first time is in no cache:
that is half of what a caller would wait for. A fork that waits for its order does it while nobody waits. Nothing of it
stays but what it has warmed.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys

from awslambdaric import lambda_literals
from awslambdaric.lambda_context import LambdaContext
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

_VARIABLES = {"_LAMINA_REHEARSAL_%d" % number: "x" * 40 for number in range(30)}
_ORDER = json.dumps({"environ": _VARIABLES, "limits": {"NONE": [1, 2]}}).encode()


def rehearse() -> None:
    """Read an order, set variables, import, log, and serve an event."""
    order = json.loads(_ORDER)
    os.environ.update(order["environ"])
    for name in order["environ"]:
        del os.environ[name]
    # A module that every process has anyway; from the disk, as the function's will be.
    del sys.modules[lambda_literals.__name__]
    importlib.import_module(lambda_literals.__name__)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(asctime)s\t%(message)s"))
    handler.format(logging.makeLogRecord({"msg": "rehearsed", "levelname": "INFO"}))
    marshaller = LambdaMarshaller()
    event = marshaller.unmarshal_request(b'{"rehearsed": [1, 2.5, "yes", null]}', "application/json")
    marshaller.marshal_response(event)
    LambdaContext("rehearsed", {}, {}, 0, "rehearsed")
