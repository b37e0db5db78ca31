"""Tables of the documents, which follow from the records."""

import re
from collections.abc import Mapping

import pytest

from tests.support import REPOSITORY
from vgg_viz.export.formats import FORMATS
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.feature_visualization.parametrizations import PARAMETRIZATIONS
from vgg_viz.option import Option
from vgg_viz.views import VIEWS

PAGE = (REPOSITORY / "docs" / "page.md").read_text(encoding="utf-8")


def row(option: Option) -> str:
    """Return an option's row in a table: its help, which opens with its term, and its papers."""
    text = option.help if option.help.startswith("**") else f"**{option.label}**: {option.help}"
    return f"| {text} | {', '.join(map(str, option.papers))} |".replace("|  |", "| |")


@pytest.mark.parametrize(
    "records",
    [VIEWS, ATTRIBUTION_METHODS, EVIDENCE_METHODS, PARAMETRIZATIONS],
    ids=["views", "attribution", "evidence", "parametrizations"],
)
def test_the_page_guide_has_a_row_for_each_record(records: Mapping[str, Option]):
    missing = [row(option) for option in records.values() if row(option) not in PAGE]
    assert missing == []


def test_each_guarantee_names_tests_that_exist():
    text = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
    _, *guarantees = text.partition("## Guarantees")[2].partition("## Limits")[0].split("\n- ")
    named = [re.findall(r"`(tests/[^`]+)`", guarantee) for guarantee in guarantees]
    assert len(guarantees) > 10
    assert all(named)
    missing = [path for paths in named for path in paths if not (REPOSITORY / path).is_file()]
    assert missing == []


def test_the_page_guide_names_every_export_format():
    assert [name for name in FORMATS if name.upper() not in PAGE and name != "py"] == []
