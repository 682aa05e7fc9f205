/** What the page and the training worker say to each other. Everything is plain data. */
import type { ImpactRow } from "../../src/experiments/measures.js";
import type { Arm, ResultRow, SweepArm } from "../../src/experiments/tables.js";

/** What the reader chose: the parameters of a study. */
export interface StudyRequest {
  /** `sample`, or `own` for files that were dropped on the page. */
  readonly data: "sample" | "own";
  readonly models: readonly string[];
  /** Shares in [0, 1]; 0 is the clean run, which is always made. */
  readonly levels: readonly number[];
  readonly arms: readonly SweepArm[];
  readonly epochs: number;
  readonly seed: number;
  /** Training images to use, class-balanced; undefined: all. */
  readonly trainLimit?: number | undefined;
}

export interface AdapterFacts {
  readonly name: string;
  /** A CPU in disguise. */
  readonly software: boolean;
}

export interface DataFacts {
  readonly name: string;
  readonly classes: readonly string[];
  readonly trainImages: number;
  readonly testImages: number;
}

/** The reader's own data. */
export interface OwnDataFacts extends DataFacts {
  /** Whether the test images are a share of the one set there was. */
  readonly heldOut: boolean;
  /** Files that are not used: no images, or in no class folder. */
  readonly skipped: number;
  /** Whether a reload finds them again. */
  readonly kept: boolean;
}

/** A run of the study as the page lists it. */
export interface JobFacts {
  readonly id: string;
  readonly model: string;
  readonly arm: Arm;
  readonly level: number;
  /** Images that its training goes through, all epochs together. */
  readonly images: number;
  readonly ended: "done" | "diverged" | null;
  /** Of an earlier visit: where training stands, its curves, and the result of a run that is done. */
  readonly trained: number;
  readonly loss: readonly CurvePoint[];
  readonly top1Curve: readonly CurvePoint[];
  readonly top1: number | null;
}

/** Epochs, with fractions, and a value. */
export type CurvePoint = readonly [number, number];

/** A training image whose label was changed, and what the trained network makes of it. */
export interface PoisonedImage {
  /** Index in the training set. */
  readonly index: number;
  readonly size: number;
  /** [3][size][size] planes. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly truth: string;
  readonly given: string;
  readonly predicted: string;
  /** Softmax share of the predicted class. */
  readonly confidence: number;
}

/** A part of the results, drawn in the worker. */
export interface DrawnFigure {
  readonly id: string;
  /** Place among the figures. */
  readonly order: number;
  readonly html: string;
}

export type ToWorker =
  /** `page`: its address. */
  | { readonly kind: "open"; readonly page: string }
  | { readonly kind: "data"; readonly files: readonly DroppedFile[] }
  /** Forgets the reader's own data. */
  | { readonly kind: "forget" }
  | { readonly kind: "start"; readonly request: StudyRequest }
  /** Goes on with the study that is stored, or shows it where it is finished. */
  | { readonly kind: "resume" }
  | { readonly kind: "discard" }
  | { readonly kind: "stop" }
  /** What the worker waited for is on the screen. */
  | { readonly kind: "shown" }
  | { readonly kind: "download"; readonly what: "study" | "weights" };

/** A file that was dropped on the page, with its path inside what was dropped. */
export interface DroppedFile {
  readonly path: string;
  readonly file: File;
}

export type FromWorker =
  | {
      readonly kind: "opened";
      readonly adapter: AdapterFacts;
    }
  /** What is at hand: the reader's own data, and a study. */
  | {
      readonly kind: "kept";
      readonly own: OwnDataFacts | null;
      readonly saved: SavedStudy | null;
    }
  /** Dropped files are being decoded; undefined while they are listed. */
  | {
      readonly kind: "reading";
      readonly done?: number | undefined;
      readonly total?: number | undefined;
    }
  | {
      readonly kind: "started";
      readonly jobs: readonly JobFacts[];
    }
  | { readonly kind: "preparing"; readonly job: string; readonly what: string }
  | {
      readonly kind: "progress";
      readonly job: string;
      /** Images trained on in this run so far. */
      readonly images: number;
      readonly imagesPerSecond: number;
    }
  /** New points of a curve of the run. */
  | {
      readonly kind: "curve";
      readonly job: string;
      readonly curve: "loss" | "top1";
      readonly points: readonly CurvePoint[];
    }
  | {
      readonly kind: "ended";
      readonly job: string;
      /** Null where the run diverged. */
      readonly top1: number | null;
      readonly problem?: string | undefined;
    }
  | { readonly kind: "figure"; readonly figure: DrawnFigure }
  | {
      readonly kind: "gallery";
      readonly job: string;
      readonly images: readonly PoisonedImage[];
    }
  | {
      readonly kind: "done";
      readonly results: readonly ResultRow[];
      readonly impact: readonly ImpactRow[];
      /** The whole report, one page. */
      readonly report: string;
    }
  | { readonly kind: "stopped" }
  /** Whether the browser has room to keep the study. */
  | { readonly kind: "room"; readonly room: boolean }
  | {
      readonly kind: "file";
      readonly name: string;
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: "problem"; readonly problem: Problem };

/** A study that is kept, of this visit or an earlier one. */
export interface SavedStudy {
  readonly request: StudyRequest;
  /** The reader's own data that it is about; null: the sample. */
  readonly dataName: string | null;
  readonly runsDone: number;
  readonly runs: number;
  /** Every run has ended. */
  readonly finished: boolean;
  /** Whether its data are not here: they are wanted to go on. */
  readonly missing: boolean;
}

/** What went wrong, and what the reader can do. */
export interface Problem {
  readonly title: string;
  readonly advice: string;
  /** The error's own words, where the advice has others. */
  readonly details?: string | undefined;
  /** Nothing can be done on this page before a reload. */
  readonly fatal: boolean;
}
