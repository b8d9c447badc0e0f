// @ts-check
/** The dialog with the command that makes the same file, and what goes to the clipboard. */

import { $, make } from "./dom.js";

/** Of a line for a shell, and what is between them; what is quoted is part of one. */
const WORDS = /(?:[^\s'"]|'[^']*'|"[^"]*")+|\s+|./g;

/**
 * @typedef {{name: string, url: string}} Named
 * @param {{shell: string, python: string, files: Named[], inputs: Named[], note?: string}} command `note` says how near
 *   the command comes, where that is not to the byte
 */
export function showCommand({ shell, python, files, inputs, note = "" }) {
  $("command-title").textContent = note ? "The same picture, without the page" : "The same file, without the page";
  const words = shell.match(WORDS) ?? [];
  $("command-shell").replaceChildren(
    ...words.map((word) => (word.trim() ? make("span", { className: "word" }, word) : word)),
  );
  $("command-python").textContent = python;
  const link = ({ name, url }) => make("a", { href: url, download: name }, name);
  const list = files.map((file) => make("li", {}, link(file)));
  $("command-files").hidden = files.length === 0;
  $("command-files")
    .querySelector("ul")
    .replaceChildren(...list);
  // What was pasted, or came from the camera, lies nowhere else.
  const own = inputs.flatMap((file, k) => (k ? [", ", link(file)] : [link(file)]));
  const beside = document.getElementById("command-inputs") ?? make("p", { id: "command-inputs", className: "quiet" });
  beside.replaceChildren("It looks for these files of yours: ", ...own);
  beside.hidden = own.length === 0;
  $("command-files").after(beside);
  const noted = document.getElementById("command-note") ?? make("p", { id: "command-note", className: "quiet" });
  noted.textContent = note;
  noted.hidden = !note;
  $("command-title").closest("form").after(noted);
  $("command-said").textContent = "";
  $("command").showModal();
}

/** The buttons of the dialog. */
export function useCopying() {
  for (const name of ["shell", "python"]) {
    $(`copy-${name}`).addEventListener("click", async () => {
      const text = $(`command-${name}`);
      $("command-said").textContent = (await copied(text)) ? "Copied." : "It is selected: press Ctrl+C to copy it.";
    });
  }
}

/** Whether the text of an element came into the clipboard; a browser allows that at safe addresses alone. */
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection?.removeAllRanges();
    selection?.addRange(range);
    return document.execCommand("copy");
  }
}
