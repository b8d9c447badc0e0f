// @ts-check
// Rules of CSS that belong to a module: adopted sheets are no inline style, so the page's strict policy admits them.

/** @param {string} rules @param {Document | ShadowRoot} [root] */
export function adopt(rules, root = document) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}
