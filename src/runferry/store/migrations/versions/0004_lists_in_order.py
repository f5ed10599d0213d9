"""Lists of runs are read in their order, newest or best first, and what they leave out is found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SHARED = (
    *("gone_at", "status", "liveness", "server_id", "sync_id"),
    *("project", "name", "started_at", "ended_at", "best_metric_value", "recycled_at", "deleted_at"),
)


def upgrade() -> None:
    listed = sa.text("recycled_at IS NULL AND deleted_at IS NULL")
    hidden = sa.text("recycled_at IS NOT NULL OR deleted_at IS NOT NULL")
    op.drop_index("ix_runs_short", "runs")
    for name, first, last in (
        ("ix_runs_short", "created_at", "best_score"),
        ("ix_runs_best", "best_score", "created_at"),
    ):
        columns = [first, "id", *SHARED, last]
        op.create_index(name, "runs", columns, unique=False, sqlite_where=listed, postgresql_where=listed)
    gone = sa.text("gone_at IS NOT NULL")
    op.drop_index("ix_runs_gone_at", "runs")
    op.create_index(
        "ix_runs_gone_at",
        "runs",
        ["gone_at", "run_id", "server_id"],
        unique=False,
        sqlite_where=gone,
        postgresql_where=gone,
    )
    op.create_index("ix_runs_hidden", "runs", ["id"], unique=False, sqlite_where=hidden, postgresql_where=hidden)
