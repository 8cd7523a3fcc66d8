"""The guest loads in every interpreter a function may have."""

from __future__ import annotations

from .interpreters import GUEST, VAR_RUNTIME, run, with_each

_MODULES = sorted(path.stem for path in GUEST.glob("*.py") if path.stem != "__init__")


@with_each
def test_every_module_is_imported_without_a_warning(runtime: str) -> None:
    code = "import sys, importlib; sys.path.insert(0, sys.argv[1]); [importlib.import_module(n) for n in sys.argv[2:]]"
    run(runtime, code, str(GUEST.parent), *(f"guest.{name}" for name in _MODULES))


@with_each
def test_the_runtime_client_needs_nothing_beside_it(runtime: str) -> None:
    code = "import sys; sys.path[:0] = sys.argv[1:]; import runtime_client; runtime_client.initialize_client('x')"
    run(runtime, code, str(VAR_RUNTIME))
