"""Layer versions that were published elsewhere, recorded here under the very ARN that they have there.

No operation of the API can do so: a caller publishes for its own account and gets the next number. Who runs the server
may, at its control socket: functions here, of any account, then attach what templates name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lamina import errors
from lamina.catalog.port import Catalog
from lamina.layers import policies, versions
from lamina.layers.policies import Policy
from lamina.layers.versions import LayerVersion
from lamina.names import Digest, LayerVersionArn
from lamina.operations.call import Parameters
from lamina.operations.stamps import Stamps
from lamina.operations.storage import check_room
from lamina.operations.uploads import Uploads

# What the column holds, and one more to come.
_NUMBER_MAX: Final = 2**63 - 2
_GRANT: Final = {"StatementId": "lamina-mirror", "Action": "lambda:GetLayerVersion", "Principal": "*"}


class Mirroring:
    """Records mirrored layer versions. *published* is told of each as of one that was published."""

    def __init__(
        self,
        catalog: Catalog,
        uploads: Uploads,
        stamps: Stamps,
        published: Callable[[LayerVersion, Digest | None], None] = lambda _version, _before: None,
    ) -> None:
        self._catalog = catalog
        self._uploads = uploads
        self._stamps = stamps
        self._published = published

    def mirror(self, arn: LayerVersionArn, data: bytes, attributes: Parameters) -> bool:
        """Have *arn* be the archive *data*, which every account may attach; False if it is that already.

        *attributes* are members of GetLayerVersion's answer. What is recorded stays as it is: a version never changes,
        so an archive that differs is refused. So is one that could not be published.
        """
        versions.check_version_number(arn.number)
        if arn.number > _NUMBER_MAX:
            raise errors.invalid_parameter_value(f"No layer has a version {arn.number}.")
        with self._uploads.kept(data) as archive, self._catalog.writing() as transaction:
            there = transaction.layers.get(arn)
            if there is not None:
                if there.archive.digest != archive.digest:
                    raise errors.resource_conflict(
                        f"{arn} is here already and is another archive: its CodeSha256 is "
                        f"{there.archive.digest.base64}, that of the one given {archive.digest.base64}."
                    )
                return False
            created = attributes.get("CreatedDate") or self._stamps.text()
            version = versions.publish(arn.layer, arn.number, archive, attributes, created)
            check_room(transaction.totals, arn.scope, archive.zipped_bytes)
            transaction.layers.pass_number(arn.layer, arn.number)
            transaction.layers.add(version)
            grant = policies.layer_statement(arn, _GRANT)
            transaction.policies.set_layer(arn, Policy((grant,), self._stamps.revision_id()))
        self._published(version, None)
        return True
