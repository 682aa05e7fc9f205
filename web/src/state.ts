/** What the page shows, as a function of the messages that came. */
import type {
  AdapterFacts,
  DataFacts,
  DrawnFigure,
  FromWorker,
  JobFacts,
  PoisonedImage,
  Problem,
  SavedStudy,
} from "./protocol.js";

export type Phase = "loading" | "ready" | "running" | "done" | "failed";
export type Point = readonly [number, number];

export interface JobView extends JobFacts {
  readonly state: "waiting" | "running" | "done" | "diverged";
  /** Images trained on so far. */
  readonly trained: number;
  readonly loss: readonly Point[];
  readonly top1Curve: readonly Point[];
  readonly top1: number | null;
}

export interface LabState {
  readonly phase: Phase;
  readonly adapter: AdapterFacts | null;
  readonly saved: SavedStudy | null;
  /** Facts of dropped data; null: the sample. */
  readonly own: DataFacts | null;
  readonly data: DataFacts | null;
  readonly jobs: readonly JobView[];
  readonly imagesPerSecond: number;
  readonly figures: readonly DrawnFigure[];
  /** Poisoned images by run. */
  readonly galleries: ReadonlyMap<string, readonly PoisonedImage[]>;
  readonly report: string | null;
  readonly problem: Problem | null;
  /** A study was stopped and can go on. */
  readonly stopped: boolean;
  /** What goes on, in words, for the status line. */
  readonly status: string;
}

export const initialState: LabState = {
  phase: "loading",
  adapter: null,
  saved: null,
  own: null,
  data: null,
  jobs: [],
  imagesPerSecond: 0,
  figures: [],
  galleries: new Map(),
  report: null,
  problem: null,
  stopped: false,
  status: "Looking for a GPU…",
};

/** Seconds until the study is done at the present speed; null before there is one. */
export function secondsLeft({
  jobs,
  imagesPerSecond,
}: LabState): number | null {
  if (imagesPerSecond <= 0) return null;
  const left = jobs.reduce(
    (sum, { images, trained, state }) =>
      state === "done" || state === "diverged" ? sum : sum + images - trained,
    0,
  );
  return left / imagesPerSecond;
}

/** Share of all images that is trained. */
export function progressOf({ jobs }: LabState): number {
  const total = jobs.reduce((sum, { images }) => sum + images, 0);
  const done = jobs.reduce(
    (sum, { images, trained, state }) =>
      sum + (state === "waiting" || state === "running" ? trained : images),
    0,
  );
  return total === 0 ? 0 : done / total;
}

/** A run in words: "LeNet, 40 % noisy labels". */
export function jobTitle({ model, arm, level }: JobFacts): string {
  const share = `${Number((100 * level).toFixed(2))} %`;
  const what =
    arm === "baseline"
      ? "clean"
      : arm === "noise"
        ? `${share} noisy labels`
        : `${share} of the images removed`;
  return `${model}, ${what}`;
}

/** Points that a curve keeps: more would only slow the page down. */
const maxPoints = 400;

function appended(
  curve: readonly Point[],
  points: readonly Point[],
): readonly Point[] {
  const all = [...curve, ...points];
  return all.length <= maxPoints ? all : all.filter((_, i) => i % 2 === 0);
}

function withJob(
  state: LabState,
  id: string,
  change: (job: JobView) => Partial<JobView>,
): LabState {
  return {
    ...state,
    jobs: state.jobs.map((job) =>
      job.id === id ? { ...job, ...change(job) } : job,
    ),
  };
}

export function reduce(state: LabState, message: FromWorker): LabState {
  switch (message.kind) {
    case "opened":
      return {
        ...state,
        phase: "ready",
        adapter: message.adapter,
        saved: message.saved,
        status: "Ready.",
      };
    case "data":
      return { ...state, own: message.data, problem: null };
    case "started":
      return {
        ...state,
        phase: "running",
        data: message.data,
        jobs: message.jobs.map((job) => ({
          ...job,
          state: job.done ? "done" : "waiting",
          trained: 0,
          loss: [],
          top1Curve: [],
          top1: null,
        })),
        saved: null,
        status: "Preparing…",
      };
    case "preparing":
      return {
        ...withJob(state, message.job, () => ({ state: "running" })),
        status: `${titleOf(state, message.job)}: ${message.what}…`,
      };
    case "progress":
      return {
        ...withJob(state, message.job, () => ({ trained: message.images })),
        imagesPerSecond: message.imagesPerSecond,
        status: `Training ${titleOf(state, message.job)}.`,
      };
    case "curve":
      return withJob(state, message.job, (job) =>
        message.curve === "loss"
          ? { loss: appended(job.loss, message.points) }
          : { top1Curve: appended(job.top1Curve, message.points) },
      );
    case "ended":
      return withJob(state, message.job, ({ images }) => ({
        state: message.top1 === null ? "diverged" : "done",
        top1: message.top1,
        trained: images,
      }));
    case "figure": {
      const { figure } = message;
      const others = state.figures.filter(({ id }) => id !== figure.id);
      const figures = [...others, figure].sort((a, b) => a.order - b.order);
      return { ...state, figures };
    }
    case "gallery":
      return {
        ...state,
        galleries: new Map([
          ...state.galleries,
          [message.job, message.images] as const,
        ]),
      };
    case "done":
      return {
        ...state,
        phase: "done",
        report: message.report,
        stopped: false,
        status: "Done.",
      };
    case "stopped":
      return { ...state, phase: "ready", stopped: true, status: "Stopped." };
    case "problem":
      return {
        ...state,
        // A study that cannot go on is over; a file that cannot be read is not the end of the page.
        phase:
          message.problem.fatal || state.phase === "running"
            ? "failed"
            : state.phase,
        problem: message.problem,
        status: message.problem.title,
      };
    case "file":
      return state;
  }
}

function titleOf({ jobs }: LabState, id: string): string {
  const job = jobs.find((one) => one.id === id);
  return job ? jobTitle(job) : id;
}
