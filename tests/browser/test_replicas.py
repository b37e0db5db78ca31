"""Two replicas behind nginx with docs/nginx.conf: one fails, and no view is lost."""

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.support import REPOSITORY
from tests.support.nginx import NGINX, running_nginx
from tests.support.reading import settle
from tests.support.server import Server, free_port, running_server
from tests.support.weights_files import write_keras_weights
from vgg_viz.model.weights import UntrainedWeights

pytestmark = pytest.mark.browser

VIEW = (
    "view=maps&layer=block3_conv1&maps=100&scale=layer&picture=Coffee"
    "&colors=magma&order=mean&channel=19&row=12&column=34"
)
OWN = "view=maps&layer=block3_conv1&maps=9&picture=own"


# The states of the page's connection, from now on.
RECORD = """() => {
    const app = document.querySelector("[data-test-connection-state]");
    window.states = [];
    new MutationObserver(() => window.states.push(
        `${app.dataset.testConnectionState} ${app.dataset.testScriptState}`)).observe(
        app, { attributes: true,
               attributeFilter: ["data-test-connection-state", "data-test-script-state"] });
}"""
LOST = "() => window.states.some((state) => !state.startsWith('CONNECTED'))"
# Connected again, and the page has run there.
BACK = """() => {
    const lost = window.states.findIndex((state) => !state.startsWith("CONNECTED"));
    const since = lost < 0 ? [] : window.states.slice(lost);
    return since.includes("CONNECTED running") && since.at(-1) === "CONNECTED notRunning";
}"""


@dataclass
class Site:
    """Two replicas behind nginx, each of which can be killed and restarted."""

    folder: Path
    address: str
    replicas: list[Server]
    stack: ExitStack
    nginx: subprocess.Popen | None = None

    def start_replica(self, number: int) -> None:
        """Start a replica, or restart it at the same address."""
        weights = self.folder / "random.h5"
        port = urlsplit(self.replicas[number].address).port if self.replicas[number:] else None
        log = self.folder / f"replica-{number}.log"
        server = running_server(log, port=port, VGG_VIZ_WEIGHTS=str(weights))
        self.replicas[number : number + 1] = [self.stack.enter_context(server)]

    def kill_replica(self, number: int) -> None:
        """Kill a replica, as a power failure would."""
        self.replicas[number].process.kill()
        self.replicas[number].process.wait(timeout=30)

    def start_nginx(self) -> None:
        addresses = [replica.address for replica in self.replicas]
        nginx = running_nginx(self.folder, self.address, addresses)
        self.nginx = self.stack.enter_context(nginx)

    def stop_nginx(self) -> None:
        """Stop nginx, which cuts all connections."""
        self.nginx.terminate()
        self.nginx.wait(timeout=30)


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Iterator[Site]:
    if NGINX is None:
        pytest.skip("needs nginx: apt-get install nginx")
    folder = tmp_path_factory.mktemp("site")
    write_keras_weights(folder / "random.h5", UntrainedWeights(seed=7))
    with ExitStack() as stack:
        site = Site(folder, f"http://127.0.0.1:{free_port()}", [], stack)
        for number in (0, 1):
            site.start_replica(number)
        site.start_nginx()
        yield site


@pytest.fixture
def site(started) -> Site:
    """Return the site with both replicas running."""
    for number, replica in enumerate(started.replicas):
        if replica.process.poll() is not None:
            started.start_replica(number)
    if started.nginx.poll() is not None:
        started.start_nginx()
    return started


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """Open a page whose console may report a lost connection."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def open_view(page: Page, site: Site, query: str) -> None:
    page.goto(f"{site.address}/?{query}")
    settle(page)


def viewers(replica: Server) -> int:
    """Return the number of pages connected to a replica, by Streamlit's own count."""
    with urllib.request.urlopen(f"{replica.address}/_stcore/metrics", timeout=10) as answer:
        found = re.search(r"^active_sessions (\d+)", answer.read().decode(), re.MULTILINE)
    return int(found[1])


def serving(site: Site) -> int:
    """Return the index of the one replica that has a page."""
    counts = [viewers(replica) for replica in site.replicas]
    assert sorted(counts) == [0, 1]
    return counts.index(1)


def seen(page: Page) -> dict[str, object]:
    """Return the address, the text and the selection of a page."""
    main = page.locator('[data-testid="stMain"]')
    picked = {name: field(page, name).input_value() for name in ("Map", "Row", "Column")}
    return picked | {
        "address": parse_qs(urlsplit(page.url).query),
        "headings": main.locator("h2, h3").all_inner_texts(),
        "captions": main.locator('[data-testid="stCaptionContainer"]').all_inner_texts(),
        "picture": page.locator('[data-testid="stSidebar"] img').get_attribute("src"),
    }


def field(page: Page, name: str) -> Locator:
    return page.get_by_role("spinbutton", name=name)


def give_picture(page: Page, name: str = "coffee.jpg") -> None:
    page.locator('input[type="file"]').set_input_files(REPOSITORY / "assets" / name)
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("Your picture (stretched)")
    settle(page)


def choose_scale(page: Page, name: str, words: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()
    expect(page.locator('[data-testid="stMain"]')).to_contain_text(words)
    settle(page)


@pytest.mark.slow
def test_a_page_comes_back_on_the_other_replica_with_the_same_view(site, page):
    open_view(page, site, VIEW)
    # Something that was set by hand, and that the first link has not said.
    choose_scale(page, "Each tile", "each tile on its own scale")
    before = seen(page)
    assert [before[name] for name in ("Map", "Row", "Column")] == ["19", "12", "34"]
    assert "Coffee (stretched) · 100 of 256 maps" in " ".join(before["captions"])
    first = serving(site)
    page.evaluate(RECORD)

    site.kill_replica(first)
    page.wait_for_function(BACK)
    assert viewers(site.replicas[1 - first]) == 1
    assert seen(page) == before
    choose_scale(page, "Layer", "one scale for the whole layer")
    choose_scale(page, "Each tile", "each tile on its own scale")
    assert seen(page) == before

    # The first comes back: the page stays where it is now, and its uploads go there.
    site.start_replica(first)
    assert serving(site) == 1 - first
    open_view(page, site, OWN)
    give_picture(page)
    assert serving(site) == 1 - first

    # The other replica has no picture of ones own: the page asks for it again.
    page.evaluate(RECORD)
    site.kill_replica(1 - first)
    page.wait_for_function(BACK)
    choose_scale(page, "Layer", "one scale for the whole layer")
    expect(page.locator('[data-testid="stMain"]')).not_to_contain_text("Your picture")
    expect(page.locator('[data-testid="stSidebar"]')).to_contain_text("please add it again")
    # Another one: Chromium takes the same file in the same field for no change.
    give_picture(page, "raccoon.jpg")


@pytest.mark.slow
def test_a_page_that_lost_its_connection_comes_back_with_the_same_view_and_picture(site, page):
    open_view(page, site, f"{OWN}&channel=3&row=12&column=34")
    give_picture(page)
    before, first = seen(page), serving(site)
    page.evaluate(RECORD)

    site.stop_nginx()
    page.wait_for_function(LOST)
    site.start_nginx()
    page.wait_for_function(BACK)
    assert serving(site) == first
    # The next click is answered as if nothing had been.
    choose_scale(page, "Layer", "one scale for the whole layer")
    choose_scale(page, "Each tile", "each tile on its own scale")
    assert seen(page) == before


def test_new_visitors_go_to_both_replicas_and_stay(site):
    # An nginx that has seen neither of them fail.
    site.stop_nginx()
    site.start_nginx()
    chosen = []
    for _ in range(4):
        visitor = requests.Session()
        visitor.get(site.address, timeout=30)
        chosen.append(visitor.cookies["vgg_viz_replica"])
        again = visitor.get(site.address, timeout=30)
        assert "vgg_viz_replica" not in again.headers.get("Set-Cookie", "")
    assert sorted(chosen) == ["1", "1", "2", "2"]


def test_a_token_of_one_replica_is_good_for_the_other(site):
    """`server.cookieSecret` need not be shared: without a login nothing is signed with it."""
    first, other = (replica.address for replica in site.replicas)
    visitor = requests.Session()
    visitor.get(f"{first}/_stcore/health", timeout=30)
    token = visitor.cookies["_streamlit_xsrf"]
    place = f"{other}/_stcore/upload_file/nobody/nothing"
    assert visitor.put(place, timeout=30).status_code == 403
    answer = visitor.put(place, headers={"X-Xsrftoken": token}, timeout=30)
    assert answer.status_code == 400
    assert "Invalid session_id" in answer.text


def test_nginx_keeps_metrics_inside_and_refuses_foreign_pages(site):
    assert requests.get(f"{site.address}/_stcore/metrics", timeout=30).status_code == 404
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Origin": "https://elsewhere.example",
    }
    stream = f"{site.address}/_stcore/stream"
    assert requests.get(stream, headers=handshake, timeout=30).status_code == 403
    own = handshake | {"Origin": site.address}
    with requests.get(stream, headers=own, timeout=30, stream=True) as answer:
        assert answer.status_code == 101


def test_nginx_packs_and_keeps_streamlits_files(site):
    page = requests.get(site.address, timeout=30)
    script = re.search(r'src="\./(static/js/[^"]+)"', page.text)[1]
    answers = [requests.get(f"{site.address}/{script}", timeout=30) for _ in range(2)]
    for answer in answers:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answers[0].content == answers[1].content
    assert any((site.folder / "cache").glob("*"))
