/**
 * Makes a batch from a dataset that stays on the GPU as bytes (`[image][3][S][S]`, planes R, G, B): picks the images by the
 * epoch's order, pads, crops, flips, distorts and normalises, and writes NHWC floats (4 channels, the fourth 0).
 *
 * Every choice is a counter-based function of (seed, epoch, image): words w0…w3 are block 0 and w4…w7 block 1 of the
 * stream (seed, augment, epoch, image). Rows start at ⌊unit(w0)·(2·pad+1)⌋ and columns at the same of w1 in the zero-padded
 * image; w2's lowest bit flips; brightness adds (2·unit(w4)−1)·63/255, then contrast scales by 0.2 + 1.6·unit(w5) about the
 * cropped channel's mean, unclamped, as in TensorFlow's CIFAR-10 tutorial on float images.
 *
 * A binding holds at most a few hundred MB, so the bytes come in chunks of `imagesPerChunk` images.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { elementwiseMain, repeat, storage } from "./common.js";
import { philox, Purpose } from "./random.wgsl.js";
import { stepUniform } from "./step.wgsl.js";

export interface LoadBatchOptions {
  readonly samples: number;
  readonly imageSize: number;
  readonly padding: number;
  readonly flip: boolean;
  /** Brightness and contrast distortion. */
  readonly distort: boolean;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly chunks: number;
  readonly imagesPerChunk: number;
}

/**
 * 1/x as a constant: WGSL rounds a product exactly but may be off by 2.5 units in a quotient, so that multiplying gives
 * every adapter the same pixels.
 */
function reciprocal(x: number): number {
  return Math.fround(1 / x);
}

/** The crop's top-left corner and flip of one image, and reading a cropped pixel (0…1, zero in the padding). */
function cropFunctions(o: LoadBatchOptions): string {
  const { imageSize: size, padding } = o;
  const bytes = 3 * size * size;
  const word = (chunk: number) => `images${chunk}[at / 4u]`;
  return wgsl`
fn read_byte(image: u32, offset: u32) -> f32 {
  let at = (image % ${o.imagesPerChunk}u) * ${bytes}u + offset;
  var word = ${word(0)};
#if ${o.chunks > 1}
  switch image / ${o.imagesPerChunk}u {
    ${repeat(o.chunks - 1, (i) => `case ${i + 1}u: { word = ${word(i + 1)}; }`)}
    default: {}
  }
#endif
  return f32((word >> (8u * (at % 4u))) & 255u) * ${reciprocal(255)};
}

struct Crop { top: i32, left: i32, flip: bool }

fn crop_of(image: u32) -> Crop {
#if ${padding === 0 && !o.flip}
  return Crop(0, 0, false);
#else
  let words = philox4x32(vec4<u32>(0u, image, step.epoch, ${Purpose.augment}u), step.seed);
  return Crop(
    i32(((words.x >> 8u) * ${2 * padding + 1}u) >> 24u) - ${padding},
    i32(((words.y >> 8u) * ${2 * padding + 1}u) >> 24u) - ${padding},
    ${o.flip ? "(words.z & 1u) == 1u" : "false"});
#endif
}

fn cropped(image: u32, crop: Crop, channel: u32, y: i32, x: i32) -> f32 {
  let row = y + crop.top;
  let column = select(x, ${size - 1} - x, crop.flip) + crop.left;
#if ${padding > 0}
  if (row < 0 || row >= ${size} || column < 0 || column >= ${size}) { return 0.0; }
#endif
  return read_byte(image, (channel * ${size}u + u32(row)) * ${size}u + u32(column));
}
`;
}

function declare(o: LoadBatchOptions, fixed: readonly string[]): string {
  return [...fixed, ...Array.from({ length: o.chunks }, (_, i) => `images${i}`)]
    .map((name, i) => storage(i, "read", name, "array<u32>"))
    .join("\n");
}

/**
 * Sample ids and labels of the batch. Bindings: 0 order, 1 labels of the data set, 2 step uniform, 3 ids, 4 batch labels.
 * Dispatch: elementwiseGrid(samples).
 */
export function selectBatch(samples: number): string {
  return `${storage(0, "read", "order", "array<u32>")}
${storage(1, "read", "labels", "array<u32>")}
${stepUniform(2)}
${storage(3, "read_write", "ids", "array<u32>")}
${storage(4, "read_write", "batch_labels", "array<u32>")}
${elementwiseMain(samples)}
  let image = order[step.offset + i];
  ids[i] = image;
  batch_labels[i] = labels[image];
}`;
}

/**
 * Means of the cropped channels, for contrast. Bindings: 0 ids, 1… byte chunks, then the step uniform, then
 * means `[samples][4]`. Dispatch: elementwiseGrid(samples·3).
 */
export function cropMeans(o: LoadBatchOptions): string {
  const { imageSize: size } = o;
  return `${declare(o, ["ids"])}
${stepUniform(1 + o.chunks)}
${storage(2 + o.chunks, "read_write", "means", "array<f32>")}
${philox}
${cropFunctions(o)}
${elementwiseMain(o.samples * 3)}
  let image = ids[i / 3u];
  let crop = crop_of(image);
  var sum = 0.0;
  for (var y = 0; y < ${size}; y++) {
    var row = 0.0;
    for (var x = 0; x < ${size}; x++) { row += cropped(image, crop, i % 3u, y, x); }
    sum += row;
  }
  means[(i / 3u) * 4u + i % 3u] = sum / ${size * size}.0;
}`;
}

/**
 * The pixels. Bindings: 0 ids, 1… byte chunks, then the step uniform, then means (only when distorting), last
 * x `[samples, S, S, 3]`. Dispatch: elementwiseGrid(samples·S·S).
 */
export function loadBatch(o: LoadBatchOptions): string {
  const { imageSize: size, mean, std } = o;
  const vector = (values: readonly number[]) =>
    `vec3<f32>(${values.join(", ")})`;
  return wgsl`${declare(o, ["ids"])}
${stepUniform(1 + o.chunks)}
#if ${o.distort}
${storage(2 + o.chunks, "read", "means")}
${storage(3 + o.chunks, "read_write", "x_out")}
#else
${storage(2 + o.chunks, "read_write", "x_out")}
#endif
${philox}
${cropFunctions(o)}
${elementwiseMain(o.samples * size * size)}
  let sample = i / ${size * size}u;
  let image = ids[sample];
  let crop = crop_of(image);
  let y = i32((i / ${size}u) % ${size}u);
  let x = i32(i % ${size}u);
  var value = vec3<f32>(cropped(image, crop, 0u, y, x), cropped(image, crop, 1u, y, x), cropped(image, crop, 2u, y, x));
#if ${o.distort}
  let words = philox4x32(vec4<u32>(1u, image, step.epoch, ${Purpose.augment}u), step.seed);
  let brightness = (2.0 * unit(words.x) - 1.0) * ${63 / 255};
  let contrast = 0.2 + 1.6 * unit(words.y);
  let centre = means[sample].xyz + brightness;
  value = (value + brightness - centre) * contrast + centre;
#endif
  x_out[i] = vec4<f32>((value - ${vector(mean)}) * ${vector(std.map(reciprocal))}, 0.0);
}`;
}
