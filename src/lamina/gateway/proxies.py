"""Requests that came through a proxy: as their client sent them, where the proxy is one that is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address

from lamina.gateway.addresses import origin
from lamina.gateway.messages import Request

Network = IPv4Network | IPv6Network


class Proxies:
    """Proxies with addresses in *networks*, whose X-Forwarded-For, -Proto and -Host are believed; nobody else's are."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = networks

    def seen_through(self, request: Request) -> Request:
        """*request* with peer, scheme and host of the client for whom a proxy asked; itself where none did."""
        if not self._believes(request.peer):
            return request
        headers = request.headers
        host = _last(headers, "x-forwarded-host")
        scheme = _last(headers, "x-forwarded-proto").lower()
        return replace(
            request,
            peer=self._client(headers) or request.peer,
            scheme=scheme if scheme in ("http", "https") else request.scheme,
            headers={**headers, "host": host} if host else headers,
        )

    def origin(self, peer: str) -> str | None:
        """Whom limits count *peer* under, an address; None also for such proxies, who ask for many."""
        return None if self._believes(peer) else origin(peer)

    def _client(self, headers: Mapping[str, str]) -> str:
        """The last of those who asked one another that is no such proxy: what is before him, he may have made up."""
        passed = [each.strip() for each in headers.get("x-forwarded-for", "").split(",") if each.strip()]
        return next((each for each in reversed(passed) if not self._believes(each)), passed[0] if passed else "")

    def _believes(self, peer: str) -> bool:
        try:
            address = ip_address(peer.removeprefix("::ffff:"))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _last(headers: Mapping[str, str], name: str) -> str:
    """What the nearest proxy said."""
    return headers.get(name, "").rpartition(",")[2].strip()
