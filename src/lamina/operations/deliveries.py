"""Messages for other AWS services about events that are over, sent until they are taken.

They go to whichever SQS, SNS, EventBridge and S3 the standard AWS variables of the server's own environment name
(`AWS_ENDPOINT_URL_SQS` and so on, or `AWS_ENDPOINT_URL`), with the server's credentials; where it has none, with the
account of the destination as access key, by which emulators tell accounts apart. Where none is named, they are those
that this server offers beside Lambda, if they are installed. A message is sent at least once:
a server that dies when it was taken, and before that was recorded, sends it again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from lamina import errors
from lamina.catalog.port import Catalog
from lamina.catalog.queues import Delivery
from lamina.companions import Clients
from lamina.functions.destinations import Elsewhere
from lamina.invocations import retrying
from lamina.invocations.retrying import RetryAt
from lamina.names import Scope
from lamina.operations import endpoints
from lamina.operations.call import Call
from lamina.operations.due import DueWork

_AT_ONCE_MAX: Final = 8
_NOBODY: Final = "000000000000"
_NOWHERE: Final = "us-east-1"
_log = logging.getLogger(__name__)


class NotDelivered(Exception):
    """The service is not there, or does not take it; the message says what it answered."""


class Destinations:
    """The services that *environ* configures, or those *beside*. boto3 is imported at the first message."""

    def __init__(self, environ: Mapping[str, str], beside: Clients | None = None) -> None:
        self._environ = environ
        self._beside = beside
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._making = threading.Lock()

    def known(self, service: str) -> bool:
        """Whether there is a *service* for this server."""
        return endpoints.configured(self._environ, service) is not None or self._is_beside

    @property
    def _is_beside(self) -> bool:
        return self._beside is not None and self._beside.available

    def check(self, target: Elsewhere, call: Call) -> None:
        """Raise a modelled error where nothing can be delivered to *target*, as this server is configured.

        Between accounts of a server nothing is: whether the other one would have it, no policy is asked.
        """
        if call.has_account and target.account not in ("", call.scope.account):
            raise errors.invalid_parameter_value(
                f"The function's execution role does not have permissions to deliver to {target.arn}"
            )
        endpoint = endpoints.configured(self._environ, target.service)
        if self._is_beside or (endpoint is not None and not endpoints.is_own(endpoint, call.endpoint)):
            return
        title, variable = endpoints.title(target.service), endpoints.variable(target.service)
        raise errors.not_supported(
            f"destinations in {target.service} ({target.arn})",
            f"no {title} is configured. Install the server with its own, pip install 'lamina[aws]', or start it with "
            f"{variable} naming one.",
        )

    def send(self, request: Mapping[str, Any]) -> None:
        """Make the call that *request* is. Raises NotDelivered. Takes as long as the network does."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - not needed to start

        service, parameters = str(request["service"]), dict(request["parameters"])
        if not self.known(service):
            raise NotDelivered(f"{endpoints.variable(service)} is not set")
        try:
            client = self._client(service, request)
            if service == "sqs":
                queue = client.get_queue_url(QueueName=request["name"], QueueOwnerAWSAccountId=request["account"])
                parameters["QueueUrl"] = queue["QueueUrl"]
            answer = getattr(client, request["operation"])(**parameters)
        except (BotoCoreError, ClientError) as error:
            raise NotDelivered(str(error)) from error
        if answer.get("FailedEntryCount"):
            raise NotDelivered(f"EventBridge answered {answer['Entries']}")

    def _client(self, service: str, request: Mapping[str, Any]) -> Any:
        key = service, str(request["account"]), str(request["region"])
        with self._making:
            if key not in self._clients:
                self._clients[key] = self._make(*key)
            return self._clients[key]

    def _make(self, service: str, account: str, region: str) -> Any:
        endpoint = endpoints.configured(self._environ, service)
        if endpoint is None and self._beside is not None:
            # A bucket is in no account and no region that its ARN tells.
            return self._beside.client(service, Scope(account or _NOBODY, region or _NOWHERE))
        return _client(endpoint, service, account, region)


class DeliveryQueue:
    """Sends the catalog's deliveries when they are due."""

    def __init__(self, catalog: Catalog, destinations: Destinations) -> None:
        self._catalog = catalog
        self._destinations = destinations
        self._work: DueWork[Delivery] = DueWork(self._look, self._handle, _AT_ONCE_MAX, "deliveries", hurry=self._hurry)

    def open(self) -> None:
        """Begin, with what an earlier server left. Call on the loop."""
        self._work.open()

    async def close(self) -> None:
        await self._work.close()

    def takes(self, target: Elsewhere) -> bool:
        """Whether a message for *target* can be sent, as the server is configured."""
        return self._destinations.known(target.service)

    def wake(self) -> None:
        """There is another one in the catalog. Call on the loop."""
        self._work.wake()

    def _look(self, now: float, limit: int) -> tuple[Sequence[Delivery], float | None]:
        with self._catalog.reading() as transaction:
            return transaction.deliveries.due(now, limit), transaction.deliveries.next_due()

    def _hurry(self, now: float) -> None:
        with self._catalog.writing() as transaction:
            transaction.deliveries.hurry(now)

    async def _handle(self, delivery: Delivery) -> None:
        failure: NotDelivered | None = None
        try:
            await _apart(lambda: self._destinations.send(delivery.request))
        except NotDelivered as error:
            failure = error
        await asyncio.to_thread(self._conclude, delivery, failure)

    def _conclude(self, delivery: Delivery, failure: NotDelivered | None) -> None:
        now = time.time()
        what_next = None
        if failure is not None:
            what_next = retrying.after_refusal(delivery.attempts + 1, delivery.received_at, now)
            comes = "it is tried again" if isinstance(what_next, RetryAt) else "it is given up"
            _log.warning(
                "message %s could not be delivered to %s, %s: %s", delivery.id, delivery.target, comes, failure
            )
        with self._catalog.writing() as transaction:
            if isinstance(what_next, RetryAt):
                transaction.deliveries.reschedule(delivery.id, attempts=what_next.attempts, due_at=what_next.due_at)
            else:
                transaction.deliveries.remove(delivery.id)


async def _apart(work: Callable[[], None]) -> None:
    """Do *work* in a thread of its own, which holds up nobody: neither other threads' work, nor the server's end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        failure: BaseException | None = None
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, whoever waits gets it
            failure = error
        try:
            loop.call_soon_threadsafe(finish, failure)
        except RuntimeError:
            _log.debug("a message was sent when the server had ended already")

    threading.Thread(target=run, name="delivery", daemon=True).start()
    await done


def _client(endpoint: str | None, service: str, account: str, region: str) -> Any:
    import boto3  # noqa: PLC0415 - not needed to start
    from botocore.config import Config  # noqa: PLC0415 - not needed to start

    session = boto3.session.Session()
    keys = {}
    if session.get_credentials() is None:
        keys = {"aws_access_key_id": account or "lamina", "aws_secret_access_key": "lamina"}
    config = Config(
        connect_timeout=5,
        read_timeout=30,
        # Trying again is this queue's business, and outlives the server.
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
    )
    where = region or session.region_name or "us-east-1"
    return session.client(service, region_name=where, endpoint_url=endpoint, config=config, **keys)
