/** The lab as a visitor meets it: the built page from `tarnish serve`, in headless Chromium on SwiftShader. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { unzipSync } from "fflate";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";
import { parseResults } from "../../src/experiments/tables.js";
import { startTarnish, tarnish } from "../cli/command.js";

const root = packageRoot();
const built = join(root, "dist", "web");
const folder = mkdtempSync(join(tmpdir(), "tarnish-lab-"));
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);

let browser: Browser;
let url: string;
let stopServer: () => void;

beforeAll(async () => {
  const { status, stderr } = spawnSync("npm", ["run", "build:web"], {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the lab's build failed:\n${stderr}`);
  const { child } = startTarnish(
    ["serve", "--port", "0", "--no-open", "--json"],
    { cwd: root },
  );
  stopServer = () => void child.kill("SIGTERM");
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  ({ url } = JSON.parse(line.toString()) as { url: string });
  browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      "--enable-features=Vulkan",
    ],
  });
});

afterAll(async () => {
  await browser.close();
  stopServer();
  rmSync(folder, { recursive: true, force: true });
});

interface Visit {
  readonly page: Page;
  /** Errors on the console, and requests to anywhere else. */
  readonly complaints: string[];
}

async function visit(query: string, viewport = { width: 1200, height: 900 }) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url))
      complaints.push(`request to ${request.url()}`);
  });
  await page.addInitScript(() => {
    const tasks: number[] = [];
    Object.assign(window, { tasks });
    new PerformanceObserver((list) => {
      if (document.body.dataset["state"] === "running")
        tasks.push(...list.getEntries().map(({ duration }) => duration));
    }).observe({ type: "longtask" });
  });
  await page.goto(url + query);
  return { page, complaints } satisfies Visit;
}

async function state(page: Page, ...states: string[]): Promise<void> {
  await page.waitForFunction(
    (wanted) => wanted.includes(document.body.dataset["state"] ?? ""),
    states,
    { timeout: 240_000 },
  );
}

/** What axe finds to be wrong. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; nodes: { html: string }[] }[];
        }>;
      };
    };
    const { violations: found } = await axe.run();
    return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ""}`);
  });
}

const smallStudy =
  "?data=sample&model=lenet&levels=0,0.4&epochs=1&trainLimit=400&autostart=1";

describe("the lab", () => {
  it("is built small, from relative addresses, without a module of Node's", () => {
    const assets = join(built, "assets");
    const files = readdirSync(assets).map((name) => join(assets, name));
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    expect(bytes).toBeLessThan(1.5e6);
    for (const file of files)
      expect(readFileSync(file, "utf8")).not.toMatch(
        /(from|import)\s*\(?["'](node:|fs|path|os)["']?/,
      );
    expect(readFileSync(join(built, "index.html"), "utf8")).not.toMatch(
      /(src|href)="\//,
    );
  });

  it("makes the small study, smoothly, and hands out its files", async () => {
    const { page, complaints } = await visit(smallStudy);
    await state(page, "done", "failed");
    expect(await page.textContent("#status")).toBe("Done.");
    const { results, impact } = await page.evaluate<{
      results: { status: string }[];
      impact: unknown[];
    }>("window.tarnishResult");
    expect(results).toHaveLength(3);
    expect(results.map(({ status }) => status)).toEqual(Array(3).fill("done"));
    expect(impact).toHaveLength(10);
    expect(await page.locator(".gallery li").count()).toBeGreaterThan(0);
    expect(await page.locator("svg.chart").count()).toBeGreaterThan(4);
    const tasks = await page.evaluate<number[]>("window.tasks");
    expect(tasks.filter((duration) => duration > 50)).toEqual([]);

    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.click("#download"),
    ]);
    const zip = unzipSync(readFileSync(await download.path()));
    for (const [name, bytes] of Object.entries(zip)) {
      const path = join(folder, "study", name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
    }
    const rows = parseResults(
      readFileSync(join(folder, "study", "results.csv"), "utf8"),
    );
    expect(rows.map(({ status }) => status)).toEqual(Array(3).fill("done"));
    const report = tarnish(["report", join(folder, "study")]);
    expect(report.stderr).toBe("");
    expect(report.code).toBe(0);

    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it("stops, and goes on after a reload", async () => {
    const { page, complaints } = await visit(
      "?model=lenet&levels=0,0.2,0.4&epochs=2&trainLimit=400",
    );
    await state(page, "ready");
    await page.click("#start");
    await page.waitForSelector('[data-run-state="done"]', { timeout: 120_000 });
    await page.click("#stop");
    await state(page, "ready");
    expect(await page.textContent("#status")).toBe("Stopped.");
    await page.reload();
    await state(page, "ready");
    await page.click("#resume");
    await state(page, "done", "failed");
    expect(await page.locator('[data-run-state="done"]').count()).toBe(5);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it("works on a phone, in the dark, from the keyboard", async () => {
    const { page, complaints } = await visit("?levels=x", {
      width: 390,
      height: 800,
    });
    await page.emulateMedia({ colorScheme: "dark" });
    await state(page, "ready");
    expect(await page.textContent(".notice")).toContain("levels=x");
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - window.innerWidth,
    );
    expect(overflow).toBeLessThanOrEqual(0);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.className)).toBe(
      "skip",
    );
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it("says what to do where there is no WebGPU", async () => {
    const plain = await chromium.launch({
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-features=WebGPU", "--disable-gpu"],
    });
    const page = await plain.newPage();
    await page.goto(url);
    await state(page, "failed");
    expect(await page.textContent(".problem")).toContain("no GPU to compute");
    await plain.close();
  });
});
