// @ts-check
/** Pictures come in: dropped, pasted, picked. What becomes what is decided here, and said. */

import { $ } from "./dom.js";

/** What a dragged artwork of the gallery brings along: its id. */
export const DRAGGED = "text/x-adain-artwork";

/**
 * @param {{photo: (file: File) => Promise<void>, artworks: (files: File[]) => Promise<void>,
 *   choose: (id: string) => void, labelMap: (file: File) => Promise<void>, wantsLabelMap: () => boolean,
 *   say: (text: string) => void, complain: (error: unknown) => void}} page
 */
export function takePictures(page) {
  const attempt = (work) => Promise.resolve(work).catch(page.complain);

  $("open").addEventListener("click", () => $("content-input").click());
  $("empty-open").addEventListener("click", () => $("content-input").click());
  $("add-style").addEventListener("click", () => $("style-input").click());
  picked("content-input", (files) => attempt(page.photo(files[0])));
  picked("camera-input", (files) => attempt(page.photo(files[0])));
  picked("style-input", (files) => attempt(page.artworks(files)));

  let depth = 0;
  const over = (is) => {
    depth = is ? depth : 0;
    $("dropping").hidden = !is;
  };
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    $("dropping").textContent = within(event, "artworks") ? "Drop an artwork" : "Drop it";
    over(true);
  });
  document.addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) over(false);
  });
  document.addEventListener("dragend", () => over(false));
  document.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    over(false);
    const artwork = event.dataTransfer?.getData(DRAGGED);
    if (artwork) {
      event.preventDefault();
      if (within(event, "drop")) page.choose(artwork);
      return;
    }
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length === 0) {
      if (event.dataTransfer?.types.includes("text/uri-list")) {
        event.preventDefault();
        page.say(
          "A browser gives only the address of a picture on a page: copy the picture and paste it, or save it first.",
        );
      }
      return;
    }
    event.preventDefault();
    attempt(sort(files, { isArtwork: within(event, "artworks"), isMap: within(event, "label-drop") }));
  });

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) {
      if (!isText(event.target)) page.say("There is no picture in the clipboard.");
      return;
    }
    event.preventDefault();
    attempt(sort(files, { isArtwork: $("artworks").contains(document.activeElement), isMap: false }));
  });

  /** The first picture is the photograph and the others are artworks, unless it was meant otherwise. */
  async function sort(files, { isArtwork, isMap }) {
    const isStyle = (file) => /\.safetensors$/i.test(file.name);
    if (isMap || (page.wantsLabelMap() && files.length === 1 && !isArtwork && !isStyle(files[0]))) {
      await page.labelMap(files[0]);
      return;
    }
    const photos = isArtwork ? [] : files.filter((file) => !isStyle(file)).slice(0, 1);
    const artworks = files.filter((file) => !photos.includes(file));
    if (photos.length > 0) await page.photo(photos[0]);
    if (artworks.length > 0) await page.artworks(artworks);
    if (photos.length > 0 && artworks.length > 0) {
      page.say(`${photos[0].name} is the photograph; the others are artworks (${artworks.length}).`);
    }
  }
}

/** Files of an input, which forgets them, so that the same can be chosen again. */
export function picked(id, take) {
  const input = $(id);
  const taken = () => {
    const files = [...input.files];
    input.value = "";
    if (files.length > 0) take(files);
  };
  input.addEventListener("change", taken);
  taken(); // what was chosen while the page was still being loaded
}

function carriesFiles(event) {
  return ["Files", "text/uri-list", DRAGGED].some((type) => event.dataTransfer?.types.includes(type));
}

function within(event, id) {
  return Boolean(event.target instanceof Element && event.target.closest(`#${id}`));
}

function isText(target) {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}
