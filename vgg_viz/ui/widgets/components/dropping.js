// A picture dropped anywhere on the page is taken as the visitor's own, several where they can be given
// together; a browser alone would leave the page and show the file.

const SECONDS = 6; // that a word stays, and that the uploader is waited for
const OWN = ".st-key-picture-choice [role=radiogroup] button:last-of-type";
const UPLOAD = '[class*="st-key-source"] button:first-of-type';
const FIELD = '[class*="st-key-own-upload-picture"] input[type=file]';
const SEVERAL = '[class*="st-key-own-upload-several"] input[type=file]';

export default function ({ parentElement }) {
  parentElement.listening ??= listen(parentElement.querySelector(".said"));
  return () => setTimeout(() => parentElement.isConnected || parentElement.listening.abort());
}

function listen(said) {
  const listening = new AbortController();
  const { signal } = listening;
  const files = (event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragover", (event) => files(event) && event.preventDefault(), { signal });
  window.addEventListener(
    "drop",
    (event) => {
      // What was dropped on an uploader is its own; anywhere else, it only keeps the browser off.
      if (!files(event) || event.composedPath().some(isUploader)) return;
      event.preventDefault();
      give(event.dataTransfer.files, said);
    },
    { signal },
  );
  return listening;
}

function isUploader(part) {
  return part.dataset?.testid === "stFileUploaderDropzone";
}

async function give(files, said) {
  const together = files.length > 1 && document.querySelector(SEVERAL);
  if (together) return hand(together, files);
  if (!document.querySelector(OWN)) return say(said, "This view has no picture: choose another one first.");
  for (const way of [OWN, UPLOAD]) {
    if (document.querySelector(FIELD)) break;
    document.querySelector(way)?.click();
    await appears(FIELD);
  }
  const field = document.querySelector(FIELD);
  if (!field) return say(said, "The picture could not be taken: choose “Your own” and try again.");
  hand(field, [files[0]]);
}

function hand(field, files) {
  const taken = new DataTransfer();
  for (const file of files) taken.items.add(file);
  field.files = taken.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function appears(what) {
  return new Promise((resolve) => {
    const observer = new MutationObserver(() => document.querySelector(what) && end());
    const timer = setTimeout(end, (1000 * SECONDS) / 2);
    function end() {
      observer.disconnect();
      clearTimeout(timer);
      resolve();
    }
    observer.observe(document.body, { childList: true, subtree: true });
  });
}

function say(said, words) {
  said.textContent = words;
  said.hidden = false;
  setTimeout(() => (said.hidden = true), 1000 * SECONDS);
}
