/**
 * Prints the folders of the packages that running the tests takes beside the production dependencies, for packing them
 * onto a machine without a network: vitest and fast-check with all that they depend on, as far as it is installed.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const wanted = ["vitest", "fast-check"];
const found = new Set();

/** Where Node finds `name` from within `folder`: in its own node_modules or in one further up. */
function locate(name, folder) {
  const nested = join(folder, "node_modules", name);
  return existsSync(nested) ? nested : join("node_modules", name);
}

function visit(folder) {
  if (found.has(folder) || !existsSync(folder)) return;
  found.add(folder);
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
    peerDependenciesMeta = {},
  } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const required = Object.keys(peerDependencies).filter(
    (name) => !peerDependenciesMeta[name]?.optional,
  );
  const names = { ...dependencies, ...optionalDependencies };
  for (const name of [...Object.keys(names), ...required])
    visit(locate(name, folder));
}

for (const name of wanted) visit(join("node_modules", name));
console.log([...found].join(" "));
