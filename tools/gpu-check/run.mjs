/**
 * Measures on one machine with a GPU, in one command, everything that only a GPU can tell.
 *
 *   node tools/gpu-check/run.mjs [--out DIR] [--seconds 420] [--only NAME,…] [--skip NAME,…] [--tiny] [--adapter NAME]
 *
 * The sections (README.md) run one after another in processes of their own; each has a time limit, and one that fails
 * takes nothing from the others. After every section the results so far are written to DIR: gpu-check.json,
 * gpu-check.md (the acceptance lines with their verdicts) and gpu-check.log.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Commands } from "./child.mjs";
import { markdown } from "./acceptance.mjs";
import { sections } from "./sections.mjs";

function options() {
  const names = sections.map(({ name }) => name);
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: "gpu-check" },
      seconds: { type: "string", default: "420" },
      only: { type: "string" },
      skip: { type: "string", default: "" },
      tiny: { type: "boolean", default: false },
      adapter: { type: "string" },
    },
  });
  const seconds = Number(values.seconds);
  if (!(seconds > 0))
    throw new Error(`--seconds: expected a number, got ${values.seconds}`);
  const list = (flag) => {
    const chosen = (values[flag] ?? names.join(",")).split(",").filter(Boolean);
    for (const name of chosen)
      if (!names.includes(name))
        throw new Error(
          `--${flag}: there is no section "${name}". Choose from ${names.join(", ")}.`,
        );
    return chosen;
  };
  const skipped = list("skip");
  return {
    out: values.out,
    seconds,
    tiny: values.tiny,
    // A machine whose driver is not found must say so instead of measuring its CPU.
    adapter: values.adapter ?? (values.tiny ? "auto" : "hardware"),
    chosen: list("only").filter((name) => !skipped.includes(name)),
  };
}

/** What NVIDIA's driver says about the card, where there is one. */
function nvidia() {
  const fields = "name,driver_version,memory.total,clocks.max.sm,power.limit";
  try {
    const query = [`--query-gpu=${fields}`, "--format=csv,noheader"];
    return execFileSync("nvidia-smi", query, { encoding: "utf8" }).trim();
  } catch {
    return null;
  }
}

async function main() {
  const { out, seconds, tiny, adapter, chosen } = options();
  mkdirSync(out, { recursive: true });
  const started = performance.now();
  const left = () => seconds - (performance.now() - started) / 1000;
  const commands = new Commands(join(out, "gpu-check.log"));
  const report = {
    date: new Date().toISOString(),
    machine: {
      gpu: nvidia(),
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    },
    tiny,
    seconds,
    sections: {},
  };
  const write = () => {
    const json = `${JSON.stringify(report, undefined, 1)}\n`;
    writeFileSync(join(out, "gpu-check.json"), json);
    writeFileSync(join(out, "gpu-check.md"), markdown(report));
  };
  for (const section of sections) {
    if (!chosen.includes(section.name)) continue;
    // A CPU takes its time, whatever the size.
    const most = tiny ? Infinity : (section.seconds ?? Infinity);
    const limit = Math.min(left(), most);
    const begun = performance.now();
    let result;
    try {
      if (limit < (section.atLeast ?? 5))
        throw new Error(
          `no time was left (${Math.max(0, left()).toFixed(0)} s)`,
        );
      const context = { commands, adapter, tiny, seconds: limit };
      result = await section.run(context, report.sections);
    } catch (error) {
      result = {
        error: error instanceof Error ? error.message : String(error),
      };
    }
    const taken = Math.round((performance.now() - begun) / 100) / 10;
    report.sections[section.name] = { tookSeconds: taken, ...result };
    const words = result.error ? `FAILED: ${result.error}` : "done";
    process.stderr.write(`${section.name} (${taken} s): ${words}\n`);
    write();
  }
  write();
  process.stdout.write(markdown(report));
  const failed = Object.values(report.sections).some(({ error }) => error);
  return failed ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`gpu-check: ${error.message}\n`);
  process.exitCode = 2;
}
