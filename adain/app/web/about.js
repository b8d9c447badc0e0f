// @ts-check
/** The licences of what the page is made of, which go along with it. */

import { blob } from "./files.js";

const NAME = "LICENSES.txt";

document.getElementById("licences")?.addEventListener("click", async () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([await blob(NAME)], { type: "text/plain;charset=utf-8" }));
  link.download = NAME;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
