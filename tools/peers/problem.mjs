/**
 * The problems that every contestant solves, written to a file that all of them read: a training on a fixed batch of noise
 * with fixed labels, or a convolution of fixed numbers.
 *
 * Weights start from the same numbers everywhere, so that the results of two contestants agree to rounding as long as both
 * do the same work. Everything is in PyTorch's names and layouts (convolutions OIHW, linear layers [out, in], images NCHW);
 * a contestant converts to its own.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  decodeSafetensors,
  encodeSafetensors,
} from "../../dist/src/engine/safetensors.js";
import { Graph } from "../../dist/src/engine/graph.js";
import { Network, ParameterStore } from "../../dist/src/engine/index.js";
import { buildModel } from "../../dist/src/models/registry.js";

export const classes = 10;
export const learningRate = 0.05;
export const momentum = 0.9;
/** Height and width of an image, in pixels. */
export const size = 32;
/** Colour channels of an image. */
export const channels = 3;

/** tarnish's definition of a model, `(net, x) => logits`: contestants run it on a `net` of their own. */
export function modelOf({ model }) {
  return buildModel(model, classes);
}

/** Shapes of a model's parameters by PyTorch's names. */
function parameterShapes(task) {
  const graph = new Graph();
  const store = new ParameterStore();
  const external = (name, shape, layout) =>
    graph.external(name, shape, layout, { kind: "resource", name });
  const words = (name) => external(name, [1, 1, 1, 1], "words");
  const context = { ids: words("ids"), step: words("step") };
  const x = external("x", [1, size, size, channels], "nhwc");
  modelOf(task)(new Network(graph, store, true, context), x);
  return store.specs.filter(({ role }) => role === "parameter");
}

/** Uniform numbers in [0, 1) from a 32-bit seed: Marsaglia's xorshift32 ("Xorshift RNGs", 2003). */
function uniform(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const count = (shape) => shape.reduce((a, b) => a * b, 1);
const f32 = (shape, value) => ({
  dtype: "F32",
  shape,
  data: Float32Array.from({ length: count(shape) }, value),
});

/**
 * Initial parameters by PyTorch's rules: uniform in ±1/√fan_in for convolutions and linear layers, biases too; batch
 * norm's weights 1 and its biases 0.
 */
function parameters(task) {
  const random = uniform(0x9e3779b9);
  const specs = parameterShapes(task);
  const shapes = new Map(specs.map((spec) => [spec.name, spec.torchShape]));
  return specs.map(({ name, torchShape }) => {
    const weights = shapes.get(name.replace(/bias$/, "weight"));
    if (weights.length === 1)
      return [name, f32(torchShape, () => Number(name.endsWith("weight")))];
    const bound = 1 / Math.sqrt(count(weights.slice(1)));
    return [name, f32(torchShape, () => (2 * random() - 1) * bound)];
  });
}

/** Standard normal pixels, labels 0…9 in turn. */
function batch(images) {
  const random = uniform(0x243f6a88);
  // Box and Muller's transform; 1 − u is never 0.
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const labels = Int32Array.from({ length: images }, (_, i) => i % classes);
  return [
    ["images", f32([images, channels, size, size], normal)],
    ["labels", { dtype: "I32", shape: [images], data: labels }],
  ];
}

/** A convolution's tensors: numbers in [0, 1), so that the mean of a result says something. */
function convolution({ x: [n, h, w, c], kernel, out, stride }) {
  const random = uniform(0x243f6a88);
  const [oh, ow] = [Math.ceil(h / stride), Math.ceil(w / stride)];
  return [
    ["x", f32([n, c, h, w], random)],
    ["weights", f32([out, c, kernel, kernel], random)],
    ["dy", f32([n, out, oh, ow], random)],
  ];
}

/** Writes a task's tensors; returns the task with the path of the file, and what removes it. */
export function writeProblem(task) {
  const folder = mkdtempSync(join(tmpdir(), "tarnish-peers-"));
  const problem = join(folder, "problem.safetensors");
  const tensors =
    task.kind === "training"
      ? [...parameters(task), ...batch(task.batch)]
      : convolution(task.shape);
  writeFileSync(problem, encodeSafetensors(new Map(tensors)));
  const settings = { classes, learningRate, momentum };
  return {
    task: { ...task, ...settings, problem },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** The tensors of a task by name: `{ data, shape }`. */
export function readProblem({ problem }) {
  return decodeSafetensors(readFileSync(problem)).tensors;
}

/** Operations of one pass over a convolution (forward, input or weight gradient), two per multiply-add. */
export function convolutionFlops({ x: [n, h, w, c], kernel, out, stride }) {
  const pixels = n * Math.ceil(h / stride) * Math.ceil(w / stride);
  return 2 * pixels * kernel * kernel * c * out;
}

/** Mean of numbers, for comparing results. */
export function meanOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Reorders the axes of a dense row-major array.
 *
 * @param {Float32Array} values
 * @param {number[]} shape of `values`
 * @param {number[]} axes which old axis each new axis is
 * @returns {{ values: Float32Array, shape: number[] }}
 */
export function transpose(values, shape, axes) {
  const strides = shape.map((_, i) => count(shape.slice(i + 1)));
  const newShape = axes.map((axis) => shape[axis]);
  const newStrides = axes.map((axis) => strides[axis]);
  const result = new Float32Array(values.length);
  const index = new Array(axes.length).fill(0);
  let at = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = values[at];
    for (let k = index.length - 1; k >= 0; k--) {
      at += newStrides[k];
      if (++index[k] < newShape[k]) break;
      at -= newStrides[k] * newShape[k];
      index[k] = 0;
    }
  }
  return { values: result, shape: newShape };
}
