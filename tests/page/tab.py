"""What a person does in a tab, and what is found there."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import TimeoutError as Late

from tests.data import SAMPLE

_FAILED_LOAD = re.compile(
    r"Failed to load resource: (?:the server responded with a status of )?(.*)", re.DOTALL
)

_INTERFACES = "net::ERR_NETWORK_CHANGED"
"""Where interfaces come and go, as containers' do, Chromium drops what it is loading."""


@dataclass
class Tab:
    """A browser's tab on the page."""

    page: object
    client: object
    failing: re.Pattern
    shots: Path
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._see(request.url))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def _hear(self, kind: str, text: str) -> None:
        failed = _FAILED_LOAD.fullmatch(text)
        is_meant = failed and (self.failing.match(failed[1]) or failed[1] == _INTERFACES)
        if kind in {"error", "warning"} and not is_meant:
            self.complaints.append(text)

    def _see(self, url: str) -> None:
        if not url.startswith((self.client.demo["https"] + "/", "blob:" + self.client.demo["https"] + "/")):
            self.complaints.append(f"asked for {url}")

    def open(self) -> None:
        """Load the page, anew where it cannot start."""
        for _ in range(3):
            self.page.goto(self.client.demo["https"])
            with suppress(Late):
                self.page.get_by_label("Username").wait_for(timeout=10_000)
                break

    def log_in(self, password: str | None = None, username: str | None = None) -> None:
        self.page.get_by_label("Username").fill(username or self.client.demo["username"])
        self.page.get_by_label("Password").fill(password or self.client.demo["password"])
        self.page.get_by_role("button", name="Log in").click()
        if password is None:
            self.page.get_by_role("heading", name="Forecast a meter file").wait_for()
            self.wait()

    def pick(self, content: bytes, name: str = "meter.csv") -> None:
        """Pick a file, and wait for what comes of it."""
        file = {"name": name, "mimeType": "text/csv", "buffer": content}
        with self.forecasting():
            self.page.locator("#file").set_input_files(file)

    def pick_sample(self) -> None:
        self.pick(SAMPLE.read_bytes(), SAMPLE.name)

    def drop(self, files: dict[str, bytes]) -> None:
        """Drop files by name somewhere on the page."""
        dropped = self.page.evaluate_handle(
            """files => {
              const transfer = new DataTransfer();
              for (const [name, text] of files) transfer.items.add(new File([text], name));
              return transfer;
            }""",
            [[name, content.decode()] for name, content in files.items()],
        )
        self.page.dispatch_event("h1:visible", "drop", {"dataTransfer": dropped})

    def wait(self) -> None:
        """Until nothing is under way."""
        self.page.locator("#busy").wait_for(state="hidden")

    @contextmanager
    def forecasting(self) -> Iterator[None]:
        """Wait for what comes of something that asks for a forecast."""
        with self.page.expect_request("**/v1/models/*:forecast?*"):
            yield
        self.wait()

    def option(self, label: str, value: str) -> None:
        """Say what the file does not say."""
        if not self.page.locator("#options").evaluate("details => details.open"):
            self.page.locator("#options summary").click()
        field = self.page.get_by_label(label)
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)

    def forecast(self) -> None:
        with self.forecasting():
            self.page.get_by_role("button", name="Forecast", exact=True).click()

    def rows(self, selector: str = "#table") -> list[list[str]]:
        """The cells of a table's body."""
        return self.page.locator(f"{selector} tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )

    def focused(self) -> str:
        """The id of what has the focus."""
        return self.page.evaluate("document.activeElement.id")

    def stored(self) -> str:
        """All that the page has left in the browser."""
        return json.dumps(
            [
                self.page.evaluate("[document.cookie, {...localStorage}, {...sessionStorage}]"),
                self.page.evaluate("indexedDB.databases()"),
                self.page.context.cookies(),
            ]
        )

    def pixels(self, *colours: str) -> int:
        """How much of the chart has one of the style sheet's colours, or some over each other, in pixels."""
        return self.page.evaluate(
            """colours => {
              const copy = source => {
                const canvas = document.createElement("canvas");
                Object.assign(canvas, { width: source?.width ?? 1, height: source?.height ?? 1 });
                return canvas.getContext("2d", { willReadFrequently: true });
              };
              const paint = copy();
              for (const name of colours) {
                paint.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
                paint.fillRect(0, 0, 1, 1);
              }
              const wanted = paint.getImageData(0, 0, 1, 1).data;
              const chart = document.querySelector("#chart canvas");
              const drawn = copy(chart);
              drawn.drawImage(chart, 0, 0);
              const { data } = drawn.getImageData(0, 0, chart.width, chart.height);
              let count = 0;
              for (let i = 0; i < data.length; i += 4)
                count += wanted.every((value, part) => Math.abs(value - data[i + part]) < 5);
              return count;
            }""",
            colours,
        )

    def is_wider_than_its_window(self) -> bool:
        # Not innerWidth: a phone zooms out until it has all of a page.
        width = self.page.evaluate("document.documentElement.scrollWidth")
        return width > self.page.viewport_size["width"]

    def shoot(self, name: str) -> None:
        """Keep what it looks like."""
        self.shots.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self.shots / f"{name}.png", full_page=True)

    def inaccessible(self) -> list[str]:
        """What axe finds for people to stumble over."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]
