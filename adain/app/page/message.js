// @ts-check
/** The one line that says what happens, and what went wrong. */

import { $ } from "./dom.js";

let isTrouble = false;
let isHint = false;

/** What happens now; it takes the place of an error, too. @param {string} text */
export function say(text) {
  isTrouble = isHint = false;
  show(text, "status");
}

/** What to do next: said where no error stands, and until a picture is there. @param {string} text */
export function hint(text) {
  if (isTrouble) return;
  say(text);
  isHint = true;
}

/** What went wrong. @param {unknown} error */
export function complain(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  isTrouble = true;
  isHint = false;
  show(error instanceof Error ? error.message : String(error), "alert");
}

/** What went wrong is over, and what was to be done is done. */
export function relieve() {
  if (isTrouble || isHint) say("");
}

function show(text, role) {
  const line = $("message");
  if (line.getAttribute("role") !== role) line.setAttribute("role", role);
  line.setAttribute("aria-live", role === "alert" ? "assertive" : "polite");
  if (line.textContent !== text) line.textContent = text;
}
