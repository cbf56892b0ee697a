"""Keys name a data class of the configuration, which may be longer than `private`."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.alter_column("data_class", existing_type=sa.String(16), existing_nullable=False, type_=sa.String(32))


def downgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.alter_column("data_class", existing_type=sa.String(32), existing_nullable=False, type_=sa.String(16))
