// @ts-check
/** The controls of options: a few that matter most, and all others that make sense here under "More". */

import { $, make } from "./dom.js";
import { field } from "./fields.js";
import { PAINTED, PLACING } from "./order.js";

/** In sight, in this order; everything else of the declarations comes under "More". */
const FIRST = ["alpha", "style_size", "color", "color_strength", "keep_edges", "correct", "feather"];

/**
 * What is no control here: artworks and masks have places of their own; sheets are no picture to paint; a square that
 * is cut out would not lie over the photograph; tiles change nothing that is seen; masks painted here have one channel;
 * and the size of the file stands beside Finish.
 */
const ELSEWHERE = [
  ...PLACING,
  "gradient",
  "background",
  "grid",
  "preview",
  "crop",
  "tile",
  "mask_channel",
  "content_size",
];

/** @type {[string, string][]} */
const PROTECT = [
  ["", "Nothing"],
  ["faces", "Faces"],
  [PAINTED, "What I paint"],
];

/** When an option has a sense; always, where nothing stands here. */
const FITS = {
  color_strength: hasColour,
  color_space: hasColour,
  color_method: (now) => now.options.color === "linear",
  match_luma: (now) => now.options.color === "luminance",
  feather: (now) => now.mode !== "blend" || Boolean(now.options.protect),
};

function hasColour(now) {
  return Boolean(now.options.color) && now.options.color !== "none";
}

/**
 * @param {import("./state.js").State} state
 * @param {Record<string, any>} declared
 */
export function makeControls(state, declared) {
  const page = {
    input: (name, value, isMoving) => {
      state.set(name, value, { merge: isMoving ? name : null });
      if (!isMoving) state.settle();
    },
    settle: () => state.settle(),
  };
  const fields = new Map();
  const add = (name, help) => {
    const choices = name === "protect" ? PROTECT : undefined;
    const made = field(name, declared[name], page, { help, choices });
    fields.set(name, made);
    return made.element;
  };
  const first = FIRST.filter((name) => name in declared).map((name) => add(name, false));
  const rest = Object.keys(declared).filter((name) => !FIRST.includes(name) && !ELSEWHERE.includes(name));
  const more = make("details", { id: "more" }, make("summary", {}, "More"), ...inGroups(rest, declared, add));
  const reset = make("button", { type: "button", className: "small", id: "reset" }, "All as it was at first");
  const standard = Object.fromEntries(Object.entries(declared).map(([name, each]) => [name, each.default]));
  reset.addEventListener("click", () => state.change({ options: { ...state.now.options, ...standard } }));
  more.append(reset);
  const form = $("controls");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.replaceChildren(...first, more);

  const show = () => {
    for (const [name, { element, show: showValue }] of fields) {
      showValue(state.now.options[name]);
      element.hidden = name in FITS && !FITS[name](state.now);
    }
    for (const group of more.querySelectorAll("fieldset")) {
      group.hidden = [...group.querySelectorAll("[data-option]")].every((each) => each.hidden);
    }
  };
  state.addEventListener("change", show);
  show();
}

/** Fields in the groups of their declarations. */
function inGroups(names, declared, add) {
  const groups = new Map();
  for (const name of names) {
    const group = declared[name].group || "result";
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(name);
  }
  return [...groups].map(([group, members]) => {
    const title = group.charAt(0).toUpperCase() + group.slice(1);
    return make(
      "fieldset",
      { className: "fields" },
      make("legend", {}, title),
      ...members.map((name) => add(name, true)),
    );
  });
}
