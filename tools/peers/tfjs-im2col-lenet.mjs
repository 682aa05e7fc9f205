/**
 * TensorFlow.js as in tfjs-lenet.mjs, but with its option to build the convolutions' im2col matrix in a shader of its
 * own: faster than the default on Mesa's software adapter, so that tarnish is not compared with the slower setting alone.
 */
import "./webgpu-globals.mjs";
import * as tf from "@tensorflow/tfjs-core";
import { setup as setupDefault } from "./tfjs-lenet.mjs";

export async function setup(options) {
  tf.env().set("WEBGPU_CONV_SEPARATE_IM2COL_SHADER", true);
  return { ...(await setupDefault(options)), name: "tfjs (im2col)" };
}
