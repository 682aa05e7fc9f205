/** jax-js on its WebGPU backend (see README.md for the contestant interface). */
import "./webgpu-globals.mjs";
import { createRequire } from "node:module";
import {
  blockUntilReady,
  defaultDevice,
  getWebGPUDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
  vjp,
} from "@jax-js/jax";
import {
  convolutionFlops,
  meanOf,
  modelOf,
  readProblem,
  transpose,
} from "./problem.mjs";

// The package's export map hides its package.json, which lies one folder above its main file.
const { version } = createRequire(import.meta.url)(
  createRequire(import.meta.url)
    .resolve("@jax-js/jax")
    .replace(/dist[\\/][^\\/]*$/, "package.json"),
);

export async function setup(task) {
  if (!(await init("webgpu")).includes("webgpu")) {
    throw new Error("jax-js could not start its WebGPU backend");
  }
  defaultDevice("webgpu");
  const tracks = await (task.kind === "training"
    ? training(task)
    : convolution(task));
  return { name: "jax-js", version, device: getWebGPUDevice(), tracks };
}

const array = ({ data, shape }) => np.array(data, { shape });

/** Parameters as [in, out] for linear layers, OIHW for convolutions; vectors of 4-D layers broadcast over H and W. */
function parametersOf(tensors) {
  const result = {};
  for (const [name, { data, shape }] of tensors) {
    if (name === "images" || name === "labels") continue;
    const weights = tensors.get(name.replace(/bias$/, "weight"));
    const linear = weights.shape.length === 2;
    if (linear && shape.length === 2) {
      const { values, shape: swapped } = transpose(data, shape, [1, 0]);
      result[name] = array({ data: values, shape: swapped });
    } else if (!linear && shape.length === 1)
      result[name] = array({ data, shape: [...shape, 1, 1] });
    else result[name] = array({ data, shape });
  }
  return result;
}

/**
 * An activation in NCHW (or [batch, features] behind a linear layer) under tarnish's NHWC shape. A function of jax-js owns
 * its arguments: what may be used again is passed as `.ref`.
 */
class Value {
  constructor(array) {
    this.array = array;
  }

  get shape() {
    const [n, c, h, w] = this.array.shape;
    return [n, h, w, c];
  }

  get use() {
    return this.array.ref;
  }
}

/** tarnish's layer builder on jax-js. */
class Network {
  /** New running statistics by name. */
  statistics = {};

  constructor(parameters, running) {
    this.parameters = parameters;
    this.running = running;
  }

  #parameter(name) {
    return this.parameters[name].ref;
  }

  conv2d(name, x, { stride = 1, padding = 0, bias = true }) {
    const y = lax.convGeneralDilated(
      x.use,
      this.#parameter(`${name}.weight`),
      [stride, stride],
      [
        [padding, padding],
        [padding, padding],
      ],
    );
    return new Value(bias ? y.add(this.#parameter(`${name}.bias`)) : y);
  }

  linear(name, x) {
    const [batch, ...rest] = x.array.shape;
    const features = x.use.reshape([batch, rest.reduce((a, b) => a * b, 1)]);
    const y = np.dot(features, this.#parameter(`${name}.weight`));
    return new Value(y.add(this.#parameter(`${name}.bias`)));
  }

  /** Batch statistics, and their share in the running ones, as PyTorch's training mode does. */
  batchNorm(name, x) {
    const { array } = x;
    const [n, , h, w] = array.shape;
    const over = [0, 2, 3];
    const mean = np.mean(x.use, over, { keepdims: true });
    const centred = x.use.sub(mean.ref);
    const variance = np.mean(centred.ref.mul(centred.ref), over, {
      keepdims: true,
    });
    const scale = np.reciprocal(np.sqrt(variance.ref.add(1e-5)));
    const follow = (part, value, factor) => {
      const key = `${name}.${part}`;
      this.statistics[key] = lax.stopGradient(
        this.running[key].ref.mul(0.9).add(value.mul(0.1 * factor)),
      );
    };
    follow("running_mean", mean, 1);
    follow("running_var", variance, (n * h * w) / (n * h * w - 1));
    return new Value(
      centred
        .mul(scale.mul(this.#parameter(`${name}.weight`)))
        .add(this.#parameter(`${name}.bias`)),
    );
  }

  relu(x) {
    return new Value(nn.relu(x.use));
  }

  add(a, b) {
    return new Value(a.use.add(b.use));
  }

  maxPool(x, { kernel, stride = kernel }) {
    return new Value(
      lax.reduceWindow(x.use, np.max, [kernel, kernel], [stride, stride]),
    );
  }

  globalAveragePool(x) {
    return new Value(np.mean(x.use, [2, 3], { keepdims: true }));
  }
}

async function training(task) {
  const { batch, classes, learningRate, momentum } = task;
  const model = modelOf(task);
  const tensors = readProblem(task);
  const images = array(tensors.get("images"));
  const labels = np.array(tensors.get("labels").data);
  let p = parametersOf(tensors);
  let velocity = tree.map((w) => np.zeros(w.shape), p);
  let running = {};
  for (const [name, { shape }] of tensors)
    if (name.endsWith(".weight") && shape.length === 1) {
      const layer = name.replace(/weight$/, "");
      running[`${layer}running_mean`] = np.zeros([...shape, 1, 1]);
      running[`${layer}running_var`] = np.ones([...shape, 1, 1]);
    }
  await blockUntilReady([images, labels, tree.ref(p), tree.ref(velocity)]);

  /** Mean cross-entropy of a batch, and the new running statistics. */
  const loss = (parameters, statistics, x, y) => {
    const network = new Network(parameters, statistics);
    const logits = model(network, new Value(x)).array.reshape([batch, classes]);
    const value = nn
      .logSoftmax(logits)
      .mul(nn.oneHot(y, classes))
      .sum()
      .mul(-1 / batch);
    return [value, network.statistics];
  };
  /** One step of SGD with momentum in PyTorch's form, compiled as a whole so that the update fuses too. */
  const train = jit((parameters, speed, statistics, x, y) => {
    const [[value, nextStatistics], gradient] = valueAndGrad(loss, {
      hasAux: true,
    })(tree.ref(parameters), statistics, x, y);
    const nextVelocity = tree.map(
      (v, g) => v.mul(momentum).add(g),
      speed,
      gradient,
    );
    const next = tree.map(
      (w, v) => w.sub(v.mul(learningRate)),
      parameters,
      tree.ref(nextVelocity),
    );
    return [value, next, nextVelocity, nextStatistics];
  });

  let last;
  let value;
  return [
    {
      name: "training",
      amount: batch,
      step() {
        last?.dispose();
        [last, p, velocity, running] = train(
          p,
          velocity,
          running,
          images.ref,
          labels.ref,
        );
      },
      async sync() {
        [value] = await last.ref.data();
      },
      value: () => value,
    },
  ];
}

async function convolution(task) {
  const { shape, passes } = task;
  const { stride, kernel } = shape;
  const tensors = readProblem(task);
  const x = array(tensors.get("x"));
  const weights = array(tensors.get("weights"));
  const dy = array(tensors.get("dy"));
  await blockUntilReady([x, weights, dy]);
  const padding = (kernel - 1) / 2;
  const conv = (image, filter) =>
    lax.convGeneralDilated(
      image,
      filter,
      [stride, stride],
      [
        [padding, padding],
        [padding, padding],
      ],
    );
  // A convolution's gradient does not need its value, which the compiler then drops.
  const compiled = {
    forward: jit((image, filter) => conv(image, filter)),
    dgrad: jit((image, filter, dz) => {
      const [y, pull] = vjp((input) => conv(input, filter), [image]);
      y.dispose?.();
      return pull(dz)[0];
    }),
    wgrad: jit((image, filter, dz) => {
      const [y, pull] = vjp((w) => conv(image, w), [filter]);
      y.dispose?.();
      return pull(dz)[0];
    }),
  };
  return passes.map((pass) => {
    // All are kept until they are there: work whose result is disposed of before it is submitted is never done.
    let results = [];
    return {
      name: pass,
      amount: convolutionFlops(shape),
      step() {
        results.push(
          pass === "forward"
            ? compiled.forward(x.ref, weights.ref)
            : compiled[pass](x.ref, weights.ref, dy.ref),
        );
      },
      sync: () => blockUntilReady(results),
      async value() {
        const [last] = results.slice(-1);
        for (const result of results) if (result !== last) result.dispose();
        results = [];
        return meanOf(await last.data());
      },
    };
  });
}
