/**
 * The sections of the check, in order. `run(context, earlier)` gets the commands, the adapter's name and its seconds, and
 * the results of the sections before it; it returns what goes into the report, or throws.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./child.mjs";
import { correctness } from "./correctness.mjs";

/** What is measured on a GPU, and in the small. */
const full = {
  model: "resnet18",
  batch: 512,
  tfjsBatch: 128,
  shapes: "resnet18",
  bench: ["--rounds", "3", "--seconds", "0.5"],
  peers: ["--rounds", "3", "--seconds", "1.5"],
  repeated: ["--model", "resnet8", "--max-steps", "64", "--batch", "128"],
};
const tiny = {
  model: "resnet8",
  batch: 8,
  tfjsBatch: 2,
  shapes: "2x8x8x16-3x3-128,2x8x8x128-3x3-128",
  bench: ["--rounds", "1", "--seconds", "0.1"],
  peers: ["--rounds", "1", "--steps", "2"],
  repeated: "--model lenet --max-steps 6 --batch 16 --train-limit 64".split(
    " ",
  ),
};
const sizes = (context) => (context.tiny ? tiny : full);

/** Runs `work` with a folder that is gone afterwards. */
async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "gpu-check-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function requirePath(path, what) {
  if (!existsSync(join(root, path))) throw new Error(`${what} (no ${path})`);
}

/** A comparison of tools/peers. Its exit code 1 says that numbers are not comparable, which the report says too. */
function peers(context, script, args) {
  return context.commands.json(
    [process.execPath, `tools/peers/${script}.mjs`, ...args, "--json"],
    context,
  );
}

function bench(context, args) {
  const { commands, adapter, seconds } = context;
  const command = ["bench", "--adapter", adapter, ...args];
  return commands.tarnish(command, { seconds });
}

/** Every convolution of the model, all passes, beside the adapter's peak. */
function convolutions(context) {
  const { shapes, batch, bench: timing } = sizes(context);
  return bench(context, [
    ...["--models", "none", "--shapes", shapes, "--batch", String(batch)],
    ...timing,
  ]);
}

/** A training step: speed, launches, what they cost the host, and where the GPU's time goes. */
function step(context) {
  const { model, batch, bench: timing } = sizes(context);
  return bench(context, [
    ...["--shapes", "none", "--models", model, "--batch", String(batch)],
    ...[...timing, "--profile"],
  ]);
}

const pytorchF32 = [
  "pytorch",
  "pytorch+benchmark",
  "pytorch+benchmark+channels-last",
];
const pytorchHalf = [
  "pytorch+benchmark+channels-last+f16",
  "pytorch+benchmark+channels-last+bf16",
];

function pytorch(context) {
  const { model, batch, peers: timing } = sizes(context);
  const half = context.tiny ? [] : pytorchHalf;
  const labels = ["tarnish", "tarnish+mixed", ...pytorchF32, ...half];
  const args = [...labels, "--batch", String(batch), ...timing];
  return peers(context, model, args);
}

function tfjs(context) {
  requirePath("tools/peers/node_modules", "the peers are not installed");
  const { model, tfjsBatch, peers: timing } = sizes(context);
  const labels = ["tarnish", "tfjs", "tfjs+im2col"];
  const args = [...labels, "--batch", String(tfjsBatch), ...timing];
  return peers(context, model, args);
}

/** Two runs of one seed: their weights must agree to the bit. */
function repeat(context) {
  const { commands, adapter, seconds } = context;
  return inFolder(async (folder) => {
    const run = (name) => {
      const out = ["--out", join(folder, name), "--adapter", adapter];
      const settings = [...sizes(context).repeated, "--test-limit", "100"];
      const options = { seconds: seconds / 2 };
      return commands.tarnish(["train", ...settings, ...out], options);
    };
    const [first, second] = [await run("first"), await run("second")];
    const sums = [first.weightsSha256, second.weightsSha256];
    return { steps: first.steps, sums, identical: sums[0] === sums[1] };
  });
}

/** The recipe: SGD with Nesterov momentum, one cosine, pad-crop and flip. */
const recipe =
  "--batch 512 --lr 0.4 --nesterov --weight-decay 5e-4 --warmup 2 --label-smoothing 0.1".split(
    " ",
  );
const mostEpochs = 40;
const trainingImages = 50_000;

/** As many epochs of CIFAR-10 as the time allows. */
function cifar10(context, { step: earlier }) {
  const { commands, adapter, seconds } = context;
  const data = context.tiny ? "sample" : (process.env.CIFAR10 ?? "cifar10");
  const speed = earlier?.models?.[0]?.imagesPerSecond;
  if (!context.tiny && !speed)
    throw new Error("the section `step` must run before it, to know the speed");
  // Evaluation, start and a reserve; a step of a training has a little more to do than one of the bench.
  const trained = ((seconds - 25) * 0.8 * (speed ?? 0)) / trainingImages;
  const epochs = Math.max(2, Math.min(mostEpochs, Math.floor(trained)));
  const settings = context.tiny
    ? "--model lenet --epochs 2 --batch 50 --train-limit 100 --test-limit 100".split(
        " ",
      )
    : ["--model", "resnet18", "--epochs", String(epochs), ...recipe];
  return inFolder(async (folder) => {
    const out = join(folder, "run");
    const summary = await commands.tarnish(
      [
        "train",
        "--data",
        data,
        ...settings,
        "--out",
        out,
        "--adapter",
        adapter,
      ],
      { seconds },
    );
    const lines = readFileSync(join(out, "metrics.jsonl"), "utf8").trim();
    const { steps, trainSeconds } = summary;
    const curve = lines
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter(({ kind }) => kind === "eval")
      .map(({ epoch, step: at, top1 }) => ({
        epoch,
        top1,
        // Training is even; evaluation is not counted.
        trainSeconds: (trainSeconds * at) / steps,
      }));
    return { settings: settings.join(" "), summary, curve };
  });
}

/** The longest times, in seconds; what a section leaves is for those behind it. */
export const sections = [
  {
    name: "doctor",
    seconds: 60,
    run: ({ commands, adapter, seconds }) =>
      commands.tarnish(["doctor", "--adapter", adapter], { seconds }),
  },
  {
    name: "correctness",
    seconds: 240,
    run: ({ commands, ...options }) => {
      requirePath("node_modules/vitest", "the tests' packages are not there");
      return correctness(commands, options);
    },
  },
  { name: "repeat", seconds: 90, run: repeat },
  { name: "convolutions", seconds: 150, run: convolutions },
  { name: "step", seconds: 90, run: step },
  { name: "pytorch", seconds: 150, run: pytorch },
  { name: "tfjs", seconds: 75, run: tfjs },
  { name: "cifar10", atLeast: 40, run: cifar10 },
];
