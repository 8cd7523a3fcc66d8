"""Types of resources that are not ours to make, and that moto's CloudFormation makes: known before a stack is begun.

moto takes what it does not know for made, and only it can be asked, once it runs. So its types stand here, and a test
compares them with those of the moto that is installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from lamina.stacks.faults import misformed
from lamina.stacks.templates import Declaration

_BY_SERVICE: Final[Mapping[str, str]] = {
    "ApiGateway": "Deployment Method Resource RestApi",
    "AutoScaling": "AutoScalingGroup LaunchConfiguration ScheduledAction",
    "Batch": "ComputeEnvironment JobDefinition JobQueue",
    "CloudWatch": "Dashboard",
    "DataPipeline": "Pipeline",
    "DynamoDB": "Table",
    "EC2": (
        "EIP FlowLog Instance InternetGateway LaunchTemplate NatGateway NetworkInterface Route "
        "RouteTable SecurityGroup SecurityGroupIngress SpotFleet Subnet "
        "SubnetRouteTableAssociation TransitGateway VPC VPCEndpoint VPCGatewayAttachment "
        "VPCPeeringConnection VPNGateway Volume VolumeAttachment"
    ),
    "ECS": "Cluster Service TaskDefinition",
    "EFS": "AccessPoint FileSystem MountTarget",
    "EMR": "Cluster InstanceGroupConfig SecurityConfiguration",
    "ElasticLoadBalancing": "LoadBalancer",
    "ElasticLoadBalancingV2": "Listener ListenerRule LoadBalancer TargetGroup",
    "Events": "Archive EventBus",
    "IAM": "AccessKey InstanceProfile User",
    "IoT": "BillingGroup JobTemplate Policy RoleAlias Thing ThingType",
    "KMS": "Alias Key",
    "Kinesis": "Stream",
    "Logs": "ResourcePolicy",
    "RDS": "DBInstance DBParameterGroup DBSecurityGroup DBSubnetGroup",
    "Redshift": "Cluster ClusterParameterGroup ClusterSubnetGroup",
    "Route53": "HealthCheck HostedZone RecordSet RecordSetGroup",
    "SSM": "Document",
    "SageMaker": "Endpoint EndpointConfig Model NotebookInstance NotebookInstanceLifecycleConfig",
    "StepFunctions": "StateMachine",
}
MADE: Final = frozenset(f"AWS::{service}::{kind}" for service, kinds in _BY_SERVICE.items() for kind in kinds.split())


def check_made(resources: Iterable[Declaration]) -> None:
    """Raise the API's error for *resources*, none of ours, that nobody here makes.

    What a condition may leave out is not among them: a template can do without it here.
    """
    unknown = {each.type for each in resources if each.type not in MADE and each.condition is None}
    if unknown:
        raise misformed(f"Unrecognized resource types: [{', '.join(sorted(unknown))}]")
