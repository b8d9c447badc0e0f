// @ts-check
/** The dialog with the command that makes the same file, and what goes to the clipboard. */

import { $, make } from "./dom.js";

/** @param {{shell: string, python: string, files: {name: string, url: string}[]}} command */
export function showCommand({ shell, python, files }) {
  $("command-shell").textContent = shell;
  $("command-python").textContent = python;
  // The name is part of the address, as that which the server gives a file comes before that of the link.
  const link = ({ name, url }) => make("a", { href: `${url}?name=${encodeURIComponent(name)}`, download: name }, name);
  const list = files.map((file) => make("li", {}, link(file)));
  $("command-files").hidden = files.length === 0;
  $("command-files").querySelector("ul").replaceChildren(...list);
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
