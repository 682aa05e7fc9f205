/** What the page shows, as a function of the messages that came. */
import { counted } from "./numbers.js";
import type {
  AdapterFacts,
  CurvePoint,
  DrawnFigure,
  FromWorker,
  JobFacts,
  OwnDataFacts,
  PoisonedImage,
  Problem,
  SavedStudy,
  StudyRequest,
} from "./protocol.js";

export type Phase = "loading" | "ready" | "running" | "done" | "failed";

export interface JobView extends JobFacts {
  readonly state: "waiting" | "running" | "done" | "diverged";
}

export interface LabState {
  readonly phase: Phase;
  readonly adapter: AdapterFacts | null;
  /** A study that is kept. */
  readonly saved: SavedStudy | null;
  /** The reader's own data, where there are any. */
  readonly own: OwnDataFacts | null;
  /** Which data a study would be about; null before anybody chose. */
  readonly chosen: StudyRequest["data"] | null;
  /** The reader asked for a stop, and the worker has not answered yet. */
  readonly stopping: boolean;
  /** Whether the browser has room to keep the study. */
  readonly room: boolean;
  /** Set while dropped files are read: what is done so far, in words. */
  readonly reading: string | null;
  readonly jobs: readonly JobView[];
  readonly imagesPerSecond: number;
  readonly figures: readonly DrawnFigure[];
  /** Poisoned images by run. */
  readonly galleries: ReadonlyMap<string, readonly PoisonedImage[]>;
  readonly report: string | null;
  readonly problem: Problem | null;
  /** What goes on, in words, for the status line. */
  readonly status: string;
}

/** What the page itself has to say. */
export type FromPage =
  /** A study is asked for. */
  | { readonly kind: "begin" }
  | { readonly kind: "stopping" }
  /** The study is forgotten. */
  | { readonly kind: "discarded" }
  | { readonly kind: "choose"; readonly data: StudyRequest["data"] };

/** No study on the page. */
const noStudy = {
  jobs: [],
  imagesPerSecond: 0,
  figures: [],
  galleries: new Map<string, never>(),
  report: null,
} as const satisfies Partial<LabState>;

export const initialState: LabState = {
  phase: "loading",
  adapter: null,
  saved: null,
  own: null,
  chosen: null,
  stopping: false,
  room: true,
  reading: null,
  ...noStudy,
  problem: null,
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
  curve: readonly CurvePoint[],
  points: readonly CurvePoint[],
): readonly CurvePoint[] {
  let all = [...curve, ...points];
  while (all.length > maxPoints) all = all.filter((_, i) => i % 2 === 0);
  return all;
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

/** Whether a study can be set up and started now. */
export function isFree({ phase, reading, problem }: LabState): boolean {
  if (reading !== null) return false;
  return phase === "failed"
    ? !problem?.fatal
    : phase === "ready" || phase === "done";
}

export function reduce(
  state: LabState,
  message: FromWorker | FromPage,
): LabState {
  switch (message.kind) {
    case "begin":
      return {
        ...state,
        ...noStudy,
        phase: "running",
        stopping: false,
        problem: null,
        status: "Loading the data…",
      };
    case "stopping":
      return { ...state, stopping: true };
    case "discarded":
      return {
        ...state,
        ...noStudy,
        phase: "ready",
        saved: null,
        problem: null,
        status: "Ready.",
      };
    case "room":
      return { ...state, room: message.room };
    case "choose":
      return { ...state, chosen: message.data };
    case "opened":
      return {
        ...state,
        phase: "ready",
        adapter: message.adapter,
        problem: null,
        status: "Ready.",
      };
    case "kept": {
      const { own, saved } = message;
      // Files that were dropped just now are what the reader wants to study.
      const chosen =
        own === null
          ? "sample"
          : state.reading === null
            ? (state.chosen ?? "own")
            : "own";
      const ready = (name: string) => `${name} is ready.`;
      const forgotten = own === null && state.own !== null;
      const status =
        own && state.reading !== null
          ? ready(own.name)
          : forgotten && state.status === ready(state.own.name)
            ? "Ready."
            : state.status;
      return { ...state, own, saved, chosen, reading: null, status };
    }
    case "reading":
      return {
        ...state,
        problem: null,
        reading:
          message.total === undefined
            ? "Reading the files…"
            : `Decoding images: ${counted(message.done ?? 0)} of ${counted(message.total)}…`,
      };
    case "started":
      return {
        ...state,
        phase: "running",
        jobs: message.jobs.map((job) => ({
          ...job,
          state: job.ended ?? "waiting",
          loss: appended([], job.loss),
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
        stopping: false,
        report: message.report,
        status: "Done.",
      };
    case "stopped":
      return { ...state, phase: "ready", stopping: false, status: "Stopped." };
    case "problem":
      return {
        ...state,
        // A study that cannot go on is over; a file that cannot be read is not the end of the page.
        phase:
          message.problem.fatal || state.phase === "running"
            ? "failed"
            : state.phase,
        stopping: false,
        reading: null,
        problem: message.problem,
        status: `${message.problem.title}.`,
      };
    case "file":
      return state;
  }
}

function titleOf({ jobs }: LabState, id: string): string {
  const job = jobs.find((one) => one.id === id);
  return job ? jobTitle(job) : id;
}
