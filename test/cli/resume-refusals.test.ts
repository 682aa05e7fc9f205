/** What `tarnish train --resume` refuses: exit code 2, one message that names file and way on, nothing touched. */
import {
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  decodeSafetensors,
  encodeSafetensors,
} from "../../src/engine/safetensors.js";
import { complaint, tarnish, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);

const base =
  "train --train-limit 50 --test-limit 50 --seed 3 --batch 40 --epochs 2 --log-every 1";
const last = join("checkpoints", "last.safetensors");
const best = join("checkpoints", "best.safetensors");

/** Every file below a folder with its bytes and time. */
const contents = (path: string) =>
  readdirSync(path, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const stat = statSync(join(path, name));
      return stat.isFile()
        ? [name, stat.mtimeMs, readFileSync(join(path, name), "base64")]
        : [name];
    });

beforeAll(() => {
  // A run that lacks nothing but its end.
  const { code } = tarnish(`${base} --out whole`.split(" "), { cwd: folder });
  expect(code).toBe(0);
  rmSync(at("whole", "summary.json"));
});

const anew = "start again with --overwrite, or put back an intact copy";

describe("a run folder", () => {
  it.each<[string, (path: string) => void, string, string]>([
    [
      "with a checkpoint that is cut off",
      (path) => {
        truncateSync(join(path, last), 100_000);
      },
      "",
      `${last}: the header announces`,
    ],
    [
      "with an empty checkpoint",
      (path) => {
        truncateSync(join(path, last), 0);
      },
      "",
      `${last}: the file has 0 bytes, fewer than the 8 of the header's length; ${anew}`,
    ],
    [
      "with plain weights in place of a checkpoint",
      (path) => {
        cpSync(join(path, best), join(path, last));
      },
      "",
      `${last}: is damaged (its metadata has no version); ${anew}`,
    ],
    [
      "with a checkpoint from beyond its end",
      (path) => {
        const file = join(path, last);
        const { tensors, metadata } = decodeSafetensors(readFileSync(file));
        writeFileSync(
          file,
          encodeSafetensors(tensors, { ...metadata, step: "100" }),
        );
      },
      "",
      `${last}: is damaged (step 100 of 4, epoch 2, 2 of them done`,
    ],
    [
      "with NaN in its momentum",
      (path) => {
        const file = join(path, last);
        const { tensors, metadata } = decodeSafetensors(readFileSync(file));
        (tensors.get("momentum.fc3.bias")!.data as Float32Array)[1] = NaN;
        writeFileSync(file, encodeSafetensors(tensors, metadata));
      },
      "",
      `${last}: holds NaN in momentum.fc3.bias`,
    ],
    [
      "without its best weights",
      (path) => {
        rmSync(join(path, best));
      },
      "",
      `${best}: cannot be read (ENOENT); ${anew}`,
    ],
    [
      "with a config.json that is cut off",
      (path) => {
        truncateSync(join(path, "config.json"), 30);
      },
      "",
      "config.json: is damaged (no JSON object); start again with --overwrite",
    ],
    [
      "whose metrics end too early",
      (path) => {
        truncateSync(join(path, "metrics.jsonl"), 200);
      },
      "",
      "metrics.jsonl: ends in line 2, but the checkpoint counts 6 lines; start again with --overwrite",
    ],
    [
      "whose given labels are others",
      (path) => {
        const labels = join(path, "labels.npy");
        const bytes = readFileSync(labels);
        bytes[bytes.length - 4]! ^= 1;
        writeFileSync(labels, bytes);
      },
      "",
      "labels.npy: holds other labels than these settings give; name another folder with --out, or start again with --overwrite",
    ],
    [
      "of other data",
      (path) => {
        const config = join(path, "config.json");
        const text = readFileSync(config, "utf8");
        writeFileSync(config, text.replace(/("dataSha256": ")./, "$1x"));
      },
      "",
      "was started with other data",
    ],
    [
      "of other settings",
      () => undefined,
      "--lr 0.1 --max-steps 3 --label-smoothing 0.1",
      "damaged: holds a run of other settings (--lr was 0.02, is now 0.1; --label-smoothing was 0, is now 0.1; " +
        "--max-steps was not given, is now 3); give the same ones, name another folder with --out, or replace the run with --overwrite",
    ],
  ])("%s", (_, damage, more, message) => {
    rmSync(at("damaged"), { recursive: true, force: true });
    cpSync(at("whole"), at("damaged"), { recursive: true });
    damage(at("damaged"));
    const before = contents(folder);
    const args = `${base} ${more} --out damaged --resume`.split(/ +/);
    const result = tarnish(args, { cwd: folder });
    expect(complaint(result)).toContain(message);
    expect(complaint(result)).toMatch(/^tarnish: damaged/);
    expect(result.stderr).not.toMatch(/internal error|\n\s+at /);
    expect(result.code).toBe(2);
    expect(contents(folder)).toEqual(before);
  });

  it("is refused without --resume and --overwrite, and with both", () => {
    const run = (flags: string) =>
      tarnish(`${base} --out whole${flags}`.split(" "), { cwd: folder });
    const neither = run("");
    expect(neither.code).toBe(2);
    expect(complaint(neither)).toBe(
      "tarnish: whole: holds a run already; add --resume to go on with it or --overwrite to replace it, or name another folder with --out",
    );
    const both = run(" --resume --overwrite");
    expect(both.code).toBe(2);
    expect(complaint(both)).toMatch(/^tarnish: --resume and --overwrite: /);
  });
});
