/** What the reader chooses: data, models, arms and levels, epochs, seed. */
import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import { modelNames } from "../../../src/models/registry.js";
import { parseLevels } from "../params.js";
import type { OwnDataFacts, SavedStudy, StudyRequest } from "../protocol.js";
import type { Actions } from "../use-lab.js";
import { DataChoice } from "./data-choice.js";

interface Props {
  /** Whether a study can be set up and started now. */
  readonly able: boolean;
  /** A study that can go on. */
  readonly saved: SavedStudy | null;
  readonly own: OwnDataFacts | null;
  readonly chosen: StudyRequest["data"];
  readonly initial: StudyRequest;
  readonly actions: Actions;
}

/** Models that a GPU in a page trains while one watches; the others take hours. */
const quick = new Set(["lenet", "shallow", "resnet8"]);

const asPercents = (levels: readonly number[]) =>
  levels.map((level) => Number((100 * level).toFixed(2))).join(", ");

function toggled<T>(list: readonly T[], item: T): readonly T[] {
  return list.includes(item)
    ? list.filter((other) => other !== item)
    : [...list, item];
}

function SetupForm({ able, saved, own, chosen, initial, actions }: Props) {
  const [request, setRequest] = useState(initial);
  const [percents, setPercents] = useState(asPercents(initial.levels));
  const change = (part: Partial<StudyRequest>) => {
    setRequest({ ...request, ...part });
  };
  const levels = parseLevels(
    percents
      .split(",")
      .map((part) =>
        part.trim() === "" ? "" : String(Number(part.replace("%", "")) / 100),
      )
      .join(","),
  );
  const wrong =
    typeof levels === "string"
      ? `Levels: ${levels.replaceAll("0, 0.2", "0, 20").replace("shares from 0 to below 1", "percentages from 0 to below 100")}.`
      : request.models.length === 0
        ? "Choose at least one model."
        : request.arms.length === 0
          ? "Choose wrong labels, removed images, or both."
          : null;
  const submit = (event: Event) => {
    event.preventDefault();
    if (wrong === null && typeof levels !== "string" && able)
      actions.start({ ...request, levels, data: chosen });
  };
  const whole = (
    key: "epochs" | "seed" | "trainLimit",
    label: string,
    min: number,
    hint?: string,
  ) => (
    <label class="field">
      {label}
      <input
        type="number"
        min={min}
        step={1}
        value={request[key] ?? ""}
        placeholder={hint}
        onInput={({ currentTarget }) => {
          const value = currentTarget.valueAsNumber;
          change({
            [key]:
              Number.isSafeInteger(value) && value >= min
                ? value
                : key === "trainLimit"
                  ? undefined
                  : initial[key],
          });
        }}
      />
    </label>
  );
  const heavy = request.models.filter((model) => !quick.has(model));
  return (
    <form class="setup" onSubmit={submit} aria-label="The study">
      {saved && able && (
        <p class="notice">
          {`A study is here that can go on: ${saved.runsDone} of ${saved.runs} runs are done. `}
          {saved.missing === null ? (
            <button type="button" id="resume" onClick={actions.resume}>
              Go on with it
            </button>
          ) : (
            `It needs ${saved.missing}, which is not kept here: drop it again. `
          )}{" "}
          <button type="button" onClick={actions.discard}>
            Forget it
          </button>
        </p>
      )}
      <fieldset disabled={!able}>
        <legend>Data</legend>
        <DataChoice able={able} own={own} chosen={chosen} actions={actions} />
        {whole("trainLimit", "Training images", 10, "all")}
      </fieldset>
      <fieldset disabled={!able}>
        <legend>Models</legend>
        <div class="checks">
          {modelNames.map((model) => (
            <label key={model}>
              <input
                type="checkbox"
                checked={request.models.includes(model)}
                onChange={() => {
                  change({ models: toggled(request.models, model) });
                }}
              />{" "}
              {model}
            </label>
          ))}
        </div>
        {heavy.length > 0 && (
          <p class="note">
            {heavy.join(", ")}: expect minutes to hours an epoch, and GPU memory
            in gigabytes.
          </p>
        )}
      </fieldset>
      <fieldset disabled={!able}>
        <legend>Dirt</legend>
        <div class="checks">
          <label>
            <input
              type="checkbox"
              checked={request.arms.includes("noise")}
              onChange={() => {
                change({ arms: toggled(request.arms, "noise") });
              }}
            />{" "}
            wrong labels
          </label>
          <label>
            <input
              type="checkbox"
              checked={request.arms.includes("reduction")}
              onChange={() => {
                change({ arms: toggled(request.arms, "reduction") });
              }}
            />{" "}
            images removed
          </label>
        </div>
        <label class="field">
          Levels in %
          <input
            type="text"
            inputMode="decimal"
            value={percents}
            aria-invalid={typeof levels === "string"}
            onInput={({ currentTarget }) => {
              setPercents(currentTarget.value);
            }}
          />
        </label>
        {whole("epochs", "Epochs", 1)}
        {whole("seed", "Seed", 0)}
      </fieldset>
      {wrong !== null && (
        <p class="notice" role="alert">
          {wrong}
        </p>
      )}
      <p class="actions">
        <button
          id="start"
          class="primary"
          type="submit"
          disabled={!able || wrong !== null}
        >
          Start
        </button>
      </p>
    </form>
  );
}

/** What a study's progress has nothing to do with is not drawn again. */
export const Setup = memo(SetupForm);
