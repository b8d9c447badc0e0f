// @ts-check
/** What of the library a browser computes: of all that is declared, the page is told this and no more. */

/** Options of `adain.Options`. */
const OPTIONS = [
  "alpha", "weights", "content_size", "style_size", "masks", "label_map", "labels", "background", "feather", "color",
  "color_space", "color_strength",
];

/** Values with a name, where not all of them are served. */
const CHOICES = { color: ["none", "luminance"] };

/** How a file is written, and what canvases write. */
const FILES = ["quality"];
const FORMATS = ["png", "jpeg", "webp"];

/**
 * A setup, as a server gives it, with what is served here.
 * @param {any} setup
 */
export function served(setup) {
  const options = kept(setup.options, OPTIONS);
  for (const [name, choices] of Object.entries(CHOICES)) {
    if (name in options) options[name] = { ...options[name], choices };
  }
  const formats = setup.formats.filter((format) => FORMATS.includes(format));
  return { ...setup, options, formats, files: kept(setup.files, FILES), models: setup.models };
}

/** @param {Record<string, any>} declared @param {string[]} names */
function kept(declared, names) {
  return Object.fromEntries(Object.entries(declared).filter(([name]) => names.includes(name)));
}
