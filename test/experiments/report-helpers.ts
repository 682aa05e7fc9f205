/** What the report's tests share: sweep folders that go away again, and the page as a reader gets it. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import {
  headlessDocument,
  readStudy,
} from "../../src/experiments/report/node-read.js";
import { renderReport } from "../../src/experiments/report/page.js";
import type { ResultRow } from "../../src/experiments/tables.js";
import { type FixtureOptions, writeSweep } from "./fixtures.js";

export const root = mkdtempSync(join(tmpdir(), "tarnish-report-"));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

let counter = 0;
export function sweep(options: FixtureOptions = {}): {
  dir: string;
  rows: ResultRow[];
} {
  const dir = join(root, `sweep-${counter++}`);
  mkdirSync(dir);
  return { dir, rows: writeSweep(dir, options) };
}

export async function page(dir: string): Promise<string> {
  return renderReport(await readStudy(dir), headlessDocument());
}

export const percent = (value: number) => `${(100 * value).toFixed(1)}\u00a0%`;
export const find = (rows: ResultRow[], arm: string, level: number) =>
  rows.find((r) => r.arm === arm && r.level === level)!;
