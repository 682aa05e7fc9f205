import { expect, it } from "vitest";
import { runScript } from "./command.js";

/** A sweep of two runs whose progress is shown as `options` say; `clock` moves performance.now on, in milliseconds. */
const sweep = (options: string) => (dist: string) => `
  import { createProgress } from ${JSON.stringify(`${dist}/progress.js`)};
  let clock = 0;
  performance.now = () => clock;
  const all = createProgress({ total: 2, unit: "runs", label: "sweep", ${options} });
  for (const run of [1, 2]) {
    const bar = all.child({ total: 1000, unit: "images", label: "run " + run });
    for (let done = 100; done <= 1000; done += 100) {
      clock += 1000;
      bar.update(done, { loss: 2 - done / 1000 });
    }
    bar.log("evaluated " + run);
    bar.stop();
    bar.stop();
    all.update(run);
  }
  all.stop();
`;

const lines = [
  "[0 of 2 runs] run 1: 50 %, 500 of 1,000 images, 100 images/s, loss 1.5, ETA 5 s",
  "[0 of 2 runs] run 1: 100 %, 1,000 of 1,000 images, 100 images/s, loss 1, ETA 0 s",
  "evaluated 1",
  "run 1: 1,000 images in 10 s, 100 images/s, loss 1",
  "[1 of 2 runs] run 2: 50 %, 500 of 1,000 images, 100 images/s, loss 1.5, ETA 5 s",
  "[1 of 2 runs] run 2: 100 %, 1,000 of 1,000 images, 100 images/s, loss 1, ETA 0 s",
  "evaluated 2",
  "run 2: 1,000 images in 10 s, 100 images/s, loss 1",
  "sweep: 2 runs in 20 s",
];

it("is a plain line every five seconds and one at the end of each part where nobody watches", () => {
  const { code, stdout, stderr } = runScript(sweep(""));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.trimEnd().split("\n")).toEqual(lines);
});

it("leaves stdout alone with --json", () => {
  const { code, stdout, stderr } = runScript(sweep("json: true"));
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr.trimEnd().split("\n")).toEqual(lines);
});

it("does not count a resumed run's earlier work as speed, and says where it stopped", () => {
  const { stdout } = runScript(
    (dist) => `
      import { createProgress } from ${JSON.stringify(`${dist}/progress.js`)};
      let clock = 0;
      performance.now = () => clock;
      const bar = createProgress({ total: 1000, start: 800, unit: "images", label: "run" });
      clock = 10_000;
      bar.update(900);
      bar.stop();
    `,
  );
  expect(stdout.trimEnd().split("\n")).toEqual([
    "run: 90 %, 900 of 1,000 images, 10 images/s, ETA 10 s",
    "run: stopped at 900 of 1,000 images in 10 s, 10 images/s",
  ]);
});
