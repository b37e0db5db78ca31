"""Allowed uses of HTML, files and network addresses in the source, each with its reason."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import REPOSITORY
from tests.support.source import nodes
from tests.test_rooms import imported
from vgg_viz.image_io.limits import MAX_MEGABYTES

PACKAGE = REPOSITORY / "vgg_viz"
MODULES = [REPOSITORY / "streamlit_app.py", *sorted(PACKAGE.rglob("*.py"))]
SERVED = [path for kind in ("js", "css", "html") for path in sorted(PACKAGE.rglob(f"*.{kind}"))]

# HTML that the package writes, by module; nothing of it comes from viewers.
HTML = {
    # style sheets of the same folder, thumbnails
    "ui/page/style.py": {"Markup(f'<style>{sheets}</style>')"},
    "ui/widgets/text_blocks.py": {  # escaped labels and formatted numbers
        """f"<dl class='figures'>{parts}</dl>\""""
    },
    "ui/widgets/components/__init__.py": {"html"},  # the files in the same folder
    "ui/widgets/diagram.py": {"svg(architecture)"},  # the network's plan
}

# File operations in vgg_viz/ui, by module.
UI_FILES = {
    # The package's own folder, and names of files that are written in the source.
    "ui/page/style.py": {"Path(__file__)", "(FOLDER / f'{name}.css').read_text(encoding='utf-8')"},
    "ui/widgets/components/__init__.py": {
        "Path(__file__)",
        "(FOLDER / f'{name}.{kind}').read_text(encoding='utf-8')",
        "(FOLDER / f'{name}.js').read_text(encoding='utf-8')",
    },
    # No files: available images, and a decoded one.
    "ui/parts/available_images.py": {"self.open()"},
    "ui/parts/patch_grids.py": {"self.images[index].open()"},
    # A sample and its thumbnail, or the file that downloads.download has stored.
    "ui/widgets/picture_files.py": {
        "read_image(content, file.title, file.alt).open(options)",
        "file.path.read_bytes()",
    },
    "ui/widgets/picture_chooser.py": {
        "file.read_bytes()",
        "picture_files.gallery().picture(choice).open(wanted)",  # no file: a decoded picture
    },
}
# Core modules that access files, and the origin of each path.
CORE_FILES = {
    "image_io/input_image.py": "no file: bytes of an image that the page has encoded",
    "atlas.py": "the null device",
    "interpretability/experiments/image_changes.py": "no file: bytes of an encoded image",
    "model/networks.py": "the folder that VGG_VIZ_NETWORKS names",
    "model/own_networks/trial.py": "the same files, and the package's own folder",
    "model/own_networks/saved_file.py": "the files that networks.py has found",
    "model/class_names.py": "the environment, and the file that keras_files.py has found",
    "downloads/file_kinds.py": "the files that the others have found",
    "downloads/keras_files.py": "the environment, and constant names",
    "downloads/fetching.py": "folders and names from keras_files.py and picture_files.py",
    "interpretability/feature_visualization/image_store.py": (
        "the folder of the file that weights.py has found, names of layers, numbers and hashes"
    ),
    "model/weights.py": "the environment, which the host sets",
    "model/dense_layers.py": "the file that weights.py has found",
    "samples.py": "names from its own table",
    "host_pictures.py": "the folder that VGG_VIZ_PICTURES names",
    "serving/memory.py": "Linux' files about this process",
    "tour_list.py": "the bundled tours, and files of the folder that the host names",
    "export/plain_text.py": "Matplotlib's fonts",
    "export/tables.py": "no file: entries of a zip archive in memory",
    "image_io/decoding.py": "bytes in memory",
    "image_io/tiff.py": "Linux' list of the libraries in use",
    "export/scripts.py": "the scripts' templates",
    "export/templates/vgg19.py": "in exported scripts, which run on the viewer's machine",
}
FILE_CALLS = {"open", "Path", "File", "fromfile", "imread", "glob", "iterdir", "mkdtemp"}
FILE_CALLS |= {f"{verb}_{kind}" for verb in ("read", "write") for kind in ("text", "bytes")}

NETWORK = {"requests", "urllib", "urllib3", "http", "socket", "ftplib", "aiohttp", "httpx"}
FETCHED = {"machinelearningmastery.com", "storage.googleapis.com", "github.com", "s3.amazonaws.com"}
CITED = {"arxiv.org", "doi.org", "jmlr.org", "distill.pub", "py-filelock.readthedocs.io"}
CITED |= {"www.semanticscholar.org"}


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in nodes(path) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def place(path: Path) -> str:
    folder = PACKAGE if path.is_relative_to(PACKAGE) else REPOSITORY
    return path.relative_to(folder).as_posix()


def html_arguments(call: ast.Call) -> list[str]:
    """Return the arguments that a call passes as HTML, as source code."""
    values = [word.value for word in call.keywords if word.arg == "html"]
    is_html = isinstance(call.func, ast.Attribute) and call.func.attr == "html"
    return [ast.unparse(value) for value in values + call.args[: int(is_html)]]


def by_module(found: Callable[[ast.Call], Iterable[str]]) -> dict[str, set[str]]:
    """Return what is found in the calls of each module, without modules in which nothing is."""
    pairs = (
        (place(path), {one for call in calls(path) for one in found(call)}) for path in MODULES
    )
    return {module: ones for module, ones in pairs if ones}


def test_html_is_listed():
    assert by_module(html_arguments) == HTML


def test_markdown_and_frames_contain_no_html():
    for path in MODULES:
        names = {name_of(call) for call in calls(path)}
        arguments = {word.arg for call in calls(path) for word in call.keywords}
        assert not {name for name in arguments if name and name.startswith("unsafe_allow")}, path
        assert not names & {"iframe", "declare_component", "eval", "exec", "__import__"}, path


def test_scripts_of_the_page_write_no_html():
    assert len(SERVED) > 5
    pattern = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    for path in SERVED:
        assert not re.findall(pattern, path.read_text(encoding="utf-8")), path


def test_file_operations_are_listed():
    found = by_module(lambda call: [ast.unparse(call)] * (name_of(call) in FILE_CALLS))
    assert {module: found[module] for module in found if module.startswith("ui/")} == UI_FILES
    assert found.keys() - UI_FILES <= CORE_FILES.keys()


def test_only_fetching_accesses_the_network():
    for path in MODULES:
        found = {name for name in imported(path) if name.split(".")[0] in NETWORK}
        parsing = {name for name in found if name.startswith("urllib.parse.")}
        assert found == parsing or place(path) == "downloads/fetching.py", path


def test_downloads_are_listed():
    names = {place(path): {getattr(node, "name", "") for node in nodes(path)} for path in MODULES}
    importing = {module for module in names if "download" in names[module]}
    assert importing - {"downloads/fetching.py"} == {
        "downloads/keras_files.py",
        "ui/widgets/picture_files.py",
    }
    found = by_module(lambda call: map(ast.unparse, call.args[: name_of(call) == "download"]))
    assert found == {"ui/widgets/picture_files.py": {"[ROBIN_URL]"}}
    # Keras' addresses or the host's; all files are checked against Keras' MD5.
    source = (PACKAGE / "downloads/keras_files.py").read_text(encoding="utf-8")
    assert "get = partial(download, md5=file.md5," in source
    assert "get(file.addresses(), " in source


def test_addresses_in_the_source_are_listed():
    tours = sorted((REPOSITORY / "assets" / "tours").glob("*.toml"))
    settings = [REPOSITORY / ".streamlit" / "config.toml"]
    hosts = {
        urlsplit(address).hostname
        for path in [*MODULES, *SERVED, *tours, *settings]
        for address in re.findall(r"(?:https?|wss?)://[\w.-]+", path.read_text(encoding="utf-8"))
    }
    # A Git LFS pointer, which is no image, opens with "version https://git-lfs"; the other is the
    # name of SVG, of which nothing is fetched.
    assert hosts - {"git-lfs", "www.w3.org"} == FETCHED | CITED


def test_streamlits_protection_is_on_and_the_upload_limit_consistent():
    text = (REPOSITORY / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    for switch in ("enableXsrfProtection = true", "enableCORS = true"):
        assert switch in text
    for switch in ("enableStaticServing = false", "gatherUsageStats = false"):
        assert switch in text
    assert 'showErrorDetails = "none"' in text
    assert tomllib.loads(text)["server"]["maxUploadSize"] == MAX_MEGABYTES
    words = (PACKAGE / "ui/page/styles/page.css").read_text(encoding="utf-8")
    assert set(re.findall(r"at most (\d+) MB", words)) == {str(MAX_MEGABYTES)}
    nginx = (REPOSITORY / "docs" / "nginx.conf").read_text(encoding="utf-8")
    # The request that carries a file is slightly larger.
    (passed,) = re.findall(r"client_max_body_size (\d+)m;", nginx)
    assert MAX_MEGABYTES < int(passed) <= MAX_MEGABYTES + 5
