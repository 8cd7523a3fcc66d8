"""Archives from S3: whichever S3 the standard AWS variables of the server's own environment name.

`AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, credentials and region are read by boto3 as by any AWS tool. Where they
name none, or this server itself, it is the S3 that this server offers beside Lambda, in the caller's own account. Where
there is none either, the buckets are AWS's, and the server fetches with its own credentials; code in a function, and
callers of a server with accounts, are refused then: they would read whatever the person may who started the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import errors
from lamina.companions import Clients
from lamina.operations import endpoints
from lamina.operations.call import Call

_NOT_CONFIGURED = (
    "no S3 is configured: the server's AWS endpoint is Lamina itself, which was installed without S3. Install it "
    "with pip install 'lamina[aws]', start it with AWS_ENDPOINT_URL_S3 naming an S3 endpoint, or send the archive as "
    "ZipFile."
)

_NOT_LENT = (
    "S3 Error Code: AccessDenied. S3 Error Message: this server's own credentials for AWS are lent to nobody. "
    "Start it with AWS_ENDPOINT_URL_S3 naming an S3 endpoint that may be, or send the archive as ZipFile."
)


class S3Archives:
    """Reads objects of the S3 that *environ* configures, or of *beside*. boto3 is imported at the first one."""

    def __init__(self, environ: Mapping[str, str], beside: Clients | None = None) -> None:
        self._environ = environ
        self._beside = beside

    def fetch(self, call: Call, bucket: str, key: str, version: str | None, bytes_max: int) -> bytes:
        """The object's bytes; AWS's error when S3 refuses, and for an object of more than *bytes_max* bytes."""
        # S3's own exceptions come from botocore, which has no types.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - not needed to start

        endpoint = endpoints.configured(self._environ, "s3")
        wanted = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version is not None else {})
        try:
            answer = self._client(endpoint, call).get_object(**wanted)
            with answer["Body"] as body:
                if answer["ContentLength"] > bytes_max:
                    raise errors.invalid_parameter_value(f"Unzipped size must be smaller than {bytes_max} bytes")
                data: bytes = body.read()
        except ClientError as error:
            said = error.response.get("Error", {})
            raise errors.invalid_parameter_value(
                f"Error occurred while GetObject. S3 Error Code: {said.get('Code')}. "
                f"S3 Error Message: {said.get('Message')}"
            ) from error
        except BotoCoreError as error:
            where = endpoint or "AWS"
            raise errors.invalid_parameter_value(f"Error occurred while GetObject from {where}: {error}") from error
        return data

    def _client(self, endpoint: str | None, call: Call) -> Any:
        elsewhere = endpoint is not None and not endpoints.is_own(endpoint, call.endpoint)
        if not elsewhere and self._beside is not None and self._beside.available:
            return self._beside.client("s3", call.scope)
        if endpoint is not None and not elsewhere:
            raise errors.invalid_parameter_value(f"Error occurred while GetObject. {_NOT_CONFIGURED}")
        if endpoint is None and (call.inside or call.has_account):
            raise errors.invalid_parameter_value(f"Error occurred while GetObject. {_NOT_LENT}")
        return _client(endpoint, call.scope.region)


def _client(endpoint: str | None, region: str) -> Any:
    import boto3  # noqa: PLC0415 - not needed to start
    from botocore.config import Config  # noqa: PLC0415 - not needed to start

    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"total_max_attempts": 3, "mode": "standard"},
        # Few who run an S3 of their own have a name for each bucket.
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    session = boto3.session.Session()
    return session.client("s3", region_name=session.region_name or region, endpoint_url=endpoint, config=config)
