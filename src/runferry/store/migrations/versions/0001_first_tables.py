"""The first tables: servers, connections, syncs, files, runs, artifacts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_facts()
    _create_servers()
    _create_connections()
    _create_syncs()
    _create_artifacts()
    _create_files()
    _create_partials()
    _create_runs()


def _create_facts() -> None:
    op.create_table(
        "facts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
    )


def _create_servers() -> None:
    op.create_table(
        "servers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host_key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.Float(), nullable=False),
        sa.Column("last_seen_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servers")),
        sa.UniqueConstraint("directory", name=op.f("uq_servers_directory")),
        sa.UniqueConstraint("host_key", name=op.f("uq_servers_host_key")),
        sa.UniqueConstraint("label", name=op.f("uq_servers_label")),
    )


def _create_connections() -> None:
    op.create_table(
        "connections",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("private_key_path", sa.Text(), nullable=True),
        sa.Column("use_agent", sa.Boolean(), nullable=False),
        sa.Column("resumable", sa.Boolean(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("connected_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name=op.f("fk_connections_server_id_servers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
    )


def _create_syncs() -> None:
    op.create_table(
        "syncs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("remote_root", sa.Text(), nullable=False),
        sa.Column("local_dir", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("root_device", sa.BigInteger(), nullable=True),
        sa.Column("root_inode", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("last_sync_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name=op.f("fk_syncs_server_id_servers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_syncs")),
        sa.UniqueConstraint("server_id", "remote_root", "mode", name=op.f("uq_syncs_server_id_remote_root_mode")),
    )


def _create_artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("sync_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("remote_dir", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("num_files", sa.Integer(), nullable=False),
        sa.Column("created_by_run", sa.Text(), nullable=True),
        sa.Column("aliases", sa.Text(), nullable=False),
        sa.Column("gone_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name=op.f("fk_artifacts_server_id_servers")),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.id"], name=op.f("fk_artifacts_sync_id_syncs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sync_id", "path", name=op.f("pk_artifacts")),
    )


def _create_files() -> None:
    op.create_table(
        "files",
        sa.Column("sync_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("ctime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("links", sa.Integer(), nullable=False),
        sa.Column("held_size", sa.BigInteger(), nullable=True),
        sa.Column("held_mtime_ns", sa.BigInteger(), nullable=True),
        sa.Column("held_ctime_ns", sa.BigInteger(), nullable=True),
        sa.Column("held_inode", sa.BigInteger(), nullable=True),
        sa.Column("held_device", sa.BigInteger(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("is_racy", sa.Boolean(), nullable=False),
        sa.Column("landed_at", sa.Float(), nullable=True),
        sa.Column("gone_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.id"], name=op.f("fk_files_sync_id_syncs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sync_id", "path", name=op.f("pk_files")),
        sqlite_with_rowid=False,
    )


def _create_partials() -> None:
    op.create_table(
        "partials",
        sa.Column("sync_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("staged", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("ctime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.id"], name=op.f("fk_partials_sync_id_syncs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sync_id", "path", name=op.f("pk_partials")),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sync_id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("remote_dir", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("exit_reason", sa.Text(), nullable=True),
        sa.Column("pid", sa.BigInteger(), nullable=True),
        sa.Column("hostname", sa.Text(), nullable=False),
        sa.Column("liveness", sa.Text(), nullable=True),
        sa.Column("liveness_evidence", sa.Text(), nullable=True),
        sa.Column("liveness_checked_at", sa.Float(), nullable=True),
        sa.Column("best_metric_value", sa.Float(), nullable=True),
        sa.Column("best_metric_name", sa.Text(), nullable=True),
        sa.Column("artifacts_created", sa.Integer(), nullable=False),
        sa.Column("artifacts_used", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.Float(), nullable=True),
        sa.Column("gone_at", sa.Float(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("assets", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name=op.f("fk_runs_server_id_servers")),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.id"], name=op.f("fk_runs_sync_id_syncs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("sync_id", "path", name=op.f("uq_runs_sync_id_path")),
    )
    op.create_index("ix_runs_key", "runs", ["key"], unique=False)
    op.create_index(
        "ix_runs_page",
        "runs",
        [
            "created_at",
            "server_id",
            "sync_id",
            "key",
            "project",
            "name",
            "status",
            "liveness",
            "started_at",
            "ended_at",
            "best_metric_value",
            "deleted_at",
            "gone_at",
        ],
        unique=False,
    )
    op.create_index("ix_runs_run_id", "runs", ["run_id"], unique=False)
    op.create_index("ix_runs_server_id_remote_dir", "runs", ["server_id", "remote_dir"], unique=False)
