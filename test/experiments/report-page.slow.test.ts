/** The report as a reader meets it: opened in headless Chromium, by pointer and by keyboard, on screen and on paper. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseImpact } from "../../src/experiments/measure-tables.js";
import { rebuildTables } from "../../src/experiments/node-tables.js";
import { parseConfusion, parsePerClass, type ResultRow } from "../../src/experiments/tables.js"; // prettier-ignore
import { report, type Report, sweep } from "./report-helpers.js";

/** Debian's package, unless the environment names another. */
function chromiumPath(): string {
  const named = process.env["CHROMIUM"];
  const found = spawnSync("which", ["chromium", "chromium-browser", "google-chrome"], { encoding: "utf8" }).stdout.split("\n")[0]; // prettier-ignore
  const path = named ?? found;
  if (!path)
    throw new Error("no Chromium: install the package chromium, or name the program in CHROMIUM"); // prettier-ignore
  return path;
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"); // prettier-ignore

interface Violation {
  id: string;
  impact: string | null;
  nodes: { html: string }[];
}

let browser: Browser;
let made: Report;
let rows: ResultRow[];
const pictures = mkdtempSync(join(tmpdir(), "tarnish-pages-"));
const classes = ["airplane", "<img src=x onerror=alert(1)>", "bird", "cat", "deer", "dog", "frog", "ship"]; // prettier-ignore

beforeAll(async () => {
  const folder = sweep({
    name: "impact-index",
    models: ["lenet", "shallow"],
    classes,
    perClass: 50,
    levels: [0.1, 0.2, 0.3],
    seeds: [0, 1, 2],
    exchange: [2, 3],
  });
  ({ rows } = folder);
  await rebuildTables(folder.dir);
  made = await report(folder.dir);
  browser = await chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox"] }); // prettier-ignore
});

afterAll(async () => {
  await browser.close();
  rmSync(pictures, { recursive: true, force: true });
});

/** Everything that a page must not do. */
interface Watched {
  page: Page;
  complaints: string[];
}

async function open(
  options: Parameters<Browser["newPage"]>[0] = {},
  path = join(made.dir, "report", "index.html"),
): Promise<Watched> {
  const page = await browser.newPage({
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()))
      complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  const url = pathToFileURL(path).href;
  page.on("request", (request) => {
    if (request.url() !== url) complaints.push(`request ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

const tprOf = (model: string, level: number, index: number) => {
  const own = rows.filter((row) => row.model === model && row.arm === "noise" && row.level === level); // prettier-ignore
  const values = own.map((row) => parsePerClass(readFileSync(join(made.dir, row.run, "per_class.csv"), "utf8"))[index]!.tpr); // prettier-ignore
  return values.reduce((a, b) => a + b, 0) / values.length;
};

describe("the page in Chromium", () => {
  it("loads nothing, complains of nothing and is quick", async () => {
    const { page, complaints } = await open();
    // Milliseconds from the start of the page's loading to a frame that shows it.
    const shown = await page.evaluate(() => new Promise<number>(requestAnimationFrame)); // prettier-ignore
    expect(shown).toBeLessThan(5000);
    expect(await page.locator("form.choices:visible").count()).toBe(6);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("follows the class and the model chosen for the close-up", async () => {
    const { page, complaints } = await open();
    const section = page.locator("section[data-scope]", { has: page.locator("#one-class") }); // prettier-ignore
    const visible = () => section.locator("tbody:visible").innerText();
    expect(await visible()).toContain(tprOf("lenet", 0.2, 0).toFixed(3));
    await section.locator("select[data-choice=class]").selectOption({ label: "bird" }); // prettier-ignore
    expect(await section.locator("h2").innerText()).toBe("One class, up close: bird"); // prettier-ignore
    expect(await visible()).toContain(tprOf("lenet", 0.2, 2).toFixed(3));
    await section.getByRole("radio", { name: "shallow" }).check();
    expect(await visible()).toContain(tprOf("shallow", 0.2, 2).toFixed(3));
    const row = parseImpact(readFileSync(join(made.dir, "impact.csv"), "utf8")).filter((one) => one.model === "shallow" && one.class === "bird").reduce((a, b) => (Math.abs(b.impact!) > Math.abs(a.impact!) ? b : a)); // prettier-ignore
    const illustration = section.locator("#figure-read-off svg:visible");
    expect(await illustration.locator("text:visible").allTextContents()).toContainEqual(expect.stringContaining(`index Y − X = +${row.impact!.toFixed(2)}`)); // prettier-ignore
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("draws precision and recall of the chosen class", async () => {
    const { page } = await open();
    const figure = page.locator("section[data-scope]", { has: page.locator("#precision-recall") }); // prettier-ignore
    const drawn = async () => (await figure.locator("svg:visible path:visible").evaluateAll((paths) => paths.map((path) => path.getAttribute("d")))).join(); // prettier-ignore
    const before = await drawn();
    await figure.locator("select").selectOption({ label: "cat" });
    expect(await drawn()).not.toBe(before);
    const own = rows.filter((row) => row.model === "lenet" && row.level === 0);
    const ap = own.map((row) => parsePerClass(readFileSync(join(made.dir, row.run, "per_class.csv"), "utf8"))[3]!.ap).reduce((a, b) => a + b, 0) / own.length; // prettier-ignore
    expect(await figure.locator("svg:visible text:visible").allTextContents()).toContain(ap.toFixed(3)); // prettier-ignore
    await page.close();
  });

  it("draws the confusion matrix of any condition in any order", async () => {
    const { page, complaints } = await open();
    const figure = page.locator("section[data-scope]", { has: page.locator("#confusion") }); // prettier-ignore
    const labels = () => figure.locator("svg:visible g.matrix > g:nth-of-type(2) text").allTextContents(); // prettier-ignore
    const natural = await labels();
    expect(natural).toHaveLength(8);
    await figure.getByRole("radio", { name: "30\u00a0% noise" }).check();
    const counts = rows
      .filter((row) => row.model === "lenet" && row.arm === "noise" && row.level === 0.3)
      .map((row) => parseConfusion(readFileSync(join(made.dir, row.run, "confusion.csv"), "utf8")).counts); // prettier-ignore
    const sum = (t: number, p: number) => counts.reduce((total, one) => total + one[t]![p]!, 0); // prettier-ignore
    const texts = await figure.locator("svg:visible g.matrix > g:nth-of-type(1) text").allTextContents(); // prettier-ignore
    const expected = classes.flatMap((_, t) => classes.map((__, p) => sum(t, p) / 150)).filter((share) => share >= 0.005).map((share) => String(Math.round(100 * share))); // prettier-ignore
    expect(texts).toEqual(expected);
    await figure.getByRole("radio", { name: "best recognised first" }).check();
    const sorted = await labels();
    expect(sorted).not.toEqual(natural);
    expect([...sorted].sort()).toEqual([...natural].sort());
    // The readout follows the order: its first cell is the best recognised class.
    await figure.locator(".reach:visible").focus();
    const note = await figure.locator(".readout:visible").innerText();
    const clean = rows.filter((row) => row.model === "lenet" && row.level === 0).map((row) => parseConfusion(readFileSync(join(made.dir, row.run, "confusion.csv"), "utf8")).counts); // prettier-ignore
    const recall = classes.map((_, c) => clean.reduce((total, one) => total + one[c]![c]!, 0)); // prettier-ignore
    const best = recall.indexOf(Math.max(...recall));
    expect(note).toBe(`${classes[best]!} recognised: ${sum(best, best)} of 150 (${((100 * sum(best, best)) / 150).toFixed(1)} %)`); // prettier-ignore
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("reads heatmap cells by arrow keys and by pointer", async () => {
    const { page } = await open();
    const cells = page.locator("#figure-impact-index [data-cells]").first();
    const readout = cells.locator(".readout");
    await cells.locator(".reach").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    expect(await readout.innerText()).toMatch(/^bird, 20\u00a0%: index .* n = 3 seeds/); // prettier-ignore
    const [left, top, width, height] = (await cells.getAttribute("data-cells"))!.split(" ").map(Number) as [number, number, number, number]; // prettier-ignore
    const svg = cells.locator("svg");
    // Outside of the cells nothing changes.
    await svg.hover({ position: { x: 2, y: 2 } });
    expect(await readout.innerText()).toMatch(/^bird, 20/);
    await svg.hover({ position: { x: left + 1.5 * width, y: top + 3.5 * height } }); // prettier-ignore
    expect(await readout.innerText()).toMatch(/^cat, 20/);
    await page.close();
  });

  it("shows a figure's data as a table, and saves its drawing", async () => {
    const { page } = await open();
    const figure = page.locator("#figure-impact-index");
    await figure.locator("summary").click();
    const impact = parseImpact(readFileSync(join(made.dir, "impact.csv"), "utf8")); // prettier-ignore
    // The browser tells the page of what was opened in a task of its own, after the click.
    const body = figure.locator(".table tbody tr");
    await body.first().waitFor();
    expect(await body.count()).toBe(impact.length);
    expect(await figure.locator(".table thead th[scope=col]").allTextContents()).toContain("ci_low"); // prettier-ignore
    const second = body.nth(9).locator("td");
    expect(await second.nth(0).innerText()).toBe(classes[3]);
    const exchange = page.locator("#figure-exchange-rate");
    const download = page.waitForEvent("download");
    await exchange.getByText("Save drawing").click();
    const svg = readFileSync(await (await download).path(), "utf8");
    expect((await download).suggestedFilename()).toBe("exchange-rate.svg");
    expect(svg).toMatch(/^<svg [^>]*xmlns=/);
    expect(/var\(|currentColor/.exec(svg)).toBeNull();
    await page.close();
  });

  it("is reached whole by the keyboard, with the focus in sight", async () => {
    const { page, complaints } = await open();
    await page.keyboard.press("Tab");
    const skip = page.locator(".skip");
    expect(await skip.evaluate((link) => link === document.activeElement)).toBe(true); // prettier-ignore
    expect((await skip.boundingBox())!.y).toBeGreaterThanOrEqual(0);
    await page.keyboard.press("Enter");
    await page.waitForURL(/#content$/);
    const stops: { name: string; seen: boolean }[] = [];
    const reached = new Set<string>();
    for (let i = 0; i < 200; i++) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => {
        const element = document.activeElement!;
        if (element === document.body) return null;
        // A round button is see-through: its label shows the focus.
        const shown = element instanceof HTMLInputElement ? element.nextElementSibling! : element; // prettier-ignore
        const { outlineStyle, outlineWidth } = getComputedStyle(shown);
        const figure = element.closest("section[data-scope]")?.querySelector("h2[id],h3[id]")?.id ?? ""; // prettier-ignore
        return {
          name: `${figure} ${element.tagName} ${element.id} ${element.getAttribute("data-choice") ?? element.className}`,
          seen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
        };
      });
      if (stop === null) break;
      stops.push(stop);
      reached.add(stop.name.trim());
    }
    expect(stops.length).toBeGreaterThan(40);
    expect(stops.length).toBeLessThan(200);
    expect(stops.filter(({ seen }) => !seen)).toEqual([]);
    const names = [...reached].join("\n");
    for (const control of ["learning-curves INPUT  model", "precision-recall SELECT precision-recall-class class", "one-class SELECT one-class-class class", "confusion INPUT  order", "impact-index DIV  reach"])
      expect(names).toContain(control); // prettier-ignore
    // Choosing by keys alone.
    await page.locator("#one-class-class").focus();
    await page.keyboard.press("ArrowDown");
    expect(await page.locator("#one-class").innerText()).toBe(`One class, up close: ${classes[1]!}`); // prettier-ignore
    expect(complaints).toEqual([]);
    await page.close();
  });

  it.each(["light", "dark"] as const)(
    "has no serious barrier (axe), %s",
    async (colorScheme) => {
      const { page } = await open({ colorScheme });
      await page.evaluate(axeSource);
      const violations = await page.evaluate(async () => {
        const { axe } = window as unknown as {
          axe: { run: () => Promise<{ violations: Violation[] }> };
        };
        return (await axe.run()).violations.map(({ id, impact, nodes }) => ({
          id,
          impact,
          nodes: nodes.slice(0, 3).map(({ html }) => ({ html: html.slice(0, 200) })), // prettier-ignore
        }));
      });
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical"); // prettier-ignore
      expect(serious).toEqual([]);
      await page.close();
    },
  );

  it("turns dark and back", async () => {
    const { page } = await open({ colorScheme: "light" });
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor); // prettier-ignore
    expect(await paper()).toBe("rgb(255, 255, 255)");
    await page.getByRole("button", { name: "Dark page" }).click();
    expect(await paper()).toBe("rgb(21, 22, 26)");
    await page.getByRole("button", { name: "Light page" }).click();
    expect(await paper()).toBe("rgb(255, 255, 255)");
    await page.close();
  });

  it("fits a phone", async () => {
    const { page } = await open({ viewport: { width: 420, height: 900 } });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(420); // prettier-ignore
    const path = join(pictures, "narrow.png");
    await page.screenshot({ path, fullPage: true });
    expect(statSync(path).size).toBeGreaterThan(100_000);
    await page.close();
  });

  it("prints every model, no controls, in the light page's colours", async () => {
    const { page } = await open({ colorScheme: "dark" });
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    expect(await page.locator("form.choices:visible, button:visible, nav:visible, .data:visible").count()).toBe(0); // prettier-ignore
    expect(await page.locator("#figure-learning-curves .panel:visible").count()).toBe(2); // prettier-ignore
    expect(await page.evaluate(() => getComputedStyle(document.body).color)).toBe("rgb(27, 27, 31)"); // prettier-ignore
    const pdf = await page.pdf({ format: "A4" });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? [];
    expect(pages.length).toBeGreaterThan(5);
    expect(pages.length).toBeLessThan(40);
    await page.close();
  });

  it("is whole without its script", async () => {
    const { page, complaints } = await open({ javaScriptEnabled: false });
    expect(await page.locator("form.choices:visible, button:visible").count()).toBe(0); // prettier-ignore
    expect(await page.locator("#figure-learning-curves .panel:visible").count()).toBe(2); // prettier-ignore
    expect(complaints).toEqual([]);
    await page.close();
  });
});
