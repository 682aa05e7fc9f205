/** What the report's tests share: sweep folders that go away again, and the page as a reader gets it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll } from "vitest";
import { type CsvRecord, parseRecords } from "../../src/experiments/csv.js";
import { writeReport } from "../../src/experiments/report/node-write.js";
import type { ResultRow } from "../../src/experiments/tables.js";
import { type FolderOptions, writeSweepFolder } from "./sweep-folder.js";

export const root = mkdtempSync(join(tmpdir(), "tarnish-report-"));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

let counter = 0;

/** A sweep folder without a report yet. */
export function sweep(options: FolderOptions = {}): {
  dir: string;
  rows: ResultRow[];
} {
  const dir = join(root, `sweep-${counter++}`);
  return { dir, rows: writeSweepFolder(dir, options) };
}

/** A written report: the page as text and as a document, and its files. */
export interface Report {
  dir: string;
  html: string;
  document: Document;
  /** Names in report/figures. */
  names: string[];
  file: (name: string) => string;
  /** Rows of a figure's table. */
  table: (figure: string) => CsvRecord[];
}

export async function report(
  dir: string,
  out = join(dir, "report"),
): Promise<Report> {
  await writeReport(dir, { out });
  const html = readFileSync(join(out, "index.html"), "utf8");
  const file = (name: string) => readFileSync(join(out, "figures", name), "utf8"); // prettier-ignore
  return {
    dir,
    html,
    document: parseHTML(html).document,
    names: readdirSync(join(out, "figures")),
    file,
    table: (figure) => parseRecords(file(`${figure}.csv`), []),
  };
}

export const percent = (value: number) => `${(100 * value).toFixed(1)}\u00a0%`;

/** Mean over the seeds of a measurement in results.csv. */
export function meanOf(
  rows: readonly ResultRow[],
  where: Partial<ResultRow>,
  key: "top1Last" | "top1Best" | "lossLast" = "top1Last",
): number {
  const own = rows.filter(
    (row) =>
    Object.entries(where).every(([name, value]) => row[name as keyof ResultRow] === value), // prettier-ignore
  );
  return own.reduce((sum, row) => sum + row[key]!, 0) / own.length;
}

/** The first run of an arm and level. */
export const find = (rows: readonly ResultRow[], arm: string, level: number) =>
  rows.find((row) => row.arm === arm && row.level === level)!;

/** What an element of a page says; nothing where there is none. */
export const text = (document: Document, selector: string) =>
  document.querySelector(selector)?.textContent ?? "";

/** What must not stand in a page, wherever a number was missing. */
export function nonsense(html: string): string | undefined {
  const [body = ""] = html.split("<script>(");
  return /NaN|undefined|Infinity|\[object/.exec(body)?.[0];
}
