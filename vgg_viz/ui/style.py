"""The page's own style sheet: what Streamlit's theme has no option for."""

import streamlit as st

STYLES = """
<style>
/* Mosaics and text share one column, no wider than either reads well at. */
[data-testid="stMainBlockContainer"] { max-width: 1160px; margin-inline: auto; }
[data-testid="stMainBlockContainer"] table { font-variant-numeric: tabular-nums; width: 100%; }
[data-testid="stMarkdownContainer"]:has(> table) { overflow-x: auto; }
[data-testid="stMarkdownContainer"] :is(td, th) { white-space: nowrap; }
[data-testid="stCaptionContainer"] {
  font-size: 0.95rem; color: var(--st-text-color); opacity: 0.8;
}
/* A mosaic's corner tiles are as square as the others. */
[data-testid="stMain"] [data-testid="stImage"] img { border-radius: 0; }
.legend {
  display: flex; flex-wrap: wrap; justify-content: space-between; max-width: 24rem;
  font-variant-numeric: tabular-nums;
}
.legend div { flex: 0 0 100%; height: 0.9rem; border-radius: 0.2rem; }
@media (max-width: 640px) {
  .st-key-view button { padding-inline: 0.42rem; }
  .st-key-view button p { font-size: 0.82rem; }
  [data-testid="stMain"] h1 { font-size: 1.6rem; }
}

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
