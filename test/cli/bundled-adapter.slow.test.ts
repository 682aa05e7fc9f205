import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { getuid, platform } from "node:process";
import { expect, it } from "vitest";
import { complaint, tarnish, temporaryFolder } from "./command.js";

const cache = temporaryFolder();

it.runIf(platform === "linux")(
  "without any Vulkan driver, the bundled SwiftShader is unpacked and used",
  () => {
    const env = {
      VK_DRIVER_FILES: `${cache}/none.json`,
      VK_ICD_FILENAMES: `${cache}/none.json`,
      XDG_CACHE_HOME: cache,
      TARNISH_CACHE: "",
    };
    // The second run finds it unpacked.
    for (let run = 0; run < 2; run++) {
      const { code, stdout } = tarnish(["doctor", "--json"], { env });
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        source: "bundled SwiftShader",
        software: true,
      });
    }
  },
);

it.runIf(platform === "linux")(
  "where the cache cannot be written, it is unpacked where nobody else can write, or refused",
  () => {
    const temporary = temporaryFolder();
    const folder = join(temporary, `tarnish-${getuid!()}`);
    const env = {
      VK_DRIVER_FILES: `${cache}/none.json`,
      VK_ICD_FILENAMES: `${cache}/none.json`,
      TARNISH_CACHE: "/dev/null/cache",
      TMPDIR: temporary,
    };
    const doctor = () => tarnish(["doctor", "--json"], { env });
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    const refused = doctor();
    expect(complaint(refused)).toContain(
      `${folder}: is not a folder that you alone can write into`,
    );
    expect(refused.code).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
    chmodSync(folder, 0o700);
    expect(doctor().code).toBe(0);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toEqual([
      expect.stringMatching(/^swiftshader-\d+\.\d+\.\d+-dawn-\d+\.\d+\.\d+$/),
    ]);
  },
);
