"""The page's own style sheet: what Streamlit's theme has no option for."""

import streamlit as st

from vgg_viz.ui.state import mode

STYLES = """
<style>
/* The theme's colours, which Streamlit gives to components only; they follow a change of theme. */
[data-testid="stApp"] {
  --ground: light-dark(#ffffff, #10161c); --ink: light-dark(#16212b, #e9eff4);
  --primary: light-dark(#0f6e74, #3fb8b0);
}
/* Mosaics and text share one column, no wider than either reads well at. */
[data-testid="stMainBlockContainer"] {
  max-width: 1160px; margin-inline: auto; padding-inline: clamp(1rem, 3vw, 5rem);
}
[data-testid="stMainBlockContainer"] table { font-variant-numeric: tabular-nums; width: 100%; }
[data-testid="stMarkdownContainer"]:has(> table) { overflow-x: auto; }
[data-testid="stMarkdownContainer"] :is(td, th) { white-space: nowrap; }
[data-testid="stCaptionContainer"] { font-size: 0.95rem; color: var(--ink); opacity: 0.8; }
/* A mosaic's corner tiles are as square as the others. */
[data-testid="stMain"] [data-testid="stImage"] img { border-radius: 0; }
/* On the dark theme's bright teal white would be hard to read. */
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primary"] * {
  color: var(--ground) !important;
}
.legend {
  display: flex; flex-wrap: wrap; justify-content: space-between; max-width: 24rem;
  font-variant-numeric: tabular-nums;
}
.legend div { flex: 0 0 100%; height: 0.9rem; border-radius: 0.2rem; }
:is(.st-key-keys, .st-key-dropping) { position: absolute; }
[data-testid="stMain"]:focus-visible { outline: none; }
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
  outline: 3px solid var(--primary); outline-offset: 1px;
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

/* On paper: what the view shows, dark on white, and nothing to press. */
@media print {
  @page { margin: 12mm; }
  body, [data-testid="stApp"], [data-testid="stApp"] :is(div, section, main, header) {
    background-color: #fff !important;
  }
  [data-testid="stApp"] { color-scheme: light !important; --ground: #fff; --ink: #000; }
  .stBidiComponent > div {
    --st-text-color: #000 !important; --st-background-color: #fff !important;
    --st-secondary-background-color: #eee !important; --st-border-color: #bbb !important;
  }
  [data-testid="stApp"], [data-testid="stAppViewContainer"], [data-testid="stMain"] {
    position: static !important; display: block !important; overflow: visible !important;
    height: auto !important;
  }
  /* Pages break between blocks, not between the parts of a flexible box. */
  [data-testid="stMain"] :is([data-testid="stVerticalBlock"], [data-testid="stLayoutWrapper"]) {
    display: block !important; position: static !important;
  }
  [data-testid="stMain"] [data-testid="stElementContainer"] { margin-bottom: 0.6rem; }
  [data-testid="stMain"] :is(h1, h2, h3, p, li, label, td, th, span, code, div, a) {
    color: #000 !important;
  }
  [data-testid="stMain"] :is(code, pre) { background: none !important; }
  [data-testid="stMainBlockContainer"] { max-width: none; padding: 0; }
  [data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stStatusWidget"],
  [data-testid="stApp"] [data-testid="stMain"] :is(
    .st-key-page-tools, .st-key-view-choice, .st-key-inspector-fields, .st-key-tour-ways, .stButton,
    .stDownloadButton, [data-testid="stPopover"], [data-testid="stPagination"],
    [data-testid="stExpander"]:has(details:not([open]))
  ) { display: none !important; }
  /* What stands above a picture stays with it. */
  [data-testid="stElementContainer"]:is(
    :has(h1, h2, h3), :has(+ [data-testid="stElementContainer"] .stBidiComponent),
    :has(+ [data-testid="stLayoutWrapper"] .stBidiComponent)
  ) { break-after: avoid; }
  :is(tr, svg, img), .stBidiComponent, [data-testid="stVegaLiteChart"],
  [data-testid="stElementContainer"], [data-testid="stHorizontalBlock"] { break-inside: avoid; }
  [data-testid="stElementContainer"]:has(table) { break-inside: auto; }
  .st-key-tour-beside > * > [data-testid="stHorizontalBlock"] {
    display: block; break-inside: auto;
  }
  [data-testid="stMarkdownContainer"]:has(> table) { overflow: visible; }
  [data-testid="stMainBlockContainer"] table { font-size: 8.5pt; }
  [data-testid="stMarkdownContainer"] :is(td, th) { padding: 2px 6px; }
  .legend div { print-color-adjust: exact; }
}
</style>
"""


DARK_ON_PAPER = """
<style>
/* Charts are drawn in the theme's colours: what is light becomes dark, and hues stay. */
@media print {
  [data-testid="stVegaLiteChart"] :is(canvas, svg) { filter: invert(1) hue-rotate(180deg); }
}
</style>
"""


ROOM = """
<style>
/* The maps, and the panel that looks into one of them: it stays in sight while the maps scroll. */
.st-key-maps-room [data-testid="stColumn"]:first-child { flex: 1 1 0; }
.st-key-maps-room [data-testid="stColumn"]:last-child { flex: 0 0 clamp(320px, 38%, 27rem); }
.st-key-maps-photo { display: none; }
.st-key-inspector-fields [data-testid^="stNumberInputStep"] { display: none; }
.st-key-inspector-fields { max-width: 24rem; flex-wrap: nowrap; }
.st-key-inspector-fields > * { min-width: 0 !important; }
.st-key-inspector-fields input { padding-inline: 0.5rem 0; }
.st-key-origin { scroll-margin-top: 4rem; }
@media (min-width: 641px) {
  .st-key-maps-room [data-testid="stColumn"]:last-child {
    position: sticky; top: 3.75rem; align-self: flex-start; max-height: calc(100dvh - 4.25rem);
    overflow: hidden auto; scrollbar-width: thin; padding: 4px; margin: -4px;
  }
}
@media (max-width: 640px) {
  .st-key-maps-room [data-testid="stColumn"] { flex: 1 1 100% !important; }
  .st-key-maps-photo { display: flex; }
}
@media print {
  .st-key-maps-room [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
  .st-key-maps-room [data-testid="stColumn"] { flex: 1 1 100% !important; }
  .st-key-maps-room [data-testid="stColumn"]:last-child {
    position: static; max-width: 20rem; max-height: none; overflow: visible;
  }
}
</style>
"""

ROOM_IN_A_LECTURE = """
<style>
/* No bar above, and nothing to scroll to. */
.st-key-maps-room [data-testid="stColumn"]:last-child {
  flex-basis: 38%; max-height: none !important; top: 0;
}
</style>
"""


LECTURE = """
<style>
/* For the back of a room: no controls, large letters, black on white or white on black. */
:root { font-size: 22px; }
[data-testid="stApp"] {
  --ground: light-dark(#fff, #000); --ink: light-dark(#000, #fff); background: var(--ground);
}
[data-testid="stSidebar"], [data-testid="stExpandSidebarButton"], .st-key-view-choice,
.st-key-tour-start, .st-key-copy-link, .st-key-masthead h1, [data-testid="stHeader"] {
  display: none !important;
}
/* What is not shown leaves no gap. */
[data-testid="stLayoutWrapper"]:has(> :is(.st-key-view-choice, .st-key-masthead)) {
  display: contents;
}
[data-testid="stMainBlockContainer"] { max-width: none; padding: 0.5rem 1rem; }
[data-testid="stMain"] [data-testid="stVerticalBlock"] { gap: 0.5rem; }
[data-testid="stMain"] :is(h1, h2, h3, p, li, label):not(button *) { color: var(--ink) !important; }
[data-testid="stCaptionContainer"] p { font-size: 1rem; opacity: 1; }
[data-testid="stCaptionContainer"] { opacity: 1; text-align: center; }
/* What a lecturer needs now and then: small and without frames, but legible, and over nothing. */
.st-key-page-tools { gap: 0 0.5rem; }
.st-key-page-tools button {
  border-color: transparent; background: none; color: var(--ink); padding: 0 0.3rem;
  min-height: 1.5rem;
}
.st-key-page-tools button:is(:hover, :focus-visible) { border-color: var(--ink); }
.st-key-page-tools button :is(p, span, kbd) { font-size: 0.75rem; color: var(--ink); }
.st-key-masthead { position: static; }
@media (min-width: 641px) {
  /* One line, but in columns. */
  [data-testid="stCaptionContainer"] p {
    white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
  }
  [data-testid="stColumn"] [data-testid="stCaptionContainer"] p { white-space: normal; }
}
@media (min-width: 1100px) {
  .st-key-masthead { position: absolute; top: 0.5rem; right: 1rem; z-index: 10; width: auto; }
  .st-key-previous-layer button p, .st-key-next-layer button p { font-size: 0; }
}
.st-key-lecture-heading { justify-content: center; }
/* A tour's step has the tools. */
body:has(.st-key-tour-panel) .st-key-masthead, [class*="st-key-tour-above"] h2 {
  display: none;
}
.st-key-tour-panel :is(p, li):not(button *, [data-testid="stCaptionContainer"] *) {
  font-size: 0.9rem; line-height: 1.35;
}
@media (min-width: 901px) {
  /* Room for the answer, which would else push the grid down. */
  .st-key-tour-above-asking .st-key-tour-panel { min-height: 12.5rem; }
}
[data-testid="stMain"] h2 { padding: 0; text-align: center; }
</style>
"""


MENU = """
<style>
/* The page's controls over a lecture's grid, which stays as it is beneath them. */
[data-testid="stSidebar"] {
  display: block !important; visibility: visible !important; position: fixed !important;
  inset: 0 auto 0 0; z-index: 30; width: 14rem !important; min-width: 0 !important;
  transform: none !important; box-shadow: 0 0 2rem rgba(0, 0, 0, 0.45);
}
[data-testid="stSidebarContent"] { width: 100% !important; }
[data-testid="stSidebarHeader"] { display: none; }
[data-testid="stSidebarUserContent"] { padding: 1rem; zoom: 0.73; }
[data-testid="stSidebar"] [data-testid="stCaptionContainer"] p { white-space: normal; }
.st-key-view-choice {
  display: block !important; position: fixed; top: 0; left: 14rem; right: 0; z-index: 31;
  width: auto; max-width: none; padding: 0.4rem 9rem 0.4rem 0.4rem; background: var(--ground);
  box-shadow: 0 0 2rem rgba(0, 0, 0, 0.45);
}
.st-key-view-choice button { padding-inline: 0.3rem; }
.st-key-lecture-menu { position: fixed; top: 0.6rem; right: 0.5rem; z-index: 32; width: auto; }
/* Else the button would be beneath the controls, with what it stands in. */
.st-key-masthead { z-index: auto !important; }
.st-key-tour-panel { position: static !important; }
@media (max-width: 900px) {
  [data-testid="stSidebar"] { top: 4rem; }
  .st-key-view-choice { left: 0; }
}
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
.st-key-tour-panel { padding: 0.75rem 1rem; gap: 0.6rem; }
.st-key-tour-panel h3 { padding: 0 0 0.4rem; }
.st-key-tour-panel [data-testid="stVerticalBlock"] { gap: 0.4rem; }
.st-key-tour-panel [data-testid="stAlertContainer"] { padding: 0.6rem 0.8rem; }
.st-key-tour-panel [data-testid="stCaptionContainer"] { text-align: start; }
.st-key-tour-panel [data-testid="stCaptionContainer"] p { white-space: normal; font-size: 0.85em; }
.st-key-tour-photograph img { max-width: 8rem !important; margin-inline: auto; }
[data-testid="stMain"] h2 { padding: 0; }
@media (min-width: 769px) {
  /* Where the sidebar shows the photograph. */
  body:has([data-testid="stSidebar"][data-collapsed="false"]):not(:has(.st-key-lecture-menu))
    .st-key-tour-photograph { display: none; }
}
@media (min-width: 901px) {
  .st-key-view-choice { max-width: calc(100% - 25rem); }
  .st-key-view-choice button { padding-inline: 0.3rem; }
  /* Beside a grid that is longer than the window, the step stays in sight. */
  .st-key-tour-beside .st-key-tour-panel { position: sticky; top: 0.5rem; }
}
@media (max-width: 900px) {
  [data-testid="stMainBlockContainer"] { padding-top: 3.5rem; }
  .st-key-masthead { position: static; }
  .st-key-tour-beside > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] {
    min-width: 100%;
  }
}
</style>
"""


def apply() -> None:
    """Put the style sheet into the page."""
    modes = (
        [TOUR] * mode.on_tour()
        + [LECTURE, ROOM_IN_A_LECTURE] * mode.in_lecture()
        + [MENU] * mode.controls_are_open()
    )
    dark = [DARK_ON_PAPER] * (st.context.theme.type == "dark")
    st.html("".join([STYLES, ROOM, *dark, *modes]))
