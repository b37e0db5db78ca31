"""The page in one of the engines, through WebDriver.

Everything is found by what the page shows; the names of its parts stand here and nowhere else.
"""

import io
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from tests.engines.webdriver import ELEMENT, Send, eventually
from tests.support.reading import AT_REST

VIEW = '.st-key-view [role="radio"], .st-key-view button'
PICTURE = ".st-key-picture button"
GRID = ".st-key-maps-mosaic >>> .grid:has(canvas[data-shown])"
GRIDS = '[data-testid="stMain"] >>> .grid canvas[data-shown]'
MAP = ".st-key-inspector >>> canvas.map"  # the chosen one
INSPECTOR = ".st-key-inspector >>> .stage canvas"  # and the photograph beside it
SAVE = ".st-key-maps-mosaic >>> .save"
FULL_SCREEN = ".st-key-maps-mosaic >>> .fullscreen"
HEADING, SUBHEADING = "h2", ".st-key-map-tabs strong"
CAPTION = '[data-testid="stCaptionContainer"]'
SIDEBAR = '[data-testid="stSidebar"]'
AGREED = '[data-testid="stAlertContentSuccess"]'
UPLOAD = '[data-testid="stFileUploader"] input[type="file"]'
LECTURE = ".st-key-lecture-switch button"

ARROW_RIGHT, ARROW_LEFT = "\ue014", "\ue012"

# A selector may step into the parts that are the page's own: ">>>" is such a step.
FINDING = """
const all = (selector) => {
  const [outer, inner] = selector.split(" >>> ");
  const parts = '[data-testid="stBidiComponentIsolated"]';
  const found = [...document.querySelectorAll(outer)];
  if (!inner) return found;
  const hosts = found.flatMap((each) => [...each.querySelectorAll(parts)]);
  return hosts.flatMap((host) => [...(host.shadowRoot?.querySelectorAll(inner) ?? [])]);
};
const visible = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 0;
const shown = (selector) => all(selector).filter(visible);
"""

# At rest, and the page's style sheet is there, which lays it out: browsers fetch what shows it only
# when it is wanted.
SETTLED = f"""
const app = document.querySelector('[data-testid="stApp"]');
return ({AT_REST})() && getComputedStyle(app).getPropertyValue("--ground");
"""

# The box of an element in the window, where it is the same two frames later.
RESTING = """
const [selector, words] = arguments;
const frame = () => new Promise(requestAnimationFrame);
const box = () => {
  const one = shown(selector).find((each) => each.innerText.includes(words));
  one?.scrollIntoView({ block: "center", behavior: "instant" });
  return JSON.stringify(one?.getBoundingClientRect() ?? null);
};
const before = box();
return frame().then(frame).then(() => box() === before && JSON.parse(before));
"""

PAINTED = """
const [selector, count] = arguments;
const isPainted = (canvas) => {
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  return new Set(pixels.filter((_, index) => index % 4 === 0)).size > 16;
};
const canvases = shown(selector);
return canvases.length >= count && canvases.every(isPainted);
"""

# A window that leaves the full screen by itself resizes under the next page's first click.
LEAVING = "window.isLeft = true; return document.fullscreenElement && document.exitFullscreen()"

# What goes wrong in the page, from the moment that it is there. That a layout has taken two rounds,
# as that of a grid that follows its column may, is no fault, but is told as if it were one.
LISTENING = """
window.wentWrong = [];
window.addEventListener("error", ({ message }) => {
  if (!message.startsWith("ResizeObserver loop")) wentWrong.push(message);
});
window.addEventListener("unhandledrejection", (event) => wentWrong.push(String(event.reason)));
const error = console.error;
console.error = (...words) => { wentWrong.push(words.join(" ")); error(...words); };
"""


class Page:
    """A page of the app in a browser that takes WebDriver's commands."""

    def __init__(self, send: Send, app: str, downloads: Path) -> None:
        self.send, self.app, self.downloads = send, app, downloads

    def open(self, query: str = "") -> None:
        """Go to a link, and wait until the page is complete."""
        self.run(LEAVING)
        self.send("Navigate", {"url": f"{self.app}/?{query}"})
        self.until(f"if (window.isLeft) return false; {LISTENING} return true")
        self.settle()

    def run(self, script: str, *arguments: object) -> object:
        return self.send("ExecuteScript", {"script": FINDING + script, "args": list(arguments)})

    def until(self, script: str, *arguments: object) -> object:
        """Wait until a script returns a true value, and return it."""

        def attempt() -> object:
            return self.run(script, *arguments) or False

        try:
            return eventually(attempt)
        except TimeoutError as error:
            raise AssertionError(f"expected {script} of {arguments}; {self.texts('h1')}") from error

    def settle(self) -> None:
        """Wait until the run is over and the browser has shown it."""
        self.until(SETTLED)

    def until_shown(self, selector: str, words: str = "") -> None:
        """Wait until an element of that selector with these words is on the page."""
        self.until(
            "return shown(arguments[0]).some((each) => each.innerText.includes(arguments[1]))",
            selector,
            words,
        )

    def until_gone(self, selector: str) -> None:
        self.until("return !shown(arguments[0]).length", selector)

    def texts(self, selector: str) -> list[str]:
        return self.run("return shown(arguments[0]).map((each) => each.innerText)", selector)

    def box(self, selector: str, words: str = "") -> dict[str, float]:
        """Return the final place in the window of the first such element with these words."""
        return self.until(RESTING, selector, words)

    def click(self, selector: str, words: str = "", at: tuple[float, float] = (0.5, 0.5)) -> None:
        """Click an element at a point given as fractions of its width and height."""
        box = self.box(selector, words)
        x, y = box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"]
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}}
        steps = [
            {"type": "pointerMove", "x": round(x), "y": round(y), "origin": "viewport"},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.send("PerformActions", {"actions": [{**pointer, "actions": steps}]})

    def press(self, key: str) -> None:
        steps = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        keys = {"type": "key", "id": "keyboard", "actions": steps}
        self.send("PerformActions", {"actions": [keys]})

    def back(self) -> None:
        self.send("Back", {})

    def forward(self) -> None:
        self.send("Forward", {})

    def give(self, file: Path) -> None:
        chooser = self.until("return all(arguments[0])[0]", UPLOAD)
        self.send("ElementSendKeys", {"id": chooser[ELEMENT], "text": str(file)})

    def downloaded(self) -> Image.Image:
        """Wait for the one saved picture, and return it."""

        def attempt() -> Image.Image:
            (file,) = self.downloads.glob("*.png")
            picture = Image.open(io.BytesIO(file.read_bytes()))
            picture.load()
            return picture

        return eventually(attempt)

    def until_painted(self, selector: str, count: int = 1) -> None:
        """Wait until so many canvases of a selector are painted, each in more than one color."""
        self.until(PAINTED, selector, count)

    def until_address(self, **fields: str | None) -> None:
        """Wait until the address has these values of its fields; None means absent."""
        eventually(lambda: {name: self.address.get(name) for name in fields} == fields)

    @property
    def address(self) -> dict[str, str]:
        query = urlsplit(self.run("return location.href")).query
        return {name: values[-1] for name, values in parse_qs(query).items()}

    @property
    def errors(self) -> list[str]:
        return self.run("return window.wentWrong ?? []")
