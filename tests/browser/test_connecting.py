"""From an empty Runferry to runs on the screen, and what happens when a server does not let one in."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import EVIL
from tests.conftest import MakeSshd
from tests.integration.api.running import Running
from tests.support.chromium import Watched, watch
from tests.support.network import closed_port
from tests.support.questioner import Questioner
from tests.support.sshd import Sshd


def enter(page: Page, address: str) -> None:
    page.get_by_label("Where are your experiments?").fill(address)
    page.get_by_role("button", name="Connect", exact=True).click()


def address_of(sshd: Sshd, path: Path | str = "") -> str:
    return f"{sshd.username}@{sshd.host}:{sshd.port}:{path}"


def test_three_decisions_lead_from_nothing_to_runs(web: Watched, tree: Path) -> None:
    page = web.open("/")
    expect(page).to_have_url(f"{web.base}/connect")
    enter(page, f"gpu1:{tree}")  # the first: where
    expect(page.get_by_role("heading", name="Which folder on gpu1?")).to_be_visible()
    expect(page.get_by_text("3 runs found in here")).to_be_visible()
    page.get_by_role("button", name="Use this folder").click()  # the second: which folder
    expect(page.get_by_role("radio", name="Smart")).to_be_checked()
    expect(page.get_by_text("Copies what describes the runs: ")).to_contain_text("9 files")
    page.get_by_role("button", name="Start").click()  # the third: how much
    expect(page).to_have_url(f"{web.base}/runs")
    for run in ("aaaaaa", "bbbbbb", "cccccc"):
        expect(page.get_by_role("row").filter(has_text=run)).to_be_visible()
    expect(page.get_by_text(EVIL, exact=True)).to_be_visible()  # a name is text, whatever it holds
    expect(page.locator("img[src='x']")).to_have_count(0)


def test_folders_that_hold_runs_are_marked_and_the_keyboard_finds_them(web: Watched, tree: Path) -> None:
    page = web.open("/connect")
    enter(page, f"gpu1:{tree.parent}")
    listing = page.get_by_role("listbox")
    marked = listing.get_by_role("option").filter(has_text="experiments")
    expect(marked).to_contain_text("3 runs")
    expect(listing).to_be_focused()
    names = listing.get_by_role("option").all_inner_texts()
    place = next(index for index, text in enumerate(names) if text.startswith("experiments"))
    page.keyboard.press("Home")
    for _ in range(place):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(listing.get_by_role("option").filter(has_text="vision")).to_contain_text("1 run")
    page.keyboard.press("Backspace")
    expect(marked).to_be_visible()
    expect(marked).to_have_attribute("aria-selected", "true")  # one is where one came from


def test_keys_pressed_before_a_folder_has_come_count_when_it_comes(web: Watched, tree: Path) -> None:
    held: list[Route] = []
    web.page.route("**/api/unified/listdir*", lambda route: held.append(route), times=1)
    page = web.open("/connect")
    with page.expect_request("**/api/unified/listdir*"):
        enter(page, f"gpu1:{tree}")
    expect(page.get_by_text("Loading the folder")).to_be_attached()
    for key in ("End", "Enter", "ArrowDown"):
        page.keyboard.press(key)
    held[0].continue_()
    listing = page.get_by_role("listbox", name=f"Folders in {tree}/vision")
    expect(listing).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option").filter(has_text="nlp")).to_be_visible()


def test_hidden_folders_are_shown_on_request(web: Watched, tree: Path) -> None:
    (tree / ".secret").mkdir()
    page = web.open("/connect")
    enter(page, f"gpu1:{tree}")
    listing = page.get_by_role("listbox")
    expect(listing.get_by_text("vision")).to_be_visible()
    expect(listing.get_by_text(".secret")).to_have_count(0)
    page.get_by_label("Hidden ones too").check()
    expect(listing.get_by_text(".secret")).to_be_visible()


def test_the_hosts_of_the_ssh_config_are_one_click_away(web: Watched) -> None:
    page = web.open("/connect")
    page.get_by_role("button", name="gpu1").click()
    expect(page.get_by_role("heading", name="Which folder on gpu1?")).to_be_visible()
    expect(page.get_by_text("First visit")).to_contain_text("SHA256:")


def test_a_wrong_password_is_said_and_the_right_one_goes_on(web: Watched, make_sshd: MakeSshd) -> None:
    sshd = make_sshd(passwords=True, extra_config="AuthenticationMethods password")
    web.refusals = {401}
    page = web.open("/connect")
    enter(page, address_of(sshd, "/"))
    password = page.get_by_label("Password for")
    password.fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("Authentication failed")
    password.fill(sshd.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Which folder on")).to_be_visible()
    assert sshd.password not in page.content()


def test_a_server_that_asks_for_a_second_factor_gets_it(web: Watched, asking: Questioner) -> None:
    web.refusals = {409}
    page = web.open("/connect")
    enter(page, f"user@127.0.0.1:{asking.port}:/")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("127.0.0.1 asks")
    expect(dialog.get_by_label("Password:")).to_have_attribute("type", "password")
    expect(dialog.get_by_label("Code <b>:")).not_to_have_attribute("type", "password")
    web.check_accessibility("the questions")
    dialog.get_by_label("Password:").fill("pass-phrase-1")
    dialog.get_by_label("Code <b>:").fill("424242")
    dialog.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("heading", name="Which folder on")).to_be_visible()
    assert asking.logins == 1


def test_a_changed_host_key_is_refused_until_it_is_replaced_on_purpose(
    web: Watched, server: Running, sshd: Sshd
) -> None:
    server.connect(sshd)
    server.post("/api/unified/disconnect", {})
    known = sshd.host_key_fingerprint
    sshd.rotate_host_key()
    web.refusals = {409}
    page = web.open("/connect")
    page.get_by_role("button", name="gpu1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing was sent to it")
    expect(dialog).to_contain_text(known)
    expect(dialog).to_contain_text(sshd.host_key_fingerprint)
    replace = dialog.get_by_role("button", name="Forget the old key and connect")
    expect(replace).to_be_disabled()
    web.check_accessibility("the changed key")
    dialog.get_by_label("I have compared the new key").check()
    replace.click()
    expect(page.get_by_role("heading", name="Which folder on gpu1?")).to_be_visible()


def test_a_new_host_key_is_asked_about_where_the_settings_say_so(
    browser: Browser, tmp_path: Path, home: Path, sshd: Sshd
) -> None:
    from tests.browser.conftest import write_ssh_config
    from tests.integration.api.running import run_server

    write_ssh_config(home, sshd)
    with run_server(tmp_path / "data", strict_host_keys=True) as server, watch(browser, server.url) as web:
        web.refusals = {409}
        page = web.open("/connect")
        page.get_by_role("button", name="gpu1").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(sshd.host_key_fingerprint)
        dialog.get_by_role("button", name="Trust this key").click()
        expect(page.get_by_role("heading", name="Which folder on gpu1?")).to_be_visible()


def test_an_address_that_is_none_is_said_before_anything_is_sent(web: Watched) -> None:
    page = web.open("/connect")
    enter(page, "user@:/data")
    expect(page.get_by_text("A host is missing")).to_be_visible()


def test_a_server_that_is_not_there_says_what_to_look_at(web: Watched) -> None:
    web.refusals = {500}
    page = web.open("/connect")
    with closed_port() as port:
        enter(page, f"user@127.0.0.1:{port}:/data")
        expect(page.get_by_role("alert")).to_contain_text("Is the port right")
        expect(page.get_by_role("button", name="Try again")).to_be_enabled()


def test_a_folder_that_is_not_there_is_said_with_a_way_home(web: Watched) -> None:
    web.refusals = {404}
    page = web.open("/connect")
    enter(page, "gpu1:/no/such/folder")
    expect(page.get_by_role("alert")).to_contain_text("/no/such/folder")
    page.get_by_role("button", name="Go to the home folder").click()
    expect(page.get_by_role("listbox")).to_be_visible()
