"""The page at / in a real browser, by keyboard, and what a screen reader announces."""

from __future__ import annotations

import io
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from support.fakes.server_worker import noise
from support.servers import Running, fake_server

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on PATH")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with fake_server(max_text_bytes=2_000) as running:
        running.wait_ready()
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-proxy-server"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 900, "height": 800})
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    # The policy of the page forbids all that it does not need; a breach shows here.
    assert [line for line in complaints if "Failed to load resource" not in line] == []


def open_page(page: Page, server: Running) -> None:
    page.goto(server.address)
    page.locator("#voice option").nth(1).wait_for(state="attached")


def focus(page: Page) -> object:
    """Return the id of the element that the keyboard acts on."""
    return page.evaluate("document.activeElement.id")


def test_a_voice_is_tried_with_the_keyboard_alone(page: Page, server: Running, tmp_path: Path) -> None:
    open_page(page, server)
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("Good morning.")
    for key in ("Tab", "ArrowDown", "Tab", "Tab", "5", "Tab", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("status").get_by_text("Done: ").wait_for()
    assert focus(page) == "speak"
    assert page.get_by_label("Voice").input_value() == "other"
    assert page.get_by_role("region", name="Recording").is_visible()
    assert page.evaluate("document.getElementById('player').duration") == pytest.approx(0.325, abs=0.01)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").press("Enter")
    assert download.value.suggested_filename == "speech.wav"
    download.value.save_as(tmp_path / "speech.wav")
    with wave.open(io.BytesIO((tmp_path / "speech.wav").read_bytes())) as sound:
        assert sound.readframes(sound.getnframes()) == noise("Good morning.", "other", 5)
    page.screenshot(path=tmp_path / "page.png")


def test_the_keyboard_keeps_its_place_and_asks_once_at_a_time(page: Page, server: Running) -> None:
    open_page(page, server)
    page.get_by_label("Text").fill("slow 1000")
    page.get_by_role("button", name="Speak").press("Enter")
    page.get_by_role("button", name="Stop").wait_for()
    assert page.get_by_role("button", name="Speak").is_disabled()
    assert focus(page) == "speak"
    server.until(lambda: server.metric("pockettts_workers_busy") == 1)
    page.keyboard.press("Enter")
    page.get_by_label("Text").press("Control+Enter")
    assert server.metric("pockettts_queue_depth") == 0
    page.get_by_role("button", name="Stop").press("Enter")
    page.get_by_role("status").get_by_text("Stopped.").wait_for()
    assert focus(page) == "speak"
    server.until(lambda: server.metric("pockettts_workers_busy") == 0)


def test_everything_has_a_name_and_what_happens_is_announced(page: Page, server: Running) -> None:
    open_page(page, server)
    roles: list[tuple[Any, str]]
    roles = [("textbox", "Text"), ("combobox", "Voice"), ("combobox", "Format"), ("spinbutton", "Seed")]
    for role, name in roles:
        assert page.get_by_role(role, name=name, exact=True).is_visible()
    assert page.get_by_role("status").get_attribute("aria-live") == "polite"
    assert page.get_by_role("main").count() == page.get_by_role("heading", level=1).count() == 1
    page.get_by_label("Text").fill("refuse")
    page.keyboard.press("Control+Enter")
    page.get_by_role("status").get_by_text("There is nothing to speak here.").wait_for()


def test_a_text_that_is_too_long_is_not_sent(page: Page, server: Running) -> None:
    open_page(page, server)
    page.get_by_label("Text").fill("ä" * 1_001)
    assert page.get_by_text("2002 of 2000 bytes").is_visible()
    before = server.metric('pockettts_requests_total{route="/tts",status="413"}')
    page.get_by_role("button", name="Speak").click()
    assert not page.evaluate("document.getElementById('text').validity.valid")
    assert server.metric('pockettts_requests_total{route="/tts",status="413"}') == before


def test_the_pages_fit_a_telephone_and_need_no_other_server(browser: Browser, server: Running) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 700})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/docs"):
        page.goto(server.address + path)
        assert page.evaluate("document.documentElement.scrollWidth <= 320")
    assert "POST /tts" in page.inner_text("main")
    assert f"curl {server.address}/tts" in page.inner_text("main")
    assert all(url.startswith(server.address) for url in asked)
    page.close()


def test_a_page_of_a_server_with_a_token_asks_for_it(page: Page, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token-of-some-length")
    with fake_server(token_file=str(tmp_path / "token")) as server:
        page.goto(server.address)
        page.get_by_role("status").get_by_text("This server needs its token").wait_for()
        page.get_by_label("Token").fill("a-token-of-some-length")
        page.get_by_label("Token").press("Tab")
        page.locator("#voice option").nth(1).wait_for(state="attached")
        page.get_by_role("button", name="Speak").click()
        page.get_by_role("status").get_by_text("Done: ").wait_for()
