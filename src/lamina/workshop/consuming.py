"""What an endpoint has that consumes a layer: read from listings alone, a call for one function only where it matters.

ListFunctions tells the layers of $LATEST and of every published version, fifty at a time. Aliases are asked for only
where a function has published versions and one of its versions names the layer; tags only when somebody wants them.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from lamina.names import LATEST
from lamina.rollouts.configurations import alias, consumer
from lamina.rollouts.consumers import Alias, Consumer, LayerReference, Place, layer_version
from lamina.workshop.endpoint import Endpoint, EndpointError

T = TypeVar("T")
# What is being read, at which place, and how many of it so far.
Told = Callable[[str, Place, int], None]

_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read: with `published` every version and the aliases, else $LATEST alone; tags if they matter."""

    layer: LayerReference
    published: bool = True
    tags: bool = False


def places(endpoint: Endpoint, profiles: Sequence[str], regions: Sequence[str]) -> list[Endpoint]:
    """*endpoint* for each of *profiles* and *regions*; where none is given, for its own."""
    return [
        replace(endpoint, profile=profile, region=region)
        for profile in profiles or (endpoint.profile,)
        for region in regions or (endpoint.region,)
    ]


def read_consumers(endpoints: Iterable[Endpoint], reading: Reading, told: Told) -> list[Consumer]:
    """Every version of each function at *endpoints* of which one has the layer; $LATEST always among them.

    Raises EndpointError, with the place in its message where there are several.
    """
    at = list(endpoints)
    stop = threading.Event()

    def heard(what: str, place: Place, count: int) -> None:
        # Ctrl-C reaches one thread alone, and thousands of calls may still be due in the others.
        if stop.is_set():
            raise EndpointError(f"{place}: not read to the end")
        told(what, place, count)

    with ThreadPoolExecutor(min(_AT_ONCE, len(at))) as pool:
        try:
            found = list(pool.map(lambda endpoint: _read(endpoint, reading, heard, named=len(at) > 1), at))
        except BaseException:
            stop.set()
            raise
    return [each for consumers in found for each in consumers]


def _read(endpoint: Endpoint, reading: Reading, told: Told, *, named: bool) -> list[Consumer]:
    client = endpoint.client(connections=_AT_ONCE)
    place = Place(endpoint.profile or "", client.meta.region_name)
    try:
        with endpoint.asking():
            found = _listed(client, place, reading, told)
            if reading.published:
                found = _with_aliases(client, place, found, told)
            return _with_tags(client, place, found, told) if reading.tags else found
    except EndpointError as error:
        if not named:
            raise
        raise EndpointError(f"{place}: {error}", error.hint, error.code, error.api_code) from error


def _listed(client: Any, place: Place, reading: Reading, told: Told) -> list[Consumer]:
    functions: defaultdict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    matter: set[str] = set()
    count = 0
    more = {"FunctionVersion": "ALL"} if reading.published else {}
    for page in client.get_paginator("list_functions").paginate(**more):
        for answer in page["Functions"]:
            functions[answer["FunctionName"]][answer.get("Version") or LATEST] = answer
            if _names(reading.layer, answer):
                matter.add(answer["FunctionName"])
        count += len(page["Functions"])
        told("functions", place, count)
    # One whose $LATEST is not there was deleted, or made, between two pages.
    whole = sorted(name for name in matter if LATEST in functions[name])
    return [consumer(place, answer) for name in whole for answer in functions[name].values()]


def _names(layer: LayerReference, answer: Mapping[str, Any]) -> bool:
    arns = (layer_version(attached["Arn"]) for attached in answer.get("Layers") or ())
    return any(arn is not None and layer.names(arn) for arn in arns)


def _with_aliases(client: Any, place: Place, found: list[Consumer], told: Told) -> list[Consumer]:
    """*found*, each version with the aliases that lead to it, also by a share alone."""
    functions = sorted({version.name for version in found if not version.is_latest})
    asked = _for_each(functions, lambda name: _aliases(client, name), "aliases", place, told)
    return [
        replace(
            version,
            aliases=tuple(each for each in asked.get(version.name, ()) if version.version in each.routing.versions),
        )
        for version in found
    ]


def _aliases(client: Any, name: str) -> list[Alias]:
    try:
        pages = list(client.get_paginator("list_aliases").paginate(FunctionName=name))
    except client.exceptions.ResourceNotFoundException:
        # It went while the rest was read.
        return []
    return [alias(answer) for page in pages for answer in page["Aliases"]]


def _with_tags(client: Any, place: Place, found: list[Consumer], told: Told) -> list[Consumer]:
    functions = sorted({version.function for version in found})
    asked = _for_each(functions, lambda function: _tags(client, function), "tags", place, told)
    return [replace(version, tags=asked[version.function]) for version in found]


def _tags(client: Any, function: str) -> dict[str, str]:
    try:
        return dict(client.list_tags(Resource=function).get("Tags") or {})
    except client.exceptions.ResourceNotFoundException:
        return {}


def _for_each(names: Sequence[str], ask: Callable[[str], T], what: str, place: Place, told: Told) -> dict[str, T]:
    found: dict[str, T] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for name, answer in zip(names, pool.map(ask, names), strict=True):
            found[name] = answer
            told(what, place, len(found))
    return found
