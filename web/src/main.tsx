/** Mounts the lab. `document.body.dataset.state` and `window.tarnishResult` tell other programs how it goes. */
import { render } from "preact";
import { styleSheet } from "../../src/experiments/report/style.js";
import type { ImpactRow } from "../../src/experiments/measures.js";
import type { ResultRow } from "../../src/experiments/tables.js";
import { Lab } from "./lab.js";
import "./style.css";

declare global {
  interface Window {
    /** Set when a study is done: the rows of results.csv and impact.csv. */
    tarnishResult?: {
      readonly results: readonly ResultRow[];
      readonly impact: readonly ImpactRow[];
    };
  }
}

// The report's own look: its figures appear here too.
const look = document.createElement("style");
look.textContent = styleSheet();
document.head.prepend(look);

render(<Lab />, document.querySelector("#lab")!);
