"""Making function versions ready in the background: their code and layers extracted, a snapshot taken where they are
to begin from one, then marked Active.

The catalog knows which versions still wait, so an activation that a kill interrupted is taken up at the next start. A
version that was changed or deleted meanwhile is left as it is: whoever changed it started another activation.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

from lamina.catalog.port import Catalog
from lamina.functions import changing
from lamina.functions.versions import FunctionVersion
from lamina.names import Digest, FunctionArn
from lamina.operations.reclaiming import Reclaimer
from lamina.operations.stamps import Stamps

_log = logging.getLogger(__name__)

THREADS = 4
RETRY_S = 1.0
RETRY_S_MAX = 60.0

# What a version became; None when it is gone.
Outcome = FunctionVersion | None


class InitialisationFailed(Exception):
    """The function's own code failed, or took too long, before a snapshot could be taken; the text says how."""


class Activations:
    """Activates versions on threads of its own. *prepare* makes the tree of one archive; it may take seconds."""

    def __init__(
        self, catalog: Catalog, reclaimer: Reclaimer, prepare: Callable[[Digest], object], stamps: Stamps
    ) -> None:
        # Takes the snapshot of a version, with which activation waits: what is in its way, if anything.
        self.snapshot: Callable[[FunctionVersion], str | None] = lambda _version: "this server takes none"
        self._catalog = catalog
        self._reclaimer = reclaimer
        self._prepare = prepare
        self._stamps = stamps
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="activation")
        # Reentrant: what is begun again under it may be done, and forgotten, at once.
        self._lock = threading.RLock()
        self._closed = False
        self._retries: set[threading.Timer] = set()
        # Of those that could not be recorded: how long the last of them was put off.
        self._delays: dict[tuple[FunctionArn, str], float] = {}
        # One step of one version: an update of it has another RevisionId.
        self._running: dict[tuple[FunctionArn, str], Future[Outcome]] = {}

    def start(self, version: FunctionVersion) -> Future[Outcome]:
        """What *version*, as just recorded, becomes. Starting what is under way, or done, is harmless."""
        key = (version.qualified_arn, version.revision_id)
        with self._lock:
            running = self._running.get(key)
            if running is not None:
                return running
            running = self._running[key] = self._executor.submit(self._activate, version)
        # Not under the lock: what is done already is forgotten at once, by this very thread.
        running.add_done_callback(lambda _: self._forget(key))
        return running

    def wait_settled(self, version: FunctionVersion, timeout_s: float | None = None) -> Outcome:
        """*version* once it is no longer Pending or InProgress, at once if it is not; TimeoutError after *timeout_s*.

        `start` gives the future, for who must not block.
        """
        return version if version.status.settled else self.start(version).result(timeout_s)

    def resume(self) -> None:
        """Take up whatever waited when the last server stopped, however it did."""
        with self._catalog.reading() as transaction:
            waiting = transaction.functions.unsettled()
        for version in waiting:
            self.start(version)

    def close(self) -> None:
        """Finish what has begun; the rest is resumed at the next start."""
        with self._lock:
            self._closed = True
            for timer in self._retries:
                timer.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _activate(self, version: FunctionVersion) -> Outcome:
        key = (version.qualified_arn, version.revision_id)
        try:
            outcome = self._outcome(version)
        except Exception as error:
            # What it became could not be recorded: it would be Pending until somebody invokes it or the next start.
            delay = self._delays[key] = min(2 * self._delays.get(key, RETRY_S / 2), RETRY_S_MAX)
            _log.warning("%s could not be activated, again in %g s: %s", version.qualified_arn, delay, error)
            timer = threading.Timer(delay, self._retry, [version])
            timer.daemon = True
            with self._lock:
                if not self._closed:
                    self._retries.add(timer)
                    timer.start()
            raise
        self._delays.pop(key, None)
        return outcome

    def _retry(self, version: FunctionVersion) -> None:
        with self._lock:
            self._retries = {timer for timer in self._retries if timer is not threading.current_thread()}
            if not self._closed:
                self.start(version)

    def _outcome(self, version: FunctionVersion) -> Outcome:
        layers = tuple(layer.archive.digest for layer in version.configuration.layers)
        # An image lies in a registry, not here.
        needed = layers if version.configuration.image is not None else (version.code.digest, *layers)
        with self._reclaimer.holding(*needed):
            failure: str | InitialisationFailed | None = self._failure(version, needed)
            hindrance = None
            if failure is None and version.snap_starts:
                try:
                    hindrance = self.snapshot(version)
                except InitialisationFailed as error:
                    failure = error
                except CancelledError:
                    # The server stops: the version stays as it is, and is taken up by the next one.
                    return None
        with self._catalog.writing() as transaction:
            found = transaction.functions.find(version.arn.scope, version.arn.name, version.version)
            if found is None or found.revision_id != version.revision_id or found.status.settled:
                return found
            revision_id = self._stamps.revision_id()
            if failure is None:
                outcome = changing.activated(found, revision_id, hindrance)
            elif isinstance(failure, InitialisationFailed):
                outcome = changing.failed(found, str(failure), revision_id, "FunctionError")
            else:
                outcome = changing.failed(found, failure, revision_id)
            transaction.functions.replace(outcome)
        return outcome

    def _failure(self, version: FunctionVersion, needed: tuple[Digest, ...]) -> str | None:
        """Why the trees cannot be had; None when they lie ready."""
        try:
            for digest in needed:
                self._prepare(digest)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else would ever end the Pending
            _log.exception("cannot activate %s", version.qualified_arn)
            return f"{type(error).__name__}: {error}"
        return None

    def _forget(self, key: tuple[FunctionArn, str]) -> None:
        with self._lock:
            self._running.pop(key, None)
