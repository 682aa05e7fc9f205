/**
 * Progress for people: bars on a terminal (drawn by cli-progress), otherwise a plain line every few seconds and one at
 * the end. With `--json` it goes to stderr, so that stdout holds the result alone.
 */
import { stderr, stdout } from "node:process";
import type { WriteStream } from "node:tty";
import { MultiBar, type SingleBar } from "cli-progress";
import {
  formatCount,
  formatDuration,
  formatNumber,
  formatPercent,
  formatRate,
} from "./format.js";
import { printable, printableLines } from "./printable.js";

export interface ProgressOptions {
  /** How much there is to do, in `unit`. */
  total: number;
  /** What is counted, in the plural: "images", "runs". */
  unit: string;
  /** What is being done: "lenet, 20 % noise". */
  label: string;
  /** To stderr instead of stdout. */
  json?: boolean;
  /** What a resumed run did before: it counts as done, but not for the speed. */
  start?: number;
}

export interface ProgressFields {
  loss?: number;
  /** Units per second; measured here when absent. */
  rate?: number;
  /** Seconds left, where units do not take the same time; from the speed so far when absent. */
  secondsLeft?: number;
}

export interface Progress {
  /** `done` of the total so far (fractions are fine), with what there is to show beside it. */
  update(done: number, fields?: ProgressFields): void;
  /** A line of text, above the bars on a terminal. */
  log(line: string): void;
  /** A bar below this one for a part of the work, e.g. one run of a sweep. Stop it before its parent. */
  child(options: Omit<ProgressOptions, "json">): Progress;
  /** Ends with a last line that says how far it got. Calling it again does nothing. */
  stop(): void;
}

/** Plain output: not more than one line in this time, the last lines excepted. */
const QUIET_MS = 5000;
/** A speed measured over less time than this says nothing. */
const MIN_SECONDS = 0.5;

/** Where the bars of one display go, and when the last plain line was written. */
interface Display {
  readonly stream: WriteStream;
  readonly bars: MultiBar | undefined;
  lastLine: number;
}

/** Starts showing progress; a display of its own, so let there be one at a time and make the others its children. */
export function createProgress(options: ProgressOptions): Progress {
  const stream = options.json ? stderr : stdout;
  const display: Display = {
    stream,
    bars: stream.isTTY ? createBars(stream) : undefined,
    lastLine: performance.now(),
  };
  return new Task(display, options, undefined);
}

function createBars(stream: WriteStream): MultiBar {
  return new MultiBar({
    stream,
    format: (_options, _params, payload: { task: Task }) =>
      payload.task.line(stream.columns || 80),
    fps: 5,
    clearOnComplete: true,
    linewrap: true, // leaves the terminal's mode alone; the lines fit
    forceRedraw: true, // the time goes on when nothing else does
    gracefulExit: false, // Ctrl-C belongs to the command, which writes a checkpoint first
  });
}

function drawBar(share: number, width: number): string {
  const filled = Math.round(share * width);
  return `[${"=".repeat(filled)}${" ".repeat(width - filled)}]`;
}

class Task implements Progress {
  readonly #display: Display;
  readonly #options: ProgressOptions;
  readonly #parent: Task | undefined;
  readonly #bar: SingleBar | undefined;
  readonly #started = performance.now();
  readonly #start: number;
  #done: number;
  #fields: ProgressFields = {};
  #stopped = false;

  constructor(
    display: Display,
    options: ProgressOptions,
    parent: Task | undefined,
  ) {
    this.#display = display;
    this.#options = options;
    this.#parent = parent;
    this.#start = this.#done = options.start ?? 0;
    this.#bar = display.bars?.create(options.total, this.#done, { task: this });
  }

  child(options: Omit<ProgressOptions, "json">): Progress {
    return new Task(this.#display, options, this);
  }

  update(done: number, fields: ProgressFields = {}): void {
    if (this.#stopped) return;
    this.#done = done;
    this.#fields = fields;
    if (this.#bar) {
      this.#bar.update(done);
      return;
    }
    const now = performance.now();
    if (now - this.#display.lastLine < QUIET_MS) return;
    this.#display.lastLine = now;
    this.log(this.line());
  }

  log(text: string): void {
    const line = printableLines(text);
    if (this.#display.bars && !this.#root.#stopped)
      this.#display.bars.log(`${line}\n`);
    else this.#display.stream.write(`${line}\n`);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    const { bars } = this.#display;
    const last = this.#lastLine();
    if (bars && this.#parent && this.#bar) {
      bars.log(`${last}\n`);
      bars.remove(this.#bar);
      return;
    }
    if (bars) {
      bars.update(); // brings out what was logged since the last redraw
      bars.stop();
    }
    this.#display.stream.write(`${last}\n`);
  }

  get #root(): Task {
    return this.#parent ? this.#parent.#root : this;
  }

  get #seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** Units per second since the start. */
  get #averageRate(): number {
    return (this.#done - this.#start) / this.#seconds;
  }

  /** The line as it stands. With a terminal's width: with as much of a bar as there is room for, and never wider. */
  line(columns?: number): string {
    const { total, unit } = this.#options;
    const label = printable(this.#options.label);
    const share = total > 0 ? Math.min(1, this.#done / total) : 1;
    const left =
      this.#fields.secondsLeft ?? (total - this.#done) / this.#averageRate;
    const text = [
      formatPercent(share, 0),
      `${formatCount(Math.floor(this.#done))} of ${formatCount(total)} ${unit}`,
      ...this.#speedAndLoss(),
      `ETA ${formatDuration(left)}`,
    ].join(", ");
    if (columns === undefined) {
      // On a terminal the parent's bar is in sight; a plain line says how far the whole is.
      const whole = this.#parent?.position() ?? "";
      return `${whole}${label}: ${text}`;
    }
    const room = columns - `${label} [] ${text} `.length;
    const bar = room < 6 ? "" : `${drawBar(share, Math.min(room, 24))} `;
    return `${label} ${bar}${text}`.slice(0, columns - 1);
  }

  /** How far it is, in brackets, before the lines of its children. */
  position(): string {
    return `[${formatCount(Math.floor(this.#done))} of ${formatCount(this.#options.total)} ${this.#options.unit}] `;
  }

  #lastLine(): string {
    const { total, unit } = this.#options;
    const label = printable(this.#options.label);
    const done = formatCount(Math.floor(this.#done));
    const amount =
      this.#done >= total
        ? `${done} ${unit}`
        : `stopped at ${done} of ${formatCount(total)} ${unit}`;
    const parts = [
      `${amount} in ${formatDuration(this.#seconds)}`,
      ...this.#speedAndLoss(),
    ];
    return `${label}: ${parts.join(", ")}`;
  }

  #speedAndLoss(): string[] {
    const { loss } = this.#fields;
    const measured =
      this.#seconds < MIN_SECONDS ? undefined : this.#averageRate;
    const rate = this.#fields.rate ?? measured ?? 0;
    return [
      // Runs of a sweep take minutes: their speed says nothing that the ETA does not.
      ...(rate >= 0.5 ? [formatRate(rate, this.#options.unit)] : []),
      ...(loss === undefined ? [] : [`loss ${formatNumber(loss)}`]),
    ];
  }
}
