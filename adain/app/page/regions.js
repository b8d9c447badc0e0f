// @ts-check
/** Regions: which artwork's area is painted, how strong it is there, and what becomes of the rest. */

import { make, press } from "./dom.js";

/** What areas are shown in; far apart in hue and light, also for eyes that tell red from green badly. */
export const COLORS = ["#e69f00", "#56b4e9", "#cc79a7", "#009e73"];
export const PROTECTED = "#f0e442";

export function regionCards(common) {
  const { state, painting } = common;
  const cards = state.now.styles.map((style, k) => {
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = COLORS[k];
    const button = make(
      "button",
      { type: "button", id: `region-${k + 1}`, className: "region", title: `Paint where ${style.name} goes` },
      swatch,
      make("span", { className: "name" }, style.name),
    );
    press(button, painting.active === k);
    button.addEventListener("click", () => painting.activate(k));
    return make("div", { className: "card" }, common.thumb(style), button, strength(common, k), common.remove(style));
  });
  return [...cards, areaButtons(common), exclusive(painting), elsewhere(common)];
}

/** What is protected is painted like a region; its buttons are there where no region has them. */
export function protectCard(common) {
  const { painting, state } = common;
  const swatch = make("span", { className: "swatch" });
  swatch.style.background = PROTECTED;
  const name = make("span", { className: "name" }, "Protected");
  const title = "Paint where the photograph is to stay itself";
  const button = make("button", { type: "button", id: "region-protect", className: "region", title }, swatch, name);
  press(button, painting.active === "protect");
  button.addEventListener("click", () => painting.activate("protect"));
  const card = make("div", { className: "card lone" }, button);
  return state.now.mode === "regions" ? [card] : [card, areaButtons(common)];
}

/** How strong one artwork is in its region, in percent of the whole strength. */
function strength({ state }, k) {
  const name = state.now.styles[k].name;
  const box = make("input", {
    type: "number",
    id: `region-alpha-${k + 1}`,
    min: 0,
    max: 100,
    step: "any",
    data: { updates: "" },
  });
  box.setAttribute("aria-label", `Strength of ${name} in its region, in percent`);
  box.title = "Strength here, in percent";
  box.addEventListener("change", () => {
    if (box.value === "" || !box.checkValidity()) box.reportValidity();
    else {
      const alpha = box.valueAsNumber / 100;
      state.change({ styles: state.now.styles.map((style, i) => (i === k ? { ...style, alpha } : style)) });
    }
    box.dispatchEvent(new Event("show"));
  });
  box.addEventListener("show", () => {
    const alpha = state.now.styles[k]?.alpha;
    if (alpha !== undefined) box.value = String(Number((100 * alpha).toFixed(1)));
  });
  return box;
}

/** What is done with the whole area that is painted. */
export function areaButtons({ engine, painting, complain }) {
  const button = (id, text, title, act) => {
    const made = make("button", { type: "button", className: "small", id, title }, text);
    made.addEventListener("click", act);
    return made;
  };
  const input = make("input", { type: "file", id: "mask-input", hidden: true, "aria-label": "Mask" });
  input.addEventListener("change", () => {
    const file = input.files[0];
    input.value = "";
    if (file) painting.load(engine, file).catch(complain);
  });
  return make(
    "div",
    { className: "row" },
    button("mask-full", "All", "All of the picture", () => painting.fill()),
    button("mask-clear", "None", "Nothing of the picture", () => painting.clear()),
    button("mask-invert", "Invert", "What it is not", () => painting.invert()),
    button("mask-open", "From a file", "A picture, white where the artwork goes", () => input.click()),
    input,
  );
}

function exclusive(painting) {
  const box = make("input", { type: "checkbox", id: "exclusive", checked: painting.isExclusive });
  box.addEventListener("change", () => (painting.isExclusive = box.checked));
  return make("div", { className: "check" }, box, make("label", { htmlFor: "exclusive" }, "Take from the other areas"));
}

/** What becomes of what no artwork has. */
export function elsewhere({ state, gallery, declared }) {
  const box = make("select", { id: "background", data: { updates: "" } });
  const fill = () => {
    const names = gallery.all.map((style) => [style.id, style.title || style.name]);
    box.replaceChildren(...[["", "The photograph"], ...names].map(([value, text]) => make("option", { value }, text)));
  };
  fill();
  box.addEventListener("change", () => state.set("background", box.value || null));
  box.addEventListener("show", () => {
    if (box.options.length !== gallery.all.length + 1) fill();
    box.value = state.now.options.background ?? "";
  });
  return make(
    "div",
    { className: "field", title: declared.background?.help ?? "" },
    make("label", { htmlFor: "background" }, "Elsewhere"),
    box,
  );
}
