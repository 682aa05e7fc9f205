/**
 * Takes the README's picture of a report: `node tools/report-picture.js <report/index.html> <picture.png>`. Needs a
 * Chromium: the one that the environment names in CHROMIUM, else `chromium` on the path.
 */
/* global document */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { argv, env, exit, stderr } from "node:process";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [, , page, picture] = argv;
if (!page || !picture) {
  stderr.write(
    "usage: node tools/report-picture.js <report/index.html> <picture.png>\n",
  );
  exit(2);
}
const found = spawnSync("which", ["chromium"], { encoding: "utf8" });
const browser = await chromium.launch({
  executablePath: env.CHROMIUM ?? found.stdout.trim(),
  args: ["--no-sandbox"],
});
const tab = await browser.newPage({
  viewport: { width: 1200, height: 900 },
  deviceScaleFactor: 1.6,
  colorScheme: "light",
});
await tab.goto(pathToFileURL(resolve(page)).href);
// The answer, and the two figures that say most at a glance, side by side: what lies around them is for readers.
await tab.evaluate(() => {
  const figures = document.createElement("div");
  figures.style.cssText =
    "display:flex;flex-wrap:wrap;gap:2.5rem;align-items:center;margin-top:2rem";
  for (const id of ["accuracy", "impact-index"])
    figures.append(document.querySelector(`#figure-${id} svg.chart`));
  const answer = document.querySelectorAll(".kicker, h1, .answer");
  document.body.replaceChildren(...answer, figures);
  document.body.style.cssText = "padding:2rem 2.5rem;width:fit-content";
});
await tab.locator("body").screenshot({ path: picture });
await browser.close();
