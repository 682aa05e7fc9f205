/** Writes a report: index.html, and every figure as .svg with its data as .csv. Node and Deno only. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { entriesOf, requireOwnFolder } from "../node-folder-kinds.js";
import {
  holdFolder,
  makeFolder,
  writeFileAtomic,
  writeFolder,
} from "../node-files.js";
import { withLock } from "../../node-lock.js";
import {
  readTables,
  rebuildTables,
  type SweepTables,
  tablesLock,
} from "../node-tables.js";
import { byModel } from "./aggregate.js";
import { type Figure, standaloneSvg } from "./figure.js";
import { readStudy, studyKind } from "./node-read.js";
import { slug } from "./html.js";
import { buildSections, renderPage, type Section } from "./page.js";
import { resolveLight } from "./palette.js";

export interface ReportOptions {
  /** Folder of the report; by default `report` in the folder itself. */
  readonly out?: string | undefined;
}

/** Paths of a written report. */
export interface WrittenReport {
  page: string;
  figures: string[];
  /** What is missing in it, in words. */
  problems: readonly string[];
  /** The sweep's tables; null where the report is about a run. */
  tables: SweepTables | null;
}

/** The files of a figure by name. Drawings that change with the class have a file for each. */
function figureFiles(
  figure: Figure,
  classes: readonly string[],
  csvOf: (id: string) => string,
): Record<string, string> {
  const files: Record<string, string> = {};
  const { id, csv } = figure;
  files[`${id}.csv`] = typeof csv === "string" ? csv : csvOf(csv.sameAs);
  for (const chart of figure.panels.flatMap(({ charts }) => charts)) {
    const name = [id, chart.id].filter((part) => part !== "").join("-");
    const write = (suffix: string, index?: number) => {
      files[`${name}${suffix}.svg`] = standaloneSvg(
        chart.svg,
        resolveLight,
        index === undefined ? undefined : { key: "class", index },
      );
    };
    if (!chart.svg.includes("data-at-class")) write("");
    else
      classes.forEach((option, i) => {
        // The number keeps classes apart whose names differ in signs alone.
        write(`-${i}-${slug(option)}`, i);
      });
  }
  return files;
}

function filesOf(sections: readonly Section[]): Record<string, string> {
  const figures = sections.flatMap((section) => section.figures);
  const csvOf = (id: string): string => {
    const csv = figures.find((figure) => figure.id === id)?.csv;
    return typeof csv === "string" ? csv : "";
  };
  return Object.assign(
    {},
    ...sections.flatMap((section) =>
      section.figures.map((figure) => {
        const classes = [...section.choices, ...figure.choices].find(({ key }) => key === "class"); // prettier-ignore
        return figureFiles(figure, classes?.options ?? [], csvOf);
      }),
    ),
  ) as Record<string, string>;
}

/**
 * The report of a sweep or run folder. An earlier report in the same place is replaced as a whole; where the folder
 * cannot be read, none is written. Without `out` the sweep's tables are made anew as well. Of several processes that ask
 * for it at once, such as the parts of a sweep that end together, each waits for the one before: the last has seen all.
 * @throws UserError as readStudy
 */
export async function writeReport(
  folder: string,
  { out }: ReportOptions = {},
): Promise<WrittenReport> {
  const kind = await studyKind(folder);
  if (out === undefined)
    return withLock(join(folder, tablesLock), async () => {
      const tables = kind === "sweep" ? await rebuildTables(folder) : null;
      return writeInto(folder, join(folder, "report"), tables);
    });
  // What a sweep folder has under this name is its report, whole or not; any other place may be somebody's.
  await requireOwnFolder(out, "report");
  const doing = `${out}: is being written`;
  const lock = await holdFolder(out, tablesLock, { doing, patient: true });
  try {
    const tables = kind === "sweep" ? await readTables(folder) : null;
    return await writeInto(folder, out, tables);
  } finally {
    await lock.release();
  }
}

async function writeInto(
  folder: string,
  place: string,
  tables: SweepTables | null,
): Promise<WrittenReport> {
  const study = await readStudy(folder, tables ?? undefined);
  const groups = byModel(study);
  const sections = buildSections(study, groups);
  const files = filesOf(sections);
  const figures = join(place, "figures");
  await makeFolder(place);
  const page = join(place, "index.html");
  // First of all: by its page a report folder is known for what it is.
  await writeFileAtomic(page, renderPage(study, groups, sections));
  await writeFolder(figures, files);
  for (const name of await entriesOf(figures))
    if (!(name in files)) await rm(join(figures, name), { recursive: true, force: true }); // prettier-ignore
  return {
    page,
    figures: Object.keys(files).map((name) => join(figures, name)),
    problems: study.problems,
    tables,
  };
}
