"""What a fork rehearses while it waits leaves nothing behind, in every interpreter there is."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

from .interpreters import VAR_RUNTIME, run, with_each

_PACKAGES = Path(str(metadata.distribution("awslambdaric").locate_file(".")))
_PROGRAM = """
import json, logging, os, sys
sys.path[:0] = sys.argv[1:2]
sys.path.append(sys.argv[2])
import awslambdaric.bootstrap, awslambdaric.lambda_runtime_client
import lamina_rehearsal
def look():
    handlers = [str(each) for each in logging._handlerList] + logging.getLogger().handlers
    return [dict(os.environ), sorted(sys.modules), list(sys.path), handlers, list(logging.Logger.manager.loggerDict)]
before = look()
first = sys.modules["awslambdaric.lambda_literals"]
lamina_rehearsal.rehearse()
print(json.dumps([before == look(), sys.modules["awslambdaric.lambda_literals"] is first]))
"""


@with_each
def test_nothing_is_left_of_a_rehearsal(runtime: str) -> None:
    same, imported_nothing = json.loads(run(runtime, _PROGRAM, str(VAR_RUNTIME), str(_PACKAGES)))
    assert same
    assert not imported_nothing
