/**
 * GoogLeNet (Szegedy et al., "Going deeper with convolutions", 2015, table 1) in its common CIFAR form: three 3×3
 * convolutions for a stem, batch norm after every convolution, two 3×3 convolutions in place of each 5×5.
 */
import type { Model, Network, Tensor } from "../engine/index.js";
import { convBatchNorm } from "./layers.js";
import { type ModelOptions, scaleChannels } from "./options.js";

/** Output channels of each convolution of a module's branches: 1×1 | 1×1, 3×3 | 1×1, 5×5 (as 3×3, 3×3) | pool, 1×1. */
type Branches = readonly [
  one: number,
  reduce3: number,
  three: number,
  reduce5: number,
  five: number,
  pool: number,
];

/** Modules in order; `pool` halves height and width. */
// prettier-ignore
const modules: readonly (readonly [name: string, channels: Branches] | "pool")[] = [
  ["a3", [64, 96, 128, 16, 32, 32]],
  ["b3", [128, 128, 192, 32, 96, 64]],
  "pool",
  ["a4", [192, 96, 208, 16, 48, 64]],
  ["b4", [160, 112, 224, 24, 64, 64]],
  ["c4", [128, 128, 256, 24, 64, 64]],
  ["d4", [112, 144, 288, 32, 64, 64]],
  ["e4", [256, 160, 320, 32, 128, 128]],
  "pool",
  ["a5", [256, 160, 320, 32, 128, 128]],
  ["b5", [384, 192, 384, 48, 128, 128]],
];

export function googlenet(classes: number, { width }: ModelOptions): Model {
  const scale = (channels: number) => scaleChannels(channels, width);
  return (net, x) => {
    x = chain(net, "prelayer", 0, x, [
      [3, scale(64)],
      [3, scale(64)],
      [3, scale(192)],
    ]);
    for (const module of modules) {
      x =
        module === "pool"
          ? net.maxPool(x, { kernel: 3, stride: 2, padding: 1 })
          : inception(net, module[0], x, module[1].map(scale));
    }
    x = net.dropout(net.globalAveragePool(x), 0.4);
    return net.linear("linear", x, { out: classes });
  };
}

function inception(
  net: Network,
  name: string,
  x: Tensor,
  channels: readonly number[],
): Tensor {
  const [one, reduce3, three, reduce5, five, pool] =
    channels as unknown as Branches;
  const pooled = net.maxPool(x, { kernel: 3, stride: 1, padding: 1 });
  return net.concat(
    chain(net, `${name}.b1`, 0, x, [[1, one]]),
    chain(net, `${name}.b2`, 0, x, [
      [1, reduce3],
      [3, three],
    ]),
    chain(net, `${name}.b3`, 0, x, [
      [1, reduce5],
      [3, five],
      [3, five],
    ]),
    // The pool is module 0 of the branch.
    chain(net, `${name}.b4`, 1, pooled, [[1, pool]]),
  );
}

/**
 * Convolution, batch norm, ReLU for each (kernel, channels): an `nn.Sequential` under `name`, whose modules count from
 * `first`; the ReLU has a number, too.
 */
function chain(
  net: Network,
  name: string,
  first: number,
  x: Tensor,
  layers: readonly (readonly [kernel: number, out: number])[],
): Tensor {
  layers.forEach(([kernel, out], i) => {
    const module = first + 3 * i;
    x = net.relu(
      convBatchNorm(net, x, {
        conv: `${name}.${module}`,
        bn: `${name}.${module + 1}`,
        out,
        kernel,
      }),
    );
  });
  return x;
}
