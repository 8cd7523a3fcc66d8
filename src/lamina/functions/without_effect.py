"""What is accepted, kept and shown, and makes no difference on this machine: each setting, and what comes of it here.

Templates written for AWS name these things, and have to deploy. docs/OPERATIONS.md prints this very table.
"""

from __future__ import annotations

from collections.abc import Mapping

WITHOUT_EFFECT: Mapping[str, str] = {
    "VpcConfig": "the function is in no network, as every function here; any well-formed identifier counts as existing, "
    "and `VpcId` is empty, for there is no EC2 to look it up in",
    "FileSystemConfigs": "nothing is mounted: there is no Amazon EFS",
    "DeadLetterConfig": "what fails for good is not sent anywhere: there is neither SQS nor SNS",
    "KMSKeyArn": "environment variables are stored as they are, readable by whoever can read the state folder",
    "TracingConfig Active": "no segment is sent anywhere: there is no X-Ray; a trace header is handed on in both modes",
    "SnapStart PublishedVersions": "versions start as without it, and `OptimizationStatus` stays `Off`",
    "LoggingConfig LogGroup": "names the group in the function's variables; the lines are in the state folder's `logs`",
}
