"""Other tools' formats: what the files of their runs are for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("purge_from", sa.Float(), nullable=True))
    op.create_table(
        "run_files",
        sa.Column("sync_id", sa.Integer(), sa.ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("path", sa.Text(), primary_key=True),
        sa.Column("role", sa.Text(), primary_key=True),
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_files_run_id", "run_files", ["run_id", "role"], unique=False)
    op.add_column("series", sa.Column("first_step", sa.Float(), nullable=True))
    op.add_column("series", sa.Column("is_rising", sa.Boolean(), nullable=True))
    op.add_column("series", sa.Column("purges", sa.Text(), nullable=True))
