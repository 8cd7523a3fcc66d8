"""Layer versions in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, select, true, update
from sqlalchemy.engine import Row

from lamina.catalog.layers import CompatibleWith
from lamina.catalog.prepared import Prepared
from lamina.catalog.schema import layer_versions as versions
from lamina.catalog.schema import layers
from lamina.catalog.sql_totals import count
from lamina.layers.versions import LayerVersion, StoredArchive
from lamina.names import Digest, LayerArn, LayerVersionArn, Scope

# The largest that a column holds; a request may name any.
NUMBER_MAX = 2**63 - 1

# What a publish does.
_LAYER = and_(*(layers.c[name] == bindparam(f"of_{name}") for name in ("account", "region", "name")))
_PUBLISHED = Prepared(select(layers.c.published).where(_LAYER))
_COUNT = Prepared(update(layers).where(_LAYER).values(published=bindparam("number")))
_BEGIN_COUNT, _ADD = Prepared(layers), Prepared(versions)
_GET = select(versions).where(
    *(versions.c[name] == bindparam(f"of_{name}") for name in ("account", "region", "name")),
    versions.c.number == bindparam("number"),
)


class SqlLayers:
    """`layers.Layers` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def next_number(self, layer: LayerArn) -> int:
        return self._counted(layer, lambda last: last + 1)

    def pass_number(self, layer: LayerArn, number: int) -> None:
        self._counted(layer, lambda last: max(last, number))

    def _counted(self, layer: LayerArn, step: Callable[[int], int]) -> int:
        """The number published last, once *step* has moved it on from what it was: 0 for none."""
        last = _PUBLISHED(self._connection, _bound(layer)).fetchone()
        number = step(0 if last is None else last[0])
        if last is None:
            _BEGIN_COUNT(self._connection, {**_layer_key(layer), "published": number})
        else:
            _COUNT(self._connection, {**_bound(layer), "number": number})
        return number

    def add(self, version: LayerVersion) -> None:
        _ADD(
            self._connection,
            {
                **_layer_key(version.arn.layer),
                "number": version.arn.number,
                "digest": version.archive.digest.hex,
                "zipped_bytes": version.archive.zipped_bytes,
                "unzipped_bytes": version.archive.unzipped_bytes,
                "created": version.created,
                "description": version.description,
                "runtimes": _joined(version.compatible_runtimes),
                "architectures": _joined(version.compatible_architectures),
                "license_info": version.license_info,
            },
        )
        count(self._connection, version.arn.scope, code_bytes=version.archive.zipped_bytes)

    def get(self, arn: LayerVersionArn) -> LayerVersion | None:
        if arn.number > NUMBER_MAX:
            return None
        row = self._connection.execute(_GET, {**_bound(arn.layer), "number": arn.number}).one_or_none()
        return None if row is None else _version(row)

    def versions(
        self, layer: LayerArn, wanted: CompatibleWith, *, below: int | None, limit: int
    ) -> Sequence[LayerVersion]:
        query = select(versions).where(_of(layer), _matches(versions, wanted))
        if below is not None:
            query = query.where(versions.c.number < below)
        return self._all(query.order_by(versions.c.number.desc()).limit(limit))

    def latest(self, scope: Scope, wanted: CompatibleWith, *, after: str | None, limit: int) -> Sequence[LayerVersion]:
        # One descent into the index per layer, which ends at the first version that matches.
        candidate = versions.alias("candidate")
        newest = (
            select(candidate.c.number)
            .where(
                candidate.c.account == layers.c.account,
                candidate.c.region == layers.c.region,
                candidate.c.name == layers.c.name,
                _matches(candidate, wanted),
            )
            .order_by(candidate.c.number.desc())
            .limit(1)
            .correlate(layers)
            .scalar_subquery()
        )
        query = (
            select(versions)
            .select_from(layers)
            .join(
                versions,
                and_(
                    versions.c.account == layers.c.account,
                    versions.c.region == layers.c.region,
                    versions.c.name == layers.c.name,
                    versions.c.number == newest,
                ),
            )
            .where(layers.c.account == scope.account, layers.c.region == scope.region)
        )
        if after is not None:
            query = query.where(layers.c.name > after)
        return self._all(query.order_by(layers.c.name).limit(limit))

    def delete(self, arn: LayerVersionArn) -> LayerVersion | None:
        version = self.get(arn)
        if version is not None:
            self._connection.execute(delete(versions).where(_is(arn)))
            count(self._connection, arn.scope, code_bytes=-version.archive.zipped_bytes)
        return version

    def _all(self, query: Select[Any]) -> Sequence[LayerVersion]:
        return [_version(row) for row in self._connection.execute(query)]


def _layer_key(layer: LayerArn) -> dict[str, str]:
    return {"account": layer.scope.account, "region": layer.scope.region, "name": layer.name}


def _bound(layer: LayerArn) -> dict[str, str]:
    return {f"of_{name}": value for name, value in _layer_key(layer).items()}


def _of(layer: LayerArn) -> ColumnElement[bool]:
    return and_(*(versions.c[name] == value for name, value in _layer_key(layer).items()))


def _is(arn: LayerVersionArn) -> ColumnElement[bool]:
    return and_(_of(arn.layer), versions.c.number == arn.number)


def _matches(table: Any, wanted: CompatibleWith) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if wanted.runtime is not None:
        conditions.append(table.c.runtimes.contains(f",{wanted.runtime},", autoescape=True))
    if wanted.architecture is not None:
        conditions.append(table.c.architectures.contains(f",{wanted.architecture},", autoescape=True))
    return and_(*conditions)


def _joined(values: tuple[str, ...] | None) -> str | None:
    return None if values is None else "".join(f",{value}" for value in values) + ","


def _split(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(text.strip(",").split(",")) if text != "," else ()


def _version(row: Row[Any]) -> LayerVersion:
    return LayerVersion(
        arn=LayerArn(Scope(row.account, row.region), row.name).version(row.number),
        archive=StoredArchive(Digest(row.digest), row.zipped_bytes, row.unzipped_bytes),
        created=row.created,
        description=row.description,
        compatible_runtimes=_split(row.runtimes),
        compatible_architectures=_split(row.architectures),
        license_info=row.license_info,
    )
