// @ts-check
/** The one line that says what happens, and what went wrong. */

import { $ } from "./dom.js";

let isTrouble = false;
let passes = false;
let ages = false;

/** What happens now; it takes the place of an error, too. @param {string} text */
export function say(text) {
  isTrouble = passes = ages = false;
  show(text, "status");
}

/** What has happened: it stands until something else is wanted, and there is a picture of that. @param {string} text */
export function note(text) {
  say(text);
  ages = true;
}

/** Something else is wanted now. */
export function age() {
  passes ||= ages;
}

/** What to do next: said where no error stands, and until a picture is there. @param {string} text */
export function hint(text) {
  if (isTrouble) return;
  say(text);
  passes = true;
}

/**
 * What went wrong.
 * @param {unknown} error
 * @param {{untilPainted?: boolean}} [how] whether it is over once there is a picture again
 */
export function complain(error, { untilPainted = false } = {}) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  isTrouble = true;
  passes = untilPainted;
  show(error instanceof Error ? error.message : String(error), "alert");
}

/**
 * A picture is there: what kept it away is over, and what was to be done is done.
 * @param {string} [found] what there is to say of it, where nothing else stands
 */
export function relieve(found = "") {
  if (!passes && $("message").textContent) return;
  say(found);
  passes = true;
}

/** What is so until there is a picture: said where nothing else stands. @param {string} text */
export function meanwhile(text) {
  if (!isTrouble) relieve(text);
}

function show(text, role) {
  const line = $("message");
  if (line.getAttribute("role") !== role) line.setAttribute("role", role);
  line.setAttribute("aria-live", role === "alert" ? "assertive" : "polite");
  if (line.textContent !== text) line.textContent = text;
}
