/**
 * Residual networks (He et al., "Deep residual learning for image recognition", 2016, table 1) under torchvision's module
 * names. As in torchvision, a bottleneck's stride is on its 3×3 convolution.
 */
import type { Model, Network, Tensor } from "../engine/index.js";
import { convBatchNorm } from "./layers.js";
import {
  defaultStem,
  type ModelOptions,
  scaleChannels,
  type Stem,
} from "./options.js";

/** The part of a block beside the shortcut; the last batch norm is not followed by a ReLU. */
interface Block {
  /** Output channels of the block for each channel of its 3×3 convolutions. */
  readonly expansion: number;
  /** Kernel size of each convolution. */
  readonly kernels: readonly number[];
  /** Which convolution, counted from 1, has the block's stride. */
  readonly strided: number;
}

const basic: Block = { expansion: 1, kernels: [3, 3], strided: 1 };
const bottleneck: Block = { expansion: 4, kernels: [1, 3, 1], strided: 2 };

interface Architecture {
  readonly block: Block;
  /** Blocks of each stage; every stage after the first halves height and width. */
  readonly blocks: readonly number[];
  /** Channels of each stage's 3×3 convolutions; the stem has as many as the first stage. */
  readonly channels: readonly number[];
  /** False: no additions and no downsample modules; the rest keeps its names. */
  readonly shortcuts?: boolean;
}

const stages = [64, 128, 256, 512];

// prettier-ignore
const architectures = {
  resnet8: { block: basic, blocks: [1, 1, 1], channels: [16, 32, 64] },
  resnet18: { block: basic, blocks: [2, 2, 2, 2], channels: stages },
  resnet34: { block: basic, blocks: [3, 4, 6, 3], channels: stages },
  resnet50: { block: bottleneck, blocks: [3, 4, 6, 3], channels: stages },
  resnet101: { block: bottleneck, blocks: [3, 4, 23, 3], channels: stages },
  resnet152: { block: bottleneck, blocks: [3, 8, 36, 3], channels: stages },
  unresnet18: { block: basic, blocks: [2, 2, 2, 2], channels: stages, shortcuts: false },
} as const satisfies Record<string, Architecture>;

export type ResnetName = keyof typeof architectures;

export function resnet(
  name: ResnetName,
  classes: number,
  { width, stem = defaultStem }: ModelOptions,
): Model {
  const {
    block,
    blocks,
    channels,
    shortcuts = true,
  }: Architecture = architectures[name];
  return (net, x) => {
    x = stemOf(net, x, scaleChannels(channels[0]!, width), stem);
    blocks.forEach((count, stage) => {
      const out = scaleChannels(channels[stage]!, width);
      for (let i = 0; i < count; i++) {
        const layer = `layer${stage + 1}.${i}`;
        const stride = stage > 0 && i === 0 ? 2 : 1;
        const y = branch(net, layer, x, block, out, stride);
        x = net.relu(
          shortcuts ? net.add(y, shortcut(net, layer, x, y, stride)) : y,
        );
      }
    });
    return net.linear("fc", net.globalAveragePool(x), { out: classes });
  };
}

function stemOf(net: Network, x: Tensor, out: number, stem: Stem): Tensor {
  const names = { conv: "conv1", bn: "bn1", out };
  if (stem === "cifar")
    return net.relu(convBatchNorm(net, x, { ...names, kernel: 3 }));
  x = net.relu(convBatchNorm(net, x, { ...names, kernel: 7, stride: 2 }));
  return net.maxPool(x, { kernel: 3, stride: 2, padding: 1 });
}

function branch(
  net: Network,
  layer: string,
  x: Tensor,
  { expansion, kernels, strided }: Block,
  channels: number,
  stride: number,
): Tensor {
  kernels.forEach((kernel, i) => {
    const last = i === kernels.length - 1;
    x = convBatchNorm(net, x, {
      conv: `${layer}.conv${i + 1}`,
      bn: `${layer}.bn${i + 1}`,
      out: last ? channels * expansion : channels,
      kernel,
      stride: i + 1 === strided ? stride : 1,
    });
    if (!last) x = net.relu(x);
  });
  return x;
}

/** The block's input, through a 1×1 convolution where its shape is not that of the branch's result y. */
function shortcut(
  net: Network,
  layer: string,
  x: Tensor,
  y: Tensor,
  stride: number,
): Tensor {
  const out = y.shape[3];
  if (stride === 1 && x.shape[3] === out) return x;
  return convBatchNorm(net, x, {
    conv: `${layer}.downsample.0`,
    bn: `${layer}.downsample.1`,
    out,
    kernel: 1,
    stride,
  });
}
