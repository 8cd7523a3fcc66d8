"""What has a function wait for a debugger."""

from __future__ import annotations

import pytest

from lamina.workshop.errors import WorkshopError
from lamina.workshop.running.debugging import below_layers, variables

SCRIPT = ".lamina/wait-for-debugger"


def test_python_gets_debugpy_without_what_is_compiled_for_this_interpreter() -> None:
    files = below_layers("python3.8", 1234, None)
    assert ".lamina/debugpy/__main__.py" in files
    assert not [path for path in files if path.endswith(".so")]
    assert files[SCRIPT].mode == 0o755
    assert b"--listen 127.0.0.1:1234 --wait-for-client" in files[SCRIPT].content
    assert variables() == {"AWS_LAMBDA_EXEC_WRAPPER": f"/opt/{SCRIPT}"}


@pytest.mark.parametrize(("runtime", "option"), [("nodejs20.x", "inspect-brk"), ("nodejs22.x", "inspect-wait")])
def test_node_waits_by_itself(runtime: str, option: str) -> None:
    files = below_layers(runtime, 1234, None)
    assert list(files) == [SCRIPT]
    assert f"--{option}=127.0.0.1:1234" in files[SCRIPT].content.decode()


def test_the_functions_own_wrapper_comes_next() -> None:
    text = below_layers("nodejs20.x", 1, "/opt/my wrapper")[SCRIPT].content.decode()
    assert "export AWS_LAMBDA_EXEC_WRAPPER='/opt/my wrapper'\n" in text
    assert text.endswith('exec "$AWS_LAMBDA_EXEC_WRAPPER" "$@"\n')


def test_other_runtimes_are_refused() -> None:
    with pytest.raises(WorkshopError, match="no debugger for java21"):
        below_layers("java21", 1, None)
