/** `tarnish serve`: what the server answers to requests that no browser sends. */
import { existsSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";
import { startTarnish } from "./command.js";

const built = existsSync(join(packageRoot(), "dist", "web", "index.html"));

let url: string;
let stop: () => Promise<number | null>;

beforeAll(async () => {
  if (!built) return;
  const { child, ended } = startTarnish(
    ["serve", "--port", "0", "--no-open", "--json"],
    { cwd: packageRoot() },
  );
  stop = async () => {
    child.kill("SIGTERM");
    return (await ended).code;
  };
  const first = new Promise<string>((resolve) => {
    child.stdout!.once("data", (line: Buffer) => {
      resolve(line.toString());
    });
  });
  ({ url } = JSON.parse(await first) as { url: string });
});

afterAll(async () => {
  if (built) expect(await stop()).toBe(0);
});

const ask = (method: string, path: string, headers = {}) =>
  new Promise<{ status: number | undefined; length: number }>(
    (resolve, reject) => {
      request(new URL(path, url), { method, headers }, (response) => {
        let length = 0;
        response.on("data", (chunk: Buffer) => (length += chunk.length));
        response.on("end", () => {
          resolve({ status: response.statusCode, length });
        });
      })
        .on("error", reject)
        .end();
    },
  );

describe.runIf(built)("the server", () => {
  it("gives the whole file whatever range is asked for, and lives on", async () => {
    const whole = await ask("GET", "index.html");
    expect(whole.status).toBe(200);
    for (const range of ["bytes=5-2", "bytes=-5", "items=1-2", "bytes=1-x"])
      expect(await ask("GET", "index.html", { range })).toEqual(whole);
  });

  it("takes GET and HEAD alone", async () => {
    expect(await ask("HEAD", "index.html")).toEqual({ status: 200, length: 0 });
    for (const method of ["POST", "PUT", "DELETE"])
      expect((await ask(method, "index.html")).status).toBe(405);
    expect((await ask("GET", "nosuch")).status).toBe(404);
  });
});
