/** Which data to study: the sample, or the reader's own files, which are dropped or chosen here. */
import { counted } from "../numbers.js";
import type { OwnDataFacts, StudyRequest } from "../protocol.js";
import type { Actions } from "../use-lab.js";
import { DropZone } from "./drop-zone.js";

interface Props {
  readonly able: boolean;
  readonly own: OwnDataFacts | null;
  readonly chosen: StudyRequest["data"];
  readonly actions: Actions;
}

const many = (n: number, what: string) =>
  `${counted(n)} ${what}${n === 1 ? "" : "s"}`;

/** What came of the files: "240 training and 60 test images in 3 classes", and what one should know of them. */
function described(own: OwnDataFacts): string {
  const { trainImages, testImages, classes, heldOut, skipped, kept } = own;
  return [
    `${counted(trainImages)} training and ${many(testImages, "test image")} in ${classes.length} classes.`,
    ...(heldOut ? ["A fifth of each class is held out to test on."] : []),
    ...(skipped > 0 ? [`${many(skipped, "other file")} not used.`] : []),
    ...(kept
      ? []
      : ["The browser has no room to keep them: a reload needs them again."]),
  ].join(" ");
}

export function DataChoice({ able, own, chosen, actions }: Props) {
  const choice = (data: StudyRequest["data"], name: string, what: string) => (
    <label class="choice">
      <input
        type="radio"
        name="data"
        checked={chosen === data}
        onChange={() => {
          actions.choose(data);
        }}
      />{" "}
      <span>
        <b>{name}</b>: {what}
      </span>
    </label>
  );
  return (
    <>
      {choice(
        "sample",
        "The sample",
        "2,000 training and 1,000 test images of CIFAR-10 in 10 classes.",
      )}
      {own && choice("own", own.name, described(own))}
      {own && (
        <p class="note">
          <button type="button" id="forget" onClick={actions.forget}>
            Forget {own.name}
          </button>
        </p>
      )}
      <DropZone able={able} onDrop={actions.drop} onRefused={actions.refuse} />
    </>
  );
}
