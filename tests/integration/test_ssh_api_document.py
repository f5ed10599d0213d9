"""Walks through ``ssh_api.md`` section by section: every example runs as printed, every answer has the printed shape.

"As printed" means: only addresses, users, secrets and paths are replaced, as text. Ports are added where the document
leaves them to the default of 22, relative URLs get the base URL, and ``time.sleep`` waits for what the text around it
says it waits for.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncssh
import pytest
import requests
from tests.integration.api.document import expect_shape, read_interfaces, read_sections
from tests.integration.api.running import Running, expect, run_server
from tests.support.network import closed_port, silent_port
from tests.support.samples import unpack_sample
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

from runferry.config import DEFAULT_RATE_LIMITS

SECTIONS = read_sections()
HOSTS = ("192.168.1.100", "gpu-server.com", "secure-server.com", "gpu-server.local", "server.com")
USERS = ("user", "admin", "researcher")
PASSWORDS = ("secret123", "secret", "hardcoded_password")


@dataclass(frozen=True)
class World:
    """A server that holds ``/data/runicorn`` (below ``data``), an account on it, and a Runferry to reach it with."""

    runferry: Running
    sshd: Sshd
    data: Path
    plain_key: Path
    locked_key: Path

    def localise(self, code: str) -> str:
        """Replace what belongs to the document's machines by what belongs to these."""
        code = code.replace("http://127.0.0.1:23300", self.runferry.url).replace("'/api/", f"'{self.runferry.url}/api/")
        code = code.replace('"port": 22,', "")
        for host in HOSTS:
            code = code.replace(f'"host": "{host}"', f'"host": "127.0.0.1", "port": {self.sshd.port}')
        for user in USERS:
            code = code.replace(f'"username": "{user}"', f'"username": "{self.sshd.username}"')
        for password in PASSWORDS:
            code = code.replace(f'"password": "{password}"', f'"password": "{self.sshd.password}"')
        code = code.replace("/path/to/id_rsa", str(self.locked_key)).replace("~/.ssh/id_rsa", str(self.plain_key))
        return code.replace('"/data', f'"{self.data}')

    def run(self, code: str, *, sleep: Callable[[float], None] | None = None) -> tuple[str, dict[str, Any]]:
        """Run an example; return what it printed and its variables."""
        plain_import = builtins.__import__

        def import_(name: str, *args: Any, **options: Any) -> Any:
            return SimpleNamespace(sleep=sleep) if name == "time" and sleep else plain_import(name, *args, **options)

        names: dict[str, Any] = {"__builtins__": vars(builtins) | {"__import__": import_}, "requests": requests}
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(self.localise(code), "ssh_api.md", "exec"), names)  # noqa: S102 - the document's own examples
        return printed.getvalue(), names

    def login(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.sshd.port,
            "username": self.sshd.username,
            "password": self.sshd.password,
            "use_agent": False,
        }

    def connect(self) -> dict[str, Any]:
        return expect(self.runferry.post("/api/unified/connect", self.login()), 200)

    def configure(self, mode: str = "smart") -> dict[str, Any]:
        body = {"mode": mode, "remote_root": f"{self.data}/runicorn"}
        return expect(self.runferry.post("/api/unified/configure_mode", body), 200)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server and one Runferry for the whole document; each test starts disconnected."""
    home = tmp_path_factory.mktemp("home")
    with Sshd(passwords=True) as sshd, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        assert sshd.account is not None
        data = sshd.account.home / "data"
        root = unpack_sample("0.4", data)
        if root.name != "runicorn":
            root.rename(data / "runicorn")
        subprocess.run(["chown", "-R", sshd.username, str(data)], check=True)
        plain, locked = home / "plain", home / "locked"
        for path, passphrase in ((plain, None), (locked, "key_password")):
            key = asyncssh.generate_private_key("ssh-ed25519")
            path.write_bytes(key.export_private_key(passphrase=passphrase))
            path.chmod(0o600)
            sshd.authorize(key.export_public_key())
        with ssh_agent(home, plain, patch), run_server(tmp_path_factory.mktemp("runferry") / "data") as runferry:
            yield World(runferry, sshd, data, plain, locked)


@contextlib.contextmanager
def ssh_agent(directory: Path, key: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run an SSH agent that holds ``key``."""
    assert shutil.which("ssh-agent"), "no ssh-agent here: see scripts/test-packages.txt"
    path = directory / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as agent:
        try:
            eventually_now(path.exists, what="the agent listens")
            patch.setenv("SSH_AUTH_SOCK", str(path))
            subprocess.run(["ssh-add", "-q", str(key)], check=True, env=os.environ, stderr=subprocess.DEVNULL)
            yield
        finally:
            agent.terminate()


@pytest.fixture
def world(machines: World) -> Iterator[World]:
    yield machines
    expect(machines.runferry.post("/api/unified/disconnect"), 200)
    assert machines.runferry.status()["connection"] == {"connected": False}


def test_endpoints_overview(world: World) -> None:
    described = expect(world.runferry.get("/api/openapi.json"), 200)["paths"]
    rows = SECTIONS["Endpoints Overview"].table("Method")
    assert len(rows) == 13
    for method, path, _ in rows:
        assert method.lower() in described[f"/api{path}"], f"{method} {path}"


# Connect to Remote Server


def test_connect_request_body_schema(world: World) -> None:
    described = expect(world.runferry.get("/api/openapi.json"), 200)["components"]["schemas"]["ConnectBody"]
    for field, _, required, _ in SECTIONS["Connect to Remote Server"].table("Field"):
        assert field in described["properties"], field
        if required == "Yes":
            body = {key: value for key, value in world.login().items() if key != field}
            answer = expect(world.runferry.post("/api/unified/connect", body), 400)
            assert answer["detail"].startswith(f"{field}: ")


def test_connect_response(world: World) -> None:
    (promised,) = SECTIONS["Connect to Remote Server"].json("Response")
    given = world.connect()
    expect_shape(promised, given)
    assert (given["ok"], given["status"], given["host"]) == (True, "connected", "127.0.0.1")
    assert given["message"] == "Successfully connected to 127.0.0.1"


def test_connect_error_responses(world: World) -> None:
    refused, failed, limited = SECTIONS["Connect to Remote Server"].json("Error Responses")
    wrong = expect(world.runferry.post("/api/unified/connect", world.login() | {"password": "wrong"}), 401)
    expect_shape(refused, wrong)
    assert wrong["detail"].startswith("Authentication failed: ")
    with closed_port() as port:
        unreachable = expect(world.runferry.post("/api/unified/connect", world.login() | {"port": port}), 500)
    expect_shape(failed, unreachable)
    assert unreachable["detail"].startswith("Connection failed: ")
    assert set(limited) == {"detail", "retry_after"}  # see test_rate_limits


def test_connect_example_1_password(world: World) -> None:
    printed, _ = world.run(SECTIONS["Connect to Remote Server"].of("python", "Examples")[0])
    assert printed == "✓ Connected to 127.0.0.1\n"


def test_connect_example_1_with_a_wrong_password(world: World) -> None:
    code = SECTIONS["Connect to Remote Server"].of("python", "Examples")[0].replace("secret123", "wrong")
    printed, names = world.run(code)
    assert printed.startswith("✗ Connection failed: Authentication failed: ")
    assert names["response"].status_code == 401


def test_connect_example_2_private_key_with_passphrase(world: World) -> None:
    printed, _ = world.run(SECTIONS["Connect to Remote Server"].of("python", "Examples")[1])
    assert printed == "Successfully connected to 127.0.0.1\n"


def test_connect_example_3_ssh_agent(world: World) -> None:
    printed, _ = world.run(SECTIONS["Connect to Remote Server"].of("python", "Examples")[2])
    assert printed == "Successfully connected to 127.0.0.1\n"


# Get Connection Status


def test_status_response_connected_with_smart_mode(world: World) -> None:
    promised, _ = SECTIONS["Get Connection Status"].json("Response")
    world.connect()
    world.configure()
    given = world.runferry.wait_synced("smart")
    expect_shape(promised, given)
    for block in ("connection", "smart_mode", "mirror_mode"):
        assert set(given[block]) == set(promised[block]), f"{block} has the documented keys and no others"
    runs = world.runferry.get("/api/runs").json()
    assert given["cached_experiments"] == len(runs) > 0
    assert given["cached_artifacts"] > 0


def test_status_response_not_connected(world: World) -> None:
    _, promised = SECTIONS["Get Connection Status"].json("Response")
    assert world.runferry.status() == promised


# Browse Remote Directory


def test_listdir_response(world: World) -> None:
    (promised,) = SECTIONS["Browse Remote Directory"].json("Response")
    world.connect()
    root = f"{world.data}/runicorn"
    given = expect(world.runferry.get("/api/unified/listdir", params={"path": root}), 200)
    expect_shape(promised, given)
    assert given["current_path"] == root
    assert all(item["path"] == f"{root}/{item['name']}" for item in given["items"])


@pytest.mark.parametrize("query", [{}, {"path": ""}, {"path": "~"}])
def test_listdir_starts_at_home(world: World, query: dict[str, str]) -> None:
    world.connect()
    given = expect(world.runferry.get("/api/unified/listdir", params=query), 200)
    assert given["current_path"] == str(world.data.parent)


def test_listdir_example(world: World) -> None:
    world.connect()
    printed, names = world.run(SECTIONS["Browse Remote Directory"].of("python")[0])
    assert printed.startswith(f"\nCurrent: {world.data}/runicorn\n")
    assert printed.count("\nCurrent: ") == 2, "it went on into the first directory"
    assert "📁 artifacts" in printed
    assert names["subdirs"]


# Configure Sync Mode


@pytest.mark.parametrize("position", [0, 1], ids=["smart", "mirror"])
def test_configure_mode_requests(world: World, position: int) -> None:
    request = SECTIONS["Configure Sync Mode"].json("Request")[position]
    (promised,) = SECTIONS["Configure Sync Mode"].json("Response")
    body = request | {"remote_root": f"{world.data}/runicorn"}
    world.connect()
    given = expect(world.runferry.post("/api/unified/configure_mode", body), 200)
    expect_shape({key: value for key, value in promised.items() if key != "config"}, given)
    assert given["config"] == {key: value for key, value in body.items() if key != "mode"}
    expect_shape(given["config"], body | {"remote_root": given["config"]["remote_root"]}, "config")
    assert given["message"] == f"{body['mode'].capitalize()} mode configured successfully"


def test_configure_mode_request_body_schema(world: World) -> None:
    schemas = expect(world.runferry.get("/api/openapi.json"), 200)["components"]["schemas"]
    described = schemas["ConfigureBody"]
    for field, _, required, text in SECTIONS["Configure Sync Mode"].table("Field"):
        assert (field in described["required"]) == (required == "Yes"), field
        if default := re.search(r"default: ([\d.]+)", text):
            assert described["properties"][field]["default"] == float(default[1]), field


def test_configure_mode_example(world: World) -> None:
    world.connect()
    printed, _ = world.run(SECTIONS["Configure Sync Mode"].of("python")[0])
    assert re.fullmatch(r"Smart mode configured successfully\nSmart mode active: True\nNext sync: \d+\.\d+\n", printed)


def test_deactivate_mode(world: World) -> None:
    world.connect()
    world.configure()
    answer = expect(world.runferry.post("/api/unified/deactivate_mode", {"mode": "smart"}), 200)
    assert answer["ok"] is True
    assert answer["mode"] == "smart"
    assert isinstance(answer["message"], str)
    assert world.runferry.status()["smart_mode"] == {"active": False}


# Complete Workflow Example


def test_complete_workflow_example(world: World) -> None:
    def wait_for_first_sync(seconds: float) -> None:
        assert seconds == 10
        world.runferry.wait_synced("smart")

    printed, names = world.run(SECTIONS["Complete Workflow Example"].of("python")[0], sleep=wait_for_first_sync)
    lines = printed.splitlines()
    assert "  📁 runicorn" in lines
    assert f"✓ Cached experiments: {len(names['runs'])}" in lines
    assert len([line for line in lines if line.startswith("  - ")]) == min(5, len(names["runs"])) > 0
    assert names["status"]["cached_artifacts"] > 0
    assert lines[-1] == "✓ Disconnected"


# Security Best Practices


def test_security_example_1_ssh_keys_instead_of_passwords(world: World) -> None:
    heading = "1. Use SSH Keys Instead of Passwords"
    code = SECTIONS["Security Best Practices"].of("python", heading)[0]
    good, avoided = code.split("# ❌ Avoid")
    for part in (good, f"# ❌ Avoid{avoided}"):
        _, names = world.run(part)
        expect(names["response"], 200)


def test_security_example_2_ssh_agent(world: World) -> None:
    (code,) = SECTIONS["Security Best Practices"].of("python", "2. Use SSH Agent (Most Secure)")
    _, names = world.run(code)
    expect(names["response"], 200)


def test_security_example_3_never_log_credentials(world: World, caplog: pytest.LogCaptureFixture) -> None:
    (code,) = SECTIONS["Security Best Practices"].of("python", "3. Never Log Credentials")
    _, names = world.run(code)
    assert "password" not in names["safe_config"]
    caplog.clear()
    caplog.set_level("DEBUG")
    world.connect()
    assert world.sshd.password not in caplog.text, "Runferry itself follows the advice"


# Error Codes


def test_error_codes(world: World) -> None:
    rows = SECTIONS["Error Codes"].table("Status Code")
    assert [row[0] for row in rows] == ["400", "401", "404", "408", "429", "500"]
    post, login = world.runferry.post, world.login()
    expect(post("/api/unified/connect", login | {"password": None, "private_key": "not a key"}), 400)
    expect(post("/api/unified/connect", login | {"password": "wrong"}), 401)
    world.connect()
    expect(post("/api/unified/configure_mode", {"mode": "smart", "remote_root": "/no/such/root"}), 404)
    expect(world.runferry.get("/api/unified/listdir", params={"path": "/no/such/root"}), 404)
    with closed_port() as port:
        expect(post("/api/unified/connect", login | {"port": port}), 500)


def test_error_code_408_connection_timeout_within_20_seconds(tmp_path: Path, home: Path) -> None:
    login = {"host": "127.0.0.1", "username": "user", "password": "secret", "use_agent": False}
    with silent_port() as port, run_server(tmp_path / "data") as server:
        url = f"{server.url}/api/unified/connect"
        body = expect(server.http.post(url, json=login | {"port": port}, timeout=20), 408)
    assert set(body) == {"detail"}


# Monitoring Connection


def test_monitoring_example(world: World) -> None:
    world.connect()

    def disconnect(seconds: float) -> None:
        assert seconds == 30
        world.runferry.post("/api/unified/disconnect")

    printed, _ = world.run(SECTIONS["Monitoring Connection"].of("python")[0], sleep=disconnect)
    first, second = printed.splitlines()
    assert re.fullmatch(r"✓ Connected \(uptime: \d+s, cached: \d+ experiments\)", first)
    assert second == "✗ Not connected"


# Data Models

JSON_TYPES: dict[str, tuple[type, ...]] = {"boolean": (bool,), "string": (str,), "number": (int, float)}


def expect_interface(fields: dict[str, tuple[str, bool]], given: dict[str, Any], *, extra: str = "") -> None:
    assert set(given) - {extra} <= set(fields)
    for name, (kind, is_optional) in fields.items():
        assert is_optional or name in given, name
        if name in given and "|" in kind:
            assert given[name] in re.findall(r'"(\w+)"', kind)
        elif name in given:
            assert isinstance(given[name], JSON_TYPES[kind]), name


def test_data_models(world: World) -> None:
    models = read_interfaces(SECTIONS["Data Models"])
    assert list(models) == ["ConnectionStatus", "SmartModeConfig", "RemoteDirectoryItem"]
    expect_interface(models["ConnectionStatus"], world.runferry.status()["connection"])
    world.connect()
    world.configure()
    status = world.runferry.wait_synced("smart")
    expect_interface(models["ConnectionStatus"], status["connection"])
    expect_interface(models["SmartModeConfig"], status["smart_mode"])
    listing = expect(world.runferry.get("/api/unified/listdir", params={"path": "/dev"}), 200)
    for item in listing["items"]:
        expect_interface(models["RemoteDirectoryItem"], item, extra="is_link")
    assert {item["type"] for item in listing["items"]} >= {"dir", "unknown"}


# Rate Limits


def test_rate_limits(tmp_path: Path, home: Path) -> None:
    table = SECTIONS["Rate Limits"].table("Endpoint")
    rows = {path.rpartition("/")[2]: int(limit.split()[0]) for path, limit, _, _ in table}
    assert rows == {"connect": 5, "listdir": 30, "configure_mode": 10}
    assert rows.items() <= DEFAULT_RATE_LIMITS.items()
    *_, promised = SECTIONS["Connect to Remote Server"].json("Error Responses")
    calls = {"connect": "POST", "listdir": "GET", "configure_mode": "POST"}
    with run_server(tmp_path / "data", rate_limits=rows) as server:
        for name, limit in rows.items():
            url = f"{server.url}/api/unified/{name}"
            for _ in range(limit):
                assert server.http.request(calls[name], url, timeout=10).status_code == 400
            answer = server.http.request(calls[name], url, timeout=10)
            body = expect(answer, 429)
            expect_shape(promised, body)
            assert body["detail"] == promised["detail"]
            assert 1 <= body["retry_after"] <= 60
            assert answer.headers["Retry-After"] == str(body["retry_after"])


# Troubleshooting


def test_troubleshooting_diagnostics(world: World) -> None:
    (code,) = SECTIONS["Troubleshooting"].of("python")
    assert world.run(code)[0] == "✗ Not connected to remote\n"
    world.connect()
    assert world.run(code)[0] == "✗ Smart mode not active\n"
    world.configure()
    world.runferry.wait_synced("smart")
    connected, contents = world.run(code)[0].splitlines()
    assert re.fullmatch(r"✓ Connected, cached [1-9]\d* experiments", connected)
    assert "'artifacts'" in contents


def test_a_new_host_key_is_accepted_and_a_changed_one_is_not(world: World) -> None:
    """The document says that new keys are accepted by themselves; a changed one would be somebody else's server."""
    assert world.connect()["host_key"] in ("added", "known")
    expect(world.runferry.post("/api/unified/disconnect"), 200)
    world.sshd.rotate_host_key()
    body = expect(world.runferry.post("/api/unified/connect", world.login()), 409)
    assert {"detail", "host", "fingerprint", "known_fingerprint"} == set(body)
    where = {"host": "127.0.0.1", "port": world.sshd.port, "username": world.sshd.username}
    expect(world.runferry.post("/api/unified/forget_host_key", where), 200)
    assert world.connect()["host_key"] == "added"


def test_every_section_and_every_example_was_walked_through() -> None:
    """A section or example that a new edition of the document adds must be noticed."""
    prose = {"Sync Modes Comparison", "Related APIs"}
    walked = {
        "Endpoints Overview": 0,
        "Connect to Remote Server": 3,
        "Get Connection Status": 0,
        "Browse Remote Directory": 1,
        "Configure Sync Mode": 1,
        "Complete Workflow Example": 1,
        "Security Best Practices": 3,
        "Error Codes": 0,
        "Monitoring Connection": 1,
        "Data Models": 0,
        "Rate Limits": 0,
        "Troubleshooting": 1,
    }
    assert set(SECTIONS) == set(walked) | prose
    assert {title: len(SECTIONS[title].of("python")) for title in walked} == walked
    assert not any(SECTIONS[title].blocks for title in prose)
