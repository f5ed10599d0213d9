"""Which directories may be kept, and what becomes of those that may not."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import MakeSshd
from tests.integration.api.running import Running, expect


def test_a_circle_of_links_is_named_in_the_error(connected: Running, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    answer = connected.get("/api/unified/listdir", params={"path": str(tmp_path / "circle")})
    assert str(tmp_path / "circle") in expect(answer, 500)["detail"]


def test_a_root_the_account_may_not_read_is_403_and_replaces_nothing(server: Running, make_sshd: MakeSshd) -> None:
    sshd = make_sshd(passwords=True)
    assert sshd.account is not None
    server.connect(sshd)
    body = {"mode": "mirror", "remote_root": str(sshd.account.home)}
    expect(server.post("/api/unified/configure_mode", body), 200)
    answer = server.post("/api/unified/configure_mode", body | {"remote_root": "/root"})
    assert expect(answer, 403) == {"detail": "The account may not read /root on the server."}
    assert server.status()["mirror_mode"]["remote_root"] == str(sshd.account.home)
