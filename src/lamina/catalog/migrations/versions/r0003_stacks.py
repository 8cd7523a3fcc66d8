"""CloudFormation's stacks, their events and change sets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of stacks."""
    op.create_table(
        "stacks",
        sa.Column("id", sa.String(300), nullable=False),
        sa.Column("account", sa.String(140), nullable=False),
        sa.Column("region", sa.String(140), nullable=False),
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("status", sa.String(140), nullable=False),
        sa.Column("busy", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("deleted_at", sa.Float),
        sa.Column("document", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stacks"),
    )
    op.create_index("ix_stacks_account_region_name", "stacks", ["account", "region", "name"])
    op.create_table(
        "stack_events",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("stack_id", sa.String(300), nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_stack_events"),
    )
    op.create_index("ix_stack_events_stack_id_number", "stack_events", ["stack_id", "number"])
    op.create_table(
        "change_sets",
        sa.Column("id", sa.String(300), nullable=False),
        sa.Column("stack_id", sa.String(300), nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_change_sets"),
    )
    op.create_index("ix_change_sets_stack_id", "change_sets", ["stack_id"])
