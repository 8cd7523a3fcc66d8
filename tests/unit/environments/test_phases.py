"""The limits of phases, as AWS documents them."""

from __future__ import annotations

import pytest

from lamina.environments.phases import init_seconds_max
from lamina.environments.spec import ON_DEMAND, PROVISIONED


@pytest.mark.parametrize(
    ("initialization", "timeout_s", "seconds"),
    [(ON_DEMAND, 3, 10), (ON_DEMAND, 900, 10), (PROVISIONED, 3, 130), (PROVISIONED, 300, 300), (PROVISIONED, 900, 900)],
)
def test_how_long_initialisation_may_take(initialization: str, timeout_s: int, seconds: int) -> None:
    assert init_seconds_max(initialization, timeout_s) == seconds
