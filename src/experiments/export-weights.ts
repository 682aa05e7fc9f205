/** A checkpoint's weights as PyTorch's `state_dict` has them: what `load_state_dict(strict=True)` asks for, and no more. */
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from "../engine/safetensors.js";
import { UserError } from "../errors.js";
import type { ParameterSpec } from "../engine/parameters.js";
import { decodeWeights } from "./weights.js";

/**
 * The file for PyTorch: parameters and batch norm's buffers, its counter of batches (`num_batches_tracked`, I64)
 * included, which PyTorch counts and never reads at a fixed momentum. It holds the checkpoint's optimiser steps, 0 where
 * the file does not say.
 *
 * @param path For messages.
 * @throws UserError naming every tensor that does not fit.
 */
export function exportWeights(
  checkpoint: Uint8Array,
  path: string,
  specs: readonly ParameterSpec[],
): Uint8Array<ArrayBuffer> {
  const weights = decodeWeights(checkpoint, path, specs);
  const { step = "0" } = decodeSafetensors(checkpoint).metadata;
  if (!/^\d{1,18}$/.test(step))
    throw new UserError(`${path}: is damaged (its step is "${step}")`);
  const steps = BigInt(step);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, torchShape } of specs) {
    const data = weights.get(name)!;
    tensors.set(name, { dtype: "F32", shape: torchShape, data });
    const [, batchNorm] = /^(.*)\.running_mean$/.exec(name) ?? [];
    if (batchNorm !== undefined)
      tensors.set(`${batchNorm}.num_batches_tracked`, {
        dtype: "I64",
        shape: [],
        data: BigInt64Array.of(steps),
      });
  }
  // What the reference library writes for PyTorch.
  return encodeSafetensors(tensors, { format: "pt" });
}
