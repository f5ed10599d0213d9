"""Documents that are here and say nothing are told of after a restart, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "damaged_documents",
        sa.Column("sync_id", sa.Integer(), sa.ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("path", sa.Text(), primary_key=True),
        sa.Column("message", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
