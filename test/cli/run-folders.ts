/** Compares run folders: what must be the same in two runs of the same settings, however often one was stopped. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { decodeSafetensors } from "../../src/engine/safetensors.js";
import { decodeCheckpoint } from "../../src/experiments/checkpoint.js";

/** Tables, logits and weights, byte for byte. */
const sameBytes = [
  "config.json",
  "labels.npy",
  "poison.json",
  "per_class.csv",
  "confusion.csv",
  "pr.csv",
  "test_logits.safetensors",
  join("checkpoints", "best.safetensors"),
];

/** metrics.jsonl without the speeds. */
export function metricsOf(folder: string): Record<string, unknown>[] {
  return readFileSync(join(folder, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => {
      const { imagesPerSecond, ...rest } = JSON.parse(line) as Record<
        string,
        unknown
      >;
      if (rest["kind"] === "step") expect(imagesPerSecond).toBeGreaterThan(0);
      return rest;
    });
}

export function summaryOf(folder: string): Record<string, unknown> {
  return JSON.parse(
    readFileSync(join(folder, "summary.json"), "utf8"),
  ) as Record<string, unknown>;
}

/** Expects two finished runs to be equal in everything but their speed. */
export function expectSameRun(folder: string, reference: string): void {
  const list = (path: string) =>
    readdirSync(path, { recursive: true, encoding: "utf8" }).sort();
  expect(list(folder)).toEqual(list(reference));
  const timeless = (path: string) => ({
    ...summaryOf(path),
    run: undefined,
    trainSeconds: undefined,
    imagesPerSecond: undefined,
  });
  expect(timeless(folder)).toEqual(timeless(reference));
  expect(metricsOf(folder)).toEqual(metricsOf(reference));
  for (const name of sameBytes)
    expect(
      readFileSync(join(folder, name)).equals(
        readFileSync(join(reference, name)),
      ),
      name,
    ).toBe(true);
  const tensors = (path: string) =>
    decodeSafetensors(
      readFileSync(join(path, "checkpoints", "last.safetensors")),
    ).tensors;
  const expected = tensors(reference);
  expect([...tensors(folder).keys()]).toEqual([...expected.keys()]);
  for (const [name, { data }] of tensors(folder))
    expect(
      Buffer.from(data.buffer).equals(
        Buffer.from(expected.get(name)!.data.buffer),
      ),
      name,
    ).toBe(true);
}

/** The step of a run's checkpoint; undefined where there is none yet. */
export function checkpointStep(folder: string): number | undefined {
  const path = join(folder, "checkpoints", "last.safetensors");
  if (!existsSync(path)) return undefined;
  return decodeCheckpoint(readFileSync(path), path).position.step;
}
