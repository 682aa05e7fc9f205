/** LeNet training in TensorFlow.js on its WebGPU backend (see README.md for the contestant interface). */
import "./webgpu-globals.mjs";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-webgpu";
// For its side effect: outside a bundler, no other package registers the gradients of all ops.
import "@tensorflow/tfjs-layers";
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

/** Parameters in TensorFlow's layouts: convolutions HWIO, linear layers [in, out], images flattened as H, W, C. */
function variables() {
  const initial = parameters();
  const result = {};
  const put = (name, { values, shape }) => {
    result[name] = tf.variable(tf.tensor(values, shape));
  };
  for (const [name, values] of Object.entries(initial)) {
    if (name.endsWith("bias")) put(name, { values, shape: shapes[name] });
    else if (name.startsWith("conv"))
      put(name, transpose(values, shapes[name], [2, 3, 1, 0]));
    else if (name !== "fc1.weight")
      put(name, transpose(values, shapes[name], [1, 0]));
    else {
      // Its 400 inputs are 16 channels of 5×5.
      const hwc = transpose(values, [120, 16, 5, 5], [2, 3, 1, 0]);
      put(name, { values: hwc.values, shape: [400, 120] });
    }
  }
  return result;
}

export async function setup({ batch }) {
  if (!(await tf.setBackend("webgpu"))) {
    throw new Error("TensorFlow.js could not start its WebGPU backend");
  }
  const { images, labels } = batchOf(batch);
  const nhwc = transpose(images, [batch, channels, size, size], [0, 2, 3, 1]);
  const x = tf.tensor(nhwc.values, nhwc.shape);
  const y = tf.tidy(() =>
    tf.cast(tf.oneHot(tf.tensor1d(labels, "int32"), classes), "float32"),
  );
  const p = variables();

  const conv = (input, name) =>
    tf.maxPool(
      tf.fused.conv2d({
        x: input,
        filter: p[`${name}.weight`],
        strides: 1,
        pad: "valid",
        bias: p[`${name}.bias`],
        activation: "relu",
      }),
      2,
      2,
      "valid",
    );
  const linear = (input, name, activation) =>
    tf.fused.matMul({
      a: input,
      b: p[`${name}.weight`],
      bias: p[`${name}.bias`],
      activation,
    });
  const loss = () => {
    const features = tf.reshape(conv(conv(x, "conv1"), "conv2"), [batch, 400]);
    const hidden = linear(linear(features, "fc1", "relu"), "fc2", "relu");
    return tf.losses.softmaxCrossEntropy(y, linear(hidden, "fc3", "linear"));
  };

  const optimizer = tf.train.momentum(learningRate, momentum);
  let last;
  return {
    name: "tfjs",
    version: tf.version_core,
    device: tf.backend().device,
    step() {
      last?.dispose();
      last = tf.tidy(() => optimizer.minimize(loss, true));
    },
    async sync() {
      return (await last.data())[0];
    },
  };
}
