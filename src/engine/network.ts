/**
 * The layer builder that a model is written in: each call appends ops to a graph and declares parameters under PyTorch's
 * names. A model is a function `(net, x) => logits`; the same function is traced for training and for evaluation.
 */
import { ShapeError } from "./errors.js";
import { Graph } from "./graph.js";
import { add } from "./ops/add.js";
import { batchNorm } from "./ops/batch-norm.js";
import { concat } from "./ops/concat.js";
import { conv2d } from "./ops/conv2d.js";
import { dropout } from "./ops/dropout.js";
import { averagePool, globalAveragePool, maxPool } from "./ops/pool.js";
import { relu } from "./ops/relu.js";
import type { ParameterSpec, ParameterStore } from "./parameters.js";
import { formatShape, type Shape, type Tensor } from "./tensor.js";

/** A model: from images `[n, h, w, c]` to logits `[n, 1, 1, classes]`. */
export type Model = (net: Network, x: Tensor) => Tensor;

export interface Conv2dOptions {
  /** Output channels. */
  readonly out: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly bias?: boolean;
}

export interface PoolOptions {
  readonly kernel: number;
  /** Defaults to the kernel, as in PyTorch. */
  readonly stride?: number;
  readonly padding?: number;
}

/**
 * What a model calls to add its layers. Shapes are NHWC, `[n, h, w, c]`; a layer's name is the prefix of its parameters in
 * files, as PyTorch's modules have it.
 */
export class Network {
  #dropouts = 0;
  /** Of parameters: a gradient has one place, so one layer each. */
  readonly #names = new Set<string>();

  constructor(
    readonly graph: Graph,
    readonly store: ParameterStore,
    readonly training: boolean,
    /** Sample ids and the step uniform: what dropout's mask depends on. */
    private readonly context: { readonly ids: Tensor; readonly step: Tensor },
    /** Batch norm in training normalises with its running statistics and leaves them as they are. */
    private readonly frozenBatchNorm = false,
  ) {}

  #parameter(spec: ParameterSpec): Tensor {
    if (this.#names.has(spec.name))
      throw new ShapeError(
        `two layers have a parameter named ${spec.name}; give each layer a name of its own`,
      );
    this.#names.add(spec.name);
    const { name, shape, layout, role } = this.store.declare(spec);
    return this.graph.external(name, shape, layout, { kind: role, name });
  }

  #weight(name: string, shape: Shape, torchShape: readonly number[]): Tensor {
    const [kh, kw, cin] = shape;
    // kaiming_uniform_(a=√5) comes out as U(±1/√fanIn): torch.nn.Conv2d and Linear.
    const initial = {
      kind: "uniform",
      bound: 1 / Math.sqrt(kh * kw * cin),
    } as const;
    return this.#parameter({
      name: `${name}.weight`,
      role: "parameter",
      shape,
      layout: "weight",
      torchShape,
      initial,
    });
  }

  #vector(
    name: string,
    length: number,
    initial: ParameterSpec["initial"],
    role: ParameterSpec["role"] = "parameter",
  ): Tensor {
    return this.#parameter({
      name,
      role,
      shape: [1, 1, 1, length],
      layout: "vector",
      torchShape: [length],
      initial,
    });
  }

  #convolve(
    name: string,
    x: Tensor,
    shape: Shape,
    torchShape: readonly number[],
    stride: number,
    padding: number,
    bias: boolean,
  ) {
    const [kh, kw, cin, out] = shape;
    const inputs = [x, this.#weight(name, shape, torchShape)];
    if (bias)
      inputs.push(
        this.#vector(`${name}.bias`, out, {
          kind: "uniform",
          bound: 1 / Math.sqrt(kh * kw * cin),
        }),
      );
    return this.graph.apply(conv2d, inputs, { stride, padding });
  }

  /**
   * `torch.nn.Conv2d`: square kernel, symmetric zero padding. x `[n, h, w, c]` → `[n, oh, ow, out]`.
   *
   * @throws ShapeError where the kernel does not fit x, or another layer has this name
   */
  conv2d(
    name: string,
    x: Tensor,
    { out, kernel, stride = 1, padding = 0, bias = true }: Conv2dOptions,
  ): Tensor {
    const cin = x.shape[3];
    return this.#convolve(
      name,
      x,
      [kernel, kernel, cin, out],
      [out, cin, kernel, kernel],
      stride,
      padding,
      bias,
    );
  }

  /**
   * `torch.nn.Linear` on x flattened in PyTorch's order (C, H, W): a convolution whose kernel covers all of x.
   * x `[n, h, w, c]` → `[n, 1, 1, out]`.
   *
   * @throws ShapeError where another layer has this name
   */
  linear(
    name: string,
    x: Tensor,
    { out, bias = true }: { readonly out: number; readonly bias?: boolean },
  ): Tensor {
    const [, h, w, c] = x.shape;
    return this.#convolve(
      name,
      x,
      [h, w, c, out],
      [out, c * h * w],
      1,
      0,
      bias,
    );
  }

  /**
   * `torch.nn.BatchNorm2d`: eps 1e-5, momentum 0.1; batch statistics in training, running ones in evaluation. Of x's shape.
   *
   * @throws ShapeError where training has a single value per channel, or another layer has this name
   */
  batchNorm(name: string, x: Tensor): Tensor {
    const channels = x.shape[3];
    const vector = (part: string, value: number, role: ParameterSpec["role"]) =>
      this.#vector(
        `${name}.${part}`,
        channels,
        { kind: "constant", value },
        role,
      );
    const inputs = [
      x,
      vector("weight", 1, "parameter"),
      vector("bias", 0, "parameter"),
      vector("running_mean", 0, "state"),
      vector("running_var", 1, "state"),
    ];
    return this.graph.add(batchNorm, inputs, {
      training: this.training,
      frozen: this.frozenBatchNorm,
    })[0]!;
  }

  /** max(x, 0), of x's shape. */
  relu(x: Tensor): Tensor {
    return this.graph.apply(relu, [x], {});
  }

  /**
   * a + b, of one shape.
   *
   * @throws ShapeError where the shapes differ
   */
  add(a: Tensor, b: Tensor): Tensor {
    return this.graph.apply(add, [a, b], {});
  }

  /**
   * Concatenation along channels: `[n, h, w, c1]`, `[n, h, w, c2]`, … → `[n, h, w, c1 + c2 + …]`.
   *
   * @throws ShapeError where the inputs differ in more than channels, or there are none
   */
  concat(...inputs: readonly Tensor[]): Tensor {
    return this.graph.apply(concat, inputs, {});
  }

  /**
   * `torch.nn.MaxPool2d`: `[n, h, w, c]` → `[n, oh, ow, c]` with oh = ⌊(h + 2·padding − kernel) / stride⌋ + 1, ow likewise.
   *
   * @throws ShapeError where the kernel does not fit x or is larger than 16, or the padding is more than half of it
   */
  maxPool(
    x: Tensor,
    { kernel, stride = kernel, padding = 0 }: PoolOptions,
  ): Tensor {
    return this.graph.add(maxPool, [x], { kernel, stride, padding })[0]!;
  }

  /**
   * `torch.nn.AvgPool2d`, shapes as of `maxPool`; padding counts in the mean, as in PyTorch's default.
   *
   * @throws ShapeError as `maxPool` does
   */
  averagePool(
    x: Tensor,
    { kernel, stride = kernel, padding = 0 }: PoolOptions,
  ): Tensor {
    return this.graph.apply(averagePool, [x], { kernel, stride, padding });
  }

  /** Mean over H and W: `[n, h, w, c]` → `[n, 1, 1, c]`. */
  globalAveragePool(x: Tensor): Tensor {
    return this.graph.apply(globalAveragePool, [x], {});
  }

  /**
   * Zeroes a share p of the values and scales the rest by 1/(1−p); the identity in evaluation. Of x's shape.
   *
   * @throws ShapeError where p is not in [0, 1)
   */
  dropout(x: Tensor, p: number): Tensor {
    if (!this.training || p === 0) return x;
    return this.graph.apply(dropout, [x, this.context.ids, this.context.step], {
      p,
      layer: this.#dropouts++,
    });
  }
}

/** @throws ShapeError where a model's result is no batch of logits */
export function checkLogits(logits: Tensor, samples: number): void {
  const [n, h, w] = logits.shape;
  if (n !== samples || h !== 1 || w !== 1) {
    throw new ShapeError(
      `a model must return logits [${samples}, 1, 1, classes], got ${formatShape(logits.shape)}`,
    );
  }
}
