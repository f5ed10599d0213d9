"""The tables of the local index, as SQLAlchemy Core knows them. Definitions only; no queries, no connections.

Types are kept to what SQLite and PostgreSQL both have. Times named ``*_at`` are seconds since the epoch;
``*_ns`` are the remote clock's nanoseconds. JSON documents are text, written by ``orjson``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Single values about this data directory, such as the boot id of the machine that last wrote to it."""

servers = Table(
    "servers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host_key", Text, nullable=False, unique=True),  # SHA256 fingerprint: what identifies a server
    Column("label", Text, nullable=False, unique=True),  # what users see and run keys begin with
    Column("directory", Text, nullable=False, unique=True),  # name below mirror/ and cache/
    Column("first_seen_at", Float, nullable=False),
    Column("last_seen_at", Float, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    Column("id", Text, primary_key=True),  # user@host:port
    Column("server_id", Integer, ForeignKey("servers.id"), nullable=False),
    Column("host", Text, nullable=False),  # as typed: may be an alias of ~/.ssh/config
    Column("port", Integer),
    Column("username", Text),
    Column("private_key_path", Text),
    Column("use_agent", Boolean, nullable=False),
    Column("resumable", Boolean, nullable=False),  # False: needs a secret we do not keep
    Column("is_open", Boolean, nullable=False),  # the user has not disconnected
    Column("connected_at", Float, nullable=False),
)
"""How to reach servers again after a restart. Never a secret."""

syncs = Table(
    "syncs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("server_id", Integer, ForeignKey("servers.id"), nullable=False),
    Column("connection_id", Text, nullable=False),
    Column("mode", Text, nullable=False),  # smart | mirror
    Column("remote_root", Text, nullable=False),
    Column("local_dir", Text, nullable=False),  # relative to the data directory
    Column("options", Text, nullable=False),  # JSON
    Column("is_active", Boolean, nullable=False),
    Column("root_device", BigInteger),
    Column("root_inode", BigInteger),
    Column("created_at", Float, nullable=False),
    Column("last_sync_at", Float),
    UniqueConstraint("server_id", "remote_root", "mode"),
)

files = Table(
    "files",
    metadata,
    Column("sync_id", Integer, ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    # the version last listed on the server
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("ctime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("device", BigInteger, nullable=False),
    Column("links", Integer, nullable=False),
    # the version whose bytes the local copy holds; null: nothing is held
    Column("held_size", BigInteger),
    Column("held_mtime_ns", BigInteger),
    Column("held_ctime_ns", BigInteger),
    Column("held_inode", BigInteger),
    Column("held_device", BigInteger),
    Column("content_hash", LargeBinary),  # xxh3-128 of the held bytes
    Column("generation", Integer, nullable=False),
    Column("is_racy", Boolean, nullable=False),  # read too soon after its mtime to be trusted for ever
    Column("landed_at", Float),
    Column("gone_at", Float),
    sqlite_with_rowid=False,
)

partials = Table(
    "partials",
    metadata,
    Column("sync_id", Integer, ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("staged", Text, nullable=False),  # name in the staging directory
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("ctime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("device", BigInteger, nullable=False),
)
"""Big files that are under way: the staged bytes belong to exactly this version, or are thrown away."""

_LISTED = "recycled_at IS NULL AND deleted_at IS NULL"
_HIDDEN = "recycled_at IS NOT NULL OR deleted_at IS NOT NULL"
_GONE = "gone_at IS NOT NULL"
_STATE = """CASE WHEN status = '' THEN 'unverified' WHEN status = 'running' AND liveness = 'gone' THEN 'failed'
ELSE status END"""
_LENGTH = "ended_at - coalesce(started_at, created_at)"
_UNENDED = "ended_at IS NULL AND status = 'running'"

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sync_id", Integer, ForeignKey("syncs.id", ondelete="CASCADE"), nullable=False),
    Column("server_id", Integer, ForeignKey("servers.id"), nullable=False),
    Column("key", Text, nullable=False),  # <server label>/<run id>, with a suffix where that is taken
    Column("run_id", Text, nullable=False),
    Column("path", Text, nullable=False),  # relative to the sync's root
    Column("remote_dir", Text, nullable=False),  # absolute: the same directory seen by two syncs is one run
    Column("format", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Float),
    Column("status", Text, nullable=False),  # what the tool wrote
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("exit_reason", Text),
    Column("pid", BigInteger),
    Column("hostname", Text, nullable=False),
    Column("liveness", Text),  # alive | gone | unknown; null: not asked yet
    Column("liveness_evidence", Text),
    Column("liveness_checked_at", Float),
    Column("best_metric_value", Float),
    Column("best_metric_name", Text),
    Column("artifacts_created", Integer, nullable=False),
    Column("artifacts_used", Integer, nullable=False),
    Column("deleted_at", Float),  # soft-deleted on the server
    Column("gone_at", Float),  # its directory is gone from the server
    Column("summary", Text, nullable=False),
    Column("meta", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("assets", Text, nullable=False),
    # derived from the above, see ``store.run_facts``
    Column("best_score", Float),  # the best metric's value, negated where less is better
    Column("tags", Text, nullable=False, server_default=""),  # lower case, a line each
    Column("search", Text, nullable=False, server_default=""),  # key, project and name in lower case
    Column("recycled_at", Float),  # deleted here by the user: as ``recycled_runs`` says
    Column("state", Text, Computed(_STATE)),  # as ``store.verdict.effective_status_of`` has it
    Column("length", Float, Computed(_LENGTH)),  # seconds; null: not ended
    UniqueConstraint("sync_id", "path"),
    # these two answer whether the same run is known elsewhere, without touching the wide rows
    Index("ix_runs_run_id", "run_id", "server_id", "gone_at"),
    Index("ix_runs_key", "key", "sync_id", "gone_at"),
    Index("ix_runs_server_id_remote_dir", "server_id", "remote_dir"),
    # What lists are filtered and sorted by, thrice, so that no list touches the wide rows: of one run, found by its id;
    # of all runs but for texts; texts alone. What every list asks for comes early: a row is read from its beginning.
    Index(
        "ix_runs_page",
        *("id", "gone_at", "recycled_at", "deleted_at", "state", "server_id", "sync_id", "project", "name"),
        *("created_at", "started_at", "ended_at", "length", "best_score", "best_metric_value"),
        *("tags", "search", "key", "run_id"),
    ),
    Index(
        "ix_runs_short",
        *("created_at", "id", "gone_at", "state", "server_id", "project", "name"),
        *("started_at", "ended_at", "length", "best_score", "best_metric_value"),
        sqlite_where=text(_LISTED),
        postgresql_where=text(_LISTED),
    ),
    Index(
        "ix_runs_texts",
        *("id", "gone_at", "tags", "search"),
        sqlite_where=text(_LISTED),
        postgresql_where=text(_LISTED),
    ),
    # the orders of lists: see ``store.run_walk``
    Index("ix_runs_created_at", "created_at"),
    Index("ix_runs_started_at", "started_at"),
    Index("ix_runs_ended_at", "ended_at"),
    Index("ix_runs_length", "length"),
    Index(
        "ix_runs_unended",
        *("started_at", "created_at", "state"),
        sqlite_where=text(_UNENDED),
        postgresql_where=text(_UNENDED),
    ),
    Index("ix_runs_state", "state"),
    Index("ix_runs_project", "project"),
    Index("ix_runs_name", "name"),
    Index("ix_runs_best", "best_score"),
    Index("ix_runs_best_metric_value", "best_metric_value"),
    Index("ix_runs_hidden", "id", sqlite_where=text(_HIDDEN), postgresql_where=text(_HIDDEN)),
    Index(
        "ix_runs_gone_at",
        *("gone_at", "run_id", "server_id"),
        sqlite_where=text(_GONE),
        postgresql_where=text(_GONE),
    ),
)

run_values = Table(
    "run_values",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),  # nested ones joined by dots
    Column("value", Float, nullable=False),
    Index("ix_run_values_key_value", "key", "value"),
    sqlite_with_rowid=False,
)
"""The numbers in a run's configuration and summary, for lists that are filtered by them. Derived from its documents."""

run_artifacts = Table(
    "run_artifacts",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("relation", Text, primary_key=True),  # created | used
    Column("place", Text, primary_key=True),  # the artifact's directory or file below the root that both lie in
    Column("server_id", Integer, ForeignKey("servers.id"), nullable=False),
    Index("ix_run_artifacts_server_id_place", "server_id", "place"),
    sqlite_with_rowid=False,
)
"""Which run created and used which artifact, as its documents say. Derived from them."""

artifacts = Table(
    "artifacts",
    metadata,
    Column("sync_id", Integer, ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),  # of the version's directory, or of what it is derived from
    Column("server_id", Integer, ForeignKey("servers.id"), nullable=False),
    Column("remote_dir", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Float),
    Column("size_bytes", BigInteger, nullable=False),
    Column("num_files", Integer, nullable=False),
    Column("created_by_run", Text),
    Column("aliases", Text, nullable=False),  # JSON list
    Column("gone_at", Float),
)

sources = Table(
    "sources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("sync_id", Integer, ForeignKey("syncs.id", ondelete="CASCADE"), nullable=False),
    Column("path", Text, nullable=False),  # relative to the sync's root
    Column("reader", Text, nullable=False),  # the name of the reader that understands it
    Column("reading", BigInteger, nullable=False),  # another number each time the file is read from its beginning
    Column("generation", Integer, nullable=False),  # of the file, when it was read; -1: to be read anew
    Column("position", BigInteger, nullable=False),  # the bytes that have been read: what is stored comes from these
    Column("edge_hash", LargeBinary, nullable=False),  # xxh3-128 of the first and last 4096 bytes before position
    Column("state", Text, nullable=False),  # JSON: what the reader needs to go on at position
    Column("points", BigInteger, nullable=False),
    Column("bad_records", BigInteger, nullable=False),  # what could not be understood, and is not stored
    Column("first_bad", Text),  # the first of them, as a sentence
    Column("unknown_records", BigInteger, nullable=False),  # what is of no known type, and is not stored
    Column("first_time", Float),  # the earliest wall clock time in it
    Column("purge_from", Float),  # takes back the points of the sources before it from this step on
    Column("read_at", Float, nullable=False),
    UniqueConstraint("sync_id", "path"),
    Index("ix_sources_run_id", "run_id"),
)
"""Files that series and media come from. Everything below is derived from them and can be rebuilt."""

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", Integer, ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("key", Text, nullable=False),  # as the tool wrote it
    Column("kind", Text, nullable=False),  # number | boolean | text
    Column("points", BigInteger, nullable=False),
    Column("min", Float),  # of the finite values
    Column("max", Float),
    Column("first", Float),
    Column("last", Float),  # may be NaN or infinite: then null here, and last_text says which
    Column("last_text", Text),
    Column("last_step", Float),
    Column("last_time", Float),
    Column("first_step", Float),
    Column("is_rising", Boolean),  # each step is greater than the one before; null: not known
    Column("purges", Text),  # JSON: [[step, count]]: of so many first points, those from this step on are taken back
    UniqueConstraint("source_id", "key", "kind"),
    Index("ix_series_run_id_key", "run_id", "key"),
    Index("ix_series_key_last", "key", "last", "kind", "run_id"),  # lists of runs are filtered by last values
)

chunks = Table(
    "chunks",
    metadata,
    Column("series_id", Integer, ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # how many points are in the chunks before it
    Column("count", Integer, nullable=False),
    Column("min", Float),
    Column("max", Float),
    Column("first", Float),
    Column("last", Float),
    Column("steps", LargeBinary, nullable=False),  # little-endian float64
    Column("times", LargeBinary, nullable=False),  # little-endian float64, seconds since the epoch; NaN: unknown
    Column("values", LargeBinary, nullable=False),  # little-endian float64; of texts: a JSON list
)
"""Up to 4,096 points of one series, in the order they were written. The last ones are smaller: see ``store.series``."""

media = Table(
    "media",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", Integer, ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),  # image
    Column("key", Text, nullable=False),
    Column("path", Text, nullable=False),  # relative to the run's directory
    Column("step", Float),
    Column("time", Float),
    Column("caption", Text),
    Index("ix_media_run_id_key", "run_id", "key"),
    Index("ix_media_source_id", "source_id"),
)

run_files = Table(
    "run_files",
    metadata,
    Column("sync_id", Integer, ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),  # relative to the sync's root
    Column("role", Text, primary_key=True),  # points | document | excerpt | log
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),  # documents are shared
    Column("format", Text, nullable=False),  # of the reader that understands it
    Column("name", Text, nullable=False),  # relative to where that format found the run
    Column("sequence", Text, nullable=False),  # as in ``formats.recognition.FoundSource``
    Column("place", Integer, nullable=False),  # in which order the run's files of this role are read
    Column("version", Text),  # as in ``store.run_files.RunFile``; null: nothing was read yet
    Index("ix_run_files_run_id", "run_id", "role"),
    sqlite_with_rowid=False,
)
"""What the files of recognised runs are for. Derived from the listing; runs of Runicorn's layouts need none of it."""

damaged_documents = Table(
    "damaged_documents",
    metadata,
    Column("sync_id", Integer, ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),  # relative to the sync's root
    Column("message", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Documents of Runicorn's runs that are here and say nothing: told as problems."""

cached_files = Table(
    "cached_files",
    metadata,
    Column("sync_id", Integer, ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("used_at", Float, nullable=False),
    Column("is_pinned", Boolean, nullable=False),  # with all that lies below, where it is a directory
    sqlite_with_rowid=False,
)
"""Files a smart sync holds because someone asked for them: what may be evicted, the longest unused first.

A row is written before the first byte is fetched, and goes after the last is gone.
"""

downloads = Table(
    "downloads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("request", Text, nullable=False),  # JSON: what was asked for
    Column("state", Text, nullable=False),  # queued | running | done | failed | cancelled
    Column("summary", Text, nullable=False),  # JSON: how far it came
    Column("error", Text),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
)

recycled_runs = Table(
    "recycled_runs",
    metadata,
    Column("server_id", Integer, ForeignKey("servers.id"), primary_key=True),
    Column("remote_dir", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("deleted_at", Float, nullable=False),
    Column("emptied_at", Float),  # since then nothing of it is kept here, and nothing of it is fetched
    sqlite_with_rowid=False,
)
"""Runs the user deleted here. Their directories on the servers were never touched."""

hidden_artifacts = Table(
    "hidden_artifacts",
    metadata,
    Column("server_id", Integer, ForeignKey("servers.id"), primary_key=True),
    Column("remote_dir", Text, primary_key=True),
    Column("deleted_at", Float, nullable=False),
    Column("emptied_at", Float),  # as in recycled_runs
    sqlite_with_rowid=False,
)
"""Artifact versions the user deleted here, and shared bytes that went with them. The servers were never touched."""

saved_connections = Table(
    "saved_connections",
    metadata,
    Column("key", Text, primary_key=True),  # user@host:port
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("username", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("auth_method", Text, nullable=False),  # password | key | agent
    Column("private_key_path", Text),
    Column("secrets", Text, nullable=False),  # the names of those in the keyring, separated by spaces
    Column("saved_at", Float, nullable=False),
)
"""Connections the user saved. Never a secret: those are in the keyring of the operating system, or nowhere."""
