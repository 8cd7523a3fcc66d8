"""Builds the server from its settings: everything, wired, taken down again in the opposite order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import lamina
from lamina.catalog.sql import SqlCatalog
from lamina.companions import Clients, Companions, Queues
from lamina.environments.variables import ENDPOINT
from lamina.functions.concurrency import Quota
from lamina.functions.versions import FunctionVersion
from lamina.gateway import Beside, Doors, Gateway, Service, Services, within
from lamina.gateway.addresses import Addresses, Origin, origin
from lamina.gateway.metrics import MetricsPage
from lamina.invocations.identifiers import new_trace
from lamina.layers.versions import LayerVersion
from lamina.log_store.groups import LogGroups
from lamina.log_store.reading import LogReader
from lamina.log_store.writing import LogWriter, OverheardLogWriter
from lamina.names import Digest, FunctionArn, Scope
from lamina.observability.meter import Meter
from lamina.operations.activations import Activations
from lamina.operations.admitting import AdmittingRunner
from lamina.operations.aliases import AliasOperations
from lamina.operations.content import Contents
from lamina.operations.control import Control
from lamina.operations.deliveries import DeliveryQueue, Destinations
from lamina.operations.functions import FunctionOperations
from lamina.operations.granting import granting
from lamina.operations.invocations import InvocationOperations, Runner
from lamina.operations.layer_permissions import LayerPermissionOperations
from lamina.operations.layers import LayerOperations
from lamina.operations.live import LiveLayers
from lamina.operations.log_expiry import LogExpiry
from lamina.operations.logs_table import log_handlers
from lamina.operations.markers import Markers
from lamina.operations.mirroring import Mirroring
from lamina.operations.observing import ObservedRunner, TracedRunner
from lamina.operations.permissions import PermissionOperations
from lamina.operations.provisioned import ProvisionedOperations
from lamina.operations.queue_sources import QueueSources
from lamina.operations.reclaiming import Reclaimer
from lamina.operations.s3 import S3Archives
from lamina.operations.settings_table import setting_handlers
from lamina.operations.snapshots import Snapshots
from lamina.operations.stacks.answers import Answers
from lamina.operations.stacks.clients import Clients as StackClients
from lamina.operations.stacks.opening import StackHouse
from lamina.operations.stamps import Stamps
from lamina.operations.streaming import StreamingOperations
from lamina.operations.table import handlers
from lamina.operations.tags import TagOperations
from lamina.operations.triggers import Triggers
from lamina.operations.uploads import Archives, Uploads
from lamina.operations.urls import UrlServer
from lamina.operations.versions import VersionOperations
from lamina.sandbox import processes
from lamina.settings import Settings
from lamina.store import FolderBlobs, Trees
from lamina.store.bytecode import ByteCode
from lamina.worker import machine
from lamina.worker.runtimes import Runtimes
from lamina.worker.worker import Worker

if TYPE_CHECKING:
    from lamina.gateway.guard import Guard
    from lamina.gateway.proxies import Proxies
    from lamina.observability.tracing import TracingMeter
    from lamina.operations.figures import ServerFigures

# What an address may have of the connections, however few there are.
_CONNECTIONS_EACH_MIN: Final = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choices:
    """What no setting says of a server, and how one for a single command differs from one that stays.

    `find_runtimes` tells those of this machine. `archives` is where archives are read from that a request names by
    bucket and key. `hear` is told all that functions and the platform say, in a thread of the server's. One that is
    `patient` lets the init phase last as long as an invocation may. `compiles`: whether byte-code is made, for those
    who come later. `grace_s` is how long calls may go on once it is told to stop.
    """

    find_runtimes: Callable[[], Runtimes]
    archives: Archives | None = None
    hear: Callable[[str], None] | None = None
    patient: bool = False
    compiles: bool = True
    guard: Guard | None = None
    grace_s: float = 5


@dataclass(frozen=True, slots=True)
class Built:
    """What has been built and runs."""

    gateway: Gateway
    worker: Worker
    invocations: InvocationOperations
    control: Control


def proxies(settings: Settings) -> Proxies | None:
    """What believes the proxies before the server, if there are any."""
    if not settings.trusted_proxies:
        return None
    from lamina.gateway.proxies import Proxies  # noqa: PLC0415 - few servers have any

    return Proxies(settings.trusted_proxies)


def origins(settings: Settings) -> Origin:
    """Whom limits count the callers of an address under."""
    passing = proxies(settings)
    return origin if passing is None else passing.origin


def _allow_many_files() -> int:
    """How many descriptors there may be, which is as many as anybody may have from now on.

    Each environment takes half a dozen, and the soft limit is there for programs that use select.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


async def build(settings: Settings, house: contextlib.AsyncExitStack, choices: Choices) -> Built:
    """Everything, wired, for this process alone; *house* takes it down again, the last built first."""
    descriptors = _allow_many_files()
    processes.become_subreaper()
    state = settings.state_dir
    loop = asyncio.get_running_loop()
    catalog = SqlCatalog.open(f"sqlite:///{state / 'catalog.db'}")
    house.callback(catalog.close)
    with catalog.writing() as transaction:
        secret = transaction.secrets.obtain("content")
    apart = choices.guard is not None
    companions = Companions(state / "companions" / "v1", os.environ, offered=settings.companions, apart=apart)
    house.push_async_callback(companions.close)
    clients = Clients(companions)
    blobs, trees = FolderBlobs.open(state / "blobs"), Trees.open(state / "trees")
    stamps = Stamps()
    byte_code = ByteCode.open(trees.folder)
    reclaimer = Reclaimer(catalog, [byte_code, trees, blobs])
    activations = Activations(catalog, reclaimer, lambda digest: trees.ensure(digest, blobs), stamps)
    house.push_async_callback(asyncio.to_thread, activations.close)
    groups = LogGroups(state / "logs" / "v1")
    groups.sweep()
    logs = LogWriter(groups) if choices.hear is None else OverheardLogWriter(groups, choices.hear)
    house.callback(logs.close)
    log_reader = LogReader()
    expiry = LogExpiry(groups, log_reader, stamps)
    expiry.open()
    house.push_async_callback(expiry.close)
    means = machine.examine(state, settings.max_environments, settings.network)
    house.callback(means.network.close)
    doors = Doors(descriptors // 4)
    house.callback(doors.close)
    meter = Meter()
    tracer: TracingMeter | None = None
    if settings.tracing is not None:
        from lamina.span_export import traced  # noqa: PLC0415 - few servers are traced

        meter = tracer = traced(settings.tracing, new_trace, house)
    worker = Worker(
        means,
        choices.find_runtimes,
        _MountedTrees(reclaimer, trees, blobs, meter),
        byte_code,
        state,
        logs,
        concurrency=means.environments_max,
        keepalive_s=settings.keepalive_ms / 1000,
        memory_reserve_mb=settings.memory_reserve_mb,
        open_door=doors.open,
        meter=meter,
        patient=choices.patient,
        preload=settings.preload,
    )
    worker.open()
    activations.snapshot = Snapshots(worker, loop).take
    house.push_async_callback(worker.close)

    def changed(function: FunctionArn, runtime: str | None) -> None:
        # Operations run in threads, the worker on the loop.
        loop.call_soon_threadsafe(worker.retire, function)
        if runtime is not None:
            loop.call_soon_threadsafe(worker.prepare, runtime)

    def recorded(version: FunctionVersion, before: Digest | None) -> None:
        configuration = version.configuration
        if configuration.image is None and choices.compiles:
            archives = [version.code.digest, *(layer.archive.digest for layer in configuration.layers)]
            loop.call_soon_threadsafe(worker.compile, archives, configuration.runtime, before)

    def published(version: LayerVersion, before: Digest | None) -> None:
        declared = (version.compatible_runtimes if choices.compiles else None) or ()
        loop.call_soon_threadsafe(worker.compile_layer, version.archive.digest, declared, before)

    uploads = Uploads(blobs, reclaimer, choices.archives or S3Archives(os.environ, clients))
    contents, markers = Contents(blobs, secret, stamps.seconds), Markers(secret)
    layers = LayerOperations(catalog, uploads, contents, markers, reclaimer, stamps, published)
    live = LiveLayers(blobs, reclaimer, worker.retire)
    mirroring = Mirroring(catalog, uploads, stamps, published)
    functions = FunctionOperations(
        catalog,
        uploads,
        contents,
        markers,
        reclaimer,
        activations,
        stamps,
        live=live,
        synchronous=settings.synchronous_create,
        changed=changed,
        recorded=recorded,
    )
    # A tenth must stay free for functions that reserve nothing: the 100 of 1,000 that AWS keeps.
    quota = Quota(means.environments_max, means.environments_max // 10)
    destinations = Destinations(os.environ, clients)
    deliveries = DeliveryQueue(catalog, destinations)
    deliveries.open()
    house.push_async_callback(deliveries.close)
    runner: Runner = ObservedRunner(AdmittingRunner(catalog, worker, quota), meter.throttled)
    if tracer is not None:
        runner = TracedRunner(runner, tracer)
    invocations = InvocationOperations(
        catalog,
        activations,
        runner,
        deliveries=deliveries,
        live=live,
        header=None if tracer is None else tracer.header,
    )
    invocations.open(settings.retry_base_delay_s)
    house.push_async_callback(invocations.close)
    companions.invoke = Triggers(catalog, invocations.record).take
    sources = QueueSources(catalog, Queues(companions), invocations.outcome)
    house.push_async_callback(sources.close)
    companions.arrived = sources.arrived
    streaming = StreamingOperations(invocations)
    house.push_async_callback(streaming.close)
    provisioned = ProvisionedOperations(catalog, activations, worker.provisions, markers, stamps, quota)
    provisioned.open()
    house.push_async_callback(provisioned.close)
    activations.resume()
    sweeping = asyncio.ensure_future(asyncio.to_thread(_sweep, reclaimer, trees))
    house.push_async_callback(asyncio.wait, [sweeping])

    def health() -> Mapping[str, Any]:
        return {"status": "ok", "version": lamina.__version__, "environments": worker.figures()}

    @cache
    def figures() -> ServerFigures:
        from lamina.operations.figures import ServerFigures  # noqa: PLC0415 - few servers are ever asked

        return ServerFigures(
            meter,
            catalog,
            worker.census,
            blobs,
            {"trees": trees, "byte_code": byte_code},
            lambda: gateway.connections,
            means.environments_max,
        )

    async def metrics() -> str:
        return await figures().text()

    async def look() -> Mapping[str, Any]:
        return await figures().look()

    answering = handlers(
        layers=layers,
        layer_permissions=LayerPermissionOperations(catalog, stamps),
        functions=functions,
        versions=VersionOperations(catalog, markers, activations, stamps, live),
        aliases=AliasOperations(catalog, markers, stamps),
        permissions=PermissionOperations(catalog, stamps),
        tags=TagOperations(catalog, activations, stamps),
        invocations=invocations,
        streaming=streaming,
    )
    answering = {
        **answering,
        **setting_handlers(catalog, provisioned, destinations, markers, stamps, quota, sources.changed),
    }
    urls = UrlServer(catalog, invocations.outcome, streaming.begin, stamps)
    scope = Scope(settings.account_id, settings.region)
    offered = Service("lambda", lambda: granting(catalog, answering), failure="ServiceException")
    # The others are read when they are first asked for.
    offered.load()
    logging_service = Service("logs", lambda: log_handlers(groups, logs, log_reader, stamps), target="Logs_20140328")
    stack_clients = StackClients(within(lambda: gateway), clients, os.environ)
    answers = Answers(None if settings.network == "host" else ENDPOINT)
    stacks = StackHouse(catalog, stack_clients, answers, markers, stamps)
    services = Services([offered, logging_service, Service("cloudformation", stacks.handlers)])
    # The other half is for environments, the doors inside them, and files.
    connections_max = min(settings.max_connections, descriptors // 2)
    most_each = settings.max_connections_per_address
    if most_each is None:
        most_each = max(_CONNECTIONS_EACH_MIN, connections_max // 10)
    gateway = doors.house = Gateway(
        services,
        health,
        contents.download,
        scope,
        urls=urls.answer,
        beside=Beside(companions, choices.guard),
        guard=choices.guard,
        proxies=proxies(settings),
        answered=answers.take,
        open_place=blobs.incoming,
        connections_max=connections_max,
        addresses=Addresses(most_each, origins(settings)),
        meter=meter,
        metrics=MetricsPage(metrics, settings.metrics_token),
    )
    house.push_async_callback(_drain, gateway, invocations, sources, choices.grace_s)
    stacks.open()
    house.push_async_callback(asyncio.to_thread, stacks.close)
    return Built(gateway, worker, invocations, Control(layers, live, mirroring, look))


async def _drain(gateway: Gateway, invocations: InvocationOperations, sources: QueueSources, grace_s: float) -> None:
    """Take nothing new, and give what is under way, whoever waits for it, *grace_s* seconds."""
    await asyncio.gather(gateway.stop(grace_s), invocations.drain(grace_s), sources.drain(grace_s))


def _sweep(reclaimer: Reclaimer, trees: Trees) -> None:
    """Clear away what a killed server left in the stores; a failure costs disk space and nothing else."""
    try:
        reclaimer.sweep()
        trees.sweep()
    except Exception:  # noqa: BLE001 - nothing depends on it
        _log.exception("the stores could not be swept")


class _MountedTrees:
    """The trees that environments mount, held so that nobody removes them meanwhile."""

    def __init__(self, reclaimer: Reclaimer, trees: Trees, blobs: FolderBlobs, meter: Meter) -> None:
        self._reclaimer, self._trees, self._blobs, self._meter = reclaimer, trees, blobs, meter

    def take_nowait(self, digests: Sequence[Digest]) -> bool:
        for digest in digests:
            self._meter.looked_up("trees", found=self._trees.is_ready(digest))
        if not self._are_ready(digests) or not self._reclaimer.hold_nowait(digests):
            return False
        # What is held and ready stays so; a moment ago somebody could still remove it.
        if self._are_ready(digests):
            return True
        self._reclaimer.release(digests)
        return False

    def give_back_nowait(self, digests: Sequence[Digest]) -> bool:
        return self._reclaimer.release_nowait(digests)

    def _are_ready(self, digests: Sequence[Digest]) -> bool:
        return all(self._trees.is_ready(digest) for digest in digests)

    def take(self, digests: Sequence[Digest]) -> None:
        self._reclaimer.hold(digests)
        try:
            for digest in digests:
                self._trees.ensure(digest, self._blobs)
        except BaseException:
            self._reclaimer.release(digests)
            raise

    def give_back(self, digests: Sequence[Digest]) -> None:
        self._reclaimer.release(digests)
