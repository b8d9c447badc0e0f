// @ts-check
/** The page: its parts, made and joined. */

import { useCamera } from "./camera.js";
import { showChosen } from "./chosen.js";
import { makeControls } from "./controls.js";
import { useCopying } from "./copying.js";
import { $, make } from "./dom.js";
import { Engine, GONE } from "./engine.js";
import { Export } from "./export.js";
import { spokenFindings } from "./findings.js";
import { Gallery } from "./gallery.js";
import { useKeys } from "./keyboard.js";
import { age, complain, hint, meanwhile, note, relieve, say } from "./message.js";
import { Painting } from "./painting.js";
import { Photograph } from "./photograph.js";
import { Previews } from "./previews.js";
import { picked, takePictures } from "./sources.js";
import { State } from "./state.js";
import { View } from "./view.js";
import { useViewing } from "./viewing.js";

start().catch(complain);

async function start() {
  const engine = new Engine();
  engine.addEventListener("gone", () => complain(GONE, { untilPainted: true }));
  engine.addEventListener("back", () => {
    say("");
    hint("The server is back.");
  });
  say("Loading…");
  const setup = await untilThere(engine);
  const options = Object.fromEntries(Object.entries(setup.options).map(([name, each]) => [name, each.default]));
  const state = new State({ content: null, styles: [], mode: "blend", options, labelMap: null, protect: null });
  const view = new View($("view"));
  const previews = new Previews(engine, view);
  const painting = new Painting(state, view);
  const gallery = new Gallery(engine, state, note);
  const photograph = new Photograph(engine, state, view, { say, hint, complain });
  useViewing(view, photograph);
  gallery.offer(setup.styles);
  offerSamples(engine, setup.contents, (id) => photograph.openKnown(id).catch(complain));

  const labelMap = (file) => openMap(engine, state, file);
  showChosen(engine, state, {
    painting,
    gallery,
    declared: setup.options,
    openMap: () => $("label-input").click(),
    complain,
  });
  picked("label-input", (files) => labelMap(files[0]).catch(complain));
  makeControls(state, setup.options);
  useCopying();
  const exporting = new Export(engine, state, {
    setup,
    say: note,
    complain,
    shown: (image, now) => previews.finish(image, now),
  });
  useKeys(state, () => exporting.finish());
  useCamera((file) => photograph.open(file).catch(complain));
  takePictures({
    photo: (file) => photograph.open(file),
    artworks: async (files) => {
      say(files.length > 1 ? "Reading the artworks…" : `Reading ${files[0].name}…`);
      const made = [];
      try {
        for (const file of files) made.push(await engine.addStyle(file));
      } finally {
        if (made.length > 0) gallery.offer(made);
        const known = new Set(state.now.styles.map((style) => style.id));
        gallery.toggle(...made.map((style) => style.id).filter((id) => !known.has(id)));
      }
      note(`${made.map((style) => style.name).join(", ")}: added to the artworks, and chosen.`);
    },
    choose: (id) => gallery.choose(id),
    labelMap,
    wantsLabelMap: () => state.now.mode === "labels" && state.now.content !== null && state.now.labelMap === null,
    say: note,
    complain,
  });

  state.addEventListener("change", () => {
    age();
    previews.ask(state.now);
  });
  previews.addEventListener("lack", (event) => {
    const lack = /** @type {CustomEvent} */ (event).detail;
    if (!lack) return;
    relieve(); // of what a preview could not be made of
    hint(lack);
  });
  // The server loads what colours need with the first picture that keeps some: not for those who never ask for it.
  let hasColours = false;
  previews.addEventListener("slow", (event) => {
    const isFirst = engine.loadsColours && !hasColours && Boolean(/** @type {CustomEvent} */ (event).detail.options.color);
    meanwhile(isFirst ? "What colours need is being loaded: a few seconds, this once." : "The preview is on its way.");
  });
  previews.addEventListener("painted", (event) => {
    const { now, notes } = /** @type {CustomEvent} */ (event).detail;
    hasColours ||= Boolean(now.options.color);
    if (now === state.now) relieve(spokenFindings(notes, now.options));
  });
  previews.addEventListener("trouble", (event) =>
    complain(/** @type {CustomEvent} */ (event).detail, { untilPainted: true }),
  );
  addEventListener("beforeunload", (event) => {
    const isPainted = state.now.protect || state.now.styles.some((style) => style.mask);
    if (isPainted || exporting.isWorking) event.preventDefault();
  });
  say("");
  previews.ask(state.now);
}

/** What the server offers, once it answers. @param {Engine} engine */
async function untilThere(engine) {
  while (true) {
    try {
      return await engine.setup();
    } catch (error) {
      complain(error);
      if (!error.isGone) throw error;
      await engine.back();
    }
  }
}

/** Photographs that ship, to begin with. */
function offerSamples(engine, contents, open) {
  const buttons = contents.map((content) => {
    const name = content.title || content.name;
    const image = make("img", { src: engine.picture(content.id, 120), alt: "", width: 76, height: 76 });
    const button = make(
      "button",
      { type: "button", className: "thumb", title: name, data: { content: content.id } },
      image,
    );
    button.append(make("span", { className: "name" }, name));
    button.addEventListener("click", () => open(content.id));
    return button;
  });
  $("samples").hidden = buttons.length === 0;
  $("samples")
    .querySelector(".thumbs")
    .replaceChildren(...buttons);
}

/** A label map, with the chosen artworks on its largest labels. */
async function openMap(engine, state, file) {
  say(`Reading ${file.name}…`);
  const made = await engine.addMask(file);
  const labels = (await engine.labels(made.id)).toSorted((a, b) => b.share - a.share);
  const styles = state.now.styles.map((style) => style.id);
  const given = labels.map((label, k) => ({ ...label, style: styles[k] ?? null }));
  state.change({ mode: "labels", labelMap: { id: made.id, name: made.name, labels: given } });
  note(`${made.name} has ${labels.length} ${labels.length === 1 ? "label" : "labels"}.`);
}
