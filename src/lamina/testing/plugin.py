"""The pytest plugin, which pytest finds by itself wherever Lamina is installed: the fixture `lamina`.

Nothing heavy is imported, and no server started, for a test run that does not ask for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lamina.testing.server import Lamina


@pytest.fixture(scope="session")
def lamina() -> Iterator[Lamina]:
    """A running Lamina with a state of its own, for the whole session.

    `lamina.endpoint` is its address, `lamina.client()` a boto3 client, `lamina.layer_from(folder)` the ARN of a layer.
    """
    from lamina.testing.server import NotStarted, running

    try:
        with running() as server:
            yield server
    except NotStarted as error:
        pytest.fail(f"Lamina did not start: {error}", pytrace=False)
