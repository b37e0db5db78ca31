"""The page while the browser translates it: text nodes are replaced under React."""

import pytest
from playwright.sync_api import expect

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


@pytest.mark.parametrize("way", ["at once", pytest.param("in two steps", marks=pytest.mark.slow)])
def test_a_translated_page_goes_on_and_says_what_it_shows(open_page, way):
    begin = f"addEventListener('DOMContentLoaded', () => ({TRANSLATE})('{way}'))"
    page = open_page("view=maps&layer=block3_conv1&maps=9", begin=begin)
    heading, words = page.locator("h2"), page.locator('[data-testid="stMain"] p')
    expect(heading).to_have_text(["FEATURE MAPS OF BLOCK3_CONV1"])

    page.locator('[class*="st-key-layer"]').get_by_role("combobox").click()
    page.get_by_role("option").filter(has_text="BLOCK4_CONV1").click()
    expect(heading).to_have_text(["FEATURE MAPS OF BLOCK4_CONV1"])
    expect(words.filter(has_text="9 OF 512 MAPS SHOWN").first).to_be_visible()
    expect(words.filter(has_text="9 OF 256 MAPS SHOWN")).to_have_count(0)
    page.locator("canvas").first.click(position={"x": 120, "y": 120})
    expect(words.filter(has_text="MAP 1").first).to_be_visible()
    for view, name in (("CONCLUSION", "WHAT EARLY"), ("FEATURE MAPS", "FEATURE MAPS OF BLOCK4")):
        page.locator('[class*="st-key-view"]').get_by_role("radio").filter(has_text=view).click()
        expect(heading).to_contain_text([name])
    for label in ("LEAVE", "LECTURE MODE"):
        page.locator(".st-key-lecture-switch button").click()
        expect(page.locator(".st-key-lecture-switch button")).to_contain_text(label)
    page.locator(".st-key-tour-start button").click()
    expect(page.locator("h3").first).to_contain_text("1 OF ")
