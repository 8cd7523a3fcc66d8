"""Which Lambda API a tool talks to, and the clients to do it with: boto3's, by boto3's own configuration.

A tool reaches AWS only when it was told to, by an address, a profile or the word `aws`: a command tried out on a laptop
that happens to have credentials must not publish to production.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from lamina.workshop.errors import WorkshopError

AWS: Final = "aws"
_ATTEMPTS_MAX: Final = 10
_KEY_IS_WRONG: Final = frozenset(("UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId"))
_KEYS: Final = (
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, say who asks; `lamina account` keeps Lamina's keys."
)
# A function has 900 seconds.
_INVOKING_S: Final = 910


class EndpointError(WorkshopError):
    """The endpoint cannot be reached, or refused; `api_code` is then the API's name for the error."""

    def __init__(
        self, message: str, hint: str | None = None, code: int = WorkshopError.FAILED, api_code: str | None = None
    ) -> None:
        super().__init__(message, hint, code)
        self.api_code = api_code


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Lambda API. `url` is `aws` for AWS itself, whatever is configured, and None for what the profile names.

    `region` was asked for and goes above boto3's own; `default_region` is for who has configured none.
    """

    url: str | None
    region: str | None = None
    profile: str | None = None
    default_region: str = "us-east-1"

    @classmethod
    def choose(
        cls,
        given: str | None,
        environ: Mapping[str, str],
        own_url: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        default_region: str = "us-east-1",
    ) -> Endpoint:
        """The endpoint *given*, else the environment's, else a profile's; else *own_url*, this machine's server."""
        url: str | None = given or environ.get("AWS_ENDPOINT_URL_LAMBDA") or environ.get("AWS_ENDPOINT_URL")
        if not url:
            url = None if profile or environ.get("AWS_PROFILE") else own_url
        return cls(url, region, profile, default_region)

    def client(
        self, service: str = "lambda", *, region: str | None = None, connections: int = 0, invoking: bool = False
    ) -> Any:
        """A boto3 client of *service*; for a *region* other than the endpoint's where one is given.

        With *connections* it is for as many threads and long work: what is throttled or breaks is tried again, as
        boto3's adaptive mode does it. One for *invoking* waits as long as a function may take, and no throttled
        function slows it down.
        """
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        try:
            session = boto3.session.Session(profile_name=self.profile)
            address = None if self.url == AWS else self.url
            options: dict[str, Any] = {"ignore_configured_endpoint_urls": self.url == AWS}
            keys = {}
            if address is not None:
                # botocore finds out when it asks, and tells of it by whatever it trips over.
                _ = urlsplit(address).port
                options["retries"] = {"total_max_attempts": 1}
                if is_this_machine(address):
                    options["proxies"] = {}
                # Lamina without accounts believes any key, and takes one of 12 digits for an account; AWS is never
                # sent a made-up one.
                if session.get_credentials() is None:
                    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
            if connections:
                patience = {"mode": "adaptive", "total_max_attempts": _ATTEMPTS_MAX}
                options |= {"retries": patience, "max_pool_connections": connections}
            if invoking:
                # A read that times out would be a second invocation.
                options |= {"retries": {"mode": "standard", "total_max_attempts": 3}, "read_timeout": _INVOKING_S}
            return session.client(
                service,
                endpoint_url=address,
                region_name=region or self.region or session.region_name or self.default_region,
                config=Config(**options),
                **keys,
            )
        except BotoCoreError as error:
            raise EndpointError(str(error)) from error
        except ValueError as error:
            hint = "Such as http://127.0.0.1:4566, or aws."
            raise EndpointError(f"{self.url!r} is no address of a server", hint, EndpointError.USAGE) from error

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around calls of a client: what botocore raises becomes an EndpointError."""
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectionClosedError,
            EndpointConnectionError,
            NoCredentialsError,
        )
        from botocore.parsers import ResponseParserError

        try:
            yield
        except (EndpointConnectionError, ConnectionClosedError) as error:
            hint = "Start a server with `lamina up`, or name another: --endpoint URL, or --endpoint aws for AWS itself."
            where = "AWS" if self.url in (None, AWS) else self.url
            raise EndpointError(f"nothing answers at {where}", hint) from error
        except NoCredentialsError as error:
            raise EndpointError("AWS wants credentials, and there are none", "`aws configure` sets them.") from error
        except ClientError as error:
            found = error.response["Error"]
            advice = _KEYS if found.get("Code") in _KEY_IS_WRONG else None
            raise EndpointError(found.get("Message") or str(error), advice, api_code=found.get("Code")) from error
        except BotoCoreError as error:
            raise EndpointError(str(error)) from error
        except ResponseParserError as error:
            hint = "Its own variable names another address for a service, such as AWS_ENDPOINT_URL_STS."
            raise EndpointError(f"{self.url or 'AWS'} does not offer this service", hint) from error


def beside(endpoint: Endpoint, service: str, environ: Mapping[str, str]) -> Endpoint:
    """Where *service* ("S3") of the same account is: at its own address if one is configured, else at *endpoint*'s."""
    return replace(endpoint, url=environ.get(f"AWS_ENDPOINT_URL_{service}") or endpoint.url)


def is_this_machine(url: str) -> bool:
    """Whether *url* is an address that no proxy could reach for us."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
