"""What ~/.ssh/config makes of a target."""

from __future__ import annotations

from pathlib import Path

import pytest

from runferry.errors import InvalidRequest
from runferry.ssh.sshconfig import Hop, Route, list_aliases, resolve_route
from runferry.ssh.target import Target


@pytest.fixture
def config(home: Path) -> Path:
    (home / ".ssh").mkdir()
    return home / ".ssh/config"


def resolve(config: Path, text: str, target: Target | None = None) -> Route:
    config.write_text(text)
    return resolve_route(target or Target("gpu"), config)


def test_without_a_config_the_target_is_taken_as_it_is(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "me")
    for path in (None, tmp_path / "none", tmp_path):
        route = resolve_route(Target("gpu"), path)
        assert route.hops == (Hop("gpu", "gpu", 22, "me", host_key_name="gpu"),)
        assert route.id == "me@gpu:22"


def test_host_blocks_say_name_port_user_and_keys(config: Path, home: Path) -> None:
    text = """
        Host g?u !gpx
          HostName %h.lab.example
          Port 2200
          User ann
          IdentityFile ~/.ssh/first
          IdentityFile %d/second-%r
          IdentitiesOnly yes
          HostKeyAlias lab
          UserKnownHostsFile ~/one ~/two
          RemoteCommand tmux
          RequestTTY yes
        Host *
          User nobody
          IdentityFile ~/.ssh/last
    """
    end = resolve(config, text).end
    assert (end.alias, end.host, end.port, end.username) == ("gpu", "gpu.lab.example", 2200, "ann")
    assert end.identity_files == (home / ".ssh/first", home / "second-ann", home / ".ssh/last")
    assert end.is_only_identities
    assert end.host_key_name == "lab"
    assert end.known_hosts_files == (home / "one", home / "two")
    assert end.label == "ann@gpu:2200"


def test_what_the_user_typed_wins_over_the_config(config: Path) -> None:
    end = resolve(config, "Host gpu\n User ann\n Port 2200\n", Target("gpu", 22, "bob")).end
    assert (end.port, end.username) == (22, "bob")


def test_included_files_are_read_relative_to_the_ssh_folder(config: Path) -> None:
    (config.parent / "conf.d").mkdir()
    (config.parent / "conf.d/lab").write_text("Host gpu\n User ann\n")
    assert resolve(config, "Include conf.d/*\n").end.username == "ann"


def test_jumps_are_resolved_in_order_with_their_own_settings(config: Path) -> None:
    text = """
        Host gpu
          ProxyJump door,bob@hall:2022
        Host door
          HostName door.example
          ProxyJump gate
        Host hall
          ProxyJump ignored-as-ssh-does
    """
    labels = [hop.label for hop in resolve(config, text, Target("gpu", None, "ann")).hops]
    assert [label.partition("@")[2] for label in labels] == ["gate:22", "door:22", "hall:2022", "gpu:22"]
    assert labels[2].startswith("bob@")


def test_proxy_jump_none_ends_a_general_rule(config: Path) -> None:
    text = "Host gate\n ProxyJump none\nHost *\n ProxyJump gate\n"
    assert [hop.alias for hop in resolve(config, text).hops] == ["gate", "gpu"]


@pytest.mark.parametrize("text", ["Host *\n ProxyJump gate\n", "Host gpu\n ProxyJump a\nHost a\n ProxyJump gpu\n"])
def test_a_circle_of_jumps_is_refused_and_shown(config: Path, text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"circle: gpu -> "):
        resolve(config, text)


def test_a_proxy_command_gets_its_names_filled_in(config: Path) -> None:
    text = "Host gpu\n HostName h.example\n User ann\n Port 23\n ProxyCommand relay %n %h %p %r 'a b'\n"
    assert resolve(config, text).end.proxy_command == "relay gpu h.example 23 ann 'a b'"


def test_the_agent_is_the_configs_or_the_environments_or_none(
    config: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/env")
    monkeypatch.setenv("OTHER", "/other")
    assert resolve(config, "").end.agent_path == "/env"
    assert resolve(config, "IdentityAgent ~/a\n").end.agent_path == str(home / "a")
    assert resolve(config, "IdentityAgent none\n").end.agent_path is None
    assert resolve(config, "IdentityAgent SSH_AUTH_SOCK\n").end.agent_path == "/env"
    monkeypatch.delenv("SSH_AUTH_SOCK")
    assert resolve(config, "").end.agent_path is None


@pytest.mark.parametrize(
    "text",
    [
        "Host gpu\n Port many\n",
        "Host gpu\n HostName 'unclosed\n",
        "Host gpu\n HostName bad;name\n",
        "Host gpu\n User '-x'\n",
        "Include config\n",
    ],
)
def test_a_config_that_makes_no_sense_is_told(config: Path, text: str) -> None:
    with pytest.raises(InvalidRequest):
        resolve(config, text)


def test_aliases_are_listed_without_patterns_and_once(config: Path) -> None:
    (config.parent / "more").write_text("Host=lab gpu\n")
    config.write_text("Host gpu cpu *.example !x\n User a\n# Host no\nhost 'q r'\nInclude more\nInclude config\n")
    assert list_aliases(config) == ["gpu", "cpu", "q r", "lab"]
    assert list_aliases(config.parent / "none") == []
    assert list_aliases(None) == []
