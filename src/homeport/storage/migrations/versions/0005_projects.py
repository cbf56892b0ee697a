"""Keys have a project; requests say project, end user, trace, whether a batch asked, and which process answered."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("keys", sa.Column("project", sa.String(160), nullable=False, server_default="default"))
    op.add_column("requests", sa.Column("project", sa.String(160), nullable=False, server_default="default"))
    op.add_column("requests", sa.Column("end_user", sa.String(160), nullable=False, server_default=""))
    op.add_column("requests", sa.Column("trace_id", sa.String(160), nullable=False, server_default=""))
    op.add_column("requests", sa.Column("batch", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("requests", sa.Column("holder", sa.String(40), nullable=False, server_default=""))


def downgrade() -> None:
    for column in ("holder", "batch", "trace_id", "end_user", "project"):
        op.drop_column("requests", column)
    op.drop_column("keys", "project")
