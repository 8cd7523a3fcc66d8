"""The Python runtime's entry, `/var/runtime/bootstrap.py`: AWS's search path, then AWS's own runtime client.

A wrapper named by AWS_LAMBDA_EXEC_WRAPPER is called with this file's path and may run it in a fresh interpreter, so it
must do everything by itself.
"""

from __future__ import annotations

import gc
import os
import site
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_VERSION = "python%d.%d" % sys.version_info[:2]
_RUNTIME_PACKAGES = "/var/lang/lib/%s/site-packages" % _VERSION
_CUSTOMER_FOLDERS = ("/opt/python/lib/%s/site-packages" % _VERSION, "/opt/python")
_SPARED = 5


def _search_path(before: list[str], task_root: str, python_path: str | None) -> list[str]:
    """Function code, layers, the runtime's packages, the standard library, as on AWS.

    A PYTHONPATH of the user's switches the folders below /opt off (bootstrap.py of AWS's images does that), and takes
    the place of the variable that names /var/runtime; what remains of that is the folder of the program itself.
    """
    standard = [entry for entry in before if entry not in (_RUNTIME_PACKAGES, "/var/runtime", "", task_root)]
    if _is_the_users(python_path):
        return [task_root, "/var/runtime", *standard, _RUNTIME_PACKAGES]
    return [task_root, *_CUSTOMER_FOLDERS, _RUNTIME_PACKAGES, "/var/runtime", *standard, _RUNTIME_PACKAGES]


def _is_the_users(python_path: str | None) -> bool:
    """Whether PYTHONPATH is another than the platform's own; an empty one is."""
    return python_path not in (None, "/var/runtime")


def _honour_path_files(folders: tuple[str, ...]) -> None:
    """Process the .pth files of *folders* without moving the folders themselves from their place."""
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        # Most have none, and `site` has more to do than to look.
        if any(name.endswith(".pth") for name in names):
            site.addsitedir(folder, set(sys.path))


def _preload(modules: list[str]) -> None:
    """Import *modules* of the layers, and wait; returns in a function's environment, everything else as it was."""
    known, path = frozenset(sys.modules), list(sys.path)
    sys.path[:] = _search_path(path, os.environ["LAMBDA_TASK_ROOT"], os.environ.get("PYTHONPATH"))
    _honour_path_files(_CUSTOMER_FOLDERS)
    import lamina_preload

    lamina_preload.wait_for_function(modules, known)
    sys.path[:] = path


def main() -> None:
    preloaded = os.environ.pop("_LAMINA_PRELOAD", None)
    if preloaded is not None:
        _preload(preloaded.split(","))
    if "runtime_client" in sys.modules:
        # Only a zygote imports it that early: this is a fork, for whose function nothing can stand in between.
        sys.modules["runtime_client"].use_frames(os.environ.pop("_LAMINA_FRAMES_FD", None))
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    python_path = os.environ.get("PYTHONPATH")
    sys.path[:] = _search_path(sys.path, task_root, python_path)
    _honour_path_files((task_root,) if _is_the_users(python_path) else (task_root, *_CUSTOMER_FOLDERS))

    from awslambdaric import bootstrap
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") or os.environ.get("AWS_LAMBDA_LOG_LEVEL"):
        # It reads both once, at import; a zygote imported it before it knew the function.
        import importlib

        bootstrap = importlib.reload(bootstrap)
    client = LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    _spare_what_stays(client)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        client.restore_next = _restoring(os.environ.pop("_LAMINA_TEMPLATE_FD", None))
    bootstrap.run(os.environ["_HANDLER"], client)


def _spare_what_stays(client: Any) -> None:
    """Until *client* waits for its first event, have garbage looked for less often among what has stayed so far.

    Modules stay for ever. What is new is looked at as often as always, and everything together about as often.
    """
    young, middle, old = usual = gc.get_threshold()
    if old < _SPARED:
        # Since python3.14 the second number counts something else, and the third nothing.
        return
    sparing = (young, middle * _SPARED, old // _SPARED)
    gc.set_threshold(*sparing)

    def wait_next_invocation() -> Any:
        del client.wait_next_invocation
        if gc.get_threshold() == sparing:
            gc.set_threshold(*usual)
        return client.wait_next_invocation()

    client.wait_next_invocation = wait_next_invocation


def _restoring(template_fd: str | None) -> Callable[[], None]:
    """What stands between the hooks that run before a snapshot and those that run after it is restored."""
    import lamina_template
    import runtime_client

    def restore_next() -> None:
        if template_fd is not None:
            lamina_template.wait_for_orders(int(template_fd))
        runtime_client.restore_next()

    return restore_next


main()
