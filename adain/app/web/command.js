// @ts-check
/** The line of `adain stylize` and the call in Python that make the same picture, as `adain/app/command.py` has them. */

/**
 * @typedef {{id: string, name: string, source: string, url: string, isMask?: boolean}} Used a file of an order; `name` is
 *   what its user calls it, or of what ships what the library does
 */

/** Bytes of the name of a result; file systems take 255, and what writes a file adds to it. */
const LONGEST_NAME = 180;
const BETWEEN = "_stylized_";

const PLAIN = /^[\w@%+=:,./-]+$/;

/** What a result is called, after its photograph and its artworks. @param {string[]} styles @param {string} suffix */
export function resultName(content, styles, suffix) {
  const [own, theirs] = [stem(content), styles.map(stem).join("+")];
  const room = LONGEST_NAME - BETWEEN.length - suffix.length;
  const first = cut(own, Math.max(Math.floor(room / 2), room - size(theirs)));
  return `${first}${BETWEEN}${cut(theirs, room - size(first))}${suffix}`;
}

/** @param {string} text */
const size = (text) => new TextEncoder().encode(text).length;

function cut(text, most) {
  let kept = text;
  while (size(kept) > most) kept = [...kept].slice(0, -1).join("");
  return kept;
}

function stem(name) {
  return name.slice(0, Math.max(0, name.lastIndexOf("."))) || name;
}

/**
 * A name for each file, different for different ones; of samples those that the library knows.
 * @param {Used[]} used
 * @param {string} result
 * @returns {Map<string, string>} by ids
 */
export function namesOf(used, result) {
  const isAlone = used.filter((each) => each.isMask).length < 2;
  const taken = new Set([result.toLowerCase()]);
  const names = new Map();
  for (const { id, name, isMask } of used) {
    let number = isMask && !isAlone ? 1 : 0;
    let own = numbered(name, number);
    while (taken.has(own.toLowerCase())) {
      number = Math.max(number, 1) + 1;
      own = numbered(name, number);
    }
    taken.add(own.toLowerCase());
    names.set(id, own);
  }
  return names;
}

function numbered(name, number) {
  if (!number) return name;
  const dot = name.lastIndexOf(".");
  return dot > 0 ? `${name.slice(0, dot)}-${number}${name.slice(dot)}` : `${name}-${number}`;
}

/**
 * @param {string} content
 * @param {string[]} styles
 * @param {string} result
 * @param {[string, any][]} given options with names of files in them, in the order of their declaration
 * @param {Record<string, {flag: string}>} declared
 */
export function shellLine(content, styles, result, given, declared) {
  const labels = given.find(([name]) => name === "labels")?.[1];
  const words = ["adain", "stylize", path(content), ...(labels ? [] : styles.map(path)), "-o", path(result)];
  for (const [name, value] of given) {
    if (name === "labels") continue;
    const flag = declared[name].flag;
    if (name === "masks") words.push(...value.flatMap((mask) => [flag, path(mask)]));
    else words.push(flag, Array.isArray(value) ? value.join(",") : String(value));
  }
  labels?.forEach((label, k) => words.push(declared.labels.flag, `${label}=${path(styles[k])}`));
  return words.map(quoted).join(" ");
}

/** As {@link shellLine}. */
export function pythonCall(content, styles, result, given) {
  const artworks = styles.map(path);
  const things = [path(content), artworks.length === 1 ? artworks[0] : artworks, path(result)].map(literal);
  const lines = [...things, ...given.map(([name, value]) => `${name}=${literal(value)}`)];
  const call = lines.map((line) => `    ${line},\n`).join("");
  return `import adain\n\n[result] = adain.stylize_folder(\n${call})\nprint(result.error or result.output)\n`;
}

/** A value in Python. */
function literal(value) {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}

/** A name as that of a file of the current folder, and of nothing else. @param {string} name */
function path(name) {
  return name.startsWith("-") ? `./${name}` : name;
}

/** A word, quoted for POSIX shells. @param {string} word */
function quoted(word) {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
