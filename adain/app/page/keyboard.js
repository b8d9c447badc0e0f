// @ts-check
/** Keys and buttons that serve the whole page: undo, redo, finish, and the list of keys. */

import { $ } from "./dom.js";

/** @param {import("./state.js").State} state @param {() => void} finish */
export function useKeys(state, finish) {
  const show = () => {
    $("undo").disabled = !state.canUndo;
    $("redo").disabled = !state.canRedo;
  };
  $("undo").addEventListener("click", () => state.undo());
  $("redo").addEventListener("click", () => state.redo());
  $("keys-open").addEventListener("click", () => $("keys").showModal());
  state.addEventListener("change", show);
  show();
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if (key === "z" || key === "y") {
      event.preventDefault(); // also in a field of numbers: its own undo would be another history
      if (key === "y" || event.shiftKey) state.redo();
      else state.undo();
    } else if (key === "enter") {
      event.preventDefault();
      finish();
    }
  });
}
