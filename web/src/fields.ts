/** The form's fields as text, and the study that they make: what is typed stays as it is, and what is wrong is named. */
import { parseLevels, parseWhole } from "./params.js";
import type { StudyRequest } from "./protocol.js";

const textFields = ["trainLimit", "levels", "epochs", "seed"] as const;
export type TextField = (typeof textFields)[number];

/** What the reader has typed and ticked. */
export interface Fields
  extends
    Readonly<Record<TextField, string>>,
    Pick<StudyRequest, "models" | "arms"> {}

export interface ReadFields {
  /** Null where something is wrong. */
  readonly request: Omit<StudyRequest, "data"> | null;
  /** What is wrong, in words. */
  readonly wrong: readonly string[];
  readonly wrongFields: ReadonlySet<TextField>;
}

export const fieldNames: Readonly<Record<TextField, string>> = {
  trainLimit: "Training images",
  levels: "Levels",
  epochs: "Epochs",
  seed: "Seed",
};

export function percents(levels: readonly number[]): string {
  return levels.map((level) => Number((100 * level).toFixed(2))).join(", ");
}

export function fieldsOf(request: StudyRequest): Fields {
  const { models, arms, levels, epochs, seed, trainLimit } = request;
  return {
    models,
    arms,
    levels: percents(levels),
    epochs: String(epochs),
    seed: String(seed),
    trainLimit: trainLimit === undefined ? "" : String(trainLimit),
  };
}

export function readFields(fields: Fields): ReadFields {
  const { models, arms } = fields;
  const parsed = {
    // Empty: all there are.
    trainLimit:
      fields.trainLimit.trim() === ""
        ? undefined
        : parseWhole(fields.trainLimit, 1),
    levels: parseLevels(fields.levels, 100),
    epochs: parseWhole(fields.epochs, 1),
    seed: parseWhole(fields.seed, 0),
  };
  const wrongFields = textFields.filter(
    (field) => typeof parsed[field] === "string",
  );
  const wrong = [
    ...wrongFields.map((field) => `${fieldNames[field]}: ${String(parsed[field])}.`), // prettier-ignore
    ...(models.length === 0 ? ["Choose at least one model."] : []),
    ...(arms.length === 0
      ? ["Choose wrong labels, removed images, or both."]
      : []),
  ];
  const { levels, epochs, seed, trainLimit } = parsed;
  const whole =
    typeof levels !== "string" &&
    typeof epochs !== "string" &&
    typeof seed !== "string" &&
    typeof trainLimit !== "string";
  return {
    request:
      whole && wrong.length === 0
        ? { models, arms, levels, epochs, seed, ...(trainLimit !== undefined && { trainLimit }) } // prettier-ignore
        : null,
    wrong,
    wrongFields: new Set(wrongFields),
  };
}
