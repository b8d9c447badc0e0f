// @ts-check
/** What a snapshot asks for: artworks and options of the library. Here, and only here, what does not apply goes. */

/**
 * @typedef {{content: string, styles: string[], options: Record<string, any>}} Order options hold Masks, and ids of
 *   pictures, where the library takes files
 */

/** What is protected, where that is painted here. */
export const PAINTED = "painted";

/** Options that say where an artwork goes; the page sets them by its modes. */
export const PLACING = ["weights", "masks", "label_map", "labels", "style_masks"];

/** Options that only an option of colours gives a sense. */
const OF_COLOUR = ["color_space", "color_method", "color_strength"];

/**
 * What is missing before there is something to see; empty if nothing is.
 * @param {import("./state.js").Snapshot} now
 */
export function lackOf(now) {
  if (!now.content) return "Drop a photograph here, paste one, or choose a file.";
  if (now.styles.length === 0 && now.mode !== "labels") return "Choose an artwork.";
  if (now.mode === "regions" && now.styles.every((style) => !style.mask || style.mask.isEmpty)) {
    return `Paint where ${now.styles[0].name} goes: with the brush, or fill all of it.`;
  }
  if (now.mode === "labels") {
    if (!now.labelMap) return "Open a label map: a picture whose values or colours are regions.";
    if (now.labelMap.labels.every((label) => !label.style)) return "Choose an artwork for a label.";
  }
  return "";
}

/**
 * The order of a snapshot that lacks nothing.
 * @param {import("./state.js").Snapshot} now
 * @param {Record<string, any>} defaults of the options
 * @returns {Order}
 */
export function orderOf(now, defaults) {
  if (!now.content) throw new Error(lackOf(now));
  /** @type {Record<string, any>} */
  const options = {};
  for (const [name, value] of Object.entries(now.options)) {
    if (!PLACING.includes(name) && value !== defaults[name]) options[name] = value;
  }
  const placed = { blend: blended, regions: inRegions, labels: byLabels }[now.mode](now, options);
  if (options.protect === PAINTED) {
    if (now.protect && !now.protect.isEmpty) options.protect = now.protect;
    else delete options.protect;
  }
  const isPlaced = now.mode !== "blend";
  if (!isPlaced) delete options.background;
  if (!isPlaced && !("protect" in options)) delete options.feather;
  if (!options.color || options.color === "none") for (const name of [...OF_COLOUR, "match_luma"]) delete options[name];
  if (options.color !== "luminance") delete options.match_luma;
  return { content: now.content.id, styles: placed, options };
}

/** Artworks mixed everywhere, or one passing into the other. */
function blended(now, options) {
  const styles = now.styles;
  if (options.gradient && styles.length === 2) return styles.map((style) => style.id);
  delete options.gradient;
  if (styles.length > 1) options.weights = styles.map((style) => Number(style.weight.toFixed(4)));
  return styles.map((style) => style.id);
}

/** Each artwork where its mask is; one that has no place yet is left out. */
function inRegions(now, options) {
  delete options.gradient;
  const placed = now.styles.filter((style) => style.mask && !style.mask.isEmpty);
  options.masks = placed.map((style) => style.mask);
  if (placed.some((style) => style.alpha !== 1)) {
    const whole = options.alpha ?? 1;
    options.alpha = placed.map((style) => Number((style.alpha * whole).toFixed(4)));
    if (options.background && options.background !== "keep") options.alpha.push(whole);
  }
  return placed.map((style) => style.id);
}

/** An artwork for each label that has one; the others stay the photograph, or take the background. */
function byLabels(now, options) {
  delete options.gradient;
  const given = now.labelMap.labels.filter((label) => label.style);
  options.label_map = now.labelMap.id;
  options.labels = given.map((label) => label.value);
  if (given.length < now.labelMap.labels.length) options.background ??= "keep";
  else delete options.background;
  return given.map((label) => label.style);
}
