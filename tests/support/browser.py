"""Browsers and tabs: one Chromium a process, and a record of all that goes wrong in a tab."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from playwright.sync_api import Request as BrowserRequest
from playwright.sync_api import Response as BrowserResponse

from tests.support.servers import ORIGIN

#: What Playwright turns off, which a list of our own would take the place of; and what a window of a
#: whole browser makes for its address bar (two more pages), and each page for the next one.
OFF = (
    "AvoidCorsURLLoaderRestartOnRedirect,AvoidUnnecessaryBeforeUnloadCheckSync,"
    "DestroyProfileOnBrowserClose,HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,LensOverlay,"
    "MediaRouter,NetworkTimeServiceQuerying,OptimizationHints,PaintHolding,PreconnectToSearch,"
    "ThirdPartyStoragePartitioning,"
    "WebUIOmniboxAimPopup,WebUIOmniboxPopup,SpareRendererForSitePerProcess"
)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    f"--disable-features={OFF}",
)
Launcher = Callable[..., Browser]

#: Seconds after which a test gives up on a browser: far from what anything takes, even on a machine
#: that does much else.
PATIENCE = 120

#: Holds when a page's scripts run, or never will: they run once it has been painted, which may be
#: after it has loaded.
READY = "html.no-js, html:not(:has([data-scripts]))"

#: Material follows links in place once it has the map of the site. It fills that in the task in which
#: it parses it; until then the browser loads what a link leads to anew.
NOTE_MAP = """{
  const { parseFromString } = DOMParser.prototype;
  DOMParser.prototype.parseFromString = function (text, type) {
    if (type === "text/xml") window.mapRead = true;
    return parseFromString.call(this, text, type);
  };
}"""

#: Brings to its end what is on its way to another look, and what sets out when that has come. Until
#: then what the browser computes is a value in between: the theme fades colours in when a scheme is
#: chosen.
AT_REST = """() => {
  const moving = () => document.getAnimations().filter((one) => one instanceof CSSTransition);
  for (let some = moving(); some.length; some = moving()) some.forEach((one) => one.finish());
}"""

#: The theme's worker makes an index of all words of the site on every page: half of what it takes to
#: open one. Only who searches needs it.
NO_INDEX = """{
  const { Worker } = window;
  const silent = { postMessage() {}, addEventListener() {}, removeEventListener() {} };
  window.Worker = function (url, options) {
    return String(url).includes("/workers/search.") ? silent : new Worker(url, options);
  };
}"""


def wait_until_ready(page: Page) -> None:
    """Wait until the page's scripts run, if they ever will; it has to have loaded."""
    page.wait_for_selector(READY, state="attached")


def wait_until_instant(page: Page) -> None:
    """Wait until links are followed in place; that the network is idle does not tell."""
    page.wait_for_function("() => window.mapRead")


def wait_for_fonts(page: Page) -> None:
    """Wait until lines are set in the site's fonts: as these come, all that stands below moves."""
    page.wait_for_selector("html:not([data-plain-math])", state="attached")


@dataclass
class Watched:
    """A browser tab, and all that went wrong in it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"page error: {error}"))
        self.page.on("request", self._request)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._response)
        self._open, self._load_anew = self.page.goto, self.page.reload
        self.page.goto = self._goto  # type: ignore[method-assign]
        self.page.reload = self._reload  # type: ignore[method-assign]

    def _goto(self, url: str, **options: Any) -> BrowserResponse | None:
        response = self._open(url, **options)
        wait_until_ready(self.page)
        return response

    def _reload(self, **options: Any) -> BrowserResponse | None:
        response = self._load_anew(**options)
        wait_until_ready(self.page)
        return response

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.troubles.append(f"console {message.type}: {message.text}")

    def _request(self, request: BrowserRequest) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((ORIGIN + "/", "data:", "blob:", "file:")):
            self.troubles.append(f"request to another host: {request.url}")

    def _failed(self, request: BrowserRequest) -> None:
        if request.failure != "net::ERR_ABORTED":  # what the browser itself gives up
            self.troubles.append(f"request failed: {request.url} ({request.failure})")

    def _response(self, response: BrowserResponse) -> None:
        if response.status >= 400:
            self.troubles.append(f"status {response.status}: {response.url}")

    def bundles(self) -> int:
        """How often plotly was asked for."""
        return sum("plotly" in url and url.endswith(".js") for url in self.requests)

    def take(self) -> list[str]:
        """Return what went wrong since the last call."""
        found, self.troubles = self.troubles, []
        return found


@contextlib.contextmanager
def profile(browser: Browser, *, search: bool = False, **options: Any) -> Iterator[BrowserContext]:
    """Start as a new reader, who may search or not; `options` are those of a browser context."""
    context = browser.new_context(**options)
    context.add_init_script(NOTE_MAP)
    if not search:
        context.add_init_script(NO_INDEX)
    context.set_default_timeout(1000 * PATIENCE)
    try:
        yield context
    finally:
        context.close()


@contextlib.contextmanager
def watched(browser: Browser, **options: Any) -> Iterator[Watched]:
    """Open the one tab of a new reader; `options` are those of `profile`."""
    with profile(browser, **options) as context:
        yield Watched(context.new_page())
