/**
 * The tables of docs/memory.md: what training plans take, from the planner alone, without a GPU. After `npm run build`:
 * node tools/memory-table.js
 */
import { planRun } from "../dist/src/experiments/memory.js";
import {
  augmentations,
  resolveSettings,
} from "../dist/src/experiments/settings.js";
import { planTraining } from "../dist/src/engine/plan-training.js";
import { kernelTargets } from "../dist/src/engine/targets.js";
import { findModel } from "../dist/src/models/registry.js";

const GiB = 2 ** 30;
const gib = (bytes) => (bytes / GiB).toFixed(2);
const binding = 2 * GiB - 4;
const gpu = {
  adapterName: "GPU",
  target: kernelTargets.gpu,
  gpu: {
    limits: { maxBufferSize: binding, maxStorageBufferBindingSize: binding },
  },
};
const cifar = {
  imageSize: 32,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  classNames: Array.from({ length: 100 }, String),
  train: { count: 50_000 },
  test: { count: 10_000 },
};
const plan = (model, changes = {}) =>
  planRun(
    resolveSettings({ model, batch: 128, ...changes }),
    cifar,
    50_000,
    gpu,
  );

function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  console.log(
    [line(head), line(head.map(() => "---")), ...rows.map(line), ""].join("\n"),
  );
}

const whole = plan("resnet152");
const renewed = plan("resnet152", { recompute: true });
const mixed = plan("resnet152", { precision: "mixed" });
const measure = (memory) =>
  planTraining({
    model: findModel("resnet152").build(100, {}),
    source: {
      kind: "images",
      images: {
        ...cifar,
        count: 50_000,
        imagesPerChunk: 50_000,
        chunkCount: 1,
      },
      augmentation: augmentations.standard,
    },
    optimizer: { momentum: 0.9 },
    batches: [128],
    target: kernelTargets.gpu,
    memory,
  }).step;
table(
  ["ResNet-152, width 1, CIFAR stem, batch 128, f32", "GiB"],
  [
    ["every tensor in memory of its own", gib(whole.naive)],
    [
      "lifetimes share: one tensor at a time in a buffer",
      gib(measure({ inPlace: false, sideBySide: false })),
    ],
    ["… outputs over inputs", gib(measure({ sideBySide: false }))],
    [
      "… several tensors side by side in a buffer: **the plan**",
      gib(whole.step),
    ],
    ["(alive at the worst moment: no plan can do with less)", gib(whole.live)],
    ["`--recompute`", gib(renewed.step)],
    ["(alive at the worst moment)", gib(renewed.live)],
    [
      "besides the plan: an epoch's last batch, of 80 images",
      gib(whole.smaller),
    ],
    ["… evaluation", gib(whole.evaluation)],
    ["… weights, gradients and momentum", gib(whole.parameters)],
    ["… images of CIFAR-100", gib(whole.data)],
    ["**in all**: the plan and these", gib(whole.total)],
    ["**in all with `--recompute`**", gib(renewed.total)],
    ["**in all with `--precision mixed`**", gib(mixed.total)],
  ],
);
table(
  [
    "in all, GiB",
    "batch 128",
    "`--recompute`",
    "`--micro-batch 32`",
    "both",
    "batch 128 without sharing",
  ],
  [
    "lenet",
    "shallow",
    "resnet8",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "unresnet18",
    "googlenet",
  ].map((model) => {
    const memory = plan(model);
    return [
      model,
      gib(memory.total),
      gib(plan(model, { recompute: true }).total),
      gib(plan(model, { microBatch: 32 }).total),
      gib(plan(model, { recompute: true, microBatch: 32 }).total),
      gib(memory.total - memory.step + memory.naive),
    ];
  }),
);
