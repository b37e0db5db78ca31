// Keyboard shortcuts of the whole page: each key presses a button (vgg_viz/ui/page/keys.py). Keys that
// scroll work without a focus too: an inner element scrolls, which gets no keys by default.

const SCROLLING = new Set([" ", "PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown"]);
const FIELDS =
  "input:not([type=checkbox], [type=radio], [type=button], [type=file]), textarea, select, " +
  "[contenteditable=true], [role=slider], [role=spinbutton], [role=textbox], [role=combobox]";
const OPEN =
  "[role=dialog], [role=menu], [role=listbox], [data-testid=stPopoverBody], [data-baseweb=popover]";

export default function ({ data, parentElement }) {
  const keys = (parentElement.keys ??= new Keys());
  keys.buttons = data;
  parentElement.querySelector("span").dataset.listening = Object.keys(data).join(" ");
  // Called again for new data; cleans up only after the component has left the page.
  return () => setTimeout(() => parentElement.isConnected || keys.stop());
}

class Keys {
  constructor() {
    this.listening = new AbortController();
    const { signal } = this.listening;
    window.addEventListener("keydown", () => this.noteOpen(), { capture: true, signal });
    window.addEventListener("keydown", (event) => this.press(event), { signal });
  }

  stop() {
    this.listening.abort();
  }

  // Notes whether something is open that Esc closes, before this key has closed it.
  noteOpen() {
    this.open = Boolean(document.querySelector(OPEN) ?? document.fullscreenElement);
  }

  press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if ((event.shiftKey && event.key !== "?") || event.composedPath()[0].closest?.(FIELDS)) return;
    const button = document.querySelector(`.st-key-${this.buttons[event.key]} button`);
    if (button) this.pressButton(button, event);
    else if (SCROLLING.has(event.key)) focusPage();
  }

  pressButton(button, event) {
    if (this.open && event.key === "Escape") return;
    event.preventDefault();
    if (!event.repeat && !button.disabled) button.click();
  }
}

// Moves the focus before the browser handles the key.
function focusPage() {
  if (document.activeElement !== document.body) return;
  document.querySelector('[data-testid="stMain"]')?.focus({ preventScroll: true });
}
