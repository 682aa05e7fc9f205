/** `tarnish report`: rebuilds the report of a sweep or a run from its files alone. */
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { requireWritable } from "../../experiments/node-files.js";
import { studyKind } from "../../experiments/report/node-read.js";
import { writeReport } from "../../experiments/report/node-write.js";
import { commonOptions } from "../options.js";
import { createOutput } from "../output.js";

interface Options {
  out?: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command("report")
    .summary("the report of a sweep or a run, from its files alone")
    .description(
      "Writes index.html, one page that loads nothing, and every figure as .svg with its data as .csv. A sweep that is not " +
        "finished gives a report of what there is, and says what is missing.",
    )
    .argument("<dir>", "a sweep folder or a run folder")
    .option("--out <dir>", "where to write (default: report/ in the folder)")
    .addOption(commonOptions.json())
    .action(run);
}

async function run(folder: string, options: Options): Promise<void> {
  const output = createOutput(options);
  // Where the report is to go, and, of a sweep, the tables: refused now, not after a long look at the runs.
  await studyKind(folder);
  await requireWritable(options.out ?? folder);
  const { page, figures, problems, tables } = await writeReport(
    folder,
    options,
  );
  for (const problem of problems) output.warn(problem);
  if (tables && tables.damaged.length > 0) process.exitCode = 1;
  output.print(
    `${figures.length} files of figures and data. The report: ${pathToFileURL(page).href}`,
  );
  output.result({ report: page, figures });
}
