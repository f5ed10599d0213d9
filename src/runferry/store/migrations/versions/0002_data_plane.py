"""The data plane: what was read from runs' files, the cache, downloads, the recycle bin, saved connections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _extend_runs()
    _create_run_facts()
    _create_hidden_artifacts()
    _create_downloads()
    _create_saved_connections()
    _create_recycled_runs()
    _create_cached_files()
    _create_sources()
    _create_media()
    _create_series()
    _create_chunks()


PAGE = (
    *("created_at", "gone_at", "recycled_at", "deleted_at", "status", "liveness", "server_id", "sync_id", "best_score"),
    *("project", "name", "started_at", "ended_at", "best_metric_value", "key", "run_id", "tags", "search"),
)


SHORT = (
    *("created_at", "gone_at", "status", "liveness", "server_id", "sync_id", "best_score", "project", "name"),
    *("started_at", "ended_at", "best_metric_value", "recycled_at", "deleted_at"),
)


def _extend_runs() -> None:
    op.add_column("runs", sa.Column("best_score", sa.Float(), nullable=True))
    op.add_column("runs", sa.Column("tags", sa.Text(), server_default="", nullable=False))
    op.add_column("runs", sa.Column("search", sa.Text(), server_default="", nullable=False))
    op.add_column("runs", sa.Column("recycled_at", sa.Float(), nullable=True))
    for name, columns in (
        ("ix_runs_run_id", ("run_id", "server_id", "gone_at")),
        ("ix_runs_key", ("key", "sync_id", "gone_at")),
        ("ix_runs_page", PAGE),
    ):
        op.drop_index(name, "runs")
        op.create_index(name, "runs", list(columns), unique=False)
    listed, gone = sa.text("recycled_at IS NULL AND deleted_at IS NULL"), sa.text("gone_at IS NOT NULL")
    op.create_index("ix_runs_short", "runs", list(SHORT), sqlite_where=listed, postgresql_where=listed)
    op.create_index("ix_runs_gone_at", "runs", ["gone_at"], sqlite_where=gone, postgresql_where=gone)
    # What is derived from the runs' documents is missing now: read them all again, as after an abrupt end.
    op.execute("UPDATE facts SET value = 'working' WHERE name = 'service_state'")


def _create_run_facts() -> None:
    op.create_table(
        "run_values",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_values_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_run_values")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_values_key_value", "run_values", ["key", "value"], unique=False)
    op.create_table(
        "run_artifacts",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_artifacts_run_id_runs"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name=op.f("fk_run_artifacts_server_id_servers")),
        sa.PrimaryKeyConstraint("run_id", "relation", "place", name=op.f("pk_run_artifacts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_artifacts_server_id_place", "run_artifacts", ["server_id", "place"], unique=False)


def _create_hidden_artifacts() -> None:
    op.create_table(
        "hidden_artifacts",
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("remote_dir", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.Float(), nullable=False),
        sa.Column("emptied_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name=op.f("fk_hidden_artifacts_server_id_servers")),
        sa.PrimaryKeyConstraint("server_id", "remote_dir", name=op.f("pk_hidden_artifacts")),
        sqlite_with_rowid=False,
    )


def _create_downloads() -> None:
    op.create_table(
        "downloads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_downloads")),
    )


def _create_saved_connections() -> None:
    op.create_table(
        "saved_connections",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("auth_method", sa.Text(), nullable=False),
        sa.Column("private_key_path", sa.Text(), nullable=True),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_saved_connections")),
    )


def _create_recycled_runs() -> None:
    op.create_table(
        "recycled_runs",
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("remote_dir", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.Float(), nullable=False),
        sa.Column("emptied_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name=op.f("fk_recycled_runs_server_id_servers")),
        sa.PrimaryKeyConstraint("server_id", "remote_dir", name=op.f("pk_recycled_runs")),
        sqlite_with_rowid=False,
    )


def _create_cached_files() -> None:
    op.create_table(
        "cached_files",
        sa.Column("sync_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("used_at", sa.Float(), nullable=False),
        sa.Column("is_pinned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sync_id"], ["syncs.id"], name=op.f("fk_cached_files_sync_id_syncs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sync_id", "path", name=op.f("pk_cached_files")),
        sqlite_with_rowid=False,
    )


def _create_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("sync_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("reading", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("edge_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("bad_records", sa.BigInteger(), nullable=False),
        sa.Column("first_bad", sa.Text(), nullable=True),
        sa.Column("unknown_records", sa.BigInteger(), nullable=False),
        sa.Column("first_time", sa.Float(), nullable=True),
        sa.Column("read_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_sources_run_id_runs"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.id"], name=op.f("fk_sources_sync_id_syncs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("sync_id", "path", name=op.f("uq_sources_sync_id_path")),
    )
    op.create_index("ix_sources_run_id", "sources", ["run_id"], unique=False)


def _create_media() -> None:
    op.create_table(
        "media",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("step", sa.Float(), nullable=True),
        sa.Column("time", sa.Float(), nullable=True),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_media_run_id_runs"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_media_source_id_sources"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index("ix_media_run_id_key", "media", ["run_id", "key"], unique=False)
    op.create_index("ix_media_source_id", "media", ["source_id"], unique=False)


def _create_series() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("min", sa.Float(), nullable=True),
        sa.Column("max", sa.Float(), nullable=True),
        sa.Column("first", sa.Float(), nullable=True),
        sa.Column("last", sa.Float(), nullable=True),
        sa.Column("last_text", sa.Text(), nullable=True),
        sa.Column("last_step", sa.Float(), nullable=True),
        sa.Column("last_time", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_series_run_id_runs"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_series_source_id_sources"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("source_id", "key", "kind", name=op.f("uq_series_source_id_key_kind")),
    )
    op.create_index("ix_series_run_id_key", "series", ["run_id", "key"], unique=False)
    op.create_index("ix_series_key_last", "series", ["key", "last", "kind", "run_id"], unique=False)


def _create_chunks() -> None:
    op.create_table(
        "chunks",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("min", sa.Float(), nullable=True),
        sa.Column("max", sa.Float(), nullable=True),
        sa.Column("first", sa.Float(), nullable=True),
        sa.Column("last", sa.Float(), nullable=True),
        sa.Column("steps", sa.LargeBinary(), nullable=False),
        sa.Column("times", sa.LargeBinary(), nullable=False),
        sa.Column("values", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_chunks_series_id_series"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", "number", name=op.f("pk_chunks")),
    )
