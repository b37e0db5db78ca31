// Keys for the whole page: each presses a button of the page's, see vgg_viz/ui/page/keys.py; and those
// that scroll, which go to nobody while nothing is focused, since it is an inner element that scrolls.

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
  // Called anew with all new data; only what has left the page is let go.
  return () => setTimeout(() => parentElement.isConnected || keys.leave());
}

class Keys {
  constructor() {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    window.addEventListener("keydown", () => this.look(), { capture: true, signal });
    window.addEventListener("keydown", (event) => this.press(event), { signal });
  }

  leave() {
    this.leaving.abort();
  }

  // Whether there is anything that Esc closes, before this very key has closed it.
  look() {
    this.open = Boolean(document.querySelector(OPEN) ?? document.fullscreenElement);
  }

  press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if ((event.shiftKey && event.key !== "?") || event.composedPath()[0].closest?.(FIELDS)) return;
    const button = document.querySelector(`.st-key-${this.buttons[event.key]} button`);
    if (button) this.pressButton(button, event);
    else if (SCROLLING.has(event.key)) giveToPage();
  }

  pressButton(button, event) {
    if (this.open && event.key === "Escape") return;
    event.preventDefault();
    if (!event.repeat && !button.disabled) button.click();
  }
}

// Before the browser does what the key is for.
function giveToPage() {
  if (document.activeElement !== document.body) return;
  document.querySelector('[data-testid="stMain"]')?.focus({ preventScroll: true });
}
