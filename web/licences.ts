/** The licences of everything that is bundled, as a file beside it: they ask to be where the code is. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const fileName = "third-party-licences.md";

/** Where the package of a module lies; undefined for modules of the project's own. */
function packageOf(module: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0];
}

/** Name, version, licence and its text, as the package has them. */
function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  ) as Record<string, string>;
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name}: no licence file in ${folder}`);
  const text = readFileSync(join(folder, file), "utf8").trim();
  return `## ${name} ${version} (${license})\n\n${text}\n`;
}

/** Plugins for the page and for its workers, which are built first. */
export function licences(): { page: Plugin; worker: () => Plugin[] } {
  const packages = new Set<string>();
  const collect = (modules: Iterable<string>) => {
    for (const module of modules) {
      const folder = packageOf(module);
      if (folder) packages.add(folder);
    }
  };
  return {
    worker: () => [
      {
        name: "licences of workers",
        generateBundle() {
          collect(this.getModuleIds());
        },
      },
    ],
    page: {
      name: "licences",
      generateBundle() {
        collect(this.getModuleIds());
        const notices = [...packages].sort().map(noticeOf);
        const source = `# Licences of what is bundled here\n\n${notices.join("\n")}`;
        this.emitFile({ type: "asset", fileName, source });
      },
    },
  };
}
