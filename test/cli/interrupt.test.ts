import { setTimeout } from "node:timers/promises";
import { afterEach, expect, it, vi } from "vitest";
import { commandWith, stoppable } from "../../src/cli/interrupt.js";

const listening = () => process.listeners("SIGINT");
const before = listening();
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  for (const listener of listening())
    if (!before.includes(listener)) process.off("SIGINT", listener);
});

it("asks work to stop once, and takes no notice of the request's echo even after it", async () => {
  const lines: string[] = [];
  const reason = await stoppable(
    async (signal) => {
      process.emit("SIGINT", "SIGINT");
      process.emit("SIGINT", "SIGINT");
      await setTimeout(1);
      return signal.reason as unknown;
    },
    (line) => lines.push(line),
  );
  expect(reason).toBe("SIGINT");
  expect(lines).toHaveLength(1);
  // Without a listener the system would end the process before its last words.
  expect(listening()).toHaveLength(before.length + 1);
});

it("leaves no listener behind work that nobody stopped", async () => {
  await stoppable(
    () => Promise.resolve(),
    () => undefined,
  );
  expect(listening()).toEqual(before);
});

it.each([
  ["", "tarnish demo --resume"],
  ["exec", "npx tarnish demo --resume"],
  ["run-script", "npx tarnish demo --resume"],
])(
  "words the command that goes on as it was started (npm_command=%s)",
  (npm, command) => {
    vi.stubEnv("npm_command", npm);
    vi.spyOn(process.argv, "slice").mockReturnValue(["demo", "--overwrite"]);
    expect(commandWith("--resume", "--overwrite")).toBe(command);
  },
);
