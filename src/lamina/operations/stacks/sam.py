"""The SAM transform, as a process of its own: AWS's library takes a second and 60 MB, which the server is to keep.

Run as a program it reads {"template", "parameters", "region"} from its input, and writes {"template"} or {"error"}.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from lamina.stacks.faults import invalid

_TIMEOUT_S = 120


def transformed(document: Mapping[str, Any], parameters: Mapping[str, Any], region: str) -> dict[str, Any]:
    """*document* without anything of SAM in it; raises the API's error for what SAM does not take."""
    if importlib.util.find_spec("samtranslator") is None:
        raise invalid("The transform AWS::Serverless-2016-10-31 takes the extra `aws`: pip install 'lamina[aws]'")
    asked = json.dumps({"template": document, "parameters": parameters, "region": region})
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=asked,
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "AWS_DEFAULT_REGION": region},
        )
    except subprocess.CalledProcessError as error:
        told = error.stderr.strip().splitlines()[-1:] or ["it gave no reason"]
        raise invalid(f"Transform AWS::Serverless-2016-10-31 failed with: {told[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise invalid(f"Transform AWS::Serverless-2016-10-31 failed: it took {_TIMEOUT_S} s") from error
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise invalid(f"Transform AWS::Serverless-2016-10-31 failed with: {answer['error']}")
    result: dict[str, Any] = answer["template"]
    return result


def _main() -> None:
    import boto3  # noqa: PLC0415 - of the program, not of the server
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415 - not of the server
    from samtranslator.parser.parser import Parser  # noqa: PLC0415 - not of the server
    from samtranslator.translator.translator import Translator  # noqa: PLC0415 - not of the server
    from samtranslator.utils import py27hash_fix  # noqa: PLC0415 - not of the server

    asked = json.load(sys.stdin)
    document, parameters = asked["template"], asked["parameters"]
    # The service's hashes are those of Python 2 to this day, and so are the identifiers made of them.
    py27hash_fix.to_py27_compatible_template(document, parameters)
    session = boto3.session.Session(region_name=asked["region"])
    try:
        made = Translator(None, Parser(), boto_session=session).translate(document, parameter_values=parameters)
    except InvalidDocumentException as error:
        told = " ".join(str(cause.message) for cause in error.causes)
        json.dump({"error": f"{error.message} {told}".strip()}, sys.stdout)
        return
    json.dump({"template": py27hash_fix.undo_mark_unicode_str_in_template(made)}, sys.stdout)


if __name__ == "__main__":
    _main()
