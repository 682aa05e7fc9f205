/** What to do about a slow or missing GPU, for `tarnish doctor`. */
import { existsSync, readdirSync } from "node:fs";
import { arch, platform } from "node:process";

export interface AdapterFacts {
  readonly source: string;
  readonly isSoftware: boolean;
  readonly features: readonly string[];
}

/** Advice for this adapter on this machine, one paragraph a string; none where everything is as it should be. */
export function adviceFor({
  source,
  isSoftware,
  features,
}: AdapterFacts): string[] {
  const advice: string[] = [];
  if (isSoftware) {
    advice.push(
      "NO HARDWARE GPU IN USE: the CPU does the GPU's work, 10 to 1000 times slower than a graphics card.",
      ...hardwareAdvice(),
    );
    if (source === "bundled SwiftShader" && platform === "linux")
      advice.push(
        "A faster software adapter (3 to 8 times) is Mesa's lavapipe, version 24 or newer: apt-get install " +
          "mesa-vulkan-drivers libvulkan1 (on Debian 12 from its backports: add -t bookworm-backports; its own Mesa 22 is " +
          "refused by Dawn).",
      );
  }
  if (!features.includes("shader-f16"))
    advice.push(
      "The adapter has no 16-bit floats (shader-f16): --precision mixed cannot run on it.",
    );
  return advice;
}

/** How to get at a GPU that the machine may have, by what its device files tell. */
function hardwareAdvice(): string[] {
  if (platform !== "linux")
    return [
      "If this machine has a GPU, install or update its graphics driver.",
    ];
  const advice: string[] = [];
  const nvidia = existsSync("/dev/nvidia0");
  const rendering = folder("/dev/dri").some((name) => /^renderD/.test(name));
  if (nvidia)
    advice.push(
      "There is an NVIDIA GPU (/dev/nvidia0) without a usable Vulkan driver: install libvulkan1 and the Vulkan part of " +
        "the NVIDIA driver that matches the kernel's (Debian: nvidia-vulkan-icd; Ubuntu: libnvidia-gl-<version>); in a " +
        "container set NVIDIA_DRIVER_CAPABILITIES=all.",
    );
  if (rendering)
    advice.push(
      "There is a graphics device (/dev/dri): for an AMD or Intel GPU install mesa-vulkan-drivers and libvulkan1, and " +
        "put the user into the group `render`.",
    );
  if (!nvidia && !rendering)
    advice.push(
      "Neither /dev/nvidia0 nor /dev/dri/renderD* is there, so this machine (or container) shows no GPU. Where it has one: " +
        "NVIDIA's driver with its Vulkan part (nvidia-vulkan-icd) or, for AMD and Intel, mesa-vulkan-drivers; and libvulkan1.",
    );
  return advice;
}

function folder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Where this is, for people: "linux x64". */
export const platformName = `${platform} ${arch}`;
