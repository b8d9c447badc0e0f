// @ts-check
// The two canvases of a view, one over the other: the pictures, and the masks with the brush's ring. A stroke draws
// only the second. Both have the screen's own pixels.

import { sizeOf } from "./picture.js";
import { adopt } from "./sheet.js";

/** @typedef {import("./view.js").View} View */

adopt(`
.view-layer { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.view-layer:focus-visible { outline: 3px solid Highlight; outline-offset: -3px; }
.view[data-tool="pan"] > .view-layer { cursor: grab; }
.view[data-tool="pan"] > .view-layer:active { cursor: grabbing; }
.view[data-tool="brush"] > .view-layer, .view[data-tool="eraser"] > .view-layer { cursor: crosshair; }
.view[data-tool="fill"] > .view-layer { cursor: cell; }
`);

const CHECK = 8; // px of the squares that show what is transparent

export class Canvas {
  #frame = 0;
  #isStale = { picture: true, mask: true };
  /** @type {CanvasPattern | null} */
  #checks = null;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    const { element } = view;
    if (getComputedStyle(element).position === "static") element.style.position = "relative";
    element.style.overflow = "hidden";
    element.classList.add("view");
    const [pictures, masks] = [layer(element), layer(element)];
    pictures.canvas.setAttribute("aria-hidden", "true");
    this.pictures = pictures;
    this.masks = masks;
    /** The one that is pointed at and has the keyboard. */
    this.top = masks.canvas;
    this.top.tabIndex = 0;
    this.top.setAttribute("role", "application");
    this.top.setAttribute("aria-roledescription", "picture");
    const observer = new ResizeObserver((entries) => this.#resize(entries[entries.length - 1]));
    try {
      observer.observe(this.top, { box: "device-pixel-content-box" });
    } catch {
      observer.observe(this.top); // browsers that do not know their screen's pixels
    }
  }

  /** Pixels of the screen for a px of CSS. */
  get ratio() {
    const { width } = this.top.getBoundingClientRect();
    return width ? this.view.place.boxWidth / width : window.devicePixelRatio;
  }

  /** @param {ResizeObserverEntry} entry */
  #resize(entry) {
    const exact = entry.devicePixelContentBoxSize?.[0];
    const width = screenPixels(entry.contentRect.width, exact?.inlineSize);
    const height = screenPixels(entry.contentRect.height, exact?.blockSize);
    if (!width || !height) return; // hidden
    for (const { canvas } of [this.pictures, this.masks]) {
      canvas.width = width;
      canvas.height = height;
    }
    const { place } = this.view;
    place.boxWidth = width;
    place.boxHeight = height;
    place.settle();
    this.#isStale = { picture: true, mask: true };
    this.draw(); // at once: a canvas is empty after its size was set
  }

  /** Both layers with the next frame. */
  request() {
    this.#isStale.picture = true;
    this.requestMask();
  }

  /** The masks and the ring with the next frame. */
  requestMask() {
    this.#isStale.mask = true;
    this.#frame ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.#isStale.picture) this.#drawPictures();
    if (this.#isStale.mask) this.#drawMasks();
    this.#isStale = { picture: false, mask: false };
    this.view.handle.place();
    if (this.view.painter.isOn) this.view.dispatchEvent(new CustomEvent("painting"));
  }

  #drawPictures() {
    const context = this.pictures;
    const { before, after, place, size, split } = this.view;
    context.clearRect(0, 0, place.boxWidth, place.boxHeight);
    if (!size) return;
    const rect = place.rect;
    const both = hasPixels(before) && hasPixels(after);
    const column = both ? Math.round(split * rect.width) : rect.width;
    this.#drawPart(hasPixels(after) ? after : before, 0, column);
    if (both) this.#drawPart(before, column, rect.width);
  }

  /**
   * @param {import("./picture.js").Picture | null} picture
   * @param {number} from column of the picture, in pixels of the screen
   * @param {number} to
   */
  #drawPart(picture, from, to) {
    if (!picture || !hasPixels(picture) || to <= from) return;
    const context = this.pictures;
    const { place, size } = this.view;
    const { x, y, width, height } = place.rect;
    // Pixels are squares where one looks at them, beyond 1:1, and if they are the picture's own: of a preview, or of a
    // photograph that is not loaded whole, they would be steps that no finished picture has.
    const isOwn = sizeOf(picture).width >= (size?.width ?? 0);
    context.save();
    context.beginPath();
    context.rect(x + from, y, to - from, height);
    context.clip();
    this.#checks ??= checks(context, CHECK * Math.max(1, Math.round(window.devicePixelRatio)));
    if (this.#checks) context.fillStyle = this.#checks;
    context.fillRect(x + from, y, to - from, height);
    context.imageSmoothingEnabled = !(isOwn && place.zoom !== "fit" && place.zoom > 1);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, x, y, width, height);
    context.restore();
  }

  #drawMasks() {
    const context = this.masks;
    const { place, painter, size } = this.view;
    context.clearRect(0, 0, place.boxWidth, place.boxHeight);
    if (!size) return;
    const rect = place.rect;
    context.imageSmoothingEnabled = !(place.zoom !== "fit" && place.zoom > 1);
    painter.draw(context, rect);
    this.#drawRing();
  }

  /** The brush's size at the pointer: dark and light, so that it is seen on both. */
  #drawRing() {
    const { pointers, brush, tool, painter } = this.view;
    const at = pointers.cursor;
    if (!at || !painter.canPaint || tool === "pan") return;
    const context = this.masks;
    const ratio = this.ratio;
    const radius = tool === "fill" ? 4 * ratio : Math.max(1, (brush.size / 2) * ratio);
    for (const [color, wide] of /** @type {const} */ ([["#000c", 3], ["#fff", 1]])) {
      context.beginPath();
      context.arc(at.x, at.y, radius, 0, 2 * Math.PI);
      context.strokeStyle = color;
      context.lineWidth = wide * ratio;
      context.stroke();
    }
  }
}

/**
 * A bitmap that was closed has none, nor has an image that is still loading.
 * @param {import("./picture.js").Picture | null} picture
 */
function hasPixels(picture) {
  return picture !== null && sizeOf(picture).width > 0;
}

/**
 * How many pixels of the screen a length has. What the browser says is exact, but in an emulated screen it is that of
 * the true one: then it is far from the ratio, which counts.
 * @param {number} length px of CSS
 * @param {number} [exact]
 */
function screenPixels(length, exact) {
  const about = length * window.devicePixelRatio;
  return exact && Math.abs(exact - about) <= 1 ? exact : Math.round(about);
}

/** @param {HTMLElement} element */
function layer(element) {
  const canvas = document.createElement("canvas");
  canvas.className = "view-layer";
  element.append(canvas);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser cannot draw: reload the page, or close other pages");
  return context;
}

/** @param {CanvasRenderingContext2D} context @param {number} side */
function checks(context, side) {
  const tile = new OffscreenCanvas(2 * side, 2 * side);
  const drawn = tile.getContext("2d");
  if (!drawn) return null;
  drawn.fillStyle = "#8a8a8a";
  drawn.fillRect(0, 0, 2 * side, 2 * side);
  drawn.fillStyle = "#a4a4a4";
  drawn.fillRect(0, 0, side, side);
  drawn.fillRect(side, side, side, side);
  return context.createPattern(tile, "repeat");
}
