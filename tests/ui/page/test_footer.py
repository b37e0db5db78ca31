"""The footer: the version and, with ``?debug``, the server's memory use."""

import re
from types import SimpleNamespace

from streamlit.testing.v1 import AppTest

from vgg_viz import __version__
from vgg_viz.ui.page import footer


def page() -> None:
    from vgg_viz.ui.page import footer

    footer.show()


def captions(**query: str) -> list[str]:
    app = AppTest.from_function(page)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return [caption.value for caption in app.caption]


def test_the_footer_has_only_the_version_by_default():
    assert captions() == captions(view="Filters") == [f"VGG Viz {__version__}"]


def test_the_footer_shows_memory_with_debug():
    (line,) = captions(debug="")
    number = r"[\d,]+"
    assert re.match(
        re.escape(f"VGG Viz {__version__}")
        + rf" · memory {number}( of {number})? MB"
        + rf" · resident {number} MB · peak {number} MB",
        line,
    )


def test_the_footer_shows_caches_and_how_often_the_network_was_locked():
    shared = SimpleNamespace(
        values=SimpleNamespace(used_bytes=53_400_000, max_bytes=117_440_512),
        drawn=SimpleNamespace(used_bytes=3_000_000, max_bytes=50_331_648),
        network_lock=SimpleNamespace(hold_count=1017),
    )
    parts = footer.server_use(shared)
    assert parts[3:6] == [
        "cached values 53 of 117 MB",
        "cached drawings 3 of 50 MB",
        "network lock held 1,017 times",
    ]
