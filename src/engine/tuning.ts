/**
 * The autotuner: where an op can run by several kernel variants, measures them on this adapter, once per problem, and
 * remembers the fastest. What it chose decides the order of additions, so it belongs to a run's record: given a record,
 * nothing is measured and the same kernels run again, bit for bit.
 */
import { halfStorageForm } from "../../shaders/half-storage.js";
import type { Device } from "./device.js";
import type { Dispatch, Graph, KernelTarget, Node } from "./graph.js";
import { KernelTimer } from "./kernel-timer.js";

/** Chosen variants by problem, as config.json records them. */
export type KernelRecord = Readonly<Record<string, string>>;

/** Where the choices of one adapter outlive the process. Neither method may fail: without a place to keep them, the next process measures again. */
export interface KernelStore {
  load(): Promise<KernelRecord>;
  save(kernels: KernelRecord): Promise<void>;
}

/**
 * Version of the kernels as the tuner sees them; raise it when a variant's text or the candidates change, so that old
 * measurements are made again.
 */
export const tuningVersion = 3;

/** Lowers one node with a target; kernels get the form that their tensors' types ask for. */
export function lowerNode(
  graph: Graph,
  node: Node,
  target: KernelTarget,
): Dispatch[] {
  const dispatches: Dispatch[] = [];
  node.op.lower(node, {
    target,
    scratch: (label, words) => graph.temporary(label, words),
    emit: (dispatch) => dispatches.push(storedAsTyped(dispatch, target)),
  });
  return dispatches;
}

function storedAsTyped(dispatch: Dispatch, { half }: KernelTarget): Dispatch {
  const halves = dispatch.bindings.flatMap(({ tensor }, binding) =>
    tensor.type === "f16" ? binding : [],
  );
  if (halves.length === 0) return dispatch;
  if (half === undefined)
    throw new Error("tensors of f16 need a target with f16");
  return { ...dispatch, wgsl: halfStorageForm(dispatch.wgsl, halves, half) };
}

/** A problem to measure: a node, the name of what is to be chosen, and the names that it can be. */
interface Problem {
  readonly node: Node;
  readonly problem: string;
  readonly variants: readonly string[];
}

export class Tuner {
  readonly #kernels = new Map<string, string>();
  #loaded = false;
  /** One measurement at a time: two would disturb each other. */
  #queue: Promise<unknown> = Promise.resolve();
  /** Told before each problem that has to be measured. */
  onMeasure:
    ((problem: string, done: number, total: number) => void) | undefined;

  constructor(
    private readonly device: Device,
    private readonly store?: KernelStore,
  ) {}

  /** The device's target with a choice for every problem of the graph. Measures what is not known yet. */
  tune(graph: Graph, target: KernelTarget): Promise<KernelTarget> {
    const tuned = this.#queue.then(() => this.#tune(graph, target));
    this.#queue = tuned.catch(() => undefined);
    return tuned;
  }

  async #tune(graph: Graph, target: KernelTarget): Promise<KernelTarget> {
    if (!this.#loaded && this.store) {
      for (const [problem, variant] of Object.entries(await this.store.load()))
        this.#kernels.set(problem, variant);
    }
    this.#loaded = true;
    const problems = this.#unknown(graph, target);
    if (problems.length > 0) {
      const timer = new KernelTimer(this.device);
      try {
        let ahead = this.#compile(graph, target, problems[0]);
        for (const [i, next] of problems.entries()) {
          this.onMeasure?.(next.problem, i, problems.length);
          const candidates = ahead;
          ahead = this.#compile(graph, target, problems[i + 1]);
          const variant = await this.#fastest(timer, candidates);
          if (variant) this.#kernels.set(next.problem, variant);
        }
      } finally {
        timer.destroy();
      }
      await this.store?.save(Object.fromEntries(this.#kernels));
    }
    return { ...target, kernels: new Map(this.#kernels) };
  }

  /** Problems of the graph that have a choice and no answer, each once. A known answer counts if it is still one of the choices. */
  #unknown(graph: Graph, target: KernelTarget): Problem[] {
    const problems = new Map<string, Problem>();
    for (const node of graph.nodes) {
      const variants = node.op.variants?.(node, target) ?? [];
      if (variants.length < 2) continue;
      const choice = lowerNode(graph, node, target).find(
        (dispatch) => dispatch.choice,
      )?.choice;
      if (!choice) continue;
      const { problem } = choice;
      const known = this.#kernels.get(problem);
      if (known !== undefined && variants.includes(known)) continue;
      problems.set(problem, { node, problem, variants });
    }
    return [...problems.values()];
  }

  /** Starts compiling all candidates of a problem at once. */
  #compile(graph: Graph, target: KernelTarget, problem: Problem | undefined) {
    return (problem?.variants ?? []).map((variant) => {
      const kernels = new Map([[problem!.problem, variant]]);
      const dispatches = lowerNode(graph, problem!.node, {
        ...target,
        kernels,
      });
      const compiled = Promise.all(
        dispatches.map((dispatch) => this.device.pipeline(dispatch)),
      );
      // A candidate that does not compile is reported when its turn comes: by losing.
      compiled.catch(() => undefined);
      return { variant, dispatches };
    });
  }

  async #fastest(
    timer: KernelTimer,
    candidates: readonly { variant: string; dispatches: readonly Dispatch[] }[],
  ): Promise<string | undefined> {
    const seconds = await timer.race(
      candidates.map(({ dispatches }) => dispatches),
    );
    let best: { variant: string; seconds: number } | undefined;
    candidates.forEach(({ variant }, i) => {
      const time = seconds[i];
      if (time !== undefined && (!best || time < best.seconds))
        best = { variant, seconds: time };
    });
    return best?.variant;
  }
}
