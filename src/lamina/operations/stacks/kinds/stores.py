"""Parameters, repositories, log groups: small things of other services."""

from __future__ import annotations

from lamina.operations.stacks.kinds.fitting import call, check_known, gone, only, tags_list, tags_of
from lamina.operations.stacks.kinds.kind import Made, Properties, Site, half_made
from lamina.operations.stacks.kinds.tagging import Tagging
from lamina.stacks.reading import write
from lamina.stacks.stack import Resource


class Parameters:
    """AWS::SSM::Parameter."""

    def make(self, site: Site, properties: Properties) -> Made:
        wanted = {key: value for key, value in properties.items() if key != "Tags"}
        tags = tags_list(tags_of(properties, site.tags))
        call(site.own("ssm"), "PutParameter", {**wanted, **({"Tags": tags} if tags else {})})
        return self._made(properties)

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        client, at = site.own("ssm"), {"ResourceType": "Parameter", "ResourceId": before.physical_id}
        wanted = {key: value for key, value in properties.items() if key != "Tags"}
        call(client, "PutParameter", {**wanted, "Overwrite": True})
        tagging = Tagging("AddTagsToResource", "RemoveTagsFromResource")
        tagging.retag(client, at, before.properties, properties, site.tags)
        return self._made(properties)

    def remove(self, site: Site, made: Resource) -> None:
        with gone("ParameterNotFound"):
            call(site.own("ssm"), "DeleteParameter", {"Name": made.physical_id})

    def _made(self, properties: Properties) -> Made:
        told = {"Type": properties.get("Type", "String"), "Value": properties["Value"]}
        return Made(str(properties["Name"]), told)


class Repositories:
    """AWS::ECR::Repository."""

    def make(self, site: Site, properties: Properties) -> Made:
        check_known(
            properties,
            *("RepositoryName", "EncryptionConfiguration", "ImageScanningConfiguration", "ImageTagMutability"),
            *("LifecyclePolicy", "RepositoryPolicyText", "EmptyOnDelete", "Tags"),
        )
        client, at = site.own("ecr"), {"repositoryName": properties["RepositoryName"]}
        wanted = only(properties, "ImageTagMutability")
        made = client.create_repository(
            **at,
            **{_lower(key): value for key, value in wanted.items()},
            tags=tags_list(tags_of(properties, site.tags)),
        )["repository"]
        with half_made(made["repositoryName"]):
            self._carry_out(site, properties)
        return Made(made["repositoryName"], {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        self._carry_out(site, properties)
        tagging = Tagging(tags="tags", keys="tagKeys")
        at = {"resourceArn": before.attributes["Arn"]}
        tagging.retag(site.own("ecr"), at, before.properties, properties, site.tags)
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        force = made.properties.get("EmptyOnDelete") in (True, "true")
        with gone("RepositoryNotFoundException"):
            site.own("ecr").delete_repository(repositoryName=made.physical_id, force=force)

    def _carry_out(self, site: Site, properties: Properties) -> None:
        client, at = site.own("ecr"), {"repositoryName": properties["RepositoryName"]}
        if (scanning := properties.get("ImageScanningConfiguration")) is not None:
            wanted = {"scanOnPush": scanning.get("ScanOnPush")}
            call(client, "PutImageScanningConfiguration", {**at, "imageScanningConfiguration": wanted})
        if (lifecycle := (properties.get("LifecyclePolicy") or {}).get("LifecyclePolicyText")) is not None:
            call(client, "PutLifecyclePolicy", {**at, "lifecyclePolicyText": lifecycle})
        if (policy := properties.get("RepositoryPolicyText")) is not None:
            text = policy if isinstance(policy, str) else write(policy)
            call(client, "SetRepositoryPolicy", {**at, "policyText": text})


class LogGroups:
    """AWS::Logs::LogGroup."""

    def make(self, site: Site, properties: Properties) -> Made:
        check_known(properties, "LogGroupName", "RetentionInDays", "Tags", "LogGroupClass")
        client, name = site.own("logs"), properties["LogGroupName"]
        wanted = {"logGroupName": name}
        if "LogGroupClass" in properties:
            wanted["logGroupClass"] = properties["LogGroupClass"]
        tags = tags_of(properties, site.tags)
        call(client, "CreateLogGroup", {**wanted, **({"tags": tags} if tags else {})})
        if (days := properties.get("RetentionInDays")) is not None:
            with half_made(str(name)):
                call(client, "PutRetentionPolicy", {"logGroupName": name, "retentionInDays": days})
        arn = f"arn:aws:logs:{site.scope.region}:{site.scope.account}:log-group:{name}:*"
        return Made(str(name), {"Arn": arn})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        check_known(properties, "LogGroupName", "RetentionInDays", "Tags", "LogGroupClass")
        client, at = site.own("logs"), {"logGroupName": before.physical_id}
        if (days := properties.get("RetentionInDays")) is None:
            call(client, "DeleteRetentionPolicy", at)
        else:
            call(client, "PutRetentionPolicy", {**at, "retentionInDays": days})
        tagging = Tagging(tags="tags", keys="tagKeys", listed=False)
        where = {"resourceArn": str(before.attributes["Arn"]).removesuffix(":*")}
        tagging.retag(client, where, before.properties, properties, site.tags)
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        with gone("ResourceNotFoundException"):
            call(site.own("logs"), "DeleteLogGroup", {"logGroupName": made.physical_id})


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
