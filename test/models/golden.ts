/** Reads test/golden/<case>.safetensors (made by tools/golden/models_golden.py) and the records they were made from. */
import { decodeSafetensors } from "../../src/engine/safetensors.js";
import type { ModelOptions } from "../../src/models/options.js";
import { readProjectFile } from "../files.js";

interface Settings extends ModelOptions {
  readonly model: string;
  /** Of initial weights and dropout. */
  readonly seed: number;
  readonly batch: number;
  readonly momentum: number;
  readonly weight_decay: number;
  readonly nesterov: boolean;
  readonly records: number;
  readonly eval_records: number;
}

/** PyTorch's own f32–f64 gap by quantity: losses absolute, everything else relative to the tensor's largest value. */
type Gap = Readonly<Record<string, number>> & {
  readonly loss_by_step: readonly number[];
};

export interface Golden {
  readonly settings: Settings;
  readonly gap: Gap;
  /** All values under a prefix such as `init.`, without the prefix. */
  group(prefix: string): Map<string, Float32Array>;
  values(name: string): Float32Array;
}

/** @param name The case: a model's name, and the stem where it is not the default one. */
export async function readGolden(name: string): Promise<Golden> {
  const { tensors, metadata } = decodeSafetensors(
    await readProjectFile(`test/golden/${name}.safetensors`),
  );
  const values = (key: string): Float32Array => {
    const tensor = tensors.get(key);
    if (!(tensor?.data instanceof Float32Array))
      throw new Error(`golden ${name} has no ${key}`);
    return tensor.data;
  };
  return {
    settings: JSON.parse(metadata["settings"]!) as Settings,
    gap: JSON.parse(metadata["gap"]!) as Gap,
    values,
    group: (prefix) =>
      new Map(
        [...tensors.keys()]
          .filter((key) => key.startsWith(prefix))
          .map((key) => [key.slice(prefix.length), values(key)]),
      ),
  };
}

/** The first records of the embedded sample: images and labels. */
export async function readRecords(count: number): Promise<{
  images: Uint8Array;
  labels: Int32Array;
}> {
  const bytes = await readProjectFile("data/sample/data_batch_1.bin");
  const images = new Uint8Array(count * 3072);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = bytes[i * 3073]!;
    images.set(bytes.subarray(i * 3073 + 1, (i + 1) * 3073), i * 3072);
  }
  return { images, labels };
}
