"""The footer: the version, and on request what the server takes."""

import re
import subprocess
import sys
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


def test_the_footer_has_the_version_and_no_more_unless_asked():
    assert captions() == captions(view="Filters") == [f"VGG Viz {__version__}"]


def test_the_footer_says_on_request_what_the_server_takes():
    (line,) = captions(debug="")
    number = r"[\d,]+"
    assert re.match(
        re.escape(f"VGG Viz {__version__}")
        + rf" · memory {number}( of {number})? MB"
        + rf" · with mapped files {number} MB, at most {number} MB",
        line,
    )


def test_the_footer_tells_caches_and_forward_passes():
    shared = SimpleNamespace(
        values=SimpleNamespace(used_bytes=53_400_000, max_bytes=117_440_512),
        drawn=SimpleNamespace(used_bytes=3_000_000, max_bytes=50_331_648),
        turns=SimpleNamespace(taken=1017),
    )
    parts = footer.measured(shared)
    assert parts[2:5] == [
        "values 53 of 117 MB",
        "drawings 3 of 50 MB",
        "1,017 forward passes",
    ]


def test_the_footer_imports_nothing_that_the_first_page_can_do_without():
    program = (
        "import sys\n"
        "from vgg_viz.ui.page import footer\n"
        "import streamlit\n"
        "footer.measured(None)\n"
        "print(sum(name in sys.modules for name in ('numpy', 'PIL', 'vgg_viz.serving.results')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
