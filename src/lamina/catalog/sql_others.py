"""Secrets, tags, and which archives are in use, in SQL."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, insert, or_, select, union

from lamina.catalog.schema import function_layers, function_versions, layer_versions, resource_tags, secrets
from lamina.names import Digest, Scope

SECRET_BYTES = 32
_ARCHIVE_TABLES = (layer_versions, function_versions, function_layers)
# Asked after every upload.
_IN_USE = select(or_(*(exists().where(table.c.digest == bindparam("digest")) for table in _ARCHIVE_TABLES)))
_AMONG = union(
    *(
        select(table.c.digest).where(table.c.digest.in_(bindparam("digests", expanding=True)))
        for table in _ARCHIVE_TABLES
    )
)


class SqlSecrets:
    """`port.Secrets` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def obtain(self, name: str) -> bytes:
        value = self._connection.scalar(select(secrets.c.value).where(secrets.c.name == name))
        if value is None:
            value = randomness.token_bytes(SECRET_BYTES)
            self._connection.execute(insert(secrets).values(name=name, value=value))
        return bytes(value)


class SqlResourceTags:
    """`resources.ResourceTags` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, scope: Scope, resource: str) -> Mapping[str, str]:
        tags = self._connection.scalar(select(resource_tags.c.tags).where(_tagged(scope, resource)))
        return dict(tags or {})

    def set(self, scope: Scope, resource: str, tags: Mapping[str, str]) -> None:
        self._connection.execute(delete(resource_tags).where(_tagged(scope, resource)))
        if tags:
            row = {"account": scope.account, "region": scope.region, "resource": resource, "tags": dict(tags)}
            self._connection.execute(insert(resource_tags).values(**row))


class SqlArchives:
    """`storage.Archives` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def in_use(self, digest: Digest) -> bool:
        return bool(self._connection.scalar(_IN_USE, {"digest": digest.hex}))

    def in_use_among(self, digests: Sequence[Digest]) -> frozenset[Digest]:
        found = self._connection.scalars(_AMONG, {"digests": [digest.hex for digest in digests]})
        return frozenset(Digest(text) for text in found)

    def all_in_use(self) -> frozenset[Digest]:
        everywhere = union(*(select(table.c.digest) for table in _ARCHIVE_TABLES))
        return frozenset(Digest(text) for text in self._connection.scalars(everywhere))


def _tagged(scope: Scope, resource: str) -> ColumnElement[bool]:
    return and_(
        resource_tags.c.account == scope.account,
        resource_tags.c.region == scope.region,
        resource_tags.c.resource == resource,
    )
