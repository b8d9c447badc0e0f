// @ts-check
/** The beginning of a page without a server. */

import "../page/main.js";
