"""``runferry runs`` filters and sorts as the API does, and ``connect --saved`` logs in as saved."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from tests.conftest import MakeSshd
from tests.integration.cli.driver import Cli, at
from tests.support.ferry import write_run
from tests.support.sshd import Sshd

Key = tuple[str, str]


@pytest.fixture
def synced(cli: Cli, sshd: Sshd, key: Key, tmp_path: Path) -> Cli:
    """A user who has brought three runs home."""
    root = tmp_path / "root"
    for number, (project, lr, best, mode) in enumerate(
        (("cv", 0.1, 0.7, "max"), ("cv", 0.001, 0.9, "max"), ("nlp", 0.0001, 2.5, "min"))
    ):
        run = write_run(root, project, f"name{number}", f"20260101_00000{number}_{number}{number}aaaa")
        summary = {"best_metric_value": best, "best_metric_name": "m", "best_metric_mode": mode, "config": {"lr": lr}}
        (run / "summary.json").write_text(json.dumps(summary))
    done = cli.run("sync", at(sshd, str(root)), "--mode", "smart", "--once", *key)
    assert done.code == 0, done
    return cli


def names(cli: Cli, *words: str) -> list[str]:
    return [run["name"] for run in cli.read_json("runs", *words)]


def test_runs_are_filtered_sorted_and_cut(synced: Cli) -> None:
    with synced.serve():
        assert sorted(names(synced)) == ["name0", "name1", "name2"]
        assert names(synced, "lr<0.01", "project:cv") == ["name1"]
        assert names(synced, "--project", "cv", "--project", "nlp", "name2") == ["name2"]
        assert names(synced, "--sort", "best") == ["name1", "name0", "name2"], "2.5 is a loss: less is better"
        assert names(synced, "--sort", "name", "--order", "asc", "--limit", "2") == ["name0", "name1"]
        assert sorted(names(synced, "-q", "-name0")) == ["name1", "name2"]
        assert sorted(names(synced, "--status", "finished", "--status", "running")) == ["name0", "name1", "name2"]
        assert names(synced, "--status", "running") == []


def test_what_is_not_understood_is_named(synced: Cli) -> None:
    done = synced.run("runs", "lr<much")
    assert done.code == 2
    assert "'lr<much' was not understood" in done.err
    done = synced.run("runs", "--sort", "colour")
    assert done.code == 2
    assert "sort" in done.err


def test_a_saved_connection_is_connected_by_its_key(cli: Cli, make_sshd: MakeSshd, sshd: Sshd) -> None:
    cli.write_settings("rate_limits = {connect = 0}")
    passwords = make_sshd(passwords=True)
    with cli.serve() as url, httpx.Client(base_url=url, trust_env=False) as http:
        for server, extra in (
            (sshd, {"private_key_path": str(sshd.client_key_path)}),
            (passwords, {"auth_method": "password"}),
        ):
            body = {"host": server.host, "port": server.port, "username": server.username, **extra}
            assert http.post("/api/config/ssh_connections", json=body).status_code == 200
        saved = [one["key"] for one in http.get("/api/config/ssh_connections").json()["connections"]]
        with_key = next(key for key in saved if key.endswith(f":{sshd.port}"))
        with_password = next(key for key in saved if key.endswith(f":{passwords.port}"))
        done = cli.run("connect", "--saved", with_key)
        assert done.code == 0, done
        assert f"Connected: {with_key}" in done.out
        refused = cli.run("connect", "--saved", with_password)
        assert refused.code == 2
        assert "was not saved" in refused.err
        done = cli.run("connect", "--saved", with_password, "--password", stdin=f"{passwords.password}\n")
        assert done.code == 0, done
        assert cli.run("connect", "--saved", "nobody@nowhere:22").code == 12
        assert cli.run("connect").code == 2
        assert cli.run("connect", "--saved", with_key, with_key).code == 2
