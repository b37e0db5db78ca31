"""What the source may do with what comes from outside: nothing but what is listed here."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import REPOSITORY
from vgg_viz.image_io.limits import MAX_MEGABYTES

PACKAGE = REPOSITORY / "vgg_viz"
MODULES = [REPOSITORY / "streamlit_app.py", *sorted(PACKAGE.rglob("*.py"))]
SERVED = [path for kind in ("js", "css", "html") for path in sorted(PACKAGE.rglob(f"*.{kind}"))]

# HTML of our own: what stands in it, so that nothing from a visitor gets into it.
HTML = {
    ("ui/page/style.py", "f'<style>{sheets}</style>'"): "the style sheets beside it",
    (
        "ui/widgets/picture_chooser.py",
        "thumbnail_styles() + own_thumbnail_style()",
    ): "thumbnails in base64",
    ("ui/widgets/grid.py", "scale"): "a grid's legend: numbers that were formatted",
    ("ui/widgets/components/__init__.py", "html"): "the files beside it",
    ("ui/widgets/diagram.py", "svg(architecture)"): "the network's plan",
}

# What vgg_viz/ui does with files, and where the path comes from.
UI_FILES = {
    ("ui/page/style.py", "Path(__file__)"): "the package's own folder",
    ("ui/page/style.py", "(FOLDER / f'{name}.css').read_text(encoding='utf-8')"): (
        "names of style sheets, written in the source"
    ),
    ("ui/widgets/components/__init__.py", "Path(__file__)"): "the package's own folder",
    (
        "ui/widgets/components/__init__.py",
        "(FOLDER / f'{name}.{kind}').read_text(encoding='utf-8')",
    ): ("names of components, written in the source"),
    (
        "ui/widgets/components/__init__.py",
        "(FOLDER / f'{name}.js').read_text(encoding='utf-8')",
    ): ("names of components and of what they import, written in the source"),
    ("ui/parts/available_images.py", "picture.open(options)"): "no file: a picture in the session",
    ("ui/parts/available_images.py", "self.open()"): "no file: an available image",
    ("ui/parts/patch_grids.py", "self.images[index].open()"): "the same",
    ("ui/widgets/own_pictures.py", "own.open(PictureOptions(fit, False))"): "the same",
    ("ui/widgets/own_pictures.py", "self.open(fit)"): "the same",
    ("ui/widgets/own_pictures.py", "Image.open(io.BytesIO(data))"): "bytes of our own making",
    (
        "ui/widgets/picture_files.py",
        "path.read_bytes()",
    ): "what downloads.download has stored there",
}
# Which modules of the core touch files at all, and whose names they take.
CORE_FILES = {
    "model/class_names.py": "the environment, and what keras_files.py has found",
    "downloads/keras_files.py": "the environment, and names of its own",
    "downloads/fetching.py": "folders and names given by keras_files.py and picture_files.py",
    "downloads/temporary_directories.py": "a folder and a name given by downloads.py",
    "interpretability/feature_visualization/image_store.py": (
        "a folder beside what weights.py has found, and names of layers and numbers"
    ),
    "model/weights.py": "the environment, which whoever runs the server sets",
    "model/dense_layers.py": "the file that weights.py has found",
    "samples.py": "names out of its own table",
    "serving/memory.py": "Linux' files about this process",
    "tours.py": "the page's own tour; others come as bytes",
    "export/sheets.py": "Matplotlib's fonts",
    "image_io/decoding.py": "bytes in memory",
    "export/scripts/script_writer.py": "in the script that it writes, which runs at the visitor's",
}
FILE_CALLS = {
    "open",
    "Path",
    "File",
    "fromfile",
    "imread",
    "glob",
    "iterdir",
    "mkdtemp",
} | {f"{verb}_{kind}" for verb in ("read", "write") for kind in ("text", "bytes")}

NETWORK = {"requests", "urllib", "urllib3", "http", "socket", "pooch", "ftplib", "aiohttp", "httpx"}
FETCHED = {"machinelearningmastery.com", "storage.googleapis.com", "github.com", "s3.amazonaws.com"}
CITED = {"arxiv.org", "doi.org", "distill.pub", "www.fatiando.org", "www.semanticscholar.org"}


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in nodes(path) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def place(path: Path) -> str:
    folder = PACKAGE if path.is_relative_to(PACKAGE) else REPOSITORY
    return path.relative_to(folder).as_posix()


def html_given(call: ast.Call) -> list[str]:
    """What a call is given as HTML."""
    given = [word.value for word in call.keywords if word.arg == "html"]
    is_html = isinstance(call.func, ast.Attribute) and call.func.attr == "html"
    return [ast.unparse(value) for value in given + call.args[: int(is_html)]]


def imported(path: Path) -> set[str]:
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_html_is_our_own():
    found = {
        (place(path), given)
        for path in MODULES
        for call in calls(path)
        for given in html_given(call)
    }
    assert found == set(HTML)


def test_no_markdown_and_no_frame_may_bring_html():
    for path in MODULES:
        names = {name_of(call) for call in calls(path)}
        words = {word.arg for call in calls(path) for word in call.keywords}
        assert not {word for word in words if word and word.startswith("unsafe_allow")}, path
        assert not names & {"iframe", "declare_component", "eval", "exec", "__import__"}, path


def test_scripts_in_the_page_write_text_and_no_html():
    assert len(SERVED) > 5
    pattern = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    for path in SERVED:
        assert not re.findall(pattern, path.read_text(encoding="utf-8")), path


def test_files_are_opened_under_names_of_our_own_only():
    found = {
        (place(path), ast.unparse(call))
        for path in MODULES
        for call in calls(path)
        if name_of(call) in FILE_CALLS
    }
    in_ui = {(where, call) for where, call in found if where.startswith("ui/")}
    assert in_ui == set(UI_FILES)
    assert {where for where, _ in found - in_ui} <= set(CORE_FILES)


def test_only_downloads_opens_addresses():
    for path in MODULES:
        found = {name for name in imported(path) if name.split(".")[0] in NETWORK}
        allowed = {"urllib.parse"} if place(path) != "downloads/fetching.py" else found
        assert found <= allowed, path


def test_downloads_are_those_listed_and_no_visitors():
    found = {
        (place(path), ast.unparse(call.args[0]))
        for path in MODULES
        for call in calls(path)
        if name_of(call) == "download"
    }
    # `urls` are Keras' addresses or the operator's; all are held against Keras' MD5.
    assert found == {
        ("downloads/keras_files.py", "urls"),
        ("ui/widgets/picture_files.py", "ROBIN_URL"),
    }
    source = (PACKAGE / "downloads/keras_files.py").read_text(encoding="utf-8")
    assert "urls = file.addresses(environment)" in source
    assert "md5=file.md5" in source


def test_the_only_addresses_in_the_source_are_listed():
    tours = sorted((REPOSITORY / "assets" / "tours").glob("*.toml"))
    settings = [REPOSITORY / ".streamlit" / "config.toml"]
    hosts = {
        urlsplit(address).hostname
        for path in [*MODULES, *SERVED, *tours, *settings]
        for address in re.findall(r"(?:https?|wss?)://[\w.-]+", path.read_text(encoding="utf-8"))
    }
    assert hosts == FETCHED | CITED


def test_streamlits_protection_is_on():
    settings = (REPOSITORY / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    assert "enableXsrfProtection = true" in settings
    assert "enableCORS = true" in settings
    assert "enableStaticServing = false" in settings
    assert "gatherUsageStats = false" in settings
    assert 'showErrorDetails = "none"' in settings


def test_the_limit_of_uploads_is_the_same_wherever_it_must_be_written_again():
    settings = tomllib.loads(
        (REPOSITORY / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    )
    assert settings["server"]["maxUploadSize"] == MAX_MEGABYTES
    words = (PACKAGE / "ui/page/styles/page.css").read_text(encoding="utf-8")
    assert set(re.findall(r"at most (\d+) MB", words)) == {str(MAX_MEGABYTES)}
    nginx = (REPOSITORY / "docs" / "nginx.conf").read_text(encoding="utf-8")
    # What surrounds a file in a request takes room as well.
    (passed,) = re.findall(r"client_max_body_size (\d+)m;", nginx)
    assert MAX_MEGABYTES < int(passed) <= MAX_MEGABYTES + 5
