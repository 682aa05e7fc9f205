/** ResNet-152 at width 1, the net of the dirty-data study, whole: one training step on two images. */
import { expect, it } from "vitest";
import { cifarNormalisation } from "../../src/data/normalisation.js";
import { ImageSource } from "../../src/engine/image-source.js";
import { Session } from "../../src/engine/session.js";
import { buildModel } from "../../src/models/registry.js";
import { testDevice } from "../engine/harness.js";
import { readRecords } from "./golden.js";

const batch = 2;
const seconds = (since: number) =>
  `${((performance.now() - since) / 1000).toFixed(1)} s`;
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

it("ResNet-152 does one full training step at batch 2", async () => {
  const device = await testDevice();
  const images = await ImageSource.upload(device, {
    ...(await readRecords(batch)),
    imageSize: 32,
    ...cifarNormalisation.cifar10,
  });
  const compiling = performance.now();
  const session = await Session.create(device, {
    model: buildModel("resnet152", 100),
    source: { kind: "images", images },
    batch,
    optimizer: { momentum: 0.9, weightDecay: 5e-4 },
  });
  const { store, memory } = session;
  expect(store.parameterCount).toBe(58_341_028);
  const before = await store.read(device);
  const compiled = seconds(compiling);

  const stepping = performance.now();
  await session.train({ step: 1, learningRate: 0.1 });
  const loss = await session.loss(1);
  const stepped = seconds(stepping);

  // A hundred classes and weights that know nothing: about ln 100, with some spread.
  expect(Math.abs(loss - Math.log(100))).toBeLessThan(1.5);
  const after = await store.read(device);
  const unchanged: string[] = [];
  for (const [name, values] of after) {
    expect(values.every(Number.isFinite), name).toBe(true);
    const old = before.get(name)!;
    if (values.every((value, i) => value === old[i])) unchanged.push(name);
  }
  expect(unchanged).toEqual([]);
  console.log(
    `ResNet-152, width 1, batch ${batch} on ${device.adapterName}: create ${compiled}, first step ${stepped}; ` +
      `plan ${mebibytes(memory.plan)}, parameters with gradients and momentum ${mebibytes(memory.parameters)}, ` +
      `process at most ${mebibytes(process.resourceUsage().maxRSS * 1024)}`,
  );
  session.destroy();
  images.destroy();
});
