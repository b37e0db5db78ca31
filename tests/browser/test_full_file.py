"""The file with the dense layers and the class names: missing, downloaded once, damaged."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.support import REPOSITORY
from tests.support.class_lists import host_list
from tests.support.file_server import FileServer, pause_halfway, send_other_bytes, send_range, serve
from tests.support.reading import settle
from tests.support.server import running_app
from tests.support.weights_files import (
    write_full_weights,
    write_hollow_full_weights,
    write_keras_weights,
)
from vgg_viz.model.weights import FULL, UntrainedWeights

pytestmark = pytest.mark.browser

CLASSES = "view=prediction&important_maps=4"
TRIES = 3
ANSWERED = "Evidence for"
MARKED = "*a* `b` <b>c</b> [d](e) $f$ $g$ :red[h] ~~i~~"  # as a class may be called


@pytest.fixture
def files(tmp_path) -> Iterator[FileServer]:
    """Serve the full file: wrong bytes first, then half of it, then the rest."""
    write_hollow_full_weights(tmp_path / "hollow.h5")
    content = (tmp_path / "hollow.h5").read_bytes() + bytes(4_000_000)
    with serve(content, *[send_other_bytes] * TRIES, pause_halfway, send_range) as server:
        yield server


@pytest.fixture
def address(files, tmp_path) -> Iterator[str]:
    """Run an app with Keras' convolutions that may download the full file; yield its address."""
    write_keras_weights(tmp_path / "notop.h5", UntrainedWeights(seed=7))
    environment = {
        "PYTHONPATH": str(REPOSITORY),
        "VGG_VIZ_WEIGHTS": str(tmp_path / "notop.h5"),
        "FULL_FILE": f"{hashlib.md5(files.content).hexdigest()} {len(files.content)}",
        "VGG_VIZ_FULL_WEIGHTS_URL": files.url,
        "KERAS_HOME": str(tmp_path / "keras"),
        "NO_PROXY": "127.0.0.1",
    }
    script = "tests/support/as_imagenet.py"
    with running_app(tmp_path / "log", script, **environment) as started:
        yield started


def offer(page: Page) -> Locator:
    return page.locator(".st-key-dense-offer")


def expect_answer(*pages: Page) -> None:
    for page in pages:
        expect(page.locator("h3").first).to_have_text(re.compile(ANSWERED))
        expect(page.locator(".st-key-classes-0").get_by_role("button")).to_have_count(5)


def choose_picture(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).first.click()


def expect_no_folder(page: Page, folder: Path) -> None:
    """Check that the page names no folder of the server."""
    assert str(folder) not in page.locator("body").inner_text()


@pytest.mark.slow
def test_the_full_file_is_offered_and_fetched_for_all_who_look(address, files, open_page, tmp_path):
    first, second = (open_page(CLASSES, address) for _ in range(2))
    for page in (first, second):
        expect(offer(page)).to_contain_text(
            re.compile(
                rf"{re.escape(FULL.name)} \(4 MB\) is stored in the server's folder "
                r"\$KERAS_HOME/models, where [\d,]+ MB are free\."
            )
        )
    assert files.requests == []  # what is offered is not asked for unasked

    first.get_by_role("button", name="Download the file (4 MB)").click()
    expect(offer(first)).to_contain_text("(tried 3 times):")
    choose_picture(second, "Coffee")
    expect(offer(second)).to_contain_text("(tried 3 times):")
    assert len(files.requests) == TRIES

    second.get_by_role("button", name="Download the file (4 MB)").click()
    choose_picture(first, "Coffee")
    for page in (first, second):
        expect(offer(page)).to_contain_text(
            "Downloading the dense layers, once for all viewers: 2 of 4 MB"
        )
    files.released.set()
    expect_answer(first, second)
    whole, rest = files.ranges[TRIES:]
    assert whole is None
    assert re.fullmatch(r"bytes=[1-9]\d+-", rest)

    file = tmp_path / "keras" / "models" / FULL.name
    os.truncate(file, 1000)
    choose_picture(first, "Raccoon")
    notice = first.locator(".st-key-dense-notice")
    expect(notice).to_contain_text(f"dense layers: expected VGG19 weights in {FULL.name}")
    expect_no_folder(first, tmp_path)
    # Another file in its place, and the next who asks is told that there is none.
    file.write_bytes(b"something else")
    second.get_by_role("radio", name="Cropped").click()
    second.get_by_role("button", name="Retry").click()
    expect(offer(second)).to_contain_text("are not on this server")
    second.get_by_role("button", name="Show the untrained network").click()
    expect(second.locator("h3").first).to_have_text(re.compile(ANSWERED))


@pytest.mark.slow
def test_names_come_later_and_a_file_that_was_cut_ends_nothing(open_page, tmp_path):
    weights, names = tmp_path / "mapped.h5", tmp_path / "names.txt"
    write_full_weights(weights, UntrainedWeights(seed=7))
    environment = {"VGG_VIZ_WEIGHTS": str(weights), "VGG_VIZ_CLASS_NAMES": str(names)}
    with running_app(tmp_path / "log", **environment) as address:
        page = open_page(f"{CLASSES}&class=7", address)
        expect(page.locator("h3").first).to_have_text("Evidence for class 7")
        page.get_by_text("Could not load the class names; classes are shown by number").click()
        expect(page.get_by_test_id("stMain")).to_contain_text(
            "Could not use the file names.txt, named by VGG_VIZ_CLASS_NAMES: No such file"
        )
        names.write_bytes(host_list().replace(b"made_up_7\n", f"{MARKED}\n".encode()))
        page.get_by_role("button", name="Retry").click()
        expect(page.locator("h3").first).to_have_text(f"Evidence for {MARKED}")
        caption = page.get_by_test_id("stMain").get_by_test_id("stCaptionContainer").nth(1)
        expect(caption).to_contain_text(f"Evidence for {MARKED}, before")
        expect(page.get_by_text("Could not load the class names")).to_have_count(0)

        # It is mapped: reading beyond its new end would end the process.
        os.truncate(weights, weights.stat().st_size // 2)
        choose_picture(page, "Raccoon")
        expect(page.locator(".st-key-dense-notice")).to_contain_text(
            "Could not use this network's dense layers: expected VGG19 weights in mapped.h5"
        )
        expect_no_folder(page, tmp_path)
        page.get_by_role("radio", name="Feature maps").click()
        expect(page.locator("canvas[data-shown]").first).to_be_visible()
        settle(page)
        assert requests.get(f"{address}/_stcore/health", timeout=30).ok
        page.context.close()
    weights.unlink()
