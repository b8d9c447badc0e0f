// @ts-check
/** Looking: before and after, the whole picture or its pixels. */

import { $, press } from "./dom.js";

/** @param {import("./view.js").View} view @param {import("./photograph.js").Photograph} photograph */
export function useViewing(view, photograph) {
  const split = $("split");
  split.addEventListener("input", () => (view.split = split.valueAsNumber));
  view.addEventListener("split", () => (split.value = String(view.split)));
  $("zoom-fit").addEventListener("click", () => (view.zoom = "fit"));
  $("zoom-pixels").addEventListener("click", () => (view.zoom = 1));
  const show = () => {
    press($("zoom-fit"), view.zoom === "fit");
    press($("zoom-pixels"), view.zoom === 1);
    if (view.zoom !== "fit") photograph.whole();
  };
  view.addEventListener("zoom", show);
  show();
  $("view").addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "c" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    view.split = view.split > 0 ? 0 : 1;
  });
}
