/** Errors in the reader's words: what happened, and what to do about it. */
import {
  AdapterError,
  DeviceLostError,
  OutOfMemoryError,
} from "../../../src/engine/errors.js";
import { UserError } from "../../../src/errors.js";
import type { Problem } from "../protocol.js";

/** @param keeps Whether a reload finds what was trained so far. */
export function problemOf(error: unknown, keeps = true): Problem {
  const details = error instanceof Error ? error.message : String(error);
  if (error instanceof AdapterError && !isSecureContext)
    return {
      title: "The browser gives this page no GPU",
      advice:
        "Browsers do so over https and on localhost alone. Open the lab at an https address, or on the computer that " +
        "serves it at http://localhost.",
      details,
      fatal: true,
    };
  if (error instanceof AdapterError)
    return {
      title: "This browser offers no GPU to compute on",
      advice:
        "Use a current Chrome, Edge, Firefox or Safari, with hardware acceleration switched on in its settings. On Linux, " +
        "Chrome may need chrome://flags/#enable-unsafe-webgpu. The same study runs without a browser: npm ci && npm run demo.",
      details,
      fatal: true,
    };
  if (error instanceof DeviceLostError)
    return {
      title: "The GPU went away",
      advice: `Its driver was reset, or the browser took it back. ${keeps ? "What was trained so far is kept: go on with it, or reload the page first if that fails." : "Go on, or start again; reload the page if that fails."}`,
      details,
      fatal: false,
    };
  if (error instanceof OutOfMemoryError || error instanceof RangeError)
    return {
      title: "There is not enough memory for this study",
      advice:
        "Close other pages, use fewer training images, or choose a smaller model, and start again.",
      details,
      fatal: false,
    };
  // Its message is made for people: it names what is wrong and what to do.
  if (error instanceof UserError)
    return { title: "This cannot be done", advice: sentence(details), fatal: false }; // prettier-ignore
  return {
    title: "Something went wrong",
    advice: keeps
      ? "Reload the page; what was trained so far is kept."
      : "Download the study before you reload the page: the browser has no room to keep it.",
    details,
    fatal: false,
  };
}

/** Said until the other page is closed. */
export const openElsewhere: Problem = {
  title: "The lab is open in another tab",
  advice:
    "Both would write the same study. Close the other one, and this page goes on by itself.",
  fatal: false,
};

/** Dropped files that make no data set. */
export function unreadable(error: unknown): Problem {
  const problem = problemOf(error);
  return { ...problem, title: error instanceof UserError ? "These files cannot be used" : problem.title }; // prettier-ignore
}

/** With a full stop; names at its beginning stay as they are. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
