// @ts-check
// The weights of a point among corners, and the point of weights. Numbers only.
//
// Two corners are a line, three a triangle (barycentric coordinates), four a square (bilinear, as a grid of blends);
// more are a regular polygon, with the mean value coordinates of Floater 2003.

/** @typedef {{x: number, y: number}} Point  0 to 1, y downwards */

const STEPS = 100; // weights are whole hundredths: exact in sum, and short in a command

/** The corners in the unit square, in the order of the names. @param {number} count @returns {Point[]} */
export function corners(count) {
  if (count === 1) return [{ x: 0.5, y: 0.5 }];
  if (count === 2) return [{ x: 0, y: 0.5 }, { x: 1, y: 0.5 }];
  if (count === 3) return [{ x: 0.5, y: 0 }, { x: 0, y: 1 }, { x: 1, y: 1 }];
  if (count === 4) return [{ x: 0, y: 0 }, { x: 1, y: 0 }, { x: 0, y: 1 }, { x: 1, y: 1 }];
  return Array.from({ length: count }, (_, i) => {
    const angle = (2 * Math.PI * i) / count - Math.PI / 2;
    return { x: 0.5 + Math.cos(angle) / 2, y: 0.5 + Math.sin(angle) / 2 };
  });
}

/** The outline, in the order it is drawn. @param {number} count @returns {Point[]} */
export function outline(count) {
  const points = corners(count);
  return count === 4 ? [points[0], points[1], points[3], points[2]] : points;
}

/** @param {Point} a @param {Point} b @param {Point} c */
function area(a, b, c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/** @param {Point} point @param {Point} a @param {Point} b the nearest point of the side from a to b */
function onSide(point, a, b) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const t = Math.min(1, Math.max(0, ((point.x - a.x) * dx + (point.y - a.y) * dy) / (dx * dx + dy * dy)));
  return { x: a.x + t * dx, y: a.y + t * dy };
}

/** The nearest point that lies among the corners. @param {Point} point @param {number} count @returns {Point} */
export function inside(point, count) {
  if (count < 2) return { x: 0.5, y: 0.5 };
  if (count === 2) return { x: Math.min(1, Math.max(0, point.x)), y: 0.5 };
  const points = outline(count);
  const turns = points.map((a, i) => area(a, points[(i + 1) % count], point));
  const isWithin = turns.every((turn) => turn >= 0) || turns.every((turn) => turn <= 0);
  if (isWithin) return point;
  const nearest = points.map((a, i) => onSide(point, a, points[(i + 1) % count]));
  return nearest.reduce((best, each) => (far(each, point) < far(best, point) ? each : best));
}

/** @param {Point} a @param {Point} b */
function far(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** @param {Point} point @param {Point[]} points */
function meanValues(point, points) {
  const count = points.length;
  const away = points.map((corner) => far(corner, point));
  const at = away.findIndex((each) => each < 1e-9);
  if (at >= 0) return points.map((_, i) => (i === at ? 1 : 0));
  const tangents = points.map((a, i) => {
    const b = points[(i + 1) % count];
    const dot = (a.x - point.x) * (b.x - point.x) + (a.y - point.y) * (b.y - point.y);
    return Math.abs(area(point, a, b)) / (away[i] * away[(i + 1) % count] + dot);
  });
  const side = tangents.findIndex((tangent) => !Number.isFinite(tangent) || tangent > 1e9);
  if (side >= 0) {
    const next = (side + 1) % count;
    const sum = away[side] + away[next];
    return points.map((_, i) => (i === side ? away[next] / sum : i === next ? away[side] / sum : 0));
  }
  return points.map((_, i) => (tangents[(i + count - 1) % count] + tangents[i]) / away[i]);
}

/** Hundredths whose sum is exactly one: what rounding loses goes to those that lost most. @param {number[]} weights */
export function rounded(weights) {
  const sum = weights.reduce((a, b) => a + Math.max(0, b), 0);
  const exact = weights.map((weight) => (sum > 0 ? (Math.max(0, weight) / sum) * STEPS : STEPS / weights.length));
  const whole = exact.map((value) => Math.floor(value + 1e-9));
  const order = exact.map((value, i) => ({ i, lost: value - whole[i] })).sort((a, b) => b.lost - a.lost || a.i - b.i);
  let left = STEPS - whole.reduce((a, b) => a + b, 0);
  for (const { i } of order) if (left-- > 0) whole[i]++;
  return whole.map((value) => value / STEPS);
}

/** @param {Point} point @param {number} count @returns {number[]} hundredths that sum to 1 */
export function weightsAt(point, count) {
  const { x, y } = inside(point, count);
  if (count < 2) return count ? [1] : [];
  if (count === 2) return rounded([1 - x, x]);
  if (count === 4) return rounded([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y]);
  const points = corners(count);
  if (count > 4) return rounded(meanValues({ x, y }, points));
  return rounded(points.map((_, i) => Math.abs(area({ x, y }, points[(i + 1) % 3], points[(i + 2) % 3]))));
}

/** @param {number[]} weights @returns {Point} */
export function pointOf(weights) {
  const sum = weights.reduce((a, b) => a + b, 0) || 1;
  const points = corners(weights.length);
  return {
    x: points.reduce((total, corner, i) => total + (corner.x * weights[i]) / sum, 0),
    y: points.reduce((total, corner, i) => total + (corner.y * weights[i]) / sum, 0),
  };
}
