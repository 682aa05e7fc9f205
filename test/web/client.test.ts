/** When the worker is told that the page has drawn what it sent. */
import { afterEach, expect, it, vi } from "vitest";
import { afterPaint } from "../../web/src/client.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

it("waits for a page in sight, and not for the timers of one that is hidden", async () => {
  const later = vi.fn();
  vi.stubGlobal("requestAnimationFrame", later);
  vi.stubGlobal("setTimeout", later);
  const drawn = vi.fn();
  vi.stubGlobal("document", { hidden: true });
  afterPaint(drawn);
  await Promise.resolve();
  expect(drawn).toHaveBeenCalledOnce();
  expect(later).not.toHaveBeenCalled();
  vi.stubGlobal("document", { hidden: false });
  afterPaint(drawn);
  await Promise.resolve();
  expect(drawn).toHaveBeenCalledOnce();
  expect(later).toHaveBeenCalled();
});
