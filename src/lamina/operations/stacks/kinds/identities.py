"""Roles and policies of IAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamina.operations.stacks.kinds.fitting import call, check_known, gone, only, tags_list, tags_of
from lamina.operations.stacks.kinds.kind import Made, Properties, Site, half_made
from lamina.operations.stacks.kinds.tagging import Tagging
from lamina.stacks.reading import write
from lamina.stacks.stack import Resource

_NOT_THERE = "NoSuchEntity"
_OF_A_ROLE: Final = (
    *("RoleName", "AssumeRolePolicyDocument", "Description", "Path", "MaxSessionDuration", "PermissionsBoundary"),
    *("ManagedPolicyArns", "Policies", "Tags"),
)


class Roles:
    """AWS::IAM::Role."""

    def make(self, site: Site, properties: Properties) -> Made:
        check_known(properties, *_OF_A_ROLE)
        wanted = only(properties, "RoleName", "Description", "Path", "MaxSessionDuration", "PermissionsBoundary")
        wanted["AssumeRolePolicyDocument"] = write(properties["AssumeRolePolicyDocument"])
        if tags := tags_list(tags_of(properties, site.tags)):
            wanted["Tags"] = tags
        role = call(site.own("iam"), "CreateRole", wanted)["Role"]
        with half_made(role["RoleName"]):
            self._attach(site, {}, properties)
        return Made(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        check_known(properties, *_OF_A_ROLE)
        client, at = site.own("iam"), {"RoleName": before.physical_id}
        trust = write(properties["AssumeRolePolicyDocument"])
        call(client, "UpdateAssumeRolePolicy", {**at, "PolicyDocument": trust})
        described = {
            "Description": "",
            "MaxSessionDuration": 3600,
            **only(properties, "Description", "MaxSessionDuration"),
        }
        call(client, "UpdateRole", {**at, **described})
        if (boundary := properties.get("PermissionsBoundary")) != before.properties.get("PermissionsBoundary"):
            if boundary is None:
                call(client, "DeleteRolePermissionsBoundary", at)
            else:
                call(client, "PutRolePermissionsBoundary", {**at, "PermissionsBoundary": boundary})
        Tagging("TagRole", "UntagRole").retag(client, at, before.properties, properties, site.tags)
        self._attach(site, before.properties, properties)
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        client, at = site.own("iam"), {"RoleName": made.physical_id}
        with gone(_NOT_THERE):
            attached = client.list_attached_role_policies(**at)["AttachedPolicies"]
            for policy in attached:
                call(client, "DetachRolePolicy", {**at, "PolicyArn": policy["PolicyArn"]})
            for name in client.list_role_policies(**at)["PolicyNames"]:
                call(client, "DeleteRolePolicy", {**at, "PolicyName": name})
            call(client, "DeleteRole", at)

    def _attach(self, site: Site, before: Properties, after: Properties) -> None:
        client, at = site.own("iam"), {"RoleName": after["RoleName"]}
        held, wanted = set(before.get("ManagedPolicyArns") or ()), set(after.get("ManagedPolicyArns") or ())
        for arn in sorted(wanted - held):
            call(client, "AttachRolePolicy", {**at, "PolicyArn": arn})
        for arn in sorted(held - wanted):
            call(client, "DetachRolePolicy", {**at, "PolicyArn": arn})
        inline, former = _by_name(after), _by_name(before)
        for name, document in inline.items():
            call(client, "PutRolePolicy", {**at, "PolicyName": name, "PolicyDocument": _inline(document)})
        for name in sorted(former.keys() - inline.keys()):
            call(client, "DeleteRolePolicy", {**at, "PolicyName": name})


class Policies:
    """AWS::IAM::Policy: one document, put into roles, users and groups."""

    def make(self, site: Site, properties: Properties) -> Made:
        self._put(site, properties, {})
        return Made(str(properties["PolicyName"]), {"Id": properties["PolicyName"]})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        self._put(site, properties, before.properties)
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        for kind, name in _principals(made.properties):
            with gone(_NOT_THERE):
                call(site.own("iam"), f"Delete{kind}Policy", {f"{kind}Name": name, "PolicyName": made.physical_id})

    def _put(self, site: Site, after: Properties, before: Properties) -> None:
        client, name, document = site.own("iam"), after["PolicyName"], _inline(after["PolicyDocument"])
        wanted = _principals(after)
        for kind, holder in wanted:
            at = {f"{kind}Name": holder, "PolicyName": name}
            call(client, f"Put{kind}Policy", {**at, "PolicyDocument": document})
        for kind, holder in _principals(before):
            if (kind, holder) not in wanted:
                call(client, f"Delete{kind}Policy", {f"{kind}Name": holder, "PolicyName": name})


class ManagedPolicies:
    """AWS::IAM::ManagedPolicy."""

    def make(self, site: Site, properties: Properties) -> Made:
        client = site.own("iam")
        wanted = {"PolicyName": properties["ManagedPolicyName"], **only(properties, "Path", "Description")}
        answer = call(client, "CreatePolicy", {**wanted, "PolicyDocument": write(properties["PolicyDocument"])})
        arn = answer["Policy"]["Arn"]
        with half_made(arn):
            self._attach(client, arn, properties, {})
        return Made(arn, {"PolicyArn": arn, "PolicyId": answer["Policy"]["PolicyId"]})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        client, at = site.own("iam"), {"PolicyArn": before.physical_id}
        if properties["PolicyDocument"] != before.properties["PolicyDocument"]:
            # Five versions is all that a policy may have.
            for version in client.list_policy_versions(**at)["Versions"]:
                if not version["IsDefaultVersion"]:
                    call(client, "DeletePolicyVersion", {**at, "VersionId": version["VersionId"]})
            document = write(properties["PolicyDocument"])
            call(client, "CreatePolicyVersion", {**at, "PolicyDocument": document, "SetAsDefault": True})
        self._attach(client, before.physical_id, properties, before.properties)
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        client, at = site.own("iam"), {"PolicyArn": made.physical_id}
        with gone(_NOT_THERE):
            self._attach(client, made.physical_id, {}, made.properties)
            for version in client.list_policy_versions(**at)["Versions"]:
                if not version["IsDefaultVersion"]:
                    call(client, "DeletePolicyVersion", {**at, "VersionId": version["VersionId"]})
            call(client, "DeletePolicy", at)

    def _attach(self, client: Any, arn: str, after: Properties, before: Properties) -> None:
        wanted, held = _principals(after), _principals(before)
        for kind, name in wanted:
            call(client, f"Attach{kind}Policy", {f"{kind}Name": name, "PolicyArn": arn})
        for kind, name in held:
            if (kind, name) not in wanted:
                with gone(_NOT_THERE):
                    call(client, f"Detach{kind}Policy", {f"{kind}Name": name, "PolicyArn": arn})


def _inline(document: Mapping[str, Any]) -> str:
    """*document* as text, with a version: AWS asks for none here, and SAM's have none; moto takes none without."""
    return write({"Version": "2012-10-17", **document})


def _principals(properties: Properties) -> list[tuple[str, str]]:
    return [(kind, name) for kind in ("Role", "User", "Group") for name in properties.get(f"{kind}s") or ()]


def _by_name(properties: Properties) -> dict[str, Mapping[str, Any]]:
    return {each["PolicyName"]: each["PolicyDocument"] for each in properties.get("Policies") or ()}
