"""The page while the browser translates it: text nodes are replaced under React."""

from itertools import product

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.reading import settle
from vgg_viz.ui.widgets import components

pytestmark = pytest.mark.browser

# As browsers do it: <font> elements in the place of text nodes, at once and of all that comes. The
# "translation" is capital letters. Google's puts its element in first and takes the text out then.
TRANSLATE = """(way) => {
  const taken = "script, style, font, textarea, [translate=no], .notranslate";
  const translate = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = root.nodeType === Node.TEXT_NODE ? [root] : [];
    while (walker.nextNode()) found.push(walker.currentNode);
    for (const text of found) {
      const around = text.parentElement;
      if (!around || around.closest(taken) || !text.nodeValue.trim()) continue;
      const words = document.createElement("font");
      words.append(document.createElement("font"));
      words.firstChild.textContent = text.nodeValue.toUpperCase();
      if (way === "at once") { text.replaceWith(words); continue; }
      text.before(words);
      text.remove();
    }
  };
  translate(document.body);
  new MutationObserver((records) => records.forEach(({ addedNodes }) =>
    addedNodes.forEach((node) => node.isConnected && translate(node))
  )).observe(document.body, { childList: true, subtree: true });
}"""


def go_to(page: Page, view: str, heading: str) -> None:
    page.locator(".st-key-view-choice").get_by_role("radio").filter(has_text=view).click()
    expect(page.locator("h2")).to_have_text([heading])
    settle(page)


# A browser that begins to translate, our script that begins, a React that knows its text node: what
# React does last must be seen, whatever came before it. A heading for each thing that it may do.
IN_EVERY_ORDER = """async ([orders, translate, ours]) => {
  const rest = async () => { for (let turn = 0; turn < 20; turn++) await null; };
  const heading = ({ document }) => {
    const made = document.body.appendChild(document.createElement("h2"));
    const text = made.appendChild(document.createTextNode("at first"));
    const fiber = { child: { tag: 6, stateNode: text } };
    made["__reactFiber$some"] = { child: null, alternate: { child: { child: fiber.child } } };
    return { made, text, write: (words) => (text.nodeValue = words) };
  };
  const ends = {
    "WORDS AT LAST": ({ write }) => write("words at last"),
    "": ({ made, text }) => made.removeChild(text),
    "BEFORE LATER": ({ made, text, write }) => {
      made.insertBefore(made.ownerDocument.createTextNode("before "), text);
      write("later");
    },
  };
  const played = async (way, order) => {
    const frame = document.body.appendChild(document.createElement("iframe"));
    const world = frame.contentWindow;
    const headings = Object.keys(ends).map(() => heading(world));
    const steps = {
      translates: () => world.eval(translate)(way),
      survives: world.eval(`(() => { ${ours}; return surviveTranslation; })()`),
      writes: (place) => headings.forEach(({ write }) => write(`words ${place}`)),
    };
    // Only where it rests are observers called.
    for (const [place, step] of order.entries())
      if (step === "rests") await rest(); else steps[step](place);
    await rest();
    const outcomes = Object.entries(ends).map(([wanted, end], place) => {
      try { end(headings[place]); } catch (error) { return () => [wanted, `${error}`]; }
      return () => [wanted, headings[place].made.textContent];
    });
    await rest();
    const said = outcomes.map((outcome) => outcome());
    frame.remove();
    return said.filter(([wanted, words]) => words !== wanted).map((one) => [way, ...order, ...one]);
  };
  const wrong = [];
  for (const order of orders)
    for (const way of ["at once", "in two steps"]) wrong.push(...await played(way, order));
  return wrong;
}"""


def orders() -> list[list[str]]:
    """Yield every order of events before React's last step; each begins once, or again."""
    steps = product(["translates", "survives", "writes", "rests"], repeat=4)
    return [[*order] for order in steps if order.count("translates") == 1 and "survives" in order]


def test_in_whatever_order_things_come_what_react_writes_last_is_seen(browser: Browser):
    page = browser.new_page()
    ours = components.imported("translation", "surviveTranslation")
    wrong = page.evaluate(IN_EVERY_ORDER, [orders(), f"({TRANSLATE})", ours])
    page.close()
    assert wrong == []


@pytest.mark.parametrize(
    ("way", "when"), [("at once", "while it loads"), ("in two steps", "when it is there")]
)
def test_a_translated_page_goes_on_and_says_what_it_shows(open_page, way, when):
    page = open_page("view=maps&layer=block3_conv1&maps=9")
    if when == "while it loads":
        page.add_init_script(f"addEventListener('DOMContentLoaded', () => ({TRANSLATE})('{way}'))")
        page.reload()
        settle(page)
    else:
        page.evaluate(TRANSLATE, way)
    heading, caption = page.locator("h2"), page.locator('[data-testid="stMain"] p')
    expect(heading).to_have_text(["FEATURE MAPS OF BLOCK3_CONV1"])

    page.locator('[class*="st-key-layer"]').get_by_role("combobox").click()
    page.get_by_role("option").filter(has_text="BLOCK4_CONV1").click()
    expect(heading).to_have_text(["FEATURE MAPS OF BLOCK4_CONV1"])
    expect(caption.filter(has_text="9 OF 512 MAPS SHOWN").first).to_be_visible()
    expect(caption.filter(has_text="9 OF 256 MAPS SHOWN")).to_have_count(0)

    page.locator("canvas").first.click(position={"x": 120, "y": 120})
    expect(caption.filter(has_text="MAP 1").first).to_be_visible()

    page.locator('[class*="st-key-scale"]').get_by_role("radio").filter(has_text="LAYER").click()
    expect(caption.filter(has_text="ONE SCALE FOR THE WHOLE LAYER").first).to_be_visible()

    go_to(page, "FILTERS", "FILTERS OF BLOCK4_CONV1")
    go_to(page, "BLOCKS", "THE LAST CONV LAYER OF EACH BLOCK")
    go_to(page, "CONCLUSION", "WHAT EARLY AND LATE LAYERS SHOW")
    go_to(page, "FEATURE MAPS", "FEATURE MAPS OF BLOCK4_CONV1")
    page.locator(".st-key-lecture-switch button").click()
    expect(page.locator(".st-key-lecture-switch button")).to_contain_text("LEAVE")
    page.locator(".st-key-lecture-switch button").click()
    expect(page.locator(".st-key-lecture-switch button")).to_contain_text("LECTURE MODE")
    page.locator(".st-key-tour-start button").click()
    expect(page.locator("h3").first).to_contain_text("1 OF ")
