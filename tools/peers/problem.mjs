/**
 * The one training problem that every contestant solves: LeNet on a fixed batch of noise with fixed labels.
 *
 * Weights start from the same numbers everywhere, so that the losses of two contestants agree to rounding as long as
 * both do the same work. Everything is in PyTorch's names and layouts; a contestant converts to its own.
 */

export const classes = 10;
export const learningRate = 0.05;
export const momentum = 0.9;
/** Height and width of an image, in pixels. */
export const size = 32;
/** Colour channels of an image. */
export const channels = 3;

/** Shapes in PyTorch's layouts: convolutions OIHW, linear layers [out, in], fc1's inputs flattened in the order C, H, W. */
export const shapes = {
  "conv1.weight": [6, 3, 5, 5],
  "conv1.bias": [6],
  "conv2.weight": [16, 6, 5, 5],
  "conv2.bias": [16],
  "fc1.weight": [120, 400],
  "fc1.bias": [120],
  "fc2.weight": [84, 120],
  "fc2.bias": [84],
  "fc3.weight": [10, 84],
  "fc3.bias": [10],
};

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

/**
 * Initial parameters by PyTorch's rule for convolutions and linear layers: uniform in ±1/√fan_in, biases too.
 *
 * @returns {Record<string, Float32Array>} by PyTorch's names, in `shapes`
 */
export function parameters() {
  const random = uniform(0x9e3779b9);
  const result = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const weightShape = shapes[name.replace("bias", "weight")];
    const bound = 1 / Math.sqrt(weightShape.slice(1).reduce((a, b) => a * b));
    result[name] = Float32Array.from(
      { length: shape.reduce((a, b) => a * b) },
      () => (2 * random() - 1) * bound,
    );
  }
  return result;
}

/**
 * One batch: standard normal pixels, labels 0…9 in turn.
 *
 * @param {number} count images in the batch
 * @returns {{ images: Float32Array, labels: Int32Array }} images as [count, 3, 32, 32] (NCHW)
 */
export function batchOf(count) {
  const random = uniform(0x243f6a88);
  const images = Float32Array.from(
    { length: count * channels * size * size },
    // Box and Muller's transform; 1 − u is never 0.
    () =>
      Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
  return {
    images,
    labels: Int32Array.from({ length: count }, (_, i) => i % classes),
  };
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
  const strides = shape.map((_, i) =>
    shape.slice(i + 1).reduce((a, b) => a * b, 1),
  );
  const newShape = axes.map((axis) => shape[axis]);
  const result = new Float32Array(values.length);
  const index = new Array(axes.length).fill(0);
  for (let i = 0; i < result.length; i++) {
    result[i] =
      values[axes.reduce((sum, axis, k) => sum + strides[axis] * index[k], 0)];
    for (let k = index.length - 1; k >= 0 && ++index[k] === newShape[k]; k--)
      index[k] = 0;
  }
  return { values: result, shape: newShape };
}
