"""Every other type, through moto's CloudFormation: a stack of one resource, whose properties hold no function."""

from __future__ import annotations

from lamina.operations.stacks.kinds.fitting import gone
from lamina.operations.stacks.kinds.kind import Failed, Made, Properties, Site
from lamina.stacks.reading import write
from lamina.stacks.stack import Resource

_ONE = "One"


class Companions:
    """Makes what moto knows to make."""

    def make(self, site: Site, properties: Properties) -> Made:
        return self._put(site, properties, "create_stack")

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        del before
        return self._put(site, properties, "update_stack")

    def remove(self, site: Site, made: Resource) -> None:
        del made
        with gone("ValidationError"):
            site.companion("cloudformation").delete_stack(StackName=_name(site))

    def _put(self, site: Site, properties: Properties, operation: str) -> Made:
        client, name = site.companion("cloudformation"), _name(site)
        template = {
            "Resources": {_ONE: {"Type": site.type, "Properties": dict(properties)}},
            "Outputs": {f"A{at}": {"Value": {"Fn::GetAtt": [_ONE, asked]}} for at, asked in enumerate(site.asked)},
        }
        getattr(client, operation)(StackName=name, TemplateBody=write(template))
        found = client.describe_stack_resources(StackName=name)["StackResources"]
        physical_id = found[0].get("PhysicalResourceId") if found else None
        if not physical_id:
            # It takes what it does not know for made: another moto than ours, or a type behind a condition.
            client.delete_stack(StackName=name)
            raise Failed(f"Lamina cannot make {site.type}: neither it nor moto, which it asks, knows the type")
        outputs = client.describe_stacks(StackName=name)["Stacks"][0].get("Outputs") or ()
        told = {each["OutputKey"]: each.get("OutputValue") for each in outputs}
        return Made(physical_id, {asked: told[f"A{at}"] for at, asked in enumerate(site.asked) if told.get(f"A{at}")})


def _name(site: Site) -> str:
    kind = site.type.rpartition(":")[2]
    name = f"{site.stack_id.rpartition('/')[2]}-{site.logical_id}-{kind}"
    # A stack's name begins with a letter.
    return f"s{name[-127:]}"
