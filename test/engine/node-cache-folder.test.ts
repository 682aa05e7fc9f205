import { homedir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { cacheFolder } from "../../src/engine/node-cache-folder.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

it.each([
  ["/own", "/user", "/own"],
  ["", "/user", join("/user", "tarnish")],
  ["", "", join(homedir(), ".cache", "tarnish")],
])(
  "TARNISH_CACHE=%j, then XDG_CACHE_HOME=%j: an empty variable is none",
  (own, user, folder) => {
    vi.stubEnv("TARNISH_CACHE", own);
    vi.stubEnv("XDG_CACHE_HOME", user);
    expect(cacheFolder()).toBe(folder);
  },
);
