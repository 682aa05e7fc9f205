/** What went wrong and what to do, where the reader cannot miss it. */
import type { Problem } from "../protocol.js";

export function ProblemNote({ problem }: { readonly problem: Problem }) {
  return (
    <section class="problem" role="alert">
      <h2>{problem.title}</h2>
      <p>{problem.advice}</p>
      {problem.details !== undefined && (
        <details>
          <summary>The error in its own words</summary>
          <p>
            <code>{problem.details}</code>
          </p>
        </details>
      )}
    </section>
  );
}
