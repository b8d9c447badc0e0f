// @ts-check
/** Labels: a map that says of every pixel what it belongs to, and an artwork for each of its labels. */

import { make } from "./dom.js";
import { elsewhere } from "./regions.js";

const SHOWN = 64;

/**
 * A map with an artwork put where none is yet, or taken from everywhere it is.
 * @param {import("./state.js").LabelMap} map
 * @param {string} id
 */
export function withArtwork(map, id) {
  const labels = [...map.labels];
  if (labels.some((label) => label.style === id)) {
    return { ...map, labels: labels.map((label) => (label.style === id ? { ...label, style: null } : label)) };
  }
  const free = labels.findIndex((label) => !label.style);
  if (free < 0) return map;
  labels[free] = { ...labels[free], style: id };
  return { ...map, labels };
}

export function labelRows(common) {
  const { state, openMap } = common;
  const map = state.now.labelMap;
  const open = make("button", { type: "button", id: "label-open" }, map ? "Another label map" : "Open a label map");
  open.addEventListener("click", openMap);
  const drop = make("div", { id: "label-drop", className: "row" }, open);
  if (!map) {
    drop.append(
      make(
        "p",
        { className: "quiet" },
        "or drop one: a picture of the photograph's shape whose values or colours are regions.",
      ),
    );
    return [drop];
  }
  const rows = map.labels.slice(0, SHOWN).map((label, k) => row(common, label, k));
  if (map.labels.length > SHOWN) {
    rows.push(
      make("p", { className: "quiet" }, `${map.labels.length - SHOWN} smaller labels take what is chosen below.`),
    );
  }
  return [drop, ...rows, elsewhere(common)];
}

function row({ state, gallery }, label, k) {
  const swatch = make("span", { className: "swatch" });
  if (typeof label.value === "string") swatch.style.background = label.value;
  else swatch.hidden = true;
  const box = make("select", { id: `label-${k + 1}`, data: { updates: "" } });
  const fill = () => {
    const choices = [["", "As elsewhere"], ...gallery.all.map((style) => [style.id, style.title || style.name])];
    box.replaceChildren(...choices.map(([value, text]) => make("option", { value }, text)));
  };
  fill();
  box.addEventListener("change", () => {
    const map = state.now.labelMap;
    const labels = map.labels.map((each, i) => (i === k ? { ...each, style: box.value || null } : each));
    state.change({ labelMap: { ...map, labels } });
  });
  box.addEventListener("show", () => {
    if (box.options.length !== gallery.all.length + 1) fill();
    box.value = state.now.labelMap?.labels[k]?.style ?? "";
  });
  const share = `${(100 * label.share).toFixed(label.share < 0.1 ? 1 : 0)} %`;
  return make(
    "div",
    { className: "field" },
    make(
      "label",
      { htmlFor: box.id, className: "check" },
      swatch,
      `Label ${label.value}`,
      make("span", { className: "quiet" }, share),
    ),
    box,
  );
}
