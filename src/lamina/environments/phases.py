"""How long the phases of an environment's life may take. Source: the lifecycle in AWS's developer guide."""

from __future__ import annotations

from typing import Final

from lamina.environments.spec import PROVISIONED

ON_DEMAND_INIT_S: Final = 10
_AHEAD_INIT_S: Final = 130
INVOKE_S_MAX: Final = 900


def init_seconds_max(initialization: str, timeout_s: int) -> int:
    """The limit of the init phase, in seconds: what is initialised ahead of its calls has longer."""
    if initialization == PROVISIONED:
        return min(max(_AHEAD_INIT_S, timeout_s), INVOKE_S_MAX)
    return ON_DEMAND_INIT_S
