/** Which data to study: the sample, or the reader's own files, which are dropped or chosen here. */
import type { DroppedFile, OwnDataFacts, StudyRequest } from "../protocol.js";
import type { LabState } from "../state.js";
import { DropZone } from "./drop-zone.js";

interface Props {
  readonly state: LabState;
  readonly able: boolean;
  readonly onChoose: (data: StudyRequest["data"]) => void;
  readonly onDrop: (files: readonly DroppedFile[]) => void;
  readonly onRefused: (why: string) => void;
  readonly onForget: () => void;
}

const count = (n: number, what: string) =>
  `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

/** What came of the files: "240 training and 60 test images in 3 classes", and what one should know of them. */
function described(own: OwnDataFacts): string {
  const { trainImages, testImages, classes, heldOut, skipped, kept } = own;
  return [
    `${trainImages.toLocaleString("en")} training and ${count(testImages, "test image")} in ${classes.length} classes.`,
    ...(heldOut ? ["A fifth of each class is held out to test on."] : []),
    ...(skipped > 0 ? [`${count(skipped, "other file")} not used.`] : []),
    ...(kept
      ? []
      : ["The browser has no room to keep them: a reload needs them again."]),
  ].join(" ");
}

export function DataChoice(props: Props) {
  const { state, able, onChoose, onDrop, onRefused, onForget } = props;
  const { own, chosen } = state;
  const choice = (data: StudyRequest["data"], name: string, what: string) => (
    <label class="choice">
      <input
        type="radio"
        name="data"
        checked={(chosen ?? "sample") === data}
        onChange={() => {
          onChoose(data);
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
          <button type="button" id="forget" onClick={onForget}>
            Forget {own.name}
          </button>
        </p>
      )}
      <DropZone able={able} onDrop={onDrop} onRefused={onRefused} />
    </>
  );
}
