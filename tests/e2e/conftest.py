"""A real portal with a small demo world, and a real browser to walk through it.

The pages are used as people do: by labels and roles. Every page a journey looks at is
held to the same rules: no accessibility violation, nothing that scrolls sideways on a
telephone, nothing refused by the content security policy, nothing from another host.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    sync_playwright,
)

from tests.services import PLAIN_SETTINGS, ROOT, RUNNING, Program, free_port

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ARGUMENTS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LOCATIONS = 60
TELEPHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
PATIENCE_MS = 15_000


def chromium_on_path() -> str | None:
    return next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """Chromium without a window; skipped loudly where there is none, and CI fails on that."""
    executable = chromium_on_path()
    if executable is None:
        missing = f"no Chromium on PATH (looked for {', '.join(CHROMIUM_NAMES)})"
        if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
            pytest.fail(missing)
        pytest.skip(f"*** {missing}: the browser journeys did not run ***")
    home = pytestconfig.stash[RUNNING].folder / "browser"
    home.mkdir()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=executable, chromium_sandbox=False, args=CHROMIUM_ARGUMENTS,
            env={**os.environ, "HOME": str(home)},
        )  # fmt: skip
        yield launched
        launched.close()


@dataclass
class Portal:
    """A running demo portal: its address, and what it printed at its start."""

    url: str
    program: Program

    def to(self, path: str) -> str:
        return self.url + path

    def answers(self, path: str = "/livez") -> bool:
        try:
            with urllib.request.urlopen(self.to(path), timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture(scope="session")
def portal(browser: Browser, pytestconfig: pytest.Config) -> Iterator[Portal]:
    """`manage.py demo` as a process of its own, on a free port and in a folder of its own."""
    folder = pytestconfig.stash[RUNNING].folder
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    clean = {k: v for k, v in os.environ.items() if k not in {*PLAIN_SETTINGS, "DATABASE_URL"}}
    program = Program(
        [
            sys.executable, "-u", str(ROOT / "manage.py"), "demo",
            "--port", str(port), "--locations", str(LOCATIONS),
        ],
        log=folder / "demo.log",
        options={
            "cwd": str(ROOT),
            "env": clean | {"ONESTILE_VAR": str(folder / "demo"), "REDIS_URL": ""},
        },
    ).start()  # fmt: skip
    running = Portal(url, program)
    program.wait_until(running.answers, seconds=60)
    yield running
    program.stop()


@dataclass
class Visitor:
    """Somebody at a browser of their own, and everything the browser complained about."""

    portal: Portal
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    _missing: set[str] = field(default_factory=set)

    @property
    def where(self) -> str:
        return urlsplit(self.page.url).path

    def listen(self) -> None:
        def said(message: ConsoleMessage) -> None:
            if message.type != "error":
                return
            if message.location.get("url") in self._missing:
                return
            self.complaints.append(f"{self.where}: {message.text}")

        self.page.on("console", said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.where}: {error}"))
        self.page.on("request", self._stays_here)

    def _stays_here(self, request: Any) -> None:
        asked = urlsplit(request.url)
        if (
            asked.scheme not in {"data", "blob"}
            and asked.netloc != urlsplit(self.portal.url).netloc
        ):
            self.complaints.append(f"{self.where}: asked {asked.netloc} for {asked.path}")

    def go(self, path: str) -> None:
        """Open a page that exists."""
        response = self.page.goto(path if "://" in path else self.portal.to(path))
        assert response is not None
        assert response.status == 200, f"{path} answered {response.status}"

    def finds_nothing_at(self, path: str) -> None:
        """Open an address that must not exist for this visitor."""
        url = path if "://" in path else self.portal.to(path)
        self._missing.add(url)
        response = self.page.goto(url)
        assert response is not None
        assert response.status == 404, f"{path} answered {response.status}"

    def look(self) -> None:
        """Hold the page that is open to the rules of every page, in all four dresses.

        What breaks them is told at the end of the journey, all of it at once.
        """
        page = self.page
        page.wait_for_load_state("load")
        for size, scheme in (
            (DESK, "light"), (TELEPHONE, "light"), (TELEPHONE, "dark"), (DESK, "dark"),
        ):  # fmt: skip
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            # Colours of the stock back office glide from light to dark.
            page.evaluate("Promise.all(document.getAnimations().map(one => one.finished))")
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if wide > 0:
                self.complaints.append(f"{self.where}: {wide} px too wide at {size['width']} px")
            if (size, scheme) in ((DESK, "light"), (TELEPHONE, "dark")):
                self._accessible(f"{size['width']} px, {scheme}")
        page.set_viewport_size(DESK)  # type: ignore[arg-type]
        page.emulate_media(color_scheme="light")

    def _accessible(self, dress: str) -> None:
        # Without preload: axe would fetch style sheets and inline them, which the policy forbids.
        options = {"resultTypes": ["violations"], "preload": False}
        found = Axe().run(self.page, options=options).response["violations"]
        self.complaints += [
            f"{self.where} at {dress}: {rule['id']} ({rule['impact']}): {rule['help']}: "
            f"{node['html'][:160]}"
            for rule in found
            for node in rule["nodes"]
        ]

    def sign_in(self, email: str, password: str) -> None:
        self.go("/accounts/login/")
        self.fill("E-?mail", email)
        self.fill("Password", password)
        self.press("^Sign in")

    def field(self, label: str) -> Locator:
        """Return the form field whose label begins so."""
        wanted = re.compile(f"^{label}", re.IGNORECASE)
        return self.page.get_by_role("main").get_by_label(wanted).first

    def fill(self, label: str, text: str) -> None:
        self.field(label).fill(text)

    def choose(self, label: str, option: str) -> None:
        """Choose by its words, from a list or from round buttons."""
        main = self.page.get_by_role("main")
        button = main.get_by_role("radio", name=re.compile(f"^{option}", re.IGNORECASE))
        if button.count():
            button.first.check()
        else:
            self.field(label).select_option(label=option)

    def newest_mail_to(self, address: str) -> str:
        """Return the text of the last mail to an address, from the demo's page of mails."""
        tab = self.context.new_page()
        tab.goto(self.portal.to("/demo/mails/"))
        tab.get_by_role("row").filter(has_text=address).first.get_by_role("link").click()
        tab.get_by_text(address).first.wait_for()
        text = tab.get_by_role("main").inner_text()
        tab.close()
        return text

    def press(self, name: str) -> None:
        """Press the button, or follow the link, of that name."""
        wanted = re.compile(name, re.IGNORECASE)
        button = self.page.get_by_role("main").get_by_role("button", name=wanted)
        link = self.page.get_by_role("link", name=wanted)
        (button if button.count() else link).first.click()
        self.page.wait_for_load_state("load")

    def reads(self, text: str) -> None:
        """The page shows this text somewhere."""
        self.page.get_by_text(text).first.wait_for(state="visible")

    def wait_and_reload_until(self, text: str, *, seconds: float) -> None:
        """Load the page again until it shows this text."""
        until = time.monotonic() + seconds
        while not self.page.get_by_role("main").get_by_text(text).count():
            assert time.monotonic() < until, f"{self.page.url} never showed {text!r}"
            time.sleep(1)
            self.page.reload()

    def download(self, name: str) -> Path:
        """Follow the link of that name and return the file that comes."""
        with self.page.expect_download() as coming:
            self.press(name)
        return Path(coming.value.path())


@pytest.fixture
def visitor(browser: Browser, portal: Portal, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A function that brings another visitor, each with a browser of their own."""
    opened: list[Visitor] = []

    def bring() -> Visitor:
        context = browser.new_context(viewport=DESK, locale="en-GB", accept_downloads=True)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        came = Visitor(portal, context, context.new_page())
        came.listen()
        opened.append(came)
        return came

    yield bring
    for one in opened:
        one.context.close()
    assert portal.program.running, portal.program.said()
    complaints = dict.fromkeys(complaint for one in opened for complaint in one.complaints)
    assert not complaints, "\n".join(complaints)
