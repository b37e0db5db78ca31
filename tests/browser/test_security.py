"""Requests of strangers to a real server: no file, and no page of another viewer."""

import http.client
import re
from urllib.parse import quote, urlsplit

import pytest
import requests
from playwright.sync_api import Page, Request, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser import cases
from tests.support import REPOSITORY
from tests.support.reading import settle
from vgg_viz.fields import FIELDS

pytestmark = pytest.mark.browser

PHOTO = REPOSITORY / "assets" / "coffee.jpg"
TOUR = r"""
title = "www.title.example"
[[step]]
title = "Of addresses: https://title.example"
page = "?view=architecture"
text = '''[one](https://www.a.example/@b) https://c.example/d_e http://1.example
http\://2.example HTTP:\//3.example www.4.example www\.5.example me@6.example me\@7.example
<me@8.example> mailto:a@9.example (http://10.example) *http://11.example* https:/http://12.example'''
"""
OWN = "view=maps&layer=block3_conv1&maps=4&picture=own"
SERVED = [
    "/",
    "/static/",
    "/media/",
    "/component/",
    "/component/vgg_viz.export.mosaic/",
    "/_stcore/bidi-components/",
    "/_stcore/bidi-components/vgg_viz.export.mosaic/",
    "/_stcore/upload_file/",
    "/app/static/",
]
CLIMBS = [
    "../" * 12 + "etc/passwd",
    "..%2f" * 12 + "etc%2fpasswd",
    "%2e%2e/" * 12 + "etc/passwd",
    "%2e%2e%2f" * 12 + "etc%2fpasswd",
    "..%5c" * 12 + "etc%5cpasswd",
    "....//" * 12 + "etc/passwd",
    "%252e%252e%252f" * 12 + "etc%252fpasswd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "..%c0%af" * 12 + "etc/passwd",
    "../" * 12 + "etc/passwd%00.png",
    quote(str(REPOSITORY / "streamlit_app.py"), safe=""),
    "../streamlit_app.py",
    "..%2fstreamlit_app.py",
]
SCRIPT = '"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


def ask(address: str, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Request a path exactly as written, without normalizing it."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("prefix", SERVED)
def test_no_path_leads_to_a_file_of_the_server(app, prefix):
    _, page = ask(app, "/")
    for climb in CLIMBS:
        status, body = ask(app, prefix + climb)
        # Streamlit answers with its empty page where a path is only unknown.
        assert 400 <= status < 500 or body == page, (prefix + climb, status)
        assert b"root:" not in body
        assert b"import_module" not in body


def test_an_upload_needs_the_token_of_ones_own_page(app):
    visitor = requests.Session()
    visitor.get(f"{app}/_stcore/health", timeout=30)
    assert visitor.cookies.keys() == ["_streamlit_xsrf"]
    token = visitor.cookies["_streamlit_xsrf"]
    place = f"{app}/_stcore/upload_file/session/file"
    with PHOTO.open("rb") as photo:
        files = {"file": photo}
        refused = [
            requests.put(place, files=files, timeout=30),
            requests.put(place, files=files, headers={"X-Xsrftoken": token}, timeout=30),
            visitor.put(place, files=files, timeout=30),
            visitor.put(place, files=files, headers={"X-Xsrftoken": "2|00|00|0"}, timeout=30),
            visitor.delete(place, timeout=30),
        ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert visitor.post(place, timeout=30).status_code == 405
    # With the token it is only the session that is missing.
    assert visitor.put(place, headers={"X-Xsrftoken": token}, timeout=30).status_code == 400


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "file://"])
def test_a_foreign_page_may_not_open_a_websocket(app, origin):
    stream = f"{app.replace('http', 'ws', 1)}/_stcore/stream"
    with pytest.raises(InvalidStatus) as refusal:
        connect(stream, origin=origin, open_timeout=30)
    assert refusal.value.response.status_code == 403
    with connect(stream, origin=app, open_timeout=30):
        pass


def test_no_foreign_page_may_read_answers(app):
    for path in ("/", "/_stcore/health", "/_stcore/host-config", "/media/nothing.png"):
        answer = requests.get(
            f"{app}{path}", headers={"Origin": "https://elsewhere.example"}, timeout=30
        )
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed is None, (path, allowed)


def test_an_upload_is_read_and_changed_by_nobody_else_and_its_name_is_only_words(open_page, app):
    page = open_page(OWN)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "PUT" else None)
    name = "<img src=x onerror=window.hacked=1>.jpg"
    file = {"name": name, "mimeType": "image/jpeg", "buffer": PHOTO.read_bytes()}
    page.locator('input[type="file"]').set_input_files(file)
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("Your picture (stretched)")
    settle(page)
    # The uploader is empty again once it has taken the picture, and the name is shown nowhere.
    expect(page.get_by_role("button", name="Remove it")).to_be_visible()
    expect(page.get_by_text("onerror")).to_have_count(0)
    assert_unharmed(page)
    place = sent[0].url
    assert re.fullmatch(
        rf"{re.escape(app)}/_stcore/upload_file/[0-9a-f-]{{36}}/[0-9a-f-]{{36}}", place
    )

    for method in ("GET", "HEAD", "POST"):
        status, body = ask(app, urlsplit(place).path, method)
        # Streamlit answers a GET with its empty page, as for every path that it does not know.
        assert status == 405 or body in (b"", ask(app, "/")[1]), (method, status)
        assert body[:3] != PHOTO.read_bytes()[:3]
    assert requests.delete(place, timeout=30).status_code == 403
    page.get_by_role("radio", name="Layer", exact=True).click()
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("one scale for the whole layer")
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("Your picture (stretched)")


def assert_unharmed(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator('img[src="x"]').count() == 0
    assert page.locator("h2").count() == 1


@pytest.mark.parametrize(
    ("view", "heading"),
    [("Feature maps", "Feature maps of block1_conv1"), (SCRIPT, "The architecture of VGG19")],
)
def test_an_address_with_a_script_in_it_is_only_words(visit, view, heading):
    names = [name for name in FIELDS if name not in ("view", "lecture")] + ["debug", "strange"]
    query = "&".join(f"{name}={quote(SCRIPT)}" for name in names)
    page = visit(f"view={quote(view)}&{query}&{quote(SCRIPT)}=1")
    expect(page.locator("h2")).to_have_text([heading])
    assert_unharmed(page)


@pytest.mark.parametrize(
    "foreign",
    cases(
        {"http": "http://example.org/a"},
        {"https": "HTTPS://example.org", "www": "www.example.org", "mail": "me@example.org"},
    ),
)
def test_an_address_in_the_url_is_no_link(visit, foreign):
    page = visit(f"view=maps&layer={quote(foreign)}")
    warning = page.get_by_test_id("stAlert")
    expect(warning).to_contain_text("example")
    expect(warning.locator("a")).to_have_count(0)


def test_of_the_addresses_in_a_tour_only_those_with_https_are_links(open_page):
    page = open_page("view=architecture&tour=1")
    page.get_by_role("button", name="Steps").click()
    page.locator('.st-key-tour-file input[type="file"]').set_input_files(
        {"name": "a.toml", "mimeType": "application/toml", "buffer": TOUR.encode()}
    )
    panel = page.locator(".st-key-tour-panel")
    expect(panel).to_contain_text("Of addresses")
    hrefs = panel.locator("p a").evaluate_all("links => links.map(link => link.href)")
    assert hrefs == ["https://www.a.example/@b", "https://c.example/d_e"]
    assert_unharmed(page)
