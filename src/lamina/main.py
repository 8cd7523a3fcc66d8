"""Builds the server from its settings, and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lamina
from lamina import heap
from lamina.catalog.sql import CatalogTooNew, SqlCatalog
from lamina.companions import Clients, Companions
from lamina.environments.variables import ENDPOINT
from lamina.event_loop import new_event_loop
from lamina.functions.concurrency import Quota
from lamina.functions.versions import FunctionVersion
from lamina.gateway import Beside, Doors, Gateway, Service, Services, within
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
from lamina.server_log import begin as begin_log
from lamina.settings import BadSetting, Settings
from lamina.store import ObstoreBlobs, Trees
from lamina.store.bytecode import ByteCode
from lamina.worker import machine, runtimes
from lamina.worker.runtimes import Runtimes
from lamina.worker.worker import Worker

if TYPE_CHECKING:
    from lamina.gateway.certificates import Certificates
    from lamina.gateway.guard import Guard
    from lamina.gateway.proxies import Proxies
    from lamina.observability.tracing import TracingMeter
    from lamina.operations.figures import ServerFigures

_log = logging.getLogger(__name__)


class StateInUse(Exception):
    """Another server has the state folder; *pid* is its process, where that is known."""

    def __init__(self, state: Path, pid: int | None) -> None:
        super().__init__(f"{state} is in use" + (f" by process {pid}" if pid else ""))
        self.pid = pid


class StateTooNew(Exception):
    """A newer Lamina wrote what is in the state folder; the text says what to do."""


class NotGuarded(Exception):
    """The server cannot tell who calls it, and shall not answer then; *hint* says what to do."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint


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


def serve(settings: Settings, ready: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM. *ready* is called with the port once the first request can be answered.

    Raises NotGuarded, StateInUse, StateTooNew, and OSError where the folder or the address cannot be had.
    """
    begin_log(settings.log_level, settings.log_format)
    heap.keep_small()
    # Cancelled is what a second signal does to it.
    with exclusive(settings.state_dir), contextlib.suppress(asyncio.CancelledError):
        choices = Choices(partial(runtimes.find, settings.state_dir), grace_s=settings.drain_s)
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(_serve(settings, ready, choices))
        except CatalogTooNew as error:
            raise StateTooNew(str(error)) from error


@contextlib.contextmanager
def exclusive(state: Path) -> Iterator[None]:
    """Make the state folder, and keep other servers out of it for as long as this process lives."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).strip()
        raise StateInUse(state, int(text) if text.isdigit() else None) from None
    else:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


async def _serve(settings: Settings, ready: Callable[[int], None], choices: Choices) -> None:
    secured = certificates(settings)
    stop = _stop_signal()
    async with contextlib.AsyncExitStack() as house:
        built = await build(settings, house, replace(choices, guard=guard(settings)))
        await built.control.open(settings.state_dir)
        house.push_async_callback(built.control.close)
        port = await built.gateway.listen_tcp(settings.host, settings.port, secured)
        ready(port)
        await stop.wait()


def guard(settings: Settings) -> Guard | None:
    """What verifies callers, if there are accounts. Raises NotGuarded if there must be, or they cannot be read."""
    if settings.accounts is None and not settings.accounts_file.exists():
        if _hears_this_machine_alone(settings.host):
            return None
        raise NotGuarded(
            f"whoever reaches {settings.host} could call this server, and it has no accounts to tell who may",
            f"`lamina account add` makes the first, in {settings.accounts_file}; or stay on 127.0.0.1.",
        )
    # Few servers have accounts.
    from lamina.accounts import AccountsFile, BadAccounts  # noqa: PLC0415
    from lamina.gateway.guard import Guard  # noqa: PLC0415

    try:
        return Guard(AccountsFile(settings.accounts_file))
    except BadAccounts as error:
        raise NotGuarded(str(error), error.hint) from error


def certificates(settings: Settings) -> Certificates | None:
    """What the server speaks TLS with, if it is to. Raises BadSetting."""
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        here, missing = ("--tls-key", "--tls-cert") if certificate is None else ("--tls-cert", "--tls-key")
        raise BadSetting(here, str(key or certificate), f"given together with {missing}")
    # Few servers speak TLS themselves.
    from lamina.gateway.certificates import Certificates  # noqa: PLC0415

    try:
        return Certificates(certificate, key)
    except OSError as error:
        expected = f"a certificate in PEM that belongs to the key {key}, both for this user to read ({error})"
        raise BadSetting("--tls-cert", str(certificate), expected) from error


def proxies(settings: Settings) -> Proxies | None:
    """What believes the proxies before the server, if there are any."""
    if not settings.trusted_proxies:
        return None
    from lamina.gateway.proxies import Proxies  # noqa: PLC0415 - few servers have any

    return Proxies(settings.trusted_proxies)


def _hears_this_machine_alone(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        # It cannot be listened on either, and then it is said why.
        return True
    addresses = (str(address[0]).removeprefix("::ffff:") for *_, address in found)
    return all(address.startswith("127.") or address == "::1" for address in addresses)


def _stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; the second of them interrupts whatever still finishes."""
    loop = asyncio.get_running_loop()
    serving = asyncio.current_task()
    assert serving is not None
    stop = asyncio.Event()

    def signalled() -> None:
        if stop.is_set():
            serving.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled)
    return stop


def _allow_many_files() -> None:
    """Each environment takes half a dozen descriptors, and the soft limit is there for programs that use select."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def build(settings: Settings, house: contextlib.AsyncExitStack, choices: Choices) -> Built:
    """Everything, wired, for this process alone; *house* takes it down again, the last built first."""
    _allow_many_files()
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
    blobs, trees = ObstoreBlobs.open(state / "blobs"), Trees.open(state / "trees")
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
    doors = Doors()
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
    answering = {**answering, **setting_handlers(catalog, provisioned, destinations, markers, stamps, quota)}
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
        meter=meter,
        metrics=MetricsPage(metrics, settings.metrics_token),
    )
    house.push_async_callback(_drain, gateway, invocations, choices.grace_s)
    stacks.open()
    house.push_async_callback(asyncio.to_thread, stacks.close)
    return Built(gateway, worker, invocations, Control(layers, live, mirroring, look))


async def _drain(gateway: Gateway, invocations: InvocationOperations, grace_s: float) -> None:
    """Take nothing new, and give what is under way, whoever waits for it, *grace_s* seconds."""
    await asyncio.gather(gateway.stop(grace_s), invocations.drain(grace_s))


def _sweep(reclaimer: Reclaimer, trees: Trees) -> None:
    """Clear away what a killed server left in the stores; a failure costs disk space and nothing else."""
    try:
        reclaimer.sweep()
        trees.sweep()
    except Exception:  # noqa: BLE001 - nothing depends on it
        _log.exception("the stores could not be swept")


class _MountedTrees:
    """The trees that environments mount, held so that nobody removes them meanwhile."""

    def __init__(self, reclaimer: Reclaimer, trees: Trees, blobs: ObstoreBlobs, meter: Meter) -> None:
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
