/** Layers that several models are made of. */
import type { Network, Tensor } from "../engine/index.js";

export interface ConvBatchNorm {
  /** Names of the two modules. */
  readonly conv: string;
  readonly bn: string;
  /** Output channels. */
  readonly out: number;
  /** Odd; the padding keeps the size at stride 1. */
  readonly kernel: number;
  readonly stride?: number;
}

/** A convolution without bias and its batch norm. */
export function convBatchNorm(
  net: Network,
  x: Tensor,
  { conv, bn, out, kernel, stride = 1 }: ConvBatchNorm,
): Tensor {
  const padding = (kernel - 1) / 2;
  return net.batchNorm(
    bn,
    net.conv2d(conv, x, { out, kernel, stride, padding, bias: false }),
  );
}
