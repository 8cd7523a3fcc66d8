"""Which method answers which operation of CloudFormation."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.catalog.port import Catalog
from lamina.operations.call import Handler
from lamina.operations.markers import Markers
from lamina.operations.stacks.change_sets import ChangeSetOperations
from lamina.operations.stacks.clients import Clients
from lamina.operations.stacks.describing import DescribingOperations
from lamina.operations.stacks.engine import Engine
from lamina.operations.stacks.intake import Intake
from lamina.operations.stacks.stacks import StackOperations
from lamina.operations.stamps import Stamps


def stack_handlers(
    catalog: Catalog, clients: Clients, engine: Engine, markers: Markers, stamps: Stamps
) -> Mapping[str, Handler]:
    """Operation name -> handler, for every operation that is built."""
    intake = Intake(clients)
    stacks = StackOperations(catalog, intake, engine, stamps)
    sets = ChangeSetOperations(catalog, intake, stacks, markers, stamps)
    describing = DescribingOperations(catalog, intake, markers)
    return {
        "CancelUpdateStack": stacks.cancel_update_stack,
        "ContinueUpdateRollback": stacks.continue_update_rollback,
        "CreateChangeSet": sets.create_change_set,
        "CreateStack": stacks.create_stack,
        "DeleteChangeSet": sets.delete_change_set,
        "DeleteStack": stacks.delete_stack,
        "DescribeChangeSet": sets.describe_change_set,
        "DescribeStackEvents": describing.describe_stack_events,
        "DescribeStackResource": describing.describe_stack_resource,
        "DescribeStackResources": describing.describe_stack_resources,
        "DescribeStacks": describing.describe_stacks,
        "ExecuteChangeSet": sets.execute_change_set,
        "GetStackPolicy": describing.get_stack_policy,
        "GetTemplate": describing.get_template,
        "GetTemplateSummary": describing.get_template_summary,
        "ListChangeSets": sets.list_change_sets,
        "ListExports": describing.list_exports,
        "ListImports": describing.list_imports,
        "ListStackResources": describing.list_stack_resources,
        "ListStacks": describing.list_stacks,
        "UpdateStack": stacks.update_stack,
        "UpdateTerminationProtection": stacks.update_termination_protection,
        "ValidateTemplate": describing.validate_template,
    }
