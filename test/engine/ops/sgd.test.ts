import { describe, expect, it } from "vitest";
import { sgd } from "../../../src/engine/ops/sgd.js";
import { encodeStep } from "../../../src/engine/step.js";
import { map, ref, type Ref, type Sum } from "../../reference/tensor.js";
import { sgdStep } from "../../reference/sgd.js";
import { readProjectJson } from "../../files.js";
import { Compiled, factor, random, wordsInput } from "../harness.js";

type Named = Readonly<Record<"weight" | "bias", readonly number[]>>;

/** PyTorch's SGD over five steps, made by tools/golden. */
interface Golden {
  readonly initial: Named;
  readonly lr: readonly number[];
  readonly gradients: readonly Named[];
  readonly cases: readonly {
    readonly momentum: number;
    readonly nesterov: boolean;
    readonly weight_decay: number;
    readonly parameters: readonly Named[];
    /** Empty where momentum is 0. */
    readonly momentumBuffers: readonly Named[];
  }[];
}

const { sgd: golden } = (await readProjectJson(
  "test/golden/optimizer.json",
)) as { sgd: Golden };

/** Where the tensors lie in an arena of the parameter store: 256-byte steps, zeros between them. */
const arenaWords = 128;
const biasAt = 64;

function arena({ weight, bias }: Named): Ref {
  const words = ref([arenaWords]);
  words.data.set(weight.map(Math.fround));
  words.data.set(bias.map(Math.fround), biasAt);
  return words;
}

const f32 = ({ data }: Ref) => Float32Array.from(data);

function uniform(step: number, learningRate: number): ArrayBuffer {
  return encodeStep({
    seed: 3,
    step,
    epoch: 1,
    offset: 0,
    samples: 1,
    continues: false,
    logSlot: 0,
    learningRate,
    firstStep: step === 1,
  });
}

interface Options {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

/** Runs one replayed plan over all the gradients; → parameters (and momentum, if used) after every step. */
async function optimise(
  initial: Ref,
  gradients: readonly Ref[],
  rates: readonly number[],
  options: Options,
): Promise<{ parameters: Ref[]; momentum: Ref[] }> {
  const words = (values: Ref) => ({ values, layout: "words" as const });
  const compiled = await Compiled.make(
    [
      words(initial),
      words(gradients[0]!),
      wordsInput(uniform(1, 0)),
      // Whatever an earlier run left there must not matter on the first step.
      ...(options.momentum > 0
        ? [words(map(ref(initial.shape), () => 99))]
        : []),
    ],
    (graph, inputs) => {
      graph.add(sgd, inputs, options);
      return [];
    },
  );
  const parameters: Ref[] = [];
  const momentum: Ref[] = [];
  for (const [i, gradient] of gradients.entries()) {
    compiled.write(1, f32(gradient));
    compiled.write(2, uniform(i + 1, rates[i]!));
    await compiled.run();
    parameters.push(await compiled.read(compiled.inputs[0]!));
    if (options.momentum > 0)
      momentum.push(await compiled.read(compiled.inputs[3]!));
  }
  compiled.destroy();
  return { parameters, momentum };
}

/** Steps keep at most this many roundings each of values no larger than the magnitude. */
const roundingsPerStep = 8;

/** Largest |value| that the update of any element goes through, so far. */
function bounded(
  value: Ref,
  step: number,
  initial: Ref,
  all: readonly Ref[],
): Sum {
  return {
    value,
    magnitude: map(
      value,
      (v, i) =>
        Math.abs(v) +
        Math.abs(initial.data[i]!) +
        all.reduce((sum, gradient) => sum + Math.abs(gradient.data[i]!), 0),
    ),
    terms: roundingsPerStep * step,
  };
}

describe("sgd", () => {
  it.each(golden.cases)(
    "follows PyTorch for five steps: momentum $momentum, nesterov $nesterov, decay $weight_decay",
    async (row) => {
      const { momentum, nesterov, weight_decay: weightDecay } = row;
      const options = { momentum, nesterov, weightDecay };
      const initial = arena(golden.initial);
      const gradients = golden.gradients.map(arena);
      const run = await optimise(initial, gradients, golden.lr, options);
      row.parameters.forEach((expected, i) => {
        const sum = bounded(arena(expected), i + 1, initial, gradients);
        expect(factor(run.parameters[i], sum)).toBeLessThan(1);
      });
      row.momentumBuffers.forEach((expected, i) => {
        const sum = bounded(arena(expected), i + 1, initial, gradients);
        expect(factor(run.momentum[i], sum)).toBeLessThan(1);
      });
      expect(run.momentum).toHaveLength(row.momentumBuffers.length);
    },
  );

  it("follows the reference over an arena of several workgroups", async () => {
    const initial = random([4 * 64 * 5 + 4], 1);
    const gradients = [2, 3, 4, 5, 6].map((seed) =>
      random(initial.shape, seed),
    );
    const rates = [0.1, 0.3, 0.2, 0.05, 0];
    const options = { momentum: 0.9, nesterov: true, weightDecay: 5e-4 };
    const run = await optimise(initial, gradients, rates, options);
    let weights = initial;
    let buffer: Ref | null = null;
    gradients.forEach((gradient, i) => {
      ({ weights, buffer } = sgdStep(weights, gradient, buffer, {
        ...options,
        lr: rates[i]!,
      }));
      const sum = (value: Ref) => bounded(value, i + 1, initial, gradients);
      expect(factor(run.parameters[i], sum(weights))).toBeLessThan(1);
      expect(factor(run.momentum[i], sum(buffer))).toBeLessThan(1);
    });
    // A learning rate of 0 moves nothing, but fills the momentum.
    expect(run.parameters[4]).toEqual(run.parameters[3]);
    expect(run.momentum[4]).not.toEqual(run.momentum[3]);
  });
});
