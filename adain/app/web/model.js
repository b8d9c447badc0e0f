// @ts-check
/** A model as `adain/app/offline/networks.py` writes it: what its layers are, and their filters. */

/**
 * @typedef {{name: string, given: number, made: number, side: number, filters: Float32Array, bias: Float32Array,
 *   isHalved: boolean, isDoubled: boolean}} Layer a convolution of `side` x `side`, 3 or 1, from so many channels to so
 *   many; filters as (made, given, side, side); what goes in has been halved by the largest of 2 x 2, or doubled
 * @typedef {{encoder: Layer[], decoder: Layer[], finer: number, skip: Layer | null}} Model the number of the encoder's
 *   layer that lies folded behind the last one's channels, -1 for none; and the convolution through which the decoder
 *   adds it, doubled, behind its first layer; none where it is added as it is. Each layer but the decoder's last and the
 *   skip has a ReLU behind it.
 * @typedef {{network: any, weights: ArrayBuffer}} ModelFiles the parsed `network.json`, and `weights.bin`
 */

/** Bytes of a number of the filters. */
const WIDTHS = { fp32: 4, fp16: 2, int8: 1 };

/** How long the weights of a network are; NaN of what is no network. @param {any} network */
export function bytesOf(network) {
  const width = WIDTHS[network?.storage];
  if (!width || !Array.isArray(network.encoder) || !Array.isArray(network.decoder)) return NaN;
  const layers = [...network.encoder, ...network.decoder, ...(network.skip ? [network.skip] : [])];
  const lengths = layers.map((layer) => {
    const { made, given, side } = layer ?? {};
    return 4 * Math.ceil((width * made * given * side ** 2) / 4) + 4 * made * (width === 1 ? 2 : 1);
  });
  return lengths.reduce((sum, length) => sum + length, 0);
}

/** @param {ModelFiles} files @returns {Model} */
export function readModel({ network, weights }) {
  let at = 0;
  const floats = (count) => {
    const values = new Float32Array(weights, at, count);
    at += 4 * count;
    return values;
  };
  const read = ({ name, given, made, side, is_halved, is_doubled }) => {
    const count = made * given * side ** 2;
    const scale = network.storage === "int8" ? floats(made) : null;
    let filters;
    if (network.storage === "fp32") {
      filters = floats(count);
    } else if (network.storage === "fp16") {
      filters = Float32Array.from(new Uint16Array(weights, at, count), widened);
      at += 2 * count;
    } else {
      const levels = new Int8Array(weights, at, count);
      filters = Float32Array.from(levels, (level, k) => Math.fround(level * /** @type {any} */ (scale)[Math.floor((k * made) / count)]));
      at += count;
    }
    at = 4 * Math.ceil(at / 4);
    return { name, given, made, side, filters, bias: floats(made), isHalved: is_halved, isDoubled: is_doubled };
  };
  const encoder = network.encoder.map(read);
  const decoder = network.decoder.map(read);
  return { encoder, decoder, finer: network.finer, skip: network.skip && read(network.skip) };
}

/** The number that the 16 bits of a half stand for. @param {number} bits */
function widened(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
