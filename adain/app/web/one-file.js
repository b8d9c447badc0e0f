// @ts-check
/** The beginning of a page that is one file. */

import "./about.js";
import "../page/main.js";
