// @ts-check
/** A photograph by the camera: the telephone's own where there is one, else a picture of its video. */

import { $ } from "./dom.js";

const TROUBLES = {
  NotAllowedError: "The browser was not allowed to use the camera: allow it beside the address, and try again.",
  NotFoundError: "No camera was found: connect one, or choose a file.",
  NotReadableError: "The camera is in use by another program: close that, and try again.",
};

/** @param {(file: File) => void} take */
export function useCamera(take) {
  const open = () => {
    if (matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices?.getUserMedia) $("camera-input").click();
    else film(take);
  };
  $("camera").addEventListener("click", open);
  $("empty-camera").addEventListener("click", open);
}

async function film(take) {
  const dialog = $("shot");
  const video = $("shot-video");
  const said = $("shot-said");
  const button = $("shot-take");
  /** @type {MediaStream | null} */
  let stream = null;
  let isOver = false;
  const end = () => {
    isOver = true;
    stream?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    button.onclick = null;
  };
  button.disabled = true;
  said.textContent = "The browser asks whether the page may use the camera.";
  dialog.showModal();
  dialog.addEventListener("close", end, { once: true });
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 4096 }, facingMode: "environment" },
    });
    if (isOver) return end();
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    if (!isOver) said.textContent = TROUBLES[error.name] ?? `The camera gave no picture: ${error.message}.`;
    return;
  }
  said.textContent = "";
  button.disabled = false;
  button.focus();
  button.onclick = async () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    dialog.close();
    if (blob) take(new File([blob], "camera.png", { type: "image/png" }));
  };
}
