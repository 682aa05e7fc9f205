/**
 * Fills the tables of docs/performance.md from results.
 *
 *   node tools/performance/fill.mjs FOLDER [docs/performance.md]
 *
 * Between `<!-- NAME VIEW -->` and `<!-- end -->` the page gets VIEW (tables.mjs) of FOLDER/NAME.json, under the adapter's
 * name; `NAME-*` stands for all that begin so, whose rows are put together. The commands beside the tables say how to make
 * the files. A table without a file stays as it is.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { views } from "./tables.mjs";

const [folder, page = "docs/performance.md"] = process.argv.slice(2);
if (folder === undefined || !existsSync(folder)) {
  process.stderr.write(
    "usage: node tools/performance/fill.mjs FOLDER [PAGE]\n",
  );
  process.exit(2);
}

/** The results of a name: one, or several as one. */
function read(name) {
  const [prefix, suffix] = name.split("*");
  const files = readdirSync(folder)
    .filter((file) =>
      suffix === undefined
        ? file === `${name}.json`
        : file.startsWith(prefix) && file.endsWith(".json"),
    )
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const results = files.map((file) =>
    JSON.parse(readFileSync(join(folder, file), "utf8")),
  );
  if (results.length < 2) return results[0];
  return { ...results[0], models: results.flatMap(({ models }) => models) };
}

const marker = /<!-- ([\w*-]+) (\w+) -->\n[\s\S]*?<!-- end -->/g;
const text = readFileSync(page, "utf8").replace(marker, (old, name, view) => {
  if (!(view in views)) throw new Error(`${page}: there is no view ${view}`);
  const result = read(name);
  if (!result) {
    process.stderr.write(`no ${name}.json: its table is left as it is\n`);
    return old;
  }
  const adapter = result.adapter ?? result.contestants[0].adapter;
  return `<!-- ${name} ${view} -->\n\n${adapter}:\n\n${views[view](result)}\n\n<!-- end -->`;
});
writeFileSync(page, text);
