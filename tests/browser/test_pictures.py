"""Uploads of image files as a browser sends them: accepted kinds, and messages for others."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import cases
from tests.image_io.test_image_formats import KINDS
from tests.support.reading import settle
from tests.support.server import CHROMIUM, CHROMIUM_OPTIONS
from vgg_viz.image_io.limits import MAX_BYTES

pytestmark = pytest.mark.browser

UPLOAD = '[data-testid="stFileUploader"] input[type="file"]'
OWN = "view=architecture&picture=own"
HEIC = next(kind.data for kind in KINDS if kind.name == "HEIF")


def give(page: Page, name: str, kind: str, data: bytes) -> None:
    settle(page)  # while one uploader takes the place of another, both are there
    page.locator(UPLOAD).set_input_files({"name": name, "mimeType": kind, "buffer": data})


def caption(page: Page) -> Locator:
    captions = page.locator('[data-testid="stSidebar"] [data-testid="stCaptionContainer"]')
    return captions.filter(has_text="as VGG19 sees it")


def after(page: Page) -> list[str]:
    """Return what the style sheet writes behind and within the uploader."""
    return page.evaluate(
        """() => [...document.querySelectorAll(
              '[class*="st-key-own-upload-"], [data-testid="stFileUploaderDropzoneInstructions"]')]
            .map((part) => getComputedStyle(part, "::after").content)
            .filter((content) => content !== "none")"""
    )


def test_jpegs_are_asked_for_and_what_is_no_picture_is_rejected_until_the_next_is_taken(open_page):
    page = open_page(OWN)
    kinds = page.locator(UPLOAD).get_attribute("accept").split(",")
    assert {"image/jpeg", "image/png", "image/webp", "image/avif", "image/tiff"} <= set(kinds)
    # Of these WebKit would take HEIC as it is.
    assert not {"image/*", "image/heic", "image/heif"} & set(kinds)
    assert ".heic" in kinds
    page.wait_for_function(
        """() => getComputedStyle(document.querySelector('[class*="st-key-own-upload-"]') ??
              document.body, "::after").content.includes("at most")
            || [...document.querySelectorAll('[data-testid="stFileUploaderDropzoneInstructions"]')]
                .some((part) => getComputedStyle(part, "::after").content.includes("at most"))"""
    )
    assert f"at most {MAX_BYTES // 2**20} MB" in after(page)[0]
    assert not any("Could not upload" in words for words in after(page))
    give(page, "film.mov", "video/quicktime", b"\0\0\0\x14ftypqt  ")
    expect(page.locator('[data-testid="stFileChip"][aria-invalid="true"]')).to_be_visible()
    assert any(
        "Could not upload this file. Choose a picture (JPEG" in words for words in after(page)
    )
    page.reload()
    # Under the name of a picture it comes to the server, which knows it by its content.
    give(page, "photo.jpg", "image/jpeg", b"%PDF-1.7\n" + bytes(99))
    alert = page.locator('[data-testid="stSidebar"] [data-testid="stAlert"]')
    expect(alert).to_contain_text("The file is a PDF, not an image. Choose a JPEG")
    give(page, "IMG_0001.HEIC", "", HEIC)
    expect(caption(page)).to_contain_text(["Your picture, as VGG19 sees it"])
    expect(alert).to_have_count(0)


APPLICATIONS = [f"application/{name}" for name in ("x-jpg", "force-download", "x-unknown")]
TYPES = {"none": [""], "known": ["image/pjpeg", "application/octet-stream"]}
MORE_TYPES = {"others": ["binary/octet-stream", *APPLICATIONS]}
DROP = """([bytes, type]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(bytes)], "IMG", { type }));
    const zone = document.querySelector('[data-testid="stFileUploaderDropzone"]');
    const init = { dataTransfer, bubbles: true, cancelable: true };
    zone.dispatchEvent(new DragEvent("drop", init));
}"""


@pytest.mark.parametrize("types", cases(TYPES, MORE_TYPES))
def test_images_without_an_ending_or_with_another_type_are_taken(open_page, types):
    page = open_page(OWN)
    alert = page.locator('[data-testid="stSidebar"] [data-testid="stAlert"]')
    for kind in types:
        give(page, "content_1000001234", kind, HEIC)
        expect(alert).to_have_count(0)
        expect(caption(page)).to_contain_text(["Your picture, as VGG19 sees it"])
        settle(page)
        page.evaluate(DROP, [[*b"%PDF-1.7"], kind])
        expect(alert).to_contain_text("The file is a PDF, not an image. Choose a JPEG")


@pytest.mark.slow
def test_the_camera_takes_twice_what_the_network_sees(browser, app):
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    chromium = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*CHROMIUM_OPTIONS, *fake]
    )
    page = chromium.new_context(permissions=["camera"]).new_page()
    page.goto(f"{app}/?{OWN}&source=camera")
    settle(page)
    page.get_by_role("button", name="Take Photo").click()
    taken = page.locator('[data-testid="stCameraInput"] img')
    expect(taken).to_be_visible()
    sides = taken.evaluate("(image) => [image.naturalWidth, image.naturalHeight]")
    assert min(sides) >= 448
    expect(caption(page)).to_contain_text(["Your photo, as VGG19 sees it"])
    chromium.close()


def test_the_covered_square_goes_where_one_clicks_or_an_arrow_key_moves_it(visit):
    page = visit("view=maps&maps=4&change=cover&layer=block1_conv1")
    photo = page.get_by_role("application", name=re.compile("with a square of 48 pixels covered"))
    box = photo.bounding_box()
    photo.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    page.wait_for_url(re.compile("cover_column=57"))
    settle(page)
    inside = "(photo) => [...photo.getContext('2d').getImageData(56, 112, 1, 1).data].slice(0, 3)"
    assert photo.evaluate(inside) == [124, 117, 104]
    photo.press("ArrowLeft")
    page.wait_for_url(re.compile("cover_column=49"))
