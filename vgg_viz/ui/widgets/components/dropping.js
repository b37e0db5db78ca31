// Uploads an image dropped anywhere on the page as the viewer's own picture, or several where the page
// takes several. By default, a browser would leave the page and show the file. It also names those of
// several files that are too large: Streamlit refuses them, and its message goes with the uploader. The
// server is not told: a run of the page would drop its answer to the upload of the other files.
//
// Telephones and old programs give images no ending and another type, which Streamlit refuses. The server
// tells images by their content, so these files get a type that is taken.

import { unpack } from "./shared.js";

const SECONDS = 12; // that a message stays; a quarter of it, to wait for the uploader
const MOST_NAMED = 3; // files that are too large
const OWN = "[class*=st-key-picture] [role=radiogroup] button:last-of-type";
const UPLOAD = '[class*="st-key-own_from"] button:first-of-type';
const FIELD = '[class*="st-key-own-upload-picture"] input[type=file]';
const UPLOADER = '[class*="st-key-own-upload-several"]';
const SEVERAL = `${UPLOADER} input[type=file]`;
const FIELDS = '[class*="st-key-own-upload"] input[type=file]';
const TAKEN = "image/jpeg";
const VAGUE = /^$|^image\/|octet-stream|download|unknown|^application\/.*(jpe?g|png|hei[cf]|tiff?|bmp)/i;

export default function ({ data, parentElement }) {
  const { megabytes } = unpack(data).header;
  parentElement.note = (files) => nameLarge(parentElement.querySelector(".message"), [...files], megabytes);
  parentElement.listening ??= listen(parentElement);
  return () => setTimeout(() => parentElement.isConnected || parentElement.listening.abort());
}

function listen(parentElement) {
  const status = parentElement.querySelector(".message");
  const listening = new AbortController();
  const { signal } = listening;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault(), { signal });
  window.addEventListener(
    "drop",
    (event) => {
      if (!hasFiles(event)) return;
      const path = event.composedPath();
      if (path.some((part) => part.matches?.(UPLOADER))) parentElement.note(event.dataTransfer.files);
      // An uploader handles its own drops.
      if (path.some(isUploader)) return dropRetyped(event, path.find(isUploader).querySelector(FIELDS));
      event.preventDefault();
      upload(event.dataTransfer.files, status);
    },
    { capture: true, signal },
  );
  window.addEventListener(
    "change",
    ({ target }) => {
      if (target.matches?.(SEVERAL)) parentElement.note(target.files);
      if (target.matches?.(FIELDS)) target.files = retyped(target.files, target).files;
    },
    { capture: true, signal },
  );
  return listening;
}

function nameLarge(status, files, megabytes) {
  const names = files.filter(({ size }) => size > megabytes * 2 ** 20).map(({ name }) => `“${name}”`);
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : "";
  if (names.length)
    show(status, `Larger than ${megabytes} MB, so not added: ${names.slice(0, MOST_NAMED).join(", ")}${more}.`);
}

function isUploader(part) {
  return part.dataset?.testid === "stFileUploaderDropzone";
}

async function upload(files, status) {
  const several = document.querySelector(SEVERAL);
  if (several && (files.length > 1 || !document.querySelector(OWN))) return fillIn(several, files);
  if (!document.querySelector(OWN)) return show(status, "This view has no picture: choose another view first.");
  for (const selector of [OWN, UPLOAD]) {
    if (document.querySelector(FIELD)) break;
    document.querySelector(selector)?.click();
    await appears(FIELD);
  }
  const field = document.querySelector(FIELD);
  if (!field) return show(status, "Could not upload the picture: choose “Your own” and try again.");
  fillIn(field, [files[0]]);
}

function fillIn(field, files) {
  field.files = retyped(files, field).files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function dropRetyped(event, field) {
  if (!field || ![...event.dataTransfer.files].some((file) => isVague(file, field))) return;
  event.preventDefault();
  event.stopPropagation();
  const dataTransfer = retyped(event.dataTransfer.files, field);
  event.target.dispatchEvent(new window.DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer }));
}

function retyped(files, field) {
  const transfer = new DataTransfer();
  for (const file of files)
    transfer.items.add(isVague(file, field) ? new window.File([file], file.name, { type: TAKEN }) : file);
  return transfer;
}

function isVague({ type }, field) {
  return VAGUE.test(type) && !field.accept.split(",").includes(type);
}

function appears(selector) {
  return new Promise((resolve) => {
    const observer = new MutationObserver(() => document.querySelector(selector) && end());
    const timer = setTimeout(end, (1000 * SECONDS) / 4);
    function end() {
      observer.disconnect();
      clearTimeout(timer);
      resolve();
    }
    observer.observe(document.body, { childList: true, subtree: true });
  });
}

function show(status, message) {
  status.textContent = message;
  status.hidden = false;
  clearTimeout(status.timer);
  status.timer = setTimeout(() => (status.hidden = true), 1000 * SECONDS);
}
