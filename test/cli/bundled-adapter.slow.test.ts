import { platform } from "node:process";
import { expect, it } from "vitest";
import { tarnish, temporaryFolder } from "./command.js";

const cache = temporaryFolder();

it.runIf(platform === "linux")(
  "without any Vulkan driver, the bundled SwiftShader is unpacked and used",
  () => {
    const env = {
      VK_DRIVER_FILES: `${cache}/none.json`,
      VK_ICD_FILENAMES: `${cache}/none.json`,
      XDG_CACHE_HOME: cache,
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
