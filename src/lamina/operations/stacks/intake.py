"""From a request to what a stack is to be: the template fetched, transformed, checked, its parameters chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from lamina.errors import ApiError
from lamina.names import Scope
from lamina.operations.call import Call, Parameters
from lamina.operations.stacks.clients import Clients
from lamina.operations.stacks.kinds.table import is_anothers
from lamina.operations.stacks.lookups import stored_parameter
from lamina.operations.stacks.sam import transformed
from lamina.stacks.beside import check_made
from lamina.stacks.faults import invalid
from lamina.stacks.language import written_out
from lamina.stacks.ordering import check_references
from lamina.stacks.parameters import check_types, choose, values
from lamina.stacks.reading import read, write
from lamina.stacks.stack import Input, Stack
from lamina.stacks.templates import LANGUAGE_EXTENSIONS, SAM, Template, template, transforms

_BODY_BYTES_MAX = 51_200
_FETCHED_BYTES_MAX = 1_048_576
# Members that would have to be taken and not be carried out.
_REFUSED: Mapping[str, str] = {
    "NotificationARNs": "sends no notifications of stacks",
    "ResourceTypes": "restricts no resource types",
    "StackPolicyBody": "has no stack policies",
    "StackPolicyURL": "has no stack policies",
    "TimeoutInMinutes": "has no time limit for stacks",
    "ResourcesToImport": "imports no resources",
    "RetainExceptOnCreate": "takes this from the template's DeletionPolicy alone",
    "StackPolicyDuringUpdateBody": "has no stack policies",
    "StackPolicyDuringUpdateURL": "has no stack policies",
}
_NEED_IAM = frozenset(
    {"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::Group"}
    | {"AWS::IAM::InstanceProfile", "AWS::IAM::AccessKey", "AWS::IAM::UserToGroupAddition"}
)
_NAMES = {"AWS::IAM::Role": "RoleName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::User": "UserName"}


@dataclass(frozen=True, slots=True)
class Taken:
    """What a request wants a stack to be."""

    input: Input
    template: Template


class Intake:
    """Takes templates in."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def take(self, call: Call, request: Parameters, stack: Stack | None) -> Taken:
        """The input that *request* describes for *stack*, which is None for a new one; raises the API's error."""
        check_carried_out(request)
        text = self.text(call, request, stack)
        document = read(text)
        declarations = document.get("Parameters") or {}
        previous = {} if stack is None else stack.input.parameters
        check_types(declarations)
        parameters = choose(
            declarations,
            request.get("Parameters") or (),
            previous,
            lambda name: stored_parameter(
                lambda service: self._clients.client(service, call.scope, call.endpoint), name
            ),
        )
        processed = process(document, values(declarations, parameters), call.scope)
        taken = template(processed)
        check(taken)
        tags = request.get("Tags")
        given = {} if tags is None else {tag["Key"]: tag["Value"] for tag in tags}
        kept = stack.input.tags if stack is not None and tags is None else given
        capabilities = tuple(request.get("Capabilities") or ())
        role = request.get("RoleARN") or (None if stack is None else stack.input.role)
        return Taken(Input(text, write(processed), parameters, kept, capabilities, role), taken)

    def text(self, call: Call, request: Parameters, stack: Stack | None) -> str:
        """The text of the template that *request* carries, names, or takes over from *stack*."""
        body, url = request.get("TemplateBody"), request.get("TemplateURL")
        if body is not None:
            if len(body.encode()) > _BODY_BYTES_MAX:
                limit = f"Member must have length less than or equal to {_BODY_BYTES_MAX}"
                raise invalid(
                    f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: {limit}"
                )
            return str(body)
        if url is not None:
            return self._fetch(call, str(url))
        if request.get("UsePreviousTemplate") and stack is not None and stack.input.template:
            return stack.input.template
        raise invalid("Either Template URL or Template Body must be specified.")

    def _fetch(self, call: Call, url: str) -> str:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - not needed to start

        bucket, key = _object(url, call.endpoint)
        try:
            answer = self._clients.client("s3", call.scope, call.endpoint).get_object(Bucket=bucket, Key=key)
            with answer["Body"] as body:
                content: bytes = body.read(_FETCHED_BYTES_MAX + 1)
        except (ClientError, BotoCoreError) as error:
            raise invalid(f"S3 error: {error}") from error
        if len(content) > _FETCHED_BYTES_MAX:
            raise invalid(f"Template may not exceed {_FETCHED_BYTES_MAX} bytes in size.")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise invalid("Template is not UTF-8 encoded.") from error


def process(document: Mapping[str, Any], parameters: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """*document* with every transform that it declares carried out."""
    made = dict(document)
    for name in transforms(document):
        if name == LANGUAGE_EXTENSIONS:
            made = written_out(made, parameters)
        elif name == SAM:
            made = transformed(made, parameters, scope.region)
        else:
            raise invalid(f"No transform named {name} found.")
    made.pop("Transform", None)
    return made


def check(taken: Template) -> None:
    """Raise the API's error for what can be told to be wrong before anything is made."""
    others = [each for each in taken.resources.values() if is_anothers(each.type)]
    check_made(others)
    check_references(taken)


def check_capabilities(taken: Taken, *, transforming: bool) -> None:
    """Raise the API's error unless whoever asked acknowledged what the template does beyond its own stack."""
    wanted = capabilities(taken.template)
    if transforming and transforms(read(taken.input.template)):
        wanted = [*wanted, "CAPABILITY_AUTO_EXPAND"]
    given = set(taken.input.capabilities)
    if "CAPABILITY_NAMED_IAM" in given:
        given.add("CAPABILITY_IAM")
    if missing := [name for name in wanted if name not in given]:
        told = f"Requires capabilities : [{', '.join(missing)}]"
        raise ApiError("InsufficientCapabilitiesException", 400, told, "Sender")


def capabilities(taken: Template) -> list[str]:
    """What has to be acknowledged of a template that makes identities."""
    makers = [each for each in taken.resources.values() if each.type in _NEED_IAM]
    if any(_NAMES.get(each.type, "") in each.properties for each in makers):
        return ["CAPABILITY_NAMED_IAM"]
    return ["CAPABILITY_IAM"] if makers else []


def needed(document: Mapping[str, Any]) -> list[str]:
    """What has to be acknowledged of the template *document* as it was sent: what transforms make, nobody knows yet."""
    if transforms(document):
        return ["CAPABILITY_AUTO_EXPAND"]
    return capabilities(template(document))


def check_carried_out(request: Parameters) -> None:
    """Raise the API's error for a member of *request* that Lamina would have to ignore."""
    for name, why in _REFUSED.items():
        if request.get(name):
            raise invalid(f"Lamina does not support {name}: it {why}.")
    if (request.get("RollbackConfiguration") or {}).get("RollbackTriggers"):
        raise invalid("Lamina does not support RollbackConfiguration: it watches no alarms.")


def _object(url: str, endpoint: str) -> tuple[str, str]:
    """Bucket and key of an object's address, in either of the two styles there are."""
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    if parts.scheme == "s3":
        return parts.netloc, path
    host = parts.hostname or ""
    first = host.partition(".")[0]
    by_path = (
        first in ("s3", "localhost", "127") or first.startswith("s3-") or parts.netloc == urlsplit(endpoint).netloc
    )
    if by_path:
        bucket, _, key = path.partition("/")
        return bucket, key
    if ".s3" not in host and not host.endswith("localhost"):
        raise invalid("TemplateURL must be a supported URL.")
    return host.partition(".s3")[0].removesuffix(".localhost"), path
