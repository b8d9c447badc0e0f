// @ts-check
/** The chosen artworks and how they come together: a blend by the pad, a region each, or the labels of a map. */

import "./pad.js";
import { $, make, press, replace } from "./dom.js";
import { labelRows } from "./labels.js";
import { PAINTED } from "./order.js";
import { protectCard, regionCards } from "./regions.js";

const THUMB = 96;
const ARROWS = { horizontal: "→", vertical: "↓", diagonal: "↘", radial: "◎" };

/**
 * @param {import("./engine.js").Engine} engine
 * @param {import("./state.js").State} state
 * @param {{painting: import("./painting.js").Painting, gallery: import("./gallery.js").Gallery,
 *   declared: Record<string, any>, openMap: () => void, complain: (error: unknown) => void}} page
 */
export function showChosen(engine, state, page) {
  const pad = make("blend-pad", { id: "pad" });
  pad.setAttribute("aria-label", "Shares of the artworks");
  for (const type of ["input", "change"]) {
    pad.addEventListener(type, () => {
      weigh(state, pad.weights, type === "input" ? "pad" : null);
      if (type === "change") state.settle();
    });
  }
  for (const mode of /** @type {const} */ (["blend", "regions", "labels"])) {
    $(`mode-${mode}`).addEventListener("click", () => state.change({ mode }));
  }
  const common = {
    engine,
    state,
    ...page,
    thumb: (style) => make("img", { src: engine.picture(style.id, THUMB), alt: "", width: 36, height: 36 }),
    remove: (style) => {
      const label = `Leave out ${style.name}`;
      const button = make("button", { type: "button", className: "small", title: label, "aria-label": label }, "×");
      button.addEventListener("click", () => page.gallery.toggle(style.id));
      return button;
    },
  };
  let shown = "";
  const show = () => {
    const { mode, styles, labelMap, content, options } = state.now;
    for (const each of ["blend", "regions", "labels"]) press($(`mode-${each}`), each === mode);
    // What has the same parts is only given its new numbers, so that a drag goes on and the focus stays.
    const parts = JSON.stringify([
      mode,
      styles.map((style) => style.id),
      labelMap?.id,
      content?.id,
      page.painting.active,
      options.protect,
    ]);
    if (parts !== shown) {
      shown = parts;
      const inside = {
        blend: () => blendCards(common, pad),
        regions: () => regionCards(common),
        labels: () => labelRows(common),
      };
      const cards = styles.length === 0 && mode !== "labels" ? [nothing()] : inside[mode]();
      replace($("chosen"), options.protect === PAINTED ? [...cards, ...protectCard(common)] : cards);
    }
    for (const update of $("chosen").querySelectorAll("[data-updates]")) update.dispatchEvent(new Event("show"));
    if (mode === "blend" && styles.length > 1) showPad(pad, styles);
  };
  state.addEventListener("change", show);
  page.painting.addEventListener("active", show);
  show();
}

function nothing() {
  return make(
    "p",
    { className: "quiet" },
    "No artwork is chosen. Press one in the gallery; two to four come together.",
  );
}

function showPad(pad, styles) {
  const names = styles.map((style) => style.name);
  if (String(pad.names) !== String(names)) pad.names = names;
  const weights = styles.map((style) => style.weight);
  if (pad.weights.some((weight, k) => Math.abs(weight - weights[k]) > 1e-6)) pad.weights = weights;
}

/** @param {import("./state.js").State} state @param {number[]} weights @param {string | null} merge */
function weigh(state, weights, merge) {
  const styles = state.now.styles;
  if (weights.length !== styles.length || styles.every((style, k) => style.weight === weights[k])) return;
  state.change({ styles: styles.map((style, k) => ({ ...style, weight: weights[k] })) }, { merge });
}

/** The pad, and each artwork's share in numbers. */
function blendCards(common, pad) {
  const { state, declared } = common;
  const styles = state.now.styles;
  const cards = styles.map((style, k) =>
    make(
      "div",
      { className: "card" },
      common.thumb(style),
      make("span", { className: "name", title: style.name }, style.name),
      styles.length > 1 ? share(state, k) : "",
      common.remove(style),
    ),
  );
  if (styles.length < 2) return cards;
  return [...(styles.length === 2 && declared.gradient ? [direction(state, declared.gradient)] : []), pad, ...cards];
}

/** One share as a percentage; the others keep their proportions. */
function share(state, k) {
  const name = state.now.styles[k].name;
  const box = make("input", {
    type: "number",
    id: `weight-${k + 1}`,
    min: 0,
    max: 100,
    step: "any",
    data: { updates: "" },
  });
  box.setAttribute("aria-label", `Share of ${name} in percent`);
  box.addEventListener("change", () => {
    if (box.value === "" || !box.checkValidity()) box.reportValidity();
    else
      weigh(
        state,
        shared(
          state.now.styles.map((style) => style.weight),
          k,
          box.valueAsNumber / 100,
        ),
        null,
      );
    box.dispatchEvent(new Event("show"));
  });
  box.addEventListener("show", () => {
    const weight = state.now.styles[k]?.weight;
    if (weight === undefined) return;
    box.value = String(Number((100 * weight).toFixed(1)));
    box.disabled = Boolean(state.now.options.gradient) && state.now.styles.length === 2;
  });
  return box;
}

/**
 * Weights of sum 1 in which that at k is this one.
 * @param {number[]} weights
 * @param {number} k
 * @param {number} weight
 */
export function shared(weights, k, weight) {
  const others = weights.reduce((sum, each, i) => (i === k ? sum : sum + each), 0);
  const left = 1 - weight;
  return weights.map((each, i) => (i === k ? weight : others ? (each / others) * left : left / (weights.length - 1)));
}

/** Two artworks: mixed everywhere, or one passing into the other. */
function direction(state, declared) {
  const choices = [["", "Mixed"], ...declared.choices.map((each) => [each, `${ARROWS[each] ?? ""} ${each}`])];
  const box = make(
    "select",
    { id: "gradient", data: { updates: "" } },
    ...choices.map(([value, text]) => make("option", { value }, text)),
  );
  box.addEventListener("change", () => state.set("gradient", box.value || null));
  box.addEventListener("show", () => {
    box.value = state.now.options.gradient ?? "";
    $("chosen").querySelector("#pad").hidden = Boolean(box.value);
  });
  const label = make("label", { htmlFor: "gradient" }, "Two artworks");
  return make("div", { className: "field", title: declared.help }, label, box);
}
