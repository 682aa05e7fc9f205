/** The built lab, served by `tarnish serve`, in headless Chromium on SwiftShader; and what its studies are compared with. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { unzipSync } from "fflate";
import {
  type Browser,
  type BrowserContext,
  chromium,
  type Page,
} from "playwright-core";
import { expect } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";
import { startTarnish } from "../cli/command.js";
import { readProjectJson } from "../files.js";

const root = packageRoot();

export const builtPage = join(root, "dist", "web");
export const browserPath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Milliseconds that a page may take over anything: a CPU trains on it. */
const patience = 240_000;

/** A name that leads here, and that browsers take for another machine's. */
export const outsideHost = "lab.test";

/** Builds the page and serves it. */
export async function servePage(): Promise<{ url: string; stop: () => void }> {
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
  return { url, stop: () => void child.kill("SIGTERM") };
}

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
    const { url, stop } = await servePage();
    const browser = await chromium.launch({
      executablePath: browserPath,
      args: [
        "--no-sandbox",
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
        "--enable-features=Vulkan",
        `--host-resolver-rules=MAP ${outsideHost} 127.0.0.1`,
      ],
    });
    return new Lab(browser, url, stop);
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.stopServer();
  }

  /** A visitor of their own. */
  async visit(
    query: string,
    viewport = { width: 1200, height: 900 },
  ): Promise<Visit> {
    const context = await this.browser.newContext({ viewport });
    context.setDefaultTimeout(patience);
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
    await page.goto(this.url + query);
    return { page, complaints };
  }
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** When it began, and how long it took, in microseconds. */
  readonly ts: number;
  readonly dur?: number;
  /** CPU time of the thread in microseconds. */
  readonly tdur?: number;
  readonly args: {
    readonly name?: string;
    readonly chrome_mojo_event_info?: { readonly mojo_interface_tag?: string };
  };
}

/** Whether an event is a message of whoever drives the browser: Playwright's scripts alone, compiled, take 20 ms. */
const isDriver = ({ args }: TraceEvent) =>
  /DevTools/.test(args.chrome_mojo_event_info?.mojo_interface_tag ?? "");

/**
 * The CPU time in milliseconds of the page's longest task on its main thread while `work` goes on, without what the test
 * itself asks of the page. Not its duration: here the CPU does the GPU's work too, and a page that is ready to draw waits
 * for its turn.
 */
export async function longestTask(
  page: Page,
  work: () => Promise<void>,
): Promise<number> {
  const browser = page.context().browser()!;
  await browser.startTracing(page, { categories: ["toplevel"] });
  await work();
  const trace = await browser.stopTracing();
  const { traceEvents } = JSON.parse(trace.toString()) as {
    traceEvents: TraceEvent[];
  };
  const threadOf = ({ pid, tid }: TraceEvent) => `${pid}:${tid}`;
  const main = new Set(
    traceEvents
      .filter(
        ({ name, args }) =>
          name === "thread_name" && args.name === "CrRendererMain",
      ) // prettier-ignore
      .map(threadOf),
  );
  const events = traceEvents.filter((event) => main.has(threadOf(event)));
  const ofDriver = events.filter(isDriver);
  const times = events
    .filter(
      (task) =>
        /RunTask$/.test(task.name) &&
        !ofDriver.some(
          ({ ts, tid }) =>
            tid === task.tid &&
            ts >= task.ts &&
            ts <= task.ts + (task.dur ?? 0),
        ),
    )
    .map(({ tdur = 0 }) => tdur / 1000);
  if (times.length < 100 || ofDriver.length === 0)
    throw new Error("the trace has no tasks of the page, or of its driver");
  return Math.max(...times);
}

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);

/** What axe finds to be wrong. */
export async function violations(page: Page): Promise<string[]> {
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

/** Waits until the page is in one of these states. */
export async function state(page: Page, ...states: string[]): Promise<void> {
  await page.waitForFunction(
    (wanted) => wanted.includes(document.body.dataset["state"] ?? ""),
    states,
    { timeout: patience },
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

/** The losses of a clean run in a study, step by step. */
export function cleanLosses(
  files: Record<string, Uint8Array>,
  model: string,
): number[] {
  const metrics = Object.keys(files).find(
    (path) =>
      path.startsWith(`runs/${model}_baseline_`) &&
      path.endsWith("/metrics.jsonl"),
  )!;
  return losses(new TextDecoder().decode(files[metrics]));
}

/** The losses of the steps in a metrics.jsonl. */
export function losses(metrics: string): number[] {
  return metrics
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind: string; loss: number })
    .filter(({ kind }) => kind === "step")
    .map(({ loss }) => loss);
}

/** Ten steps as somebody else has made them. */
export function expectSteps(
  actual: readonly number[],
  expected: readonly number[],
): void {
  expect(actual).toHaveLength(10);
  expected.forEach((loss, i) => {
    expect(Math.abs(actual[i]! - loss), `step ${i + 1}`).toBeLessThan(2e-3);
  });
}

/** The losses of the clean run of LeNet, 400 images, in PyTorch (tools/golden/lab_golden.py). */
export async function goldenLosses(): Promise<number[]> {
  const { loss } = (await readProjectJson("test/golden/lab.json")) as {
    loss: number[];
  };
  return loss;
}
