/** What a checkpoint's metadata may hold: whatever else is there, the file is damaged. */
import { describe, expect, it } from "vitest";
import { encodeSafetensors } from "../../src/engine/safetensors.js";
import { UserError } from "../../src/errors.js";
import {
  decodeCheckpoint,
  type Position,
  requireOnCourse,
} from "../../src/experiments/checkpoint.js";

const best = { epoch: 1, loss: 2, top1: 0.5, top5: null, ece: 0.1 };
const timing = { images: 80, ms: 9, warmImages: 0, warmMs: 0 };
const good = {
  format: "3",
  config: "c",
  version: "v",
  adapters: '["a"]',
  kernels: "{}",
  step: "4",
  epoch: "2",
  epochsDone: "1",
  records: "5",
  lossScale: "1",
  goodSteps: "0",
  skippedSteps: "0",
  timing: JSON.stringify(timing),
  best: JSON.stringify(best),
};
const decode = (metadata: Partial<typeof good>) =>
  decodeCheckpoint(
    encodeSafetensors(new Map(), { ...good, ...metadata }),
    "x/last",
  );

describe("a checkpoint's metadata", () => {
  it("is read", () => {
    expect(decode({}).position).toMatchObject({ step: 4, timing, best });
  });

  it.each<[keyof typeof good, string[]]>([
    ["adapters", ["{}", "[]", "[1]", "{", '"a"']],
    ["kernels", ["[1]", "null", '{"conv":1}', ""]],
    ["step", ["3.5", "9007199254740993", "-1", "", "1e3", "x"]],
    ["epoch", ["0.5", "-2"]],
    ["epochsDone", ["1.5"]],
    ["records", ["-1", "NaN"]],
    ["lossScale", ["0", "-1", "Infinity", ""]],
    ["goodSteps", ["0.1"]],
    ["skippedSteps", ["-0.1"]],
    [
      "timing",
      [
        "{}",
        "null",
        JSON.stringify({ ...timing, images: -1 }),
        '{"images":80}',
      ],
    ],
    [
      "best",
      [
        "{}",
        JSON.stringify({ ...best, epoch: -1 }),
        JSON.stringify({ ...best, top1: 2 }),
        JSON.stringify({ ...best, top5: "1" }),
      ],
    ],
  ])("is refused where its %s makes no sense", (key, texts) => {
    for (const text of texts) {
      expect(() => decode({ [key]: text }), text).toThrow(UserError);
      expect(() => decode({ [key]: text }), text).toThrow(
        new RegExp(`^x/last: is damaged \\(its ${key} is `),
      );
    }
  });

  it("is refused where no run of these settings comes to that place", () => {
    const course = { stepsPerEpoch: 3, totalSteps: 8, lastStep: 8, warmupSteps: 0 }; // prettier-ignore
    const at = (position: Partial<Position>) => {
      const file = decode({});
      return () => {
        requireOnCourse({ ...file, position: { ...file.position, best: undefined, ...position } }, course); // prettier-ignore
      };
    };
    for (const [step, epoch, epochsDone] of [
      [1, 1, 0],
      [3, 1, 0],
      [3, 1, 1],
      [4, 2, 1],
      [8, 3, 3],
    ] as const)
      expect(at({ step, epoch, epochsDone })).not.toThrow();
    for (const [step, epoch, epochsDone] of [
      [100, 34, 33],
      [4, 1, 1],
      [4, 2, 2],
      [4, 2, 0],
      [9, 3, 3],
    ] as const)
      expect(at({ step, epoch, epochsDone })).toThrow(
        `x/last: is damaged (step ${step} of 8, `,
      );
    expect(at({ best: { ...best, epoch: 3 } })).toThrow("epoch 3 the best");
  });
});
