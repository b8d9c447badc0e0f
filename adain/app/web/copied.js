// @ts-check
/** What is to be copied: a command, a call, and the files that these name. */

import { namesOf, pythonCall, resultName, shellLine } from "./command.js";

const SUFFIXES = { png: ".png", jpeg: ".jpg", webp: ".webp" };

const NEAR =
  "It makes this picture, each value within one level of 255 of what this page makes, or a few where the page's " +
  "weights are rounded: another runtime computes it, and rounds otherwise.";
const OWN = "It needs the page's own weights beside it, which are not to be had here: ask whose page this is for";
const PACKED = "As browsers pack such files their own way, compare PNGs.";

/** What a model is called by. */
const WEIGHTS = { model: { flag: "--model" }, encoder: { flag: "--encoder" }, decoder: { flag: "--decoder" } };

/** @typedef {import("../page/order.js").Order} Order */

/** What the file of an order is called. @param {Order} order @param {import("./held.js").HeldPictures} held */
export function nameOf({ content, styles }, format, held) {
  return resultName(held.of(content).name, styles.map((id) => held.of(id).name), SUFFIXES[format]);
}

/**
 * @param {Order} order
 * @param {import("./engine.js").FileWish} file
 * @param {any} setup
 * @param {import("./held.js").HeldPictures} held
 */
export async function copied(order, file, setup, held) {
  const { content, styles, options } = order;
  const result = nameOf(order, file.format, held);
  const pictures = [content, ...styles, options.label_map, options.background].filter((id) => id && id !== "keep");
  const used = new Map([...new Set(pictures)].map((id) => [id, usedOf(held.of(id))]));
  const masks = [];
  for (const [k, mask] of (options.masks ?? []).entries()) {
    const id = `mask ${k}`;
    masks.push(id);
    used.set(id, { id, name: "mask.png", source: "", isMask: true, url: URL.createObjectURL(await mask.toBlob()) });
  }
  const names = namesOf([...used.values()], result);
  const name = (id) => names.get(id) ?? id;
  const weights = weightsOf(setup, file.model ?? setup.finish.model);
  const given = givenOf(order, masks.map(name), name, setup, weights);
  const { quality } = setup.files;
  const isPacked = quality.formats.includes(file.format);
  if (isPacked && file.quality !== quality.default) given.push(["quality", file.quality]);
  const declared = { ...setup.options, ...setup.files, ...WEIGHTS };
  const own = weights.filter(([option]) => option !== "model").map(([, value]) => value);
  const notes = [NEAR, ...(own.length > 0 ? [`${OWN} ${own.join(" and ")}.`] : []), ...(isPacked ? [PACKED] : [])];
  const all = [...used.values()].filter((each) => each.source !== "gallery");
  const isOwn = (each) => each.source === "upload" && !each.isMask && name(each.id) === each.name;
  const listed = (each) => ({ name: name(each.id), url: each.url });
  return {
    shell: shellLine(name(content), styles.map(name), result, given, declared),
    python: pythonCall(name(content), styles.map(name), result, given),
    files: all.filter((each) => !isOwn(each)).map(listed),
    inputs: all.filter(isOwn).map(listed),
    note: notes.join(" "),
  };
}

/** @param {import("./held.js").Held} held */
function usedOf({ id, name, source, kind, picture }) {
  return { id, name, source, isMask: kind === "masks", url: picture ?? "" };
}

/** What calls a model: its name, or files of weights that were given to whoever exported the page. @returns {[string, string][]} */
function weightsOf({ finish }, model) {
  return model === finish.model && finish.weights ? Object.entries(finish.weights) : [["model", model]];
}

/** The options that are to be said, in the order of their declaration. @returns {[string, any][]} */
function givenOf({ styles, options }, masks, name, setup, weights) {
  const said = { ...options };
  if (styles.length > 1 && !options.weights && !options.masks && !options.labels) said.weights = styles.map(() => 1);
  if (masks.length > 0) said.masks = masks;
  if (options.label_map) said.label_map = name(options.label_map);
  if (options.background) said.background = name(options.background);
  // A list of one is one value on the command line.
  if (said.alpha?.length === 1) said.alpha = said.alpha[0];
  /** @type {[string, any][]} */
  const given = Object.keys(setup.options).filter((each) => each in said).map((each) => [each, said[each]]);
  return [...weights, ...given];
}
