/**
 * TensorFlow.js on its WebGPU backend (see README.md for the contestant interface). The option `im2col` builds the
 * convolutions' im2col matrix in a shader of its own: faster than the default on Mesa's software adapter, so that tarnish
 * is not compared with the slower setting alone.
 */
import "./webgpu-globals.mjs";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-webgpu";
// For its side effect: outside a bundler, no other package registers the gradients of all ops.
import "@tensorflow/tfjs-layers";
import {
  convolutionFlops,
  meanOf,
  modelOf,
  readProblem,
  transpose,
} from "./problem.mjs";

export async function setup(task) {
  const im2col = task.options.includes("im2col");
  if (im2col) tf.env().set("WEBGPU_CONV_SEPARATE_IM2COL_SHADER", true);
  if (!(await tf.setBackend("webgpu"))) {
    throw new Error("TensorFlow.js could not start its WebGPU backend");
  }
  return {
    name: im2col ? "tfjs (im2col)" : "tfjs",
    version: tf.version_core,
    device: tf.backend().device,
    tracks: task.kind === "training" ? training(task) : convolution(task),
  };
}

const tensor = ({ values, shape }) => tf.tensor(values, shape);
/** NCHW → NHWC, OIHW → HWIO. */
const nhwc = ({ data, shape }) => tensor(transpose(data, shape, [0, 2, 3, 1]));
const hwio = ({ data, shape }) => tensor(transpose(data, shape, [2, 3, 1, 0]));

/** An activation that is not computed yet: a ReLU that follows becomes part of the kernel. */
class Lazy {
  #compute;
  #tensor;

  constructor(compute) {
    this.#compute = compute;
  }

  get tensor() {
    return (this.#tensor ??= this.#compute("linear"));
  }

  relu() {
    return new Lazy(() => this.#compute("relu"));
  }

  get shape() {
    return this.tensor.shape;
  }
}

/** tarnish's layer builder on TensorFlow.js: activations NHWC, parameters as variables in TensorFlow's layouts. */
class Network {
  #tensors;
  variables = new Map();

  constructor(tensors) {
    this.#tensors = tensors;
  }

  #variable(name, make) {
    let variable = this.variables.get(name);
    if (!variable) {
      variable = tf.variable(make(this.#tensors.get(name)));
      this.variables.set(name, variable);
    }
    return variable;
  }

  #vector(name) {
    return this.#variable(name, ({ data, shape }) => tf.tensor(data, shape));
  }

  /** Statistics are no parameters: they start from constants and no gradient reaches them. */
  #statistic(name, channels, value) {
    let variable = this.variables.get(name);
    if (!variable) {
      variable = tf.variable(tf.fill([channels], value), false);
      this.variables.set(name, variable);
    }
    return variable;
  }

  conv2d(name, x, { stride = 1, padding = 0, bias = true }) {
    const filter = this.#variable(`${name}.weight`, hwio);
    return new Lazy((activation) =>
      tf.fused.conv2d({
        x: x.tensor,
        filter,
        strides: stride,
        pad: padding,
        dimRoundingMode: "floor",
        bias: bias ? this.#vector(`${name}.bias`) : undefined,
        activation,
      }),
    );
  }

  linear(name, x) {
    const [batch, h, w, c] = x.shape;
    const inputs = c === undefined ? h : h * w * c;
    const weights = this.#variable(`${name}.weight`, ({ data, shape }) => {
      const [out] = shape;
      // PyTorch flattens C, H, W; here it is H, W, C.
      const ordered =
        c === undefined
          ? transpose(data, shape, [1, 0])
          : transpose(data, [out, c, h, w], [2, 3, 1, 0]);
      return tf.tensor(ordered.values, [inputs, out]);
    });
    return new Lazy((activation) =>
      tf.fused.matMul({
        a: tf.reshape(x.tensor, [batch, inputs]),
        b: weights,
        bias: this.#vector(`${name}.bias`),
        activation,
      }),
    );
  }

  /** Batch statistics, and their share in the running ones, as PyTorch's training mode does. */
  batchNorm(name, x) {
    const channels = x.shape[3];
    const gamma = this.#vector(`${name}.weight`);
    const beta = this.#vector(`${name}.bias`);
    const mean = this.#statistic(`${name}.running_mean`, channels, 0);
    const variance = this.#statistic(`${name}.running_var`, channels, 1);
    const statistics = tf.moments(x.tensor, [0, 1, 2]);
    const values = x.tensor.size / channels;
    const follow = (running, value, scale) =>
      tf.tidy(() =>
        running.assign(
          tf.add(tf.mul(running, 0.9), tf.mul(value, 0.1 * scale)),
        ),
      );
    follow(mean, statistics.mean, 1);
    follow(variance, statistics.variance, values / (values - 1));
    const y = tf.batchNorm(
      x.tensor,
      statistics.mean,
      statistics.variance,
      beta,
      gamma,
      1e-5,
    );
    return lazy((activation) => (activation === "relu" ? tf.relu(y) : y));
  }

  relu(x) {
    return x.relu();
  }

  add(a, b) {
    const sum = tf.add(a.tensor, b.tensor);
    return lazy((activation) => (activation === "relu" ? tf.relu(sum) : sum));
  }

  maxPool(x, { kernel, stride = kernel }) {
    return lazy(() => tf.maxPool(x.tensor, kernel, stride, "valid"));
  }

  globalAveragePool(x) {
    return lazy(() => tf.mean(x.tensor, [1, 2], true));
  }
}

const lazy = (compute) => new Lazy(compute);

function training(task) {
  const { batch, classes, learningRate, momentum } = task;
  const tensors = readProblem(task);
  const x = nhwc(tensors.get("images"));
  const labels = tensors.get("labels").data;
  const y = tf.tidy(() =>
    tf.cast(tf.oneHot(tf.tensor1d(labels, "int32"), classes), "float32"),
  );
  const network = new Network(tensors);
  const model = modelOf(task);
  const loss = () => {
    const logits = model(
      network,
      lazy(() => x),
    ).tensor;
    return tf.losses.softmaxCrossEntropy(
      y,
      tf.reshape(logits, [batch, classes]),
    );
  };
  // Variables must exist before gradients are taken with respect to them.
  tf.tidy(() => void loss());
  for (const [name, variable] of network.variables)
    if (/running_mean$/.test(name)) variable.assign(tf.zerosLike(variable));
    else if (/running_var$/.test(name)) variable.assign(tf.onesLike(variable));
  const trainable = [...network.variables.values()].filter(
    (variable) => variable.trainable,
  );
  const optimizer = tf.train.momentum(learningRate, momentum);
  let last;
  let value;
  return [
    {
      name: "training",
      amount: batch,
      step() {
        last?.dispose();
        last = tf.tidy(() => optimizer.minimize(loss, true, trainable));
      },
      async sync() {
        [value] = await last.data();
      },
      value: () => value,
    },
  ];
}

function convolution(task) {
  const { shape, passes } = task;
  const { kernel, stride } = shape;
  // The backend holds back fifteen dispatches by default, and what is not submitted would not be waited for.
  tf.env().set("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE", 1);
  const tensors = readProblem(task);
  const x = nhwc(tensors.get("x"));
  const filter = hwio(tensors.get("weights"));
  const dy = nhwc(tensors.get("dy"));
  const attributes = {
    strides: stride,
    pad: (kernel - 1) / 2,
    dataFormat: "NHWC",
    dimRoundingMode: "floor",
  };
  // The kernels that the library's own gradients run.
  const run = {
    forward: () =>
      tf.conv2d(x, filter, stride, attributes.pad, "NHWC", 1, "floor"),
    dgrad: () =>
      tf
        .engine()
        .runKernel(
          "Conv2DBackpropInput",
          { dy, filter },
          { ...attributes, inputShape: x.shape },
        ),
    wgrad: () =>
      tf
        .engine()
        .runKernel(
          "Conv2DBackpropFilter",
          { x, dy },
          { ...attributes, filterShape: filter.shape },
        ),
  };
  return passes.map((pass) => {
    let result;
    return {
      name: pass,
      amount: convolutionFlops(shape),
      step() {
        result?.dispose();
        result = run[pass]();
      },
      sync: () => tf.backend().device.queue.onSubmittedWorkDone(),
      value: async () => meanOf(await result.data()),
    };
  });
}
