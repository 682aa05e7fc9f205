/** The runs of the study, and how far each is. */
import { jobTitle, type JobView } from "../state.js";

const words: Readonly<Record<JobView["state"], string>> = {
  waiting: "waiting",
  running: "training",
  done: "done",
  diverged: "diverged",
};

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
              <tr key={job.id} data-run-state={job.state}>
                <th scope="row">{jobTitle(job)}</th>
                <td>{words[job.state]}</td>
                <td class="number">
                  {job.trained.toLocaleString("en")} of{" "}
                  {job.images.toLocaleString("en")}
                </td>
                <td class="number">
                  {job.top1 === null ? "" : `${(100 * job.top1).toFixed(1)} %`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
