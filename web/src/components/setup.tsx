/** What the reader chooses: data, models, arms and levels, epochs, seed. */
import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import { modelNames } from "../../../src/models/registry.js";
import {
  fieldNames,
  fieldsOf,
  type Fields,
  readFields,
  type TextField,
} from "../fields.js";
import type { OwnDataFacts, SavedStudy, StudyRequest } from "../protocol.js";
import type { Actions } from "../use-lab.js";
import { DataChoice } from "./data-choice.js";
import { SavedNote } from "./saved-note.js";

interface Props {
  /** Whether a study can be set up and started now. */
  readonly able: boolean;
  /** A study that is kept. */
  readonly saved: SavedStudy | null;
  /** Whether that study is on the page. */
  readonly shown: boolean;
  readonly own: OwnDataFacts | null;
  readonly chosen: StudyRequest["data"];
  readonly initial: StudyRequest;
  readonly actions: Actions;
}

/** Models that a GPU in a page trains while one watches; the others take hours. */
const quick = new Set(["lenet", "shallow", "resnet8"]);

function toggled<T>(list: readonly T[], item: T): readonly T[] {
  return list.includes(item)
    ? list.filter((other) => other !== item)
    : [...list, item];
}

function SetupForm({
  able,
  saved,
  shown,
  own,
  chosen,
  initial,
  actions,
}: Props) {
  const [fields, setFields] = useState(() => fieldsOf(initial));
  const change = (part: Partial<Fields>) => {
    setFields({ ...fields, ...part });
  };
  const { request, wrong, wrongFields } = readFields(fields);
  const submit = (event: Event) => {
    event.preventDefault();
    if (request && able) actions.start({ ...request, data: chosen });
  };
  // Text, not type="number": that one hides what it cannot read, and nobody can say what is wrong with it.
  const text = (
    key: TextField,
    inputMode: "numeric" | "text",
    unit = "",
    hint?: string,
  ) => (
    <label class="field">
      {fieldNames[key]}
      {unit}
      <input
        name={key}
        type="text"
        inputMode={inputMode}
        autoComplete="off"
        value={fields[key]}
        placeholder={hint}
        aria-invalid={wrongFields.has(key)}
        aria-describedby={wrongFields.has(key) ? "wrong" : undefined}
        onInput={({ currentTarget }) => {
          change({ [key]: currentTarget.value });
        }}
      />
    </label>
  );
  const heavy = fields.models.filter((model) => !quick.has(model));
  return (
    <form class="setup" onSubmit={submit} aria-label="The study">
      {saved && !shown && able && <SavedNote saved={saved} actions={actions} />}
      <fieldset disabled={!able}>
        <legend>Data</legend>
        <DataChoice able={able} own={own} chosen={chosen} actions={actions} />
        {text("trainLimit", "numeric", "", "all")}
      </fieldset>
      <fieldset disabled={!able}>
        <legend>Models</legend>
        <div class="checks">
          {modelNames.map((model) => (
            <label key={model}>
              <input
                type="checkbox"
                checked={fields.models.includes(model)}
                onChange={() => {
                  change({ models: toggled(fields.models, model) });
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
        <div class="checks arms">
          <label>
            <input
              type="checkbox"
              checked={fields.arms.includes("noise")}
              onChange={() => {
                change({ arms: toggled(fields.arms, "noise") });
              }}
            />{" "}
            wrong labels
          </label>
          <label>
            <input
              type="checkbox"
              checked={fields.arms.includes("reduction")}
              onChange={() => {
                change({ arms: toggled(fields.arms, "reduction") });
              }}
            />{" "}
            images removed
          </label>
        </div>
        {text("levels", "text", " in %")}
        {text("epochs", "numeric")}
        {text("seed", "numeric")}
      </fieldset>
      {wrong.length > 0 && (
        <p class="notice" role="alert" id="wrong">
          {wrong.join(" ")}
        </p>
      )}
      <p class="actions">
        <button
          id="start"
          class="primary"
          type="submit"
          disabled={!able || !request}
        >
          Start
        </button>
        {saved && able && (
          <span class="note">
            Starting erases the study that is {shown ? "below" : "kept here"}.
          </span>
        )}
      </p>
    </form>
  );
}

/** What a study's progress has nothing to do with is not drawn again. */
export const Setup = memo(SetupForm);
