/** What the lab shows, message by message. */
import { describe, expect, it } from "vitest";
import type { FromWorker, OwnDataFacts } from "../../web/src/protocol.js";
import { defaultRequest } from "../../web/src/params.js";
import {
  type FromPage,
  initialState,
  isFree,
  type LabState,
  reduce,
} from "../../web/src/state.js";

const after = (...messages: (FromWorker | FromPage)[]): LabState =>
  messages.reduce(reduce, initialState);

const opened = {
  kind: "opened",
  adapter: { name: "a GPU", software: false },
} as const;
const own: OwnDataFacts = {
  name: "photos",
  classes: ["cat", "dog"],
  trainImages: 8,
  testImages: 2,
  heldOut: true,
  skipped: 0,
  kept: true,
};
const saved = {
  request: defaultRequest,
  dataName: null,
  runsDone: 1,
  runs: 7,
  finished: false,
  missing: false,
};
const started = {
  kind: "started",
  jobs: [
    {
      id: "lenet_baseline_0_s0",
      model: "lenet",
      arm: "baseline",
      level: 0,
      images: 40,
      ended: "diverged",
      trained: 40,
      loss: [],
      top1Curve: [],
      top1: null,
    },
  ],
} as const;

describe("the state of the lab", () => {
  it("says that a stop was heard until it has come about", () => {
    const asked = after(opened, { kind: "begin" }, { kind: "stopping" });
    expect(asked).toMatchObject({ phase: "running", stopping: true });
    expect(reduce(asked, { kind: "stopped" })).toMatchObject({
      phase: "ready",
      stopping: false,
      status: "Stopped.",
    });
    expect(reduce(asked, { kind: "begin" }).stopping).toBe(false);
  });

  it("has nothing of a study that is forgotten", () => {
    const figure = { id: "accuracy", order: 1, html: "" };
    const messages = [
      opened,
      { kind: "begin" },
      started,
      { kind: "figure", figure },
      { kind: "stopped" },
      { kind: "kept", own: null, saved },
    ] as const;
    const stopped = after(...messages);
    expect(stopped.figures).toHaveLength(1);
    expect(stopped.jobs.map(({ state }) => state)).toEqual(["diverged"]);
    expect(reduce(stopped, { kind: "discarded" })).toMatchObject({
      phase: "ready",
      saved: null,
      jobs: [],
      figures: [],
      report: null,
      status: "Ready.",
    });
  });

  it("says no longer that data are ready which are forgotten", () => {
    const read = after(
      opened,
      { kind: "reading" },
      { kind: "kept", own, saved: null },
    );
    expect(read).toMatchObject({ chosen: "own", status: "photos is ready." });
    expect(
      reduce(read, { kind: "kept", own: null, saved: null }),
    ).toMatchObject({ chosen: "sample", status: "Ready." });
  });

  it("is free again after a problem that is not the end of the page", () => {
    const problem = { title: "No", advice: "Go on.", fatal: false };
    const failed = after(
      opened,
      { kind: "begin" },
      { kind: "stopping" },
      { kind: "problem", problem },
    );
    expect(failed).toMatchObject({ phase: "failed", stopping: false });
    expect(isFree(failed)).toBe(true);
  });
});
