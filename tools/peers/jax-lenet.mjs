/** LeNet training in jax-js on its WebGPU backend (see README.md for the contestant interface). */
import "./webgpu-globals.mjs";
import { createRequire } from "node:module";
import {
  defaultDevice,
  getWebGPUDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
  blockUntilReady,
} from "@jax-js/jax";
import {
  batchOf,
  channels,
  classes,
  learningRate,
  momentum,
  parameters,
  shapes,
  size,
  transpose,
} from "./problem.mjs";

// The package's export map hides its package.json, which lies one folder above its main file.
const { version } = createRequire(import.meta.url)(
  createRequire(import.meta.url)
    .resolve("@jax-js/jax")
    .replace(/dist[\\/][^\\/]*$/, "package.json"),
);

/** Parameters as [in, out] for linear layers, OIHW for convolutions (whose biases broadcast over H and W). */
function arrays() {
  const result = {};
  for (const [name, initial] of Object.entries(parameters())) {
    const convolution = name.startsWith("conv");
    let values = initial;
    let shape = shapes[name];
    if (convolution && name.endsWith("bias")) shape = [...shape, 1, 1];
    if (!convolution && name.endsWith("weight"))
      ({ values, shape } = transpose(values, shape, [1, 0]));
    result[name] = np.array(values, { shape });
  }
  return result;
}

// In jax-js a function owns its arguments: what is used again later is passed as `.ref`.
const conv = (x, p, name) =>
  lax.reduceWindow(
    nn.relu(
      lax
        .convGeneralDilated(x, p[`${name}.weight`], [1, 1], "VALID")
        .add(p[`${name}.bias`]),
    ),
    np.max,
    [2, 2],
    [2, 2],
  );
const linear = (x, p, name) =>
  np.dot(x, p[`${name}.weight`]).add(p[`${name}.bias`]);

/** Mean cross-entropy of a batch; images [N, 3, 32, 32], labels [N]. */
function loss(p, images, labels) {
  const count = labels.shape[0];
  const features = conv(conv(images, p, "conv1"), p, "conv2").reshape([
    count,
    400,
  ]);
  const hidden = nn.relu(linear(nn.relu(linear(features, p, "fc1")), p, "fc2"));
  return nn
    .logSoftmax(linear(hidden, p, "fc3"))
    .mul(nn.oneHot(labels, classes))
    .sum()
    .mul(-1 / count);
}

/** One step of SGD with momentum in PyTorch's form, compiled as a whole so that the update fuses too. */
const train = jit((p, velocity, images, labels) => {
  const [value, gradient] = valueAndGrad(loss)(tree.ref(p), images, labels);
  const nextVelocity = tree.map(
    (v, g) => v.mul(momentum).add(g),
    velocity,
    gradient,
  );
  const next = tree.map(
    (w, v) => w.sub(v.mul(learningRate)),
    p,
    tree.ref(nextVelocity),
  );
  return [value, next, nextVelocity];
});

export async function setup({ batch }) {
  if (!(await init("webgpu")).includes("webgpu")) {
    throw new Error("jax-js could not start its WebGPU backend");
  }
  defaultDevice("webgpu");
  const data = batchOf(batch);
  const images = np.array(data.images, {
    shape: [batch, channels, size, size],
  });
  const labels = np.array(data.labels);
  let p = arrays();
  let velocity = tree.map((w) => np.zeros(w.shape), p);
  await blockUntilReady([images, labels, tree.ref(p), tree.ref(velocity)]);

  let last;
  return {
    name: "jax-js",
    version,
    device: getWebGPUDevice(),
    step() {
      last?.dispose();
      [last, p, velocity] = train(p, velocity, images.ref, labels.ref);
    },
    async sync() {
      return (await last.ref.data())[0];
    },
  };
}
