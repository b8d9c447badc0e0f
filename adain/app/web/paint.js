// @ts-check
/** What a photograph is decoded with, of an order: statistics, masks, strengths and colours. */

const KEEP = "keep";

/**
 * @param {import("../page/order.js").Order} order
 * @param {Record<string, any>} defaults of the options
 * @param {{artworks: import("./artworks.js").Artworks, held: import("./held.js").HeldPictures}} known
 * @param {number} scale size of the picture in that of the result: what is said in pixels goes along with it
 */
export async function paintOf(order, defaults, { artworks, held }, scale) {
  const { options } = order;
  const value = (name) => options[name] ?? defaults[name];
  const [alpha, background] = [value("alpha"), value("background")];
  const styles = await Promise.all(order.styles.map((id) => artworks.of(id, value("style_size"))));
  const masks = options.label_map
    ? await held.labelMasks(options.label_map, options.labels)
    : options.masks?.map(({ width, height, data }) => ({ width, height, data }));
  return {
    styles,
    weights: options.weights ?? null,
    masks: masks ?? null,
    background: masks && background && background !== KEEP ? await artworks.of(background, value("style_size")) : null,
    alpha: Array.isArray(alpha) ? 1 : alpha,
    alphas: Array.isArray(alpha) ? alpha : null,
    feather: masks ? value("feather") * scale : 0,
    color: value("color") === "luminance" ? { space: value("color_space"), strength: value("color_strength") } : null,
  };
}
