/** `tarnish export`: a run's weights for PyTorch. */
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Command } from "commander";
import { UserError } from "../../errors.js";
import { exportWeights } from "../../experiments/export-weights.js";
import {
  asRequest,
  makeFolder,
  readFileOrRefuse,
  requireWritable,
  writeFileAtomic,
} from "../../experiments/node-files.js";
import { refuseStudyFile } from "../../experiments/node-folder-kinds.js";
import {
  type CheckpointName,
  checkpointNames,
  checkpointPath,
  readRunConfig,
} from "../../experiments/node-run-config.js";
import { describeModel } from "../../models/describe.js";
import { buildModel } from "../../models/registry.js";
import { formatBytes, formatCount } from "../format.js";
import { choiceOption, commonOptions } from "../options.js";
import { createOutput } from "../output.js";

interface Options {
  run: string;
  checkpoint: CheckpointName;
  out: string;
  overwrite?: boolean;
  json?: boolean;
}

const examples = `
Example:
  tarnish export --run runs/resnet18_cifar10_s0 --checkpoint best --out resnet18.safetensors

In PyTorch, with the same network under torchvision's names:
  model.load_state_dict(safetensors.torch.load_file("resnet18.safetensors"))`;

export function register(program: Command): void {
  program
    .command("export")
    .summary("write a run's weights for PyTorch")
    .description(
      "Writes a run's weights and batch-norm statistics as .safetensors in PyTorch's names and layouts, nothing else.",
    )
    .requiredOption("--run <dir>", "a run folder")
    .addOption(
      choiceOption("--checkpoint <name>", "which weights", [
        ...checkpointNames,
      ]).default("last"),
    )
    .requiredOption("--out <file>", "the .safetensors file to write")
    .addOption(commonOptions.overwrite())
    .addOption(commonOptions.json())
    .addHelpText("after", examples)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { run: folder, checkpoint, out, overwrite = false } = options;
  const output = createOutput(options);
  const config = await readRunConfig(folder);
  await requireFreshFile(out, overwrite);
  await requireWritable(dirname(out), out);
  const { model, classes } = config;
  const { specs, parameters } = describeModel(
    buildModel(model, classes.length, config),
  );
  const path = checkpointPath(folder, checkpoint);
  const file = exportWeights(await readFileOrRefuse(path), path, specs);
  await makeFolder(dirname(out));
  await writeFileAtomic(out, file).catch((error: unknown) => {
    throw asRequest(error);
  });
  output.print(
    `${model}, ${formatCount(parameters)} parameters: ${out}, ${formatBytes(file.length)}`,
  );
  output.result({ out, run: folder, checkpoint, model, parameters });
}

/** Refuses a file that is there already, unless told to overwrite; a folder and a study's own file always. */
async function requireFreshFile(
  path: string,
  overwrite: boolean,
): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory())
    throw new UserError(`--out ${path}: is a folder; name a file`);
  await refuseStudyFile(path);
  if (there && !overwrite)
    throw new UserError(
      `${path}: exists; name another file with --out, or add --overwrite to replace it`,
    );
}
