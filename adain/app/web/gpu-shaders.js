// @ts-check
/**
 * What is computed by WebGPU, in WGSL, in floats of 32 bits throughout.
 *
 * A map lies in planes of four channels (C/4, H, W), so that invocations side by side read and write side by side.
 */

/** Places of the result that a workgroup computes, each way. */
export const TILE = 16;

/** Rows and columns of them that are one invocation's: what it has read from shared memory serves several of them. */
const ROWS = 4;
const COLUMNS = 2;

/** Most vectors of four channels that a workgroup computes: it has as many invocations as every device grants, 256. */
export const MOST_GROUPS = 8;

/** Something for each number from 0 on, in lines. @param {number} count @param {(k: number) => string} line */
const each = (count, line) => Array.from({ length: count }, (_, k) => line(k)).join("\n");

/**
 * A convolution with a reflected border. What goes in is doubled (`shift` is 1) and what comes out halved on the way:
 * neither is ever stored. The result lies between `low` and `high`, which is what a ReLU and the clamp to pixels are.
 *
 * For each four channels of what goes in the workgroup copies what it needs of them, and of their filters, to shared
 * memory. Columns of even numbers lie there before the odd ones, as neighbours read every second one at a time. The
 * inner loops are written out, so that their numbers are kept in registers whatever a driver makes of loops.
 * @param {number} side of the filters, 3 or 1
 * @param {number} groups vectors of four channels that a workgroup computes
 */
export function convolution(side, groups) {
  const across = TILE + side - 1;
  const filters = side * side * 4 * groups;
  const invocations = (TILE / COLUMNS) * (TILE / ROWS) * groups;
  const given = ROWS + side - 1;
  const product = (row, k, part) =>
    `left${row} = fma(vec4f(l${row + k}.${part}), f, left${row}); right${row} = fma(vec4f(r${row + k}.${part}), f, right${row});`;
  const products = (k, part) => `{
        let f = filters[((${k}u * ${side}u + column) * 4u + ${"xyzw".indexOf(part)}u) * ${groups}u + at.z];
        ${each(ROWS, (row) => product(row, k, part))}
      }`;
  return `
struct Numbers {
  height: u32, width: u32, shift: u32, // of the map that goes in, as it lies
  given: u32, made: u32, // vectors of four channels
  tall: u32, wide: u32, // the result, before it is halved
  is_halved: u32, low: f32, high: f32,
}

@group(0) @binding(0) var<uniform> n: Numbers;
@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@group(0) @binding(2) var<storage, read> packed: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;

var<workgroup> places: array<vec4f, ${across * across}>;
var<workgroup> filters: array<vec4f, ${filters}>;

// A place beyond the border is that as far within it; one beyond the last tile's is not used, but is to exist.
fn mirrored(place: i32, length: u32) -> u32 {
  let last = i32(length) - 1;
  let within = abs(place);
  return u32(clamp(select(within, 2 * last - within, within > last), 0, last)) >> n.shift;
}

@compute @workgroup_size(${TILE / COLUMNS}, ${TILE / ROWS}, ${groups})
fn convolve(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) at: vec3u,
            @builtin(local_invocation_index) index: u32) {
  let corner = vec2i(group.xy * ${TILE}u) - ${(side - 1) / 2};
  ${each(ROWS, (row) => `var left${row} = vec4f(); var right${row} = vec4f();`)}
  for (var c = 0u; c < n.given; c++) {
    for (var k = index; k < ${across * across}u; k += ${invocations}u) {
      let x = k % ${across}u;
      let y = k / ${across}u;
      let row = mirrored(corner.y + i32(y), n.tall);
      places[y * ${across}u + (x & 1u) * ${across / 2}u + (x >> 1u)] =
        source[(c * n.height + row) * n.width + mirrored(corner.x + i32(x), n.wide)];
    }
    for (var k = index; k < ${filters}u; k += ${invocations}u) {
      filters[k] = packed[(group.z * n.given + c) * ${filters}u + k];
    }
    workgroupBarrier();
    for (var column = 0u; column < ${side}u; column++) {
      let first = at.y * ${ROWS * across}u + at.x;
      let l = first + (column & 1u) * ${across / 2}u + (column >> 1u);
      let r = first + ((column + 1u) & 1u) * ${across / 2}u + ((column + 1u) >> 1u);
      ${each(given, (row) => `let l${row} = places[l + ${row * across}u]; let r${row} = places[r + ${row * across}u];`)}
      ${each(side, (k) => [..."xyzw"].map((part) => products(k, part)).join("\n"))}
    }
    workgroupBarrier();
  }

  let channels = group.z * ${groups}u + at.z;
  if (channels >= n.made) { return; }
  let x = group.x * ${TILE}u + at.x * ${COLUMNS}u;
  let y = group.y * ${TILE}u + at.y * ${ROWS}u;
  if (x >= n.wide) { return; }
  let shift = bias[channels];
  ${each(ROWS, (row) => `left${row} = clamp(left${row} + shift, vec4f(n.low), vec4f(n.high));`)}
  ${each(ROWS, (row) => `right${row} = clamp(right${row} + shift, vec4f(n.low), vec4f(n.high));`)}
  let has_right = x + 1u < n.wide;
  if (n.is_halved == 1u) { // the largest of 2 x 2; an odd last row or column counts alone
    let width = (n.wide + 1u) / 2u;
    let height = (n.tall + 1u) / 2u;
    let to = (channels * height + y / 2u) * width + x / 2u;
    ${each(ROWS, (row) => `let most${row} = select(left${row}, max(left${row}, right${row}), has_right);`)}
    ${each(
      ROWS / 2,
      (k) => `if (y + ${2 * k}u < n.tall) {
      result[to + ${k}u * width] = select(most${2 * k}, max(most${2 * k}, most${2 * k + 1}), y + ${2 * k + 1}u < n.tall);
    }`,
    )}
    return;
  }
  let to = (channels * n.tall + y) * n.wide + x;
  ${each(
    ROWS,
    (row) => `if (y + ${row}u < n.tall) {
    result[to + ${row}u * n.wide] = left${row};
    if (has_right) { result[to + ${row}u * n.wide + 1u] = right${row}; }
  }`,
  )}
}`;
}

/** Sides of the workgroups of what follows, of places. */
export const MOVED = 8;

/**
 * What lies between the convolutions; an invocation for each place and vector of what is made. Features come and go as
 * planes of numbers; a finer layer lies folded in them, each `step` x `step` places of it in as many planes.
 */
export const MOVES = `
struct Numbers {
  height: u32, width: u32, // of the map, or of the smaller one of two
  rows: u32, columns: u32, // of the planes
  channels: u32, // in numbers
  first: u32, // plane
  step: u32,
}

@group(0) @binding(0) var<uniform> n: Numbers;
@group(0) @binding(1) var<storage, read> planes: array<f32>;
@group(0) @binding(2) var<storage, read_write> unfolded: array<vec4f>;

// Planes to a map, which may end within a step; what there are no planes for is 0.
@compute @workgroup_size(${MOVED}, ${MOVED})
fn to_map(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= n.width || at.y >= n.height) { return; }
  let place = (at.y % n.step) * n.step + at.x % n.step;
  var value = vec4f();
  for (var k = 0u; k < min(4u, n.channels - 4u * at.z); k++) {
    let plane = n.first + place * n.channels + 4u * at.z + k;
    value[k] = planes[(plane * n.rows + at.y / n.step) * n.columns + at.x / n.step];
  }
  unfolded[(at.z * n.height + at.y) * n.width + at.x] = value;
}

@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> folded: array<f32>;

// The way back: of a map that ends within a step the last place counts for those that it has not.
@compute @workgroup_size(${MOVED}, ${MOVED})
fn to_planes(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= n.columns || at.y >= n.rows) { return; }
  for (var place = 0u; place < n.step * n.step; place++) {
    let y = min(at.y * n.step + place / n.step, n.height - 1u);
    let x = min(at.x * n.step + place % n.step, n.width - 1u);
    let value = source[(at.z * n.height + y) * n.width + x];
    for (var k = 0u; k < min(4u, n.channels - 4u * at.z); k++) {
      let plane = n.first + place * n.channels + 4u * at.z + k;
      folded[(plane * n.rows + at.y) * n.columns + at.x] = value[k];
    }
  }
}

@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;

// The largest of 2 x 2; an odd last row or column counts alone.
@compute @workgroup_size(${MOVED}, ${MOVED})
fn halve(@builtin(global_invocation_id) at: vec3u) {
  let height = (n.height + 1u) / 2u;
  let width = (n.width + 1u) / 2u;
  if (at.x >= width || at.y >= height) { return; }
  let above = (at.z * n.height + 2u * at.y) * n.width;
  let below = (at.z * n.height + min(2u * at.y + 1u, n.height - 1u)) * n.width;
  let left = 2u * at.x;
  let right = min(left + 1u, n.width - 1u);
  result[(at.z * height + at.y) * width + at.x] =
    max(max(source[above + left], source[above + right]), max(source[below + left], source[below + right]));
}

// A map, doubled, is added to one of that size.
@compute @workgroup_size(${MOVED}, ${MOVED})
fn add_doubled(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= 2u * n.width || at.y >= 2u * n.height) { return; }
  result[(at.z * 2u * n.height + at.y) * 2u * n.width + at.x] +=
    source[(at.z * n.height + at.y / 2u) * n.width + at.x / 2u];
}`;
