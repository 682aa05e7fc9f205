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
  "--model resnet18 --batch 512 --lr 0.4 --nesterov --weight-decay 5e-4 --warmup 2 --label-smoothing 0.1".split(
    " ",
  );
const tinyRecipe =
  "--model lenet --batch 50 --lr 0.02 --epochs 2 --train-limit 100 --test-limit 100".split(
    " ",
  );
const mostEpochs = 60;
const trainingImages = 50_000;
/** Start, evaluations and a reserve, in seconds. */
const aroundTraining = 25;
/** PyTorch on the same images takes no longer, and has its own start. */
const shareOfCifar10 = 0.5;

const cifar10Data = () => process.env.CIFAR10 ?? "cifar10";

/** As many epochs of CIFAR-10 in mixed precision as half of the time that is left allows. */
function cifar10(context, { pytorch: compared }) {
  const { commands, adapter, seconds, tiny } = context;
  const speed = compared?.contestants?.find(
    ({ label }) => label === "tarnish+mixed",
  )?.tracks[0].rate.median;
  if (!tiny && !speed)
    throw new Error(
      "the section `pytorch` must run before it, to know the speed",
    );
  const trained =
    ((seconds * shareOfCifar10 - aroundTraining) * 0.9 * (speed ?? 0)) /
    trainingImages;
  const epochs = Math.max(2, Math.min(mostEpochs, Math.floor(trained)));
  const settings = tiny ? tinyRecipe : [...recipe, "--epochs", String(epochs)];
  const data = ["--data", tiny ? "sample" : cifar10Data()];
  const precision = tiny ? [] : ["--precision", "mixed"];
  return inFolder(async (folder) => {
    const out = join(folder, "run");
    const where = ["--out", out, "--adapter", adapter];
    const command = ["train", ...data, ...settings, ...precision, ...where];
    const summary = await commands.tarnish(command, { seconds });
    const lines = readFileSync(join(out, "metrics.jsonl"), "utf8").trim();
    const { steps, trainSeconds, best } = summary;
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
    return { settings, best: best.top1, trainSeconds, curve };
  });
}

/** PyTorch with the same recipe on the same images: what tarnish's accuracy is to be compared with. */
function cifar10PyTorch({ commands, seconds, tiny }, { cifar10: ours }) {
  if (!ours?.settings) throw new Error("the section `cifar10` gave no result");
  const data = tiny ? join(root, "data/sample") : cifar10Data();
  const { PYTHON: python = "python3" } = process.env;
  const amp = tiny ? [] : ["--amp"];
  const script = ["tools/pytorch/train.py", "--data", data];
  return commands.json([python, ...script, ...ours.settings, ...amp], {
    seconds,
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
  { name: "cifar10", atLeast: 60, run: cifar10 },
  { name: "cifar10-pytorch", run: cifar10PyTorch },
];
