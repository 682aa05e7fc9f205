/** Worlds that studies can be written from (study-fixtures.ts): recall by condition and class. */
import type { Condition, StudyFixture } from "./study-fixtures.js";

/** The models of the Impact Index study. */
export const five = ["shallow", "lenet", "unresnet18", "googlenet", "resnet18"];
/** A number in [0, 1) that depends on all of its arguments and on nothing else. */
function scatter(...parts: (string | number)[]): number {
  let hash = 2166136261;
  for (const char of parts.join("|"))
    hash = Math.imul(hash ^ char.charCodeAt(0), 16777619);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}
const jitter = (condition: Condition, index: number, width: number) =>
  width *
  (scatter(
    condition.model,
    condition.arm,
    condition.level,
    condition.seed,
    index,
  ) -
    0.5);

/** The world as the study describes it: every claim should hold. */
export const asClaimed: StudyFixture["tpr"] = (condition, index) => {
  const { model, arm, level } = condition;
  const hard = [2, 3, 4, 5].includes(index);
  const easy = [6, 9].includes(index);
  const weak = model === "lenet" ? 0.5 : 1;
  const friend = model === "shallow" && [9, 8, 4, 6].includes(index);
  const slope = hard ? 1.6 : easy ? 0.3 : 0.8;
  const bird = model === "lenet" && index === 2 && arm === "noise" ? 0.45 : 0;
  const loss =
    arm === "noise" ? 0.02 + slope * level + bird : arm === "reduction" ? (friend ? -0.4 : 0.2) * level : 0; // prettier-ignore
  return Math.min(1, Math.max(0, weak * (0.8 - loss)) + jitter(condition, index, 0.01)); // prettier-ignore
};
/** The other way round. */
export const asDenied: StudyFixture["tpr"] = (condition, index) => {
  const { arm, level, model } = condition;
  const gain = arm === "noise" ? 0.3 * level * (index % 3) : arm === "reduction" ? -level : 0; // prettier-ignore
  return Math.min(1, Math.max(0, (model === "lenet" ? 0.85 : 0.6) + gain + jitter(condition, index, 0.02))); // prettier-ignore
};
/** Nothing but chance around a slow fall, with a class that is never recognised. */
export const asChance: StudyFixture["tpr"] = (condition, index) =>
  index === 7 && condition.model === "googlenet"
    ? 0
    : Math.max(0, 0.6 - 0.3 * condition.level + jitter(condition, index, 0.3));
