"""What is accepted, kept and shown, and makes no difference on this machine: each setting, and what comes of it here.

Templates written for AWS name these things, and have to deploy. docs/OPERATIONS.md prints this very table.
"""

from __future__ import annotations

from collections.abc import Mapping

WITHOUT_EFFECT: Mapping[str, str] = {
    "PackageType Image": "kept and described; invoking it answers an error. `CodeSha256` of an image named by a "
    "tag is the SHA-256 of its name: no registry is asked",
    "ImageConfig": "kept and described with its image",
    "VpcConfig": "the function reaches what every other reaches (`--network`); any well-formed identifier counts as "
    "existing, and `VpcId` is empty, for there is no EC2 to look it up in",
    "FileSystemConfigs": "nothing is mounted: there is no Amazon EFS",
    "DeadLetterConfig": "where the server is started without an `AWS_ENDPOINT_URL_SQS` or `AWS_ENDPOINT_URL_SNS` for "
    "it, what fails for good is not sent anywhere; the server's log tells of each",
    "KMSKeyArn": "environment variables are stored as they are, readable by whoever can read the state folder",
    "TracingConfig Active": "no segment is sent anywhere: there is no X-Ray; a trace header is handed on in both modes",
    "CodeSigningConfigArn Warn": "every archive counts as unsigned, as signatures of AWS Signer can be checked by AWS "
    "only; `Warn` lets it pass without a word, `Enforce` refuses it in AWS's words",
    "PutRuntimeManagementConfig": "a machine has one version of each runtime: `Manual` takes that version's ARN only",
    "CreateEventSourceMapping": "Kinesis, DynamoDB, Kafka, MQ and DocumentDB are not polled, so no record of theirs is "
    "ever processed; states and settings are as on AWS. Queues of SQS are served",
    "AuthType AWS_IAM of function URLs": "without accounts a signature is asked for and nobody checks whose it is, as "
    "of every request that comes from outside a function; with them (`lamina account`) it has to be right, as on AWS",
}
