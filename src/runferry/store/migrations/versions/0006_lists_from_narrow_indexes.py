"""Lists of runs are filtered by what a short index holds, and have an order to begin with, however they are sorted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATE = """CASE WHEN status = '' THEN 'unverified' WHEN status = 'running' AND liveness = 'gone' THEN 'failed'
ELSE status END"""
LENGTH = "ended_at - coalesce(started_at, created_at)"

LISTED = "recycled_at IS NULL AND deleted_at IS NULL"
UNENDED = "ended_at IS NULL AND status = 'running'"

PAGE = (
    *("id", "gone_at", "recycled_at", "deleted_at", "state", "server_id", "sync_id", "project", "name"),
    *("created_at", "started_at", "ended_at", "length", "best_score", "best_metric_value"),
    *("tags", "search", "key", "run_id"),
)
SHORT = (
    *("created_at", "id", "gone_at", "state", "server_id", "project", "name"),
    *("started_at", "ended_at", "length", "best_score", "best_metric_value"),
)
ORDERS = ("created_at", "started_at", "ended_at", "length", "state", "project", "name", "best_metric_value")


def upgrade() -> None:
    op.add_column("runs", sa.Column("state", sa.Text(), sa.Computed(STATE)))
    op.add_column("runs", sa.Column("length", sa.Float(), sa.Computed(LENGTH)))
    for name in ("ix_runs_page", "ix_runs_short", "ix_runs_best"):
        op.drop_index(name, "runs")
    create_index("ix_runs_page", PAGE)
    create_index("ix_runs_short", SHORT, LISTED)
    create_index("ix_runs_texts", ("id", "gone_at", "tags", "search"), LISTED)
    create_index("ix_runs_unended", ("started_at", "created_at", "state"), UNENDED)
    create_index("ix_runs_best", ("best_score",))
    for column in ORDERS:
        create_index(f"ix_runs_{column}", (column,))


def create_index(name: str, columns: tuple[str, ...], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, "runs", list(columns), unique=False, sqlite_where=condition, postgresql_where=condition)
