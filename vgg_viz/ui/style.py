"""The page's own style sheet: what Streamlit's theme has no option for."""

import streamlit as st

STYLES = """
<style>
/* Mosaics and text share one column, no wider than either reads well at. */
[data-testid="stMainBlockContainer"] { max-width: 1160px; margin-inline: auto; }
[data-testid="stMainBlockContainer"] table { font-variant-numeric: tabular-nums; width: 100%; }
[data-testid="stMarkdownContainer"]:has(> table) { overflow-x: auto; }
[data-testid="stMarkdownContainer"] td, [data-testid="stMarkdownContainer"] th { white-space: nowrap; }
[data-testid="stCaptionContainer"] { font-size: 0.95rem; }

/* The choice of a picture: thumbnails; the samples' names are left to screen readers. */
.st-key-picture [role="radiogroup"] {
  display: grid; grid-template-columns: repeat(5, 1fr); gap: 0.4rem;
}
.st-key-picture button {
  width: 100%; aspect-ratio: 1; height: auto; padding: 0; border-radius: 0.4rem;
  background-size: cover; background-position: center;
}
.st-key-picture button[aria-checked="true"] {
  outline: 3px solid var(--st-primary-color); outline-offset: 1px;
}
.st-key-picture button:nth-of-type(-n+8) p { opacity: 0; }
.st-key-picture button p { font-size: 0.8rem; line-height: 1.1; white-space: normal; }
</style>
"""


def apply() -> None:
    """Put the style sheet into the page."""
    st.html(STYLES)
