/** Writes a report: index.html, and every figure as .svg with its data as .csv. Node and Deno only. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  makeFolder,
  requireOwnFolder,
  writeFileAtomic,
  writeFolder,
} from "../node-files.js";
import { readTables, rebuildTables, type SweepTables } from "../node-tables.js";
import { byModel } from "./aggregate.js";
import { type Figure, standaloneSvg } from "./figure.js";
import { readStudy } from "./node-read.js";
import { slug } from "./html.js";
import { buildSections, renderPage, type Section } from "./page.js";
import { resolveLight } from "./palette.js";

export interface ReportOptions {
  /** Folder of the report; by default `report` in the folder itself. */
  readonly out?: string | undefined;
  /** The sweep's tables, where they have just been made. */
  readonly tables?: SweepTables | undefined;
}

/** Paths of a written report. */
export interface WrittenReport {
  page: string;
  figures: string[];
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
 * cannot be read, none is written. Without `out` the sweep's tables are made anew as well.
 * @throws UserError as readStudy
 */
export async function writeReport(
  folder: string,
  { out, tables }: ReportOptions = {},
): Promise<WrittenReport> {
  const study = await readStudy(
    folder,
    tables ?? (out ? readTables : rebuildTables),
  );
  const groups = byModel(study);
  const sections = buildSections(study, groups);
  const files = filesOf(sections);
  const place = out ?? join(folder, "report");
  const figures = join(place, "figures");
  // What a sweep folder has under this name is its report, whole or not.
  if (out) await requireOwnFolder(place, "index.html", "report folder");
  await makeFolder(place);
  const page = join(place, "index.html");
  // First of all: by its page a report folder is known for what it is.
  await writeFileAtomic(page, renderPage(study, groups, sections));
  await rm(figures, { recursive: true, force: true });
  await writeFolder(figures, files);
  return { page, figures: Object.keys(files).map((name) => join(figures, name)) }; // prettier-ignore
}
