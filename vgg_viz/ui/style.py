"""The page's own style sheet: what Streamlit's theme has no option for."""

import streamlit as st

from vgg_viz.ui import lecture, touring

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
  .st-key-view-choice button { padding-inline: 0.42rem; }
  .st-key-view-choice button p { font-size: 0.82rem; }
  [data-testid="stMain"] h1 { font-size: 1.6rem; }
}

/* The choice of a picture: thumbnails; the samples' names are left to screen readers. */
.st-key-picture-choice [role="radiogroup"] {
  display: grid; grid-template-columns: repeat(5, 1fr); gap: 0.4rem;
}
.st-key-picture-choice button {
  width: 100%; aspect-ratio: 1; height: auto; padding: 0; border-radius: 0.4rem;
  background-size: cover; background-position: center;
}
.st-key-picture-choice button[aria-checked="true"] {
  outline: 3px solid var(--st-primary-color); outline-offset: 1px;
}
.st-key-picture-choice button:nth-of-type(-n+8) p { opacity: 0; }
.st-key-picture-choice button p { font-size: 0.8rem; line-height: 1.1; white-space: normal; }

/* What may be uploaded, in words instead of MIME types; and what to do where it was something else,
   which a browser does not even send. */
[class*="st-key-own-upload-"] [data-testid="stFileUploaderDropzoneInstructions"] span {
  display: none;
}
[class*="st-key-own-upload-"] [data-testid="stFileUploaderDropzoneInstructions"]::after {
  content: "JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF or HEIC of at most 20 MB";
  font-size: 0.875rem; line-height: 1.3;
}
[class*="st-key-own-upload-"]:has([data-testid="stFileChip"][aria-invalid="true"])::after {
  content: "This file is not taken: please choose a picture (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF "
    "or HEIC) of at most 20 MB.";
  display: block; margin-top: 0.5rem; font-size: 0.95rem; line-height: 1.4;
}
</style>
"""


LECTURE = """
<style>
/* For the back of a room: no controls, large letters, black on white or white on black. */
:root { font-size: 22px; }
[data-testid="stSidebar"], [data-testid="stExpandSidebarButton"], .st-key-view-choice,
.st-key-tour-start, .st-key-copy-link, .st-key-masthead h1, [data-testid="stHeader"] {
  display: none !important;
}
[data-testid="stMainBlockContainer"] { max-width: none; padding: 0.5rem 1rem; }
[data-testid="stApp"] { background: GROUND; }
[data-testid="stMain"] :is(h1, h2, h3, p, li, label):not(button *) { color: INK !important; }
[data-testid="stCaptionContainer"] p {
  font-size: 1rem; opacity: 1; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
}
[data-testid="stCaptionContainer"] { opacity: 1; text-align: center; }
.st-key-masthead { position: static; }
@media (max-width: 640px) {
  [data-testid="stCaptionContainer"] p { white-space: normal; }
}
@media (min-width: 1100px) {
  .st-key-masthead {
    position: fixed; top: 1.25rem; right: 1rem; z-index: 10; width: auto; opacity: 0.4;
  }
  .st-key-masthead:is(:hover, :focus-within) { opacity: 1; }
  /* Where a tour's step takes the top. */
  body:has(.st-key-tour-panel) .st-key-masthead { top: auto; bottom: 0.5rem; }
}
.st-key-lecture-heading { justify-content: center; }
[data-testid="stMain"] h2 { padding: 0; text-align: center; }
</style>
"""


TOUR = """
<style>
/* Room for the step and the grid on one screen: the page's name is known by now. */
[data-testid="stMainBlockContainer"] { padding-top: 0.75rem; }
[data-testid="stHeader"] { background: none; }
[data-testid="stHeader"], [data-testid="stHeader"] * { pointer-events: none; }
[data-testid="stHeader"] :is(button, button *) { pointer-events: auto; }
.st-key-masthead h1 { display: none !important; }
.st-key-masthead { position: absolute; top: 0.75rem; right: 3.5rem; z-index: 10; width: auto; }
.st-key-tour-panel { padding: 0.75rem 1rem; gap: 0.25rem; }
.st-key-tour-panel h3 { padding: 0 0 0.75rem; }
.st-key-tour-panel [data-testid="stVerticalBlock"] { gap: 0.4rem; }
[data-testid="stMain"] h2 { padding: 0; }
@media (max-width: 900px) {
  [data-testid="stMainBlockContainer"] { padding-top: 3.5rem; }
  .st-key-masthead { position: static; }
}
</style>
"""


def apply() -> None:
    """Put the style sheet into the page."""
    modes = TOUR * touring.is_on() + (lecture_styles() if lecture.is_on() else "")
    st.html(STYLES + modes)


def lecture_styles() -> str:
    """The styles of lecture mode: black on white, or white on black in a dark theme."""
    ink, ground = ("#fff", "#000") if st.context.theme.type == "dark" else ("#000", "#fff")
    return LECTURE.replace("INK", ink).replace("GROUND", ground)
