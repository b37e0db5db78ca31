"""The page while the weights load, and when they cannot be loaded."""

import pytest
from playwright.sync_api import expect

from tests.support.file_server import pause_halfway, refuse, serve
from tests.support.server import running_app

pytestmark = pytest.mark.browser


def test_all_viewers_see_the_download_and_architecture_works(open_page, tmp_path):
    with serve(b"0" * 3_000_000, pause_halfway, refuse) as files:
        environment = {
            "VGG_VIZ_WEIGHTS_URL": files.url,
            "KERAS_HOME": str(tmp_path / "keras"),
            "VGG_VIZ_WEIGHTS": "",
        }
        with running_app(tmp_path / "log", **environment) as address:
            first = open_unsettled(open_page, address, "view=blocks")
            second = open_unsettled(open_page, address)
            for page in (first, second):
                bar = page.locator('[data-testid="stProgress"]')
                expect(bar).to_contain_text("Downloading the weights of VGG19")
            heading = first.locator("h2").bounding_box()
            second.get_by_role("radio", name="Architecture").click()
            expect(second.locator("h2")).to_have_text(["The architecture of VGG19"])
            tables = second.get_by_test_id("stMetric").first
            expect(second.locator(".st-key-diagram svg")).to_be_visible()
            before = tables.bounding_box()
            files.released.set()
            notice = first.locator(".st-key-weights-notice")
            expect(notice).to_contain_text("Could not get the ImageNet weights")
            expect(first.locator('[data-testid="stMain"]')).to_contain_text("· untrained ·")
            assert first.locator("h2").bounding_box() == heading  # the notice moves nothing
            notice.locator("summary").click()
            first.get_by_role("button", name="Retry").click()
            expect(first.locator('[data-testid="stProgress"]')).to_have_count(0)
            expect(notice).to_contain_text("Could not get the ImageNet weights")
            # It has one line, and its place is kept.
            expect(second.locator("canvas[data-shown]")).to_be_visible()
            folded = second.locator(".st-key-weights-notice")
            expect(folded).to_contain_text("Could not get the ImageNet weights")
            assert folded.bounding_box()["height"] < 60
            assert tables.bounding_box() == before
            # In a lecture on a phone, it has few lines.
            second.set_viewport_size({"width": 390, "height": 844})
            second.goto(f"{address}/?view=maps&lecture=true")
            expect(folded).to_be_visible()
            assert folded.bounding_box()["height"] < 200
            # On a projector it stands beside the photograph; on the page, above the maps.
            second.set_viewport_size({"width": 1366, "height": 768})
            photograph = second.locator(".st-key-maps-photo").bounding_box()
            sentence = folded.locator("p").bounding_box()
            assert sentence["x"] >= photograph["x"] + photograph["width"]
            second.goto(f"{address}/?view=maps")
            grid = second.locator(".st-key-maps-mosaic canvas[data-shown]")
            expect(grid).to_be_visible()
            box = folded.bounding_box()
            assert box["y"] + box["height"] <= grid.bounding_box()["y"]
            # A page whose server has gone would print errors.
            first.close()
            second.close()


def open_unsettled(open_page, address, query="view=maps"):
    return open_page(query, address=address, settled=False)
