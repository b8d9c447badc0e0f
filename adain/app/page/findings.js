// @ts-check
/** What was found on the way to a picture, in sentences. */

/**
 * @param {{faces?: number, alpha?: number, held?: boolean, pages?: number, frames?: number}} notes of the server
 * @param {Record<string, any>} options that were asked for
 */
export function spokenFindings({ faces, alpha, held, pages, frames }, options) {
  const said = [];
  if (faces === 0) said.push("No face was found: protect what you paint instead.");
  else if (faces) said.push(faces === 1 ? "One face is protected." : `${faces} faces are protected.`);
  if (held === false) said.push("Edges move further than that even without any strength.");
  else if (alpha !== undefined && alpha < options.alpha) {
    said.push(`The strength is ${alpha} of ${options.alpha}, so that edges move no further.`);
  }
  const several = pages ? `${pages} pages` : frames ? `${frames} frames` : "";
  if (several) said.push(`The photograph's file has ${several}: this is the first.`);
  return said.join(" ");
}
