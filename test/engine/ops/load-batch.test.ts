import { describe, expect, it } from "vitest";
import type { LoadBatchOptions } from "../../../shaders/load-batch.wgsl.js";
import { loadBatch, selectBatch } from "../../../src/engine/ops/load-batch.js";
import { RandomStream } from "../../../src/engine/random.js";
import { encodeStep } from "../../../src/engine/step.js";
import { augment, type AugmentKind } from "../../reference/augment.js";
import { map } from "../../reference/tensor.js";
import { Compiled, factor, wordsInput } from "../harness.js";

const kinds: Record<
  AugmentKind,
  Pick<LoadBatchOptions, "padding" | "flip" | "distort">
> = {
  none: { padding: 0, flip: false, distort: false },
  standard: { padding: 4, flip: true, distort: false },
  study: { padding: 2, flip: true, distort: true },
};

const mean = [0.4914, 0.4822, 0.4465] as const;
const std = [0.247, 0.2435, 0.2616] as const;
/** Words in both halves of the key. */
const seed = 3 * 2 ** 32 + 17;

/** Bytes as words, the last word filled up with 255 so that a stray read shows. */
function bytesAsWords(bytes: Uint8Array): Uint32Array {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4).fill(255);
  padded.set(bytes);
  return new Uint32Array(padded.buffer);
}

describe("selectBatch and loadBatch", () => {
  it.each([
    // 75 bytes an image: words straddle images. Chunks of 3, 3 and 1.
    { kind: "none", size: 5, images: 7, imagesPerChunk: 3 },
    { kind: "standard", size: 5, images: 7, imagesPerChunk: 3 },
    { kind: "study", size: 5, images: 7, imagesPerChunk: 3 },
    { kind: "study", size: 12, images: 4, imagesPerChunk: 4 },
  ] as const)(
    "$kind augmentation of $images images of $size×$size in chunks of $imagesPerChunk",
    async ({ kind, size, images, imagesPerChunk }) => {
      const stream = new RandomStream(1, 99);
      const perImage = 3 * size * size;
      const bytes = Uint8Array.from({ length: images * perImage }, () =>
        stream.integer(256),
      );
      const chunks = Math.ceil(images / imagesPerChunk);
      const order = Array.from({ length: 10 }, (_, i) => (i * 3 + 1) % images);
      const labels = Array.from({ length: images }, (_, i) => 100 + i);
      const samples = 4;
      const step = (epoch: number, offset: number) =>
        encodeStep({
          seed,
          step: 9,
          epoch,
          offset,
          samples: 1,
          continues: false,
          logSlot: 1,
          learningRate: 0.5,
          firstStep: false,
        });
      const compiled = await Compiled.make(
        [
          wordsInput(order),
          wordsInput(labels),
          wordsInput(step(1, 0)),
          ...Array.from({ length: chunks }, (_, i) =>
            wordsInput(
              bytesAsWords(
                bytes.subarray(
                  i * imagesPerChunk * perImage,
                  (i + 1) * imagesPerChunk * perImage,
                ),
              ),
            ),
          ),
        ],
        (graph, [orderOf, labelsOf, uniform, ...sources]) => {
          const selected = graph.add(
            selectBatch,
            [orderOf!, labelsOf!, uniform!],
            { samples },
          );
          const x = graph.apply(
            loadBatch,
            [selected[0]!, uniform!, ...sources],
            {
              ...kinds[kind],
              samples,
              imageSize: size,
              mean,
              std,
              chunks,
              imagesPerChunk,
            },
          );
          return [x, ...selected];
        },
      );
      const [xTensor, idsTensor, labelsTensor] = compiled.outputs;
      const seen = new Set<string>();
      for (const [epoch, offset] of [
        [1, 0],
        [1, 4],
        [2, 6],
        [40_000, 0],
      ] as const) {
        compiled.write(2, step(epoch, offset));
        await compiled.run();
        const ids = [...(await compiled.words(idsTensor!))];
        expect(ids).toEqual(order.slice(offset, offset + samples));
        expect([...(await compiled.words(labelsTensor!))]).toEqual(
          ids.map((id) => labels[id]),
        );
        const value = augment({ bytes, size }, ids, {
          kind,
          seed,
          epoch,
          mean,
          std,
        });
        const x = await compiled.read(xTensor!);
        // Before the division by std no intermediate exceeds (1 + 63/255)·1.8·2; contrast rounds once per pixel of its mean.
        const largest = kind === "study" ? 4.5 : 1.5;
        const magnitude = map(value, (_, i) => largest / std[i % 3]!);
        const terms = kind === "study" ? size * size : 6;
        expect(factor(x, { value, magnitude, terms })).toBeLessThan(1);
        ids.forEach((id, n) => {
          const image = x.data.subarray(n * perImage, (n + 1) * perImage);
          seen.add(`${id}: ${image.join()}`);
        });
      }
      // Without augmentation an image always looks the same; with it every epoch shows it anew.
      const distinct = new Set([...seen].map((text) => text.split(":")[0]));
      if (kind === "none") expect(seen.size).toBe(distinct.size);
      else expect(seen.size).toBeGreaterThan(distinct.size);
      compiled.destroy();
    },
  );
});
