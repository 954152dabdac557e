from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from playwright.sync_api import ConsoleMessage, Locator, Page, Response, ViewportSize

SCREENSHOTS = settings.VAR_DIR / "screenshots"
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")


class Visitor:
    """A person at a browser. `trouble` holds what should not have happened there.

    A page that breaks the content security policy says so in the console.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.trouble: list[str] = []
        # Answers that a test provokes on purpose; the console reports them as well.
        self.expected_status: set[int] = set()
        # While a tool of ours works in the page, what the console says is about the tool.
        self.deaf = False
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._note(f"script error: {error}"))
        page.on("response", self._on_response)

    def _note(self, text: str) -> None:
        self.trouble.append(f"{self.page.url}: {text}")

    def _on_console(self, message: ConsoleMessage) -> None:
        expected = any(f"status of {status}" in message.text for status in self.expected_status)
        if message.type in {"error", "warning"} and not expected and not self.deaf:
            self._note(f"console {message.type}: {message.text}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected_status:
            self._note(f"{response.request.method} {response.url} answered {response.status}")

    def go(self, path: str) -> None:
        self.page.goto(path)

    def path(self) -> str:
        return urlsplit(self.page.url).path

    def look(self, width: int, scheme: str) -> None:
        self.page.set_viewport_size(ViewportSize(width=width, height=900))
        self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        # Colours fade over; halfway they are nobody's. Not awaited: one may never end by itself.
        self.page.evaluate("document.getAnimations().forEach(one => one.finish())")

    def photograph(self, name: str, *, part: Locator | None = None) -> None:
        """Keeps what the page looks like, in both widths and colours, below var/screenshots.

        With `part`, as much as a window shows around it: what lies in a frame is drawn only
        where it can be seen.
        """
        for width in WIDTHS:
            for scheme in SCHEMES:
                self.look(width, scheme)
                if part:
                    part.scroll_into_view_if_needed()
                self.page.screenshot(path=picture(name, width, scheme), full_page=part is None)
                self.note_if_too_wide(width)
        self.look(WIDTHS[0], SCHEMES[0])

    def note_if_too_wide(self, width: int) -> None:
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            self._note(f"the page is {wide} px wide in a window of {width} px")


def picture(name: str, width: int, scheme: str) -> Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS / f"{name}-{width}-{scheme}.png"
