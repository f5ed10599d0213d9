"""The database opens quickly, keeps transactions apart and speaks in our own errors."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.schema import CreateTable

from runferry.errors import DiskFull, RunferryError
from runferry.store import migrations
from runferry.store.db import MAPPED, Database, upsert, upsert_plainly
from runferry.store.migrations import HEAD
from runferry.store.run_list import RunFilter
from runferry.store.runs import RunStore
from runferry.store.tables import facts, metadata, runs, servers, syncs


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "data" / "runferry.db")


def write_fact(database: Database, name: str, value: str) -> None:
    with database.writing() as connection:
        upsert(connection, facts, [{"name": name, "value": value}], keys=["name"])


def read_facts(database: Database) -> dict[str, str]:
    with database.reading() as connection:
        return {row.name: row.value for row in connection.execute(select(facts))}


def test_the_migrations_and_the_tables_agree(database: Database) -> None:
    database.open()
    with database.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
        # what Alembic's comparison leaves out
        migrated = {table: inspect(connection).get_pk_constraint(table) for table in metadata.tables}
    database.close()
    direct = create_engine("sqlite://")
    metadata.create_all(direct)
    assert migrated == {table: inspect(direct).get_pk_constraint(table) for table in metadata.tables}
    direct.dispose()


def test_the_known_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads() == [HEAD]


OLD_SERVER = {"id": 1, "host_key": "k", "label": "gpu1", "directory": "gpu1", "first_seen_at": 1.0, "last_seen_at": 1.0}
OLD_SYNC = {"id": 1, "server_id": 1, "connection_id": "user@gpu1:22", "mode": "mirror", "remote_root": "/data"} | {
    "local_dir": "mirror/gpu1",
    "options": "{}",
    "is_active": True,
    "created_at": 1.0,
}


def make_old_run(name: str, **fields: object) -> dict[str, object]:
    texts = {column.name: "{}" for column in runs.c if not column.nullable and column.name != "id"}
    numbers = {"sync_id": 1, "server_id": 1, "artifacts_created": 0, "artifacts_used": 0, "created_at": 5.0}
    return {**texts, **numbers, "run_id": name, "key": f"gpu1/{name}", "path": name, "liveness": None, **fields}


def test_the_runs_of_an_older_index_are_listed_once_it_is_migrated(database: Database) -> None:
    database.path.parent.mkdir()
    older = create_engine(URL.create("sqlite", database=str(database.path)))
    with older.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(config, "0005")
        connection.execute(insert(servers), [OLD_SERVER])
        connection.execute(insert(syncs), [OLD_SYNC])
        old = (
            make_old_run("a", status="finished", ended_at=25.0),
            make_old_run("b", status="running", liveness="gone", ended_at=None),
            make_old_run("c", status="", ended_at=15.0),
        )
        connection.execute(insert(runs), old)
    older.dispose()
    database.open()
    rows, _ = RunStore(database).list_runs(RunFilter(sort="duration_seconds", limit=2))
    assert [row.run_id for row in rows] == ["a", "c"]
    rows, _ = RunStore(database).list_runs(RunFilter(status=("failed", "unverified"), sort="status", order="asc"))
    assert [row.run_id for row in rows] == ["b", "c"]
    database.close()


def test_every_table_can_be_created_in_postgresql_too() -> None:
    dialect = URL.create("postgresql").get_dialect()()
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))


def test_a_database_that_is_up_to_date_opens_at_once(database: Database) -> None:
    database.open()
    database.close()
    fastest = 1.0
    for _ in range(5):
        started = time.perf_counter()
        database.open()
        fastest = min(fastest, time.perf_counter() - started)
        database.close()
    assert fastest < 0.03


def test_open_and_close_may_be_called_again(database: Database) -> None:
    database.open()
    database.open()
    write_fact(database, "a", "1")
    database.close()
    database.close()
    with pytest.raises(RunferryError, match="closed"), database.reading():
        pass
    database.open()
    assert read_facts(database) == {"a": "1"}
    database.close()


def test_the_data_directory_is_for_its_owner_only(database: Database) -> None:
    database.open()
    database.close()
    assert database.path.parent.stat().st_mode & 0o777 == 0o700


def test_every_connection_has_the_settings_it_needs(database: Database) -> None:
    database.open()
    with database.reading() as one, database.reading() as two:
        for connection in (one, two):
            settings = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "temp_store")
            }
            assert settings == {
                "journal_mode": "wal",
                "synchronous": 1,
                "foreign_keys": 1,
                "busy_timeout": 10000,
                "temp_store": 2,
            }
    database.close()


def test_the_file_is_mapped_while_much_is_read_and_no_longer(database: Database) -> None:
    database.open()
    with database.reading(is_much=True) as connection:
        assert connection.exec_driver_sql("PRAGMA mmap_size").scalar() == MAPPED
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA mmap_size").scalar() == 0


def test_a_block_that_raises_leaves_nothing_behind(database: Database) -> None:
    database.open()

    def write_and_raise() -> None:
        with database.writing() as connection:
            upsert(connection, facts, [{"name": "a", "value": "1"}], keys=["name"])
            raise KeyError

    with pytest.raises(KeyError):
        write_and_raise()
    assert read_facts(database) == {}
    write_fact(database, "b", "2")
    assert read_facts(database) == {"b": "2"}
    database.close()


def test_the_statement_of_an_upsert_is_made_once(database: Database) -> None:
    database.open()
    seen: list[object] = []
    with database.writing() as connection:
        event.listen(connection, "before_execute", lambda connection, statement, *rest: seen.append(statement))
        for value in ("1", "2"):
            upsert(connection, facts, [{"name": "a", "value": value}], keys=["name"])
    assert len(seen) == 2
    assert seen[0] is seen[1], "making it takes longer than running it"
    assert read_facts(database) == {"a": "2"}
    database.close()


def test_readers_do_not_wait_for_the_writer_and_see_one_state(database: Database) -> None:
    database.open()
    write_fact(database, "a", "old")
    with database.reading() as reader:
        assert reader.execute(select(facts.c.value)).scalar() == "old"
        with database.writing() as writer:
            upsert(writer, facts, [{"name": "a", "value": "new"}], keys=["name"])
            assert reader.execute(select(facts.c.value)).scalar() == "old"
        assert reader.execute(select(facts.c.value)).scalar() == "old"
    assert read_facts(database) == {"a": "new"}
    database.close()


def test_many_writers_take_turns_and_lose_nothing(database: Database) -> None:
    database.open()
    write_fact(database, "count", "0")

    def count_up() -> None:
        for _ in range(25):
            with database.writing() as connection:
                value = connection.execute(select(facts.c.value)).scalar_one()
                upsert(connection, facts, [{"name": "count", "value": str(int(value) + 1)}], keys=["name"])

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_facts(database) == {"count": "200"}
    database.close()


def test_two_processes_opening_a_new_database_at_once_both_succeed(tmp_path: Path) -> None:
    path = tmp_path / "runferry.db"
    failures: list[BaseException] = []

    def open_it() -> None:
        database = Database(path)  # its own lock and connections, as another process has
        try:
            database.open()
        except RunferryError as error:
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_upsert_inserts_updates_and_leaves_alone(database: Database) -> None:
    database.open()
    write_fact(database, "a", "1")
    with database.writing() as connection:
        rows = [{"name": "a", "value": "2"}, {"name": "b", "value": "3"}]
        upsert(connection, facts, rows, keys=["name"], columns=[])
        upsert(connection, facts, [], keys=["name"])
    assert read_facts(database) == {"a": "1", "b": "3"}
    with database.writing() as connection:
        upsert(connection, facts, rows, keys=["name"])
    assert read_facts(database) == {"a": "2", "b": "3"}
    database.close()


@pytest.mark.parametrize("count", [0, 1, 449, 450, 451, 2001])
def test_plain_rows_are_inserted_and_updated_however_many_there_are(database: Database, count: int) -> None:
    database.open()
    write_fact(database, "0", "old")
    expected = {"0": "old"} | {str(number): f"new {number}" for number in range(count)}
    for _ in range(2):
        with database.writing() as connection:
            rows = [(str(number), f"new {number}") for number in range(count)]
            upsert_plainly(connection, facts, ("name", "value"), rows, keys=("name",))
        assert read_facts(database) == expected
    database.close()


def test_a_file_that_is_no_database_is_named_in_one_sentence(database: Database) -> None:
    database.path.parent.mkdir()
    database.path.write_bytes(b"this is not a database, and long enough to be noticed" * 40)
    with pytest.raises(RunferryError, match="damaged"):
        database.open()
    with pytest.raises(RunferryError, match="closed"), database.reading():
        pass


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    database.open()
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(RunferryError, match="newer Runferry"):
        database.open()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunferryError, match="Cannot create the data directory"):
        Database(tmp_path / "file" / "runferry.db").open()


def test_a_full_disk_is_a_disk_full_error_and_leaves_the_database_usable(database: Database) -> None:
    database.open()

    def write_too_much() -> None:
        with database.writing() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to be full
            upsert(connection, facts, [{"name": "big", "value": "x" * 1_000_000}], keys=["name"])

    with pytest.raises(DiskFull, match="free some space"):
        write_too_much()
    assert read_facts(database) == {}
    database.close()
