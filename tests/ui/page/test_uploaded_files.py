"""Bounds of the uploaded files that Streamlit holds: a page's bytes, and their time."""

import asyncio
import re
from threading import Event
from unittest.mock import Mock
from uuid import uuid4

import pytest
import requests
from starlette.exceptions import HTTPException
from streamlit import runtime
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.session_manager import SessionInfo
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from tests.load.page import XSRF_COOKIE, Page
from tests.support.image_files import photo
from tests.support.server import running_app
from tests.support.weights_files import write_hollow_weights
from vgg_viz.ui.page import process, uploaded_files
from vgg_viz.ui.widgets import uploads
from vgg_viz.ui.widgets.uploads import MEGABYTES_TOGETHER, NO_ROOM, megabytes_together

LARGE = 20 * 2**20 - 1000  # bytes; with the form around it, what Streamlit takes at the most


@pytest.fixture
def manager(monkeypatch):
    """Return the files of a server whose pages "a" and "b" are open; a page may hold 115 bytes."""
    process.prepare()
    monkeypatch.setattr(uploaded_files, "megabytes_together", lambda: 115 / 2**20)
    server = Mock(is_active_session=lambda page: page in ("a", "b"))
    monkeypatch.setattr(runtime, "get_instance", lambda: server)
    return MemoryUploadedFileManager("/upload")


@pytest.mark.parametrize(("most", "together"), [(20, 100), (120, 120)])
def test_a_page_may_hold_many_pictures_or_one_large_network(monkeypatch, most, together):
    monkeypatch.setattr(uploads, "most_megabytes", lambda: most)
    assert megabytes_together() == together


def add(manager, page, name, size):
    manager.add_file(page, UploadedFileRec(name, f"{name}.png", "image/png", b"x" * size))


def held(manager, page):
    return {file.file_id: file.data for file in manager.file_storage.get(page, {}).values()}


def test_a_page_holds_files_up_to_the_bound_and_the_names_of_others(manager):
    for number in range(5):
        add(manager, "a", f"{number}", 30)
    full = dict.fromkeys("012", b"x" * 30)
    assert held(manager, "a") == {**full, "3": NO_ROOM, "4": NO_ROOM}
    add(manager, "b", "other", 100)
    assert held(manager, "b") == {"other": b"x" * 100}
    manager.remove_file("a", "1")
    add(manager, "a", "5", 30)
    assert held(manager, "a")["5"] == b"x" * 30


def test_a_page_holds_files_up_to_a_number_and_under_short_ids(manager, monkeypatch):
    monkeypatch.setattr(uploaded_files, "MOST_FILES", 2)
    for name in (str(uuid4()), str(uuid4())):
        add(manager, "a", name, 0)
    before = held(manager, "a")
    for page, name in (("a", str(uuid4())), ("b", "1" * 1_000)):
        with pytest.raises(HTTPException) as refusal:
            add(manager, page, name, 0)
        assert refusal.value.status_code == 413
    assert held(manager, "a") == before
    assert not held(manager, "b")


def test_a_page_that_was_left_takes_no_file(manager):
    with pytest.raises(HTTPException) as refusal:
        add(manager, "left", "late", 1)
    assert refusal.value.status_code == 400
    assert not manager.file_storage


def left(manager, storage, name):
    """Leave a page; return an event that is set when it ends."""
    ended = asyncio.Event()
    session = Mock(id=name, _uploaded_file_mgr=manager, shutdown=Mock(side_effect=ended.set))
    storage.save(SessionInfo(client=None, session=session, script_run_count=1))
    return ended


def test_a_page_that_is_left_holds_no_file(manager):
    async def leave() -> None:
        left(manager, MemorySessionStorage(), "a")

    for page in "ab":
        add(manager, page, "picture", 1)
    asyncio.run(leave())
    assert not held(manager, "a")
    assert held(manager, "b")


def test_a_page_that_was_left_ends_in_time_although_no_other_is_left(manager, monkeypatch):
    monkeypatch.setattr(uploaded_files, "SECONDS_MORE", 0.02)

    async def leave() -> None:
        ended = left(manager, MemorySessionStorage(ttl_seconds=0.02), "left")
        assert not ended.is_set()
        await asyncio.wait_for(ended.wait(), 30)

    asyncio.run(leave())


def test_a_page_without_room_among_those_that_were_left_ends_and_an_open_one_does_not(manager):
    async def leave() -> None:
        storage = MemorySessionStorage(maxsize=1)
        first, second = (left(manager, storage, name) for name in ("first", "a"))
        storage.delete("a")  # as when it is opened again
        assert first.is_set()
        assert not second.is_set()

    asyncio.run(leave())


@pytest.mark.slow
def test_a_server_holds_little_of_many_files_and_nothing_of_a_page_that_was_left(tmp_path):
    write_hollow_weights(tmp_path / "hollow.h5")
    weights = str(tmp_path / "hollow.h5")
    with running_app(tmp_path / "server.log", VGG_VIZ_WEIGHTS=weights) as address:
        asyncio.run(visit(address))
        for _ in range(300):
            if not server_holds(address):  # Streamlit measures it every five seconds
                return
            Event().wait(0.1)
    raise AssertionError("expected a server without files, it holds some 30 seconds later")


async def visit(address: str) -> None:
    """Upload a picture, which is read, and ten large files under ids that the page has made up."""
    async with Page(address, "view=blocks") as page:
        await page.open()
        await page.set("picture", "Your own")
        await page.upload("own-upload-picture-0", "photo.jpg", photo("red", "JPEG"))
        token = page._http.cookies[XSRF_COOKIE]
        for _ in range(10):
            place = f"{address}/_stcore/upload_file/{page._session_id}/{uuid4()}"
            form = {"files": {"file": ("a.png", bytes(LARGE))}, "headers": {"X-Xsrftoken": token}}
            assert page._http.put(place, timeout=30, **form).status_code == 204
        assert LARGE < MEGABYTES_TOGETHER * 2**20 // 5 == LARGE + 1000
        assert server_holds(address) == 5 * LARGE + 5 * len(NO_ROOM)


def server_holds(address: str) -> int:
    """Return the bytes of uploaded files that a server holds."""
    text = requests.get(f"{address}/_stcore/metrics", timeout=30).text
    found = re.search(r'cache_type="UploadedFileManager",cache=""} (\d+)', text)
    return int(found[1]) if found else 0
