// @ts-check
// Where the picture lies in the view: zoom, pan, and the way from a pointer to a pixel. Numbers only.

/** @typedef {import("./tiles.js").Rect} Rect */
/** @typedef {{x: number, y: number}} Point */

const MOST_ZOOM = 32;

export class Place {
  /** The picture's size in its own pixels, 0: none. */
  width = 0;
  height = 0;
  /** The view's size in the screen's pixels. */
  boxWidth = 1;
  boxHeight = 1;
  /** @type {"fit" | number} pixels of the screen for a picture's pixel */
  zoom = "fit";
  /** The picture's point, 0 to 1, in the middle of the view. */
  centre = { x: 0.5, y: 0.5 };

  get fitting() {
    if (!this.width || !this.height) return 1;
    return Math.min(this.boxWidth / this.width, this.boxHeight / this.height);
  }

  /** Pixels of the screen for a picture's pixel. */
  get scale() {
    return this.zoom === "fit" ? this.fitting : this.zoom;
  }

  /** The picture in the view, in whole pixels of the screen. @returns {Rect} */
  get rect() {
    const width = Math.max(1, Math.round(this.width * this.scale));
    const height = Math.max(1, Math.round(this.height * this.scale));
    return {
      x: corner(this.boxWidth, width, this.centre.x),
      y: corner(this.boxHeight, height, this.centre.y),
      width,
      height,
    };
  }

  /** A screen's pixel as a part of the picture: 0 to 1 inside, beyond outside. @param {Point} point @returns {Point} */
  fraction({ x, y }) {
    const rect = this.rect;
    return { x: (x - rect.x) / rect.width, y: (y - rect.y) / rect.height };
  }

  /**
   * Another zoom, which keeps what lies at a point there.
   * @param {"fit" | number} zoom
   * @param {Point} point in pixels of the view
   */
  zoomAt(zoom, point) {
    const kept = this.fraction(point);
    this.zoom = this.#admitted(zoom);
    const rect = this.rect;
    this.#centreOn({
      x: kept.x + (this.boxWidth / 2 - point.x) / rect.width,
      y: kept.y + (this.boxHeight / 2 - point.y) / rect.height,
    });
  }

  /** Moves the picture by pixels of the screen. @param {number} dx @param {number} dy */
  panBy(dx, dy) {
    const rect = this.rect;
    this.#centreOn({ x: this.centre.x - dx / rect.width, y: this.centre.y - dy / rect.height });
  }

  /** @param {"fit" | number} zoom */
  #admitted(zoom) {
    if (zoom === "fit") return zoom;
    return Math.min(Math.max(MOST_ZOOM, this.fitting), Math.max(Math.min(1, this.fitting), zoom));
  }

  /** The picture never leaves the view: its edge stops at the view's, or it lies in the middle. @param {Point} point */
  #centreOn({ x, y }) {
    const rect = this.rect;
    this.centre = { x: within(x, this.boxWidth / rect.width), y: within(y, this.boxHeight / rect.height) };
  }

  /** Brings the centre back to where it may be, after a size has changed. */
  settle() {
    if (this.zoom !== "fit") this.zoom = this.#admitted(this.zoom);
    this.#centreOn(this.zoom === "fit" ? { x: 0.5, y: 0.5 } : this.centre);
  }
}

/** @param {number} box @param {number} side @param {number} centre */
function corner(box, side, centre) {
  return side <= box ? Math.round((box - side) / 2) : Math.round(box / 2 - centre * side);
}

/** @param {number} centre @param {number} share of the picture that the view shows, on this axis */
function within(centre, share) {
  return share >= 1 ? 0.5 : Math.min(1 - share / 2, Math.max(share / 2, centre));
}
