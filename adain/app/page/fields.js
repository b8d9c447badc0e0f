// @ts-check
/** A control for an option as it is declared: its range, its choices, its default and its help come with it. */

import { make, spoken } from "./dom.js";

/**
 * @typedef {{default: any, low: number | null, high: number | null, choices: string[], help: string, kind: string,
 *   flag?: string}} Declared
 * @typedef {{element: HTMLElement, show: (value: any) => void}} Field
 */

/** What an option is called where its own name says too little. */
const TITLES = {
  alpha: "Strength",
  correct: "Closer to the artwork",
  color: "Keep colours",
  color_space: "Space of luminance",
  color_method: "Matrix of linear",
  color_strength: "How far colours stay",
  match_luma: "Fit the artwork's light first",
  keep_edges: "Keep edges",
  feather: "Soft edges",
  fine_style_size: "Fine texture at",
  max_drift: "Let edges move at most",
  content_size: "Shorter side",
  wrap: "Sides that meet",
  gradient: "From one to the other",
  protect: "Protect",
};

/** Where the slider of an option without a least or greatest value begins and ends; its number takes any. */
const SPANS = { style_size: [64, 1536], feather: [0, 100] };

/**
 * @param {string} name
 * @param {Declared} declared
 * @param {{input: (name: string, value: any, isMoving: boolean) => void, settle: () => void}} page
 * @param {{help?: boolean, choices?: [string, string][]}} [how] whether the help is in sight; other choices
 * @returns {Field}
 */
export function field(name, declared, page, { help = false, choices } = {}) {
  const label = make("label", { htmlFor: name }, TITLES[name] ?? spoken(name));
  const parts = partsOf(name, declared, page, choices);
  const said = make("span", { className: "help", id: `${name}-help`, hidden: !help }, declared.help);
  parts.inputs[0].setAttribute("aria-describedby", said.id);
  const kind = parts.isCheck ? "check" : "field";
  const element = make("div", {
    className: kind,
    title: [declared.flag, help ? "" : declared.help].filter(Boolean).join(": "),
    data: { option: name },
  });
  if (parts.isCheck) element.append(...parts.inputs, label, said);
  else element.append(label, ...parts.inputs.reverse(), said);
  return { element, show: parts.show };
}

function partsOf(name, declared, page, choices) {
  // "none" said aloud is what an option without a value means already.
  const meant = declared.choices.filter((choice) => !(choice === "none" && declared.default === null));
  const listed = choices ?? meant.map((choice) => [choice, spoken(choice)]);
  if (typeof declared.default === "boolean") return checkbox(name, page);
  if (listed.length > 0) return select(name, declared, page, listed);
  const isSlid = name in SPANS || (declared.low !== null && declared.high !== null);
  return isSlid ? slider(name, declared, page) : number(name, declared, page);
}

function checkbox(name, page) {
  const box = make("input", { type: "checkbox", id: name });
  box.addEventListener("change", () => page.input(name, box.checked, false));
  return { inputs: [box], isCheck: true, show: (value) => (box.checked = value) };
}

function select(name, declared, page, choices) {
  const options = choices.map(([value, text]) => make("option", { value }, text));
  if (declared.default === null && !choices.some(([value]) => value === "")) {
    options.unshift(make("option", { value: "" }, "No"));
  }
  const box = make("select", { id: name }, ...options);
  // A choice of numbers, such as bits, is a number for the library.
  const read = (text) => (text === "" ? null : typeof declared.default === "number" ? Number(text) : text);
  box.addEventListener("change", () => page.input(name, read(box.value), false));
  return { inputs: [box], show: (value) => (box.value = value ?? "") };
}

function number(name, declared, page, id = name) {
  const isWhole = declared.kind.startsWith("int");
  const step = isWhole ? 1 : 0.01;
  const box = make("input", {
    type: "number",
    id,
    step: isWhole ? 1 : "any",
    inputMode: isWhole ? "numeric" : "decimal",
  });
  if (declared.low !== null) box.min = String(declared.low);
  if (declared.high !== null) box.max = String(declared.high);
  if (declared.default === null) box.placeholder = "off";
  let shown = declared.default;
  box.addEventListener("change", () => {
    const value = box.value === "" && !box.validity.badInput ? declared.default : box.valueAsNumber;
    if (!box.checkValidity() || Number.isNaN(value)) {
      box.reportValidity();
      box.value = shown ?? "";
      return;
    }
    page.input(name, value, false);
  });
  box.addEventListener("keydown", (event) => {
    // The step is any, so that any number can be given: arrows go by a hundredth all the same.
    const by = { ArrowUp: step, ArrowDown: -step }[event.key];
    if (by === undefined || isWhole || box.value === "") return;
    event.preventDefault();
    const next = Math.min(declared.high ?? Infinity, Math.max(declared.low ?? -Infinity, box.valueAsNumber + by));
    page.input(name, Number(next.toFixed(4)), true);
  });
  const show = (value) => {
    shown = value;
    if (document.activeElement !== box || box.valueAsNumber !== value) box.value = value ?? "";
  };
  return { inputs: [box], show };
}

function slider(name, declared, page) {
  const [low, high] = SPANS[name] ?? [declared.low, declared.high];
  const isWhole = declared.kind.startsWith("int");
  const range = make("input", { type: "range", id: name, min: low, max: high, step: isWhole ? 1 : 0.01 });
  const exact = number(name, declared, page, `${name}-number`);
  exact.inputs[0].setAttribute("aria-label", `${TITLES[name] ?? spoken(name)}, exactly`);
  range.addEventListener("input", () => page.input(name, range.valueAsNumber, true));
  range.addEventListener("change", () => page.settle());
  const show = (value) => {
    exact.show(value);
    if (range.valueAsNumber !== value) range.value = value;
  };
  return { inputs: [range, ...exact.inputs], show };
}
