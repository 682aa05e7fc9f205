/** Weights in .safetensors files under PyTorch's names and layouts, checked against a model tensor by tensor. */
import { sha256 } from "./sha256.js";
import type { ParameterSpec } from "../engine/parameters.js";
import {
  decodeSafetensors,
  encodeSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  type SafetensorsTensor,
} from "../engine/safetensors.js";
import { UserError } from "../errors.js";

/** Values by PyTorch's names, each in PyTorch's layout. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** What the names of momentum tensors begin with, the parameter's name following. */
export const momentumPrefix = "momentum.";

/** A file of weights and batch-norm state; with momentum also `momentum.<name>` (a checkpoint). */
export function encodeWeights(
  specs: readonly ParameterSpec[],
  weights: Weights,
  momentum?: Weights,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, torchShape } of specs) {
    const shape = [...torchShape];
    const data = weights.get(name);
    if (data) tensors.set(name, { dtype: "F32", shape, data });
    const velocity = momentum?.get(name);
    if (velocity)
      tensors.set(momentumPrefix + name, {
        dtype: "F32",
        shape,
        data: velocity,
      });
  }
  return encodeSafetensors(tensors, metadata);
}

/**
 * The weights of a file for a model. `momentum.*` and `num_batches_tracked` are ignored.
 *
 * @throws UserError naming the file and every tensor that is unknown, missing or of another shape.
 */
export function decodeWeights(
  bytes: Uint8Array,
  path: string,
  specs: readonly ParameterSpec[],
): Map<string, Float32Array> {
  return fitWeights(decodeFile(bytes, path).tensors, path, specs);
}

/** A .safetensors file's tensors and metadata. @throws UserError naming the file and what is damaged. */
export function decodeFile(bytes: Uint8Array, path: string): SafetensorsFile {
  try {
    return decodeSafetensors(bytes);
  } catch (error) {
    if (error instanceof SafetensorsError)
      throw new UserError(`${path}: ${error.message}`);
    throw error;
  }
}

/**
 * The tensors of a model's names and shapes, or their momentum with its prefix. `num_batches_tracked` is ignored.
 *
 * @throws UserError naming the file and every tensor that is unknown, missing or of another shape, or one with a value that
 *   is not finite: such weights make any result worthless.
 */
export function fitWeights(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  path: string,
  specs: readonly ParameterSpec[],
  prefix: "" | typeof momentumPrefix = "",
): Map<string, Float32Array> {
  const missing: string[] = [];
  const misfits: string[] = [];
  const weights = new Map<string, Float32Array>();
  for (const { name, torchShape } of specs) {
    const tensor = tensors.get(prefix + name);
    if (!tensor) missing.push(prefix + name);
    else if (tensor.shape.join() !== torchShape.join()) {
      misfits.push(
        `${prefix}${name} has shape [${tensor.shape.join(", ")}], the model's has [${torchShape.join(", ")}]`,
      );
    } else if (!(tensor.data instanceof Float32Array))
      misfits.push(`${prefix}${name} holds ${tensor.dtype}, not floats`);
    else {
      const wrong = tensor.data.find((value) => !Number.isFinite(value));
      if (wrong !== undefined)
        throw new UserError(
          `${path}: holds ${wrong} in ${prefix}${name}; weights are finite numbers: take those from before the training diverged`,
        );
      weights.set(name, tensor.data);
    }
  }
  const known = new Set(specs.map(({ name }) => prefix + name));
  const unknown = [...tensors.keys()].filter(
    (name) =>
      !known.has(name) &&
      name.startsWith(momentumPrefix) === (prefix === momentumPrefix) &&
      !name.endsWith("num_batches_tracked"),
  );
  const listed = (what: string, names: readonly string[]) =>
    names.length > 0 ? [`${what}: ${names.join(", ")}`] : [];
  const complaints = [
    ...misfits,
    ...listed("missing", missing),
    ...listed("not in the model", unknown),
  ];
  if (complaints.length > 0)
    throw new UserError(
      `${path}: does not fit the model: ${complaints.join("; ")}`,
    );
  return weights;
}

/** SHA-256 in hex of the weights' file without momentum or metadata: two runs with equal weights have equal hashes. */
export async function weightsSha256(
  specs: readonly ParameterSpec[],
  weights: Weights,
): Promise<string> {
  return sha256(encodeWeights(specs, weights));
}
