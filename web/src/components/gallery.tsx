/** Poisoned images: what each is, what the network was told, and what it says after training. */
import { useEffect, useRef, useState } from "preact/hooks";
import { percent } from "../numbers.js";
import type { PoisonedImage } from "../protocol.js";
import { jobTitle, type JobView } from "../state.js";

/** An image from its three planes. */
function Pixels({ image }: { readonly image: PoisonedImage }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const { size, pixels } = image;
    const data = new ImageData(size, size);
    const plane = size * size;
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) data.data[4 * i + c] = pixels[c * plane + i]!;
      data.data[4 * i + 3] = 255;
    }
    canvas.current?.getContext("2d")?.putImageData(data, 0, 0);
  }, [image]);
  return (
    <canvas
      ref={canvas}
      width={image.size}
      height={image.size}
      role="img"
      aria-label={`training image ${image.index}: ${image.truth}`}
    />
  );
}

function verdict({ predicted, truth, given }: PoisonedImage): string {
  if (predicted === truth) return "not fooled";
  return predicted === given ? "believes the lie" : "something else";
}

interface Props {
  readonly jobs: readonly JobView[];
  readonly galleries: ReadonlyMap<string, readonly PoisonedImage[]>;
}

export function Gallery({ jobs, galleries }: Props) {
  const [chosen, choose] = useState<string | null>(null);
  const runs = jobs.filter(({ id }) => galleries.has(id));
  const run = runs.find(({ id }) => id === chosen) ?? runs.at(-1);
  if (!run) return null;
  return (
    <section>
      <h2 id="gallery">Poisoned images</h2>
      <p class="intro">
        Each of these training images got a wrong label. After training, does
        the network repeat it?
      </p>
      {runs.length > 1 && (
        <label class="field">
          Run{" "}
          <select
            value={run.id}
            onChange={({ currentTarget }) => {
              choose(currentTarget.value);
            }}
          >
            {runs.map((job) => (
              <option key={job.id} value={job.id}>
                {jobTitle(job)}
              </option>
            ))}
          </select>
        </label>
      )}
      <ul class="gallery">
        {galleries.get(run.id)!.map((image) => (
          <li key={image.index} data-verdict={verdict(image)}>
            <Pixels image={image} />
            <dl>
              <dt>is</dt>
              <dd>{image.truth}</dd>
              <dt>was told</dt>
              <dd>{image.given}</dd>
              <dt>says</dt>
              <dd>
                {image.predicted} ({percent(image.confidence, 0)})
              </dd>
            </dl>
            <p class="note">{verdict(image)}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}
