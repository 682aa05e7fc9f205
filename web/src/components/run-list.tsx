/** The runs of the study, and how far each is. */
import { memo } from "preact/compat";
import { counted, percent } from "../numbers.js";
import { jobTitle, type JobView } from "../state.js";

const words: Readonly<Record<JobView["state"], string>> = {
  waiting: "waiting",
  running: "training",
  done: "done",
  diverged: "diverged",
};

/** A run that has not changed is not drawn again. */
const Row = memo(({ job }: { readonly job: JobView }) => (
  <tr data-run-state={job.state}>
    <th scope="row">{jobTitle(job)}</th>
    <td>{words[job.state]}</td>
    <td class="number">
      {counted(job.trained)} of {counted(job.images)}
    </td>
    <td class="number">{job.top1 === null ? "" : percent(job.top1, 1)}</td>
  </tr>
));

export function RunList({ jobs }: { readonly jobs: readonly JobView[] }) {
  return (
    <section>
      <h2 id="runs">Runs</h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="runs">
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Images
              </th>
              <th scope="col" class="number">
                Top-1
              </th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <Row key={job.id} job={job} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
