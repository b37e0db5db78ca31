"""Language of the page, the documents and the code, as far as a program can check it.

Ruff's D401 checks that functions' docstrings open with an imperative.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support import REPOSITORY
from tests.support.source import nodes

MOST_WORDS = 25  # of a sentence on the page
PACKAGE = REPOSITORY / "vgg_viz"
CODE = sorted([*PACKAGE.rglob("*.py"), *(REPOSITORY / "tests").rglob("*.py")])
RECORDS = [path for path in PACKAGE.rglob("*.py") if "by_name(" in path.read_text(encoding="utf-8")]
PAGE = sorted({*(PACKAGE / "ui").rglob("*.py"), *RECORDS})
PROSE = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
TOURS = sorted((REPOSITORY / "assets" / "tours").glob("*.toml"))

# A first line that begins like this makes no sense alone, in an editor's tooltip.
RIDDLES = re.compile(
    r"(What|Who|Whoever|Whose|Whom|Where|Wherever|How|Which|That which|Those|The same|Something|"
    r"Somebody|Someone|Nobody|Everybody|Everything|Anything|All that|There) "
)

# Terms that the field does not use, and the terms that took their place.
RETIRED = {
    r"excit(e|es|ed|ing)\b": "activate; top patches, optimized image",
    r"climb(s|ed|ing)?\b|uphill": "gradient ascent",
    r"made (picture|image)s?\b|making pictures": "optimized image",
    r"with the recipe|the recipe\b": "regularized",
    r"\bsilenc(e|es|ed|ing)\b": "ablate",
    r"\bsilent\b": "inactive",
    r"tak(e|es|en|ing) away": "ablate",
    r"\btakes? (the|this|a|your) (picture|photograph|image) for\b": "predict",
    r"further back": "attribution",
    r"walk(s|ed|ing)? back|way back": "trace back, trail",
    r"\bmasthead\b": "header",
    r"\bwish(es|ed)?\b": "request",
    r"\bstrays?\b": "leftover",
    r"\bworkplaces?\b": "temporary directory",
    r"\bpayloads?\b": "header, metadata",
    r"\btints?\b|\btinted\b": "heatmap overlay",
    r"\bsomebody\b|\bnobody\b|\bwhoever\b|\bsomeone\b": "the viewer, the host, you",
    r"\bone may\b|\bof one's own\b|\bcome to stand for\b": "name who does what",
    r"\b(is|are|was|be) (to be )?had\b": "get, load, read",
    r"\bit is seen to that\b|\b(is|are) looked at\b|\blooked through\b": "name who does what",
    r"\bspeaks? (for|against)\b": "is evidence for",
    r"\bmaps? that counts?\b": "most important maps",
    r"\bat hand\b": "available",
}
SPARED = re.compile(r"`[^`]*`|https?://\S+|\b[a-z_]+=\S+")


def place(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@cache
def docstrings(path: Path) -> list[tuple[int, str]]:
    """Return the line and text of every docstring of a module."""
    kinds = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    described = [node for node in nodes(path) if isinstance(node, kinds)]
    found = [(getattr(node, "lineno", 1), ast.get_docstring(node)) for node in described]
    return [(line, text) for line, text in found if text]


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and text of every string of a module but docstrings; a field is one word."""
    skipped = {id(part) for node in nodes(path) for part in inner_strings(node)}
    # Names and labels of earlier versions, which saved links hold.
    old = [node.value for node in nodes(path) if getattr(node, "arg", None) == "old"]
    skipped |= {id(part) for node in old if node for part in ast.walk(node)}
    for node in nodes(path):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [getattr(part, "value", "") for part in node.values]
            yield node.lineno, "".join(part if isinstance(part, str) else "X" for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def inner_strings(node: ast.AST) -> list[ast.AST]:
    """Return the strings that are docstrings, or parts of another string."""
    if isinstance(node, ast.JoinedStr):
        return [part for part in ast.walk(node) if part is not node and is_text(part)]
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
        return [body[0].value]
    return []


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant | ast.JoinedStr)


def page_texts() -> Iterator[tuple[str, str]]:
    """Yield the place and text of everything that the page may say."""
    for path in PAGE:
        for line, text in strings(path):
            if " " in text.strip() and not re.match(r"\s*[{}<>;#./@&\\]", text):
                yield f"{place(path)}:{line}", text
    for path in TOURS:
        for number, step in enumerate(tomllib.loads(path.read_text(encoding="utf-8"))["step"], 1):
            for key, text in step.items():
                if isinstance(text, str) and key not in ("page", "network"):
                    yield f"{place(path)}, step {number}, {key}", text


def sentences(text: str) -> list[str]:
    """Split a text of the page into sentences, without its Markdown."""
    plain = re.sub(r"\]\([^)]*\)|[*`_\[\]]", "", text)
    return re.split(r"(?<=[.?!؟])\s+|\n\n|\n[-*] | · ", plain)


def retired(text: str) -> list[str]:
    """Return what of a text is retired, each with its successor."""
    plain = SPARED.sub(" ", text)
    return [
        f"{found.group(0)!r}: say {instead!r}"
        for term, instead in RETIRED.items()
        for found in re.finditer(term, plain, re.IGNORECASE)
    ]


def test_docstrings_do_not_open_like_a_riddle():
    found = [
        f"{place(path)}:{line}: {text.splitlines()[0]}"
        for path in CODE
        for line, text in docstrings(path)
        if RIDDLES.match(text)
    ]
    assert found == []


def test_sentences_of_the_page_are_short_and_use_no_retired_term():
    found = []
    for where, text in page_texts():
        found += [f"{where}: {term}" for term in retired(text)]
        for sentence in sentences(text):
            if (words := len(sentence.split())) > MOST_WORDS:
                found.append(f"{where}: {words} words: {sentence}")
    assert found == []


def test_documents_and_docstrings_use_no_retired_term():
    found = [
        f"{place(path)}: {term}" for path in PROSE for term in retired(path.read_text("utf-8"))
    ]
    found += [
        f"{place(path)}:{line}: {term}"
        for path in CODE
        for line, text in docstrings(path)
        for term in retired(text)
    ]
    assert found == []
