/** metrics.jsonl while a run writes it: lines are appended, and a resumed run's file is cut back to its checkpoint. */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { UserError } from "../errors.js";
import { storageError } from "./node-files.js";
import type { EvalRecord, StepRecord } from "./training-events.js";

export class MetricsLog {
  private constructor(
    private readonly path: string,
    private readonly file: number,
  ) {}

  /** An empty file, in place of whatever is there. @throws StorageError */
  static create(path: string): MetricsLog {
    return storing(path, () => {
      closeSync(openSync(path, "w"));
      return new MetricsLog(path, openSync(path, "a"));
    });
  }

  /**
   * Goes on after the first `records` lines. What lies behind them, half a line included, was written after the
   * checkpoint that counts them, and is going to be written again.
   *
   * @throws UserError where the file does not hold them.
   */
  static resume(path: string, records: number): MetricsLog {
    const end = endOfRecords(path, records);
    return storing(path, () => {
      const file = openSync(path, "r+");
      ftruncateSync(file, end);
      closeSync(file);
      return new MetricsLog(path, openSync(path, "a"));
    });
  }

  append(record: StepRecord | EvalRecord): void {
    const line = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
    storing(this.path, () => {
      for (let done = 0; done < line.length;)
        done += writeSync(this.file, line, done);
    });
  }

  /** Returns when everything appended is on the disk: a checkpoint may then count on it. */
  sync(): void {
    storing(this.path, () => {
      fsyncSync(this.file);
    });
  }

  close(): void {
    closeSync(this.file);
  }
}

function storing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storageError(path, error);
  }
}

/** Bytes that the first `records` lines take. @throws UserError where they are not all there, whole and JSON. */
function endOfRecords(path: string, records: number): number {
  const damaged = (what: string) =>
    new UserError(
      `${path}: ${what}, but the checkpoint counts ${records} lines; start again with --overwrite`,
    );
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw damaged(`cannot be read (${code})`);
  }
  let end = 0;
  for (let line = 1; line <= records; line++) {
    const newline = bytes.indexOf(10, end);
    if (newline < 0) throw damaged(`ends in line ${line}`);
    try {
      JSON.parse(bytes.toString("utf8", end, newline));
    } catch {
      throw damaged(`line ${line} is damaged`);
    }
    end = newline + 1;
  }
  return end;
}
