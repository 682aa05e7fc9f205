/** The study that is kept: which one it is, and what can be done with it. */
import { percents } from "../fields.js";
import { counted } from "../numbers.js";
import type { SavedStudy } from "../protocol.js";
import type { Actions } from "../use-lab.js";

/** "photos, lenet; wrong labels and images removed at 0, 20 %; 8 epochs, seed 0" */
function described({ request, dataName }: SavedStudy): string {
  const { models, levels, arms, epochs, seed, trainLimit } = request;
  const images = trainLimit === undefined ? "" : `, ${counted(trainLimit)} training images`; // prettier-ignore
  const words = { noise: "wrong labels", reduction: "images removed" };
  const dirt = arms.map((arm) => words[arm]).join(" and ");
  return (
    `${dataName ?? "the sample"}${images}; ${models.join(", ")}; ${dirt} at ${percents(levels)}\u00a0%; ` +
    `${epochs} ${epochs === 1 ? "epoch" : "epochs"}, seed ${seed}`
  );
}

interface Props {
  readonly saved: SavedStudy;
  readonly actions: Actions;
}

export function SavedNote({ saved, actions }: Props) {
  const { finished, missing, runsDone, runs, dataName } = saved;
  const wanting = missing && !finished;
  return (
    <div class="notice" id="kept">
      <p>
        {finished
          ? "A finished study is kept here: "
          : wanting
            ? "An unfinished study is kept here: "
            : "A study is here that can go on: "}
        {described(saved)}
        {finished ? "." : `. ${runsDone} of ${runs} runs are done.`}
        {wanting &&
          ` It needs ${dataName ?? "the sample"}, which is not kept here: drop it again.`}
      </p>
      <p class="actions">
        {!wanting && (
          <button type="button" id="resume" onClick={actions.resume}>
            {finished ? "Show it" : "Go on with it"}
          </button>
        )}
        {finished && (
          <button
            type="button"
            onClick={() => {
              actions.download("study");
            }}
          >
            Download it (.zip)
          </button>
        )}
        <button type="button" id="discard" onClick={actions.discard}>
          Forget it
        </button>
      </p>
    </div>
  );
}
