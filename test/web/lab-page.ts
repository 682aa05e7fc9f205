/** The built lab, served by `tarnish serve`, in headless Chromium on SwiftShader. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import {
  type Browser,
  type BrowserContext,
  chromium,
  type Page,
} from "playwright-core";
import { packageRoot } from "../../src/data/node-root.js";
import { startTarnish } from "../cli/command.js";

const root = packageRoot();

export const builtPage = join(root, "dist", "web");
export const browserPath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export interface Visit {
  readonly page: Page;
  /** Errors on the console, and requests to anywhere else. */
  readonly complaints: string[];
}

export class Lab {
  private constructor(
    private readonly browser: Browser,
    readonly url: string,
    private readonly stopServer: () => void,
  ) {}

  /** Builds the page, serves it and starts a browser. */
  static async open(): Promise<Lab> {
    const { status, stderr } = spawnSync("npm", ["run", "build:web"], {
      cwd: root,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`the lab's build failed:\n${stderr}`);
    const { child } = startTarnish(
      ["serve", "--port", "0", "--no-open", "--json"],
      { cwd: root },
    );
    const [line] = (await once(child.stdout!, "data")) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { url: string };
    const browser = await chromium.launch({
      executablePath: browserPath,
      args: [
        "--no-sandbox",
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
        "--enable-features=Vulkan",
      ],
    });
    return new Lab(browser, url, () => void child.kill("SIGTERM"));
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.stopServer();
  }

  /** A visitor of his own. `window.tasks` collects how long the page's long tasks take while a study runs. */
  async visit(
    query: string,
    viewport = { width: 1200, height: 900 },
  ): Promise<Visit> {
    const context = await this.browser.newContext({ viewport });
    return this.enter(context, query);
  }

  /** Another page of a visitor. */
  async enter(context: BrowserContext, query: string): Promise<Visit> {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", ({ message }) => complaints.push(message));
    page.on("request", (request) => {
      const address = request.url();
      if (!/^(data|blob):/.test(address) && !address.startsWith(this.url))
        complaints.push(`request to ${address}`);
    });
    await page.addInitScript(() => {
      const tasks: number[] = [];
      Object.assign(window, { tasks });
      new PerformanceObserver((list) => {
        if (document.body.dataset["state"] === "running")
          tasks.push(...list.getEntries().map(({ duration }) => duration));
      }).observe({ type: "longtask" });
    });
    await page.goto(this.url + query);
    return { page, complaints };
  }
}

/** Waits until the page is in one of these states. */
export async function state(page: Page, ...states: string[]): Promise<void> {
  await page.waitForFunction(
    (wanted) => wanted.includes(document.body.dataset["state"] ?? ""),
    states,
    { timeout: 240_000 },
  );
}

/** The files of the study, by path, as the page hands them out. */
export async function downloadStudy(
  page: Page,
): Promise<Record<string, Uint8Array>> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.click("#download"),
  ]);
  return unzipSync(readFileSync(await download.path()));
}
