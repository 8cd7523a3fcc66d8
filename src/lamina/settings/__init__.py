"""The environment and the command line, read once into one frozen `Settings`.

    row.py      one setting: the variables that may hold it, its default, how to read it, what it does
    values.py   what a text has to be to be a value: a number, a path, one of a few words
    table.py    the rows: all the settings there are

docs/SETTINGS.md prints the rows of `SETTINGS`, and a test compares the two. Where LocalStack has a name for the same
thing, that name works here, so that a switch changes nothing in people's scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from lamina.observability.otel import ExportPlan

from lamina.settings.row import BadSetting
from lamina.settings.table import SETTINGS

__all__ = ["SETTINGS", "BadSetting", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server was told. Read by `lamina.main`, which hands each part on as an argument."""

    host: str
    port: int
    state_dir: Path
    account_id: str
    region: str
    max_environments: int
    max_connections: int
    max_connections_per_address: int | None
    max_failed_signatures: int
    network: Literal["outbound", "none", "host"]
    keepalive_ms: int
    memory_reserve_mb: int | None
    preload: tuple[str, ...]
    synchronous_create: bool
    retry_base_delay_s: int
    drain_s: int
    log_level: str
    log_format: Literal["text", "json"]
    metrics_token: str | None
    tracing: ExportPlan | None
    companions: bool
    accounts: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def read(
        cls, environ: Mapping[str, str], overrides: Mapping[str, str | None] | None = None, *, root: bool
    ) -> Settings:
        """The settings that *environ* and the command line's *overrides* (by field name) give; the latter win.

        An empty variable counts as unset. *root* says whose default state folder is meant. Raises BadSetting.
        """
        given = overrides or {}
        values = {setting.field: setting.read(environ, given.get(setting.field), root) for setting in SETTINGS}
        return cls(**values)

    @property
    def accounts_file(self) -> Path:
        """Where the accounts are, if there are any."""
        return self.accounts or self.state_dir / "accounts.json"

    @property
    def scheme(self) -> str:
        """What the server's address begins with."""
        return "http" if self.tls_cert is None else "https"
