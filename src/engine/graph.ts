/**
 * The graph: a list of op nodes in execution order over symbolic tensors. Building it runs nothing; autodiff appends
 * to it, fusion rewrites it, and plan.ts turns it into dispatches.
 */
import type { HalfAccess } from "../../shaders/half-storage.js";
import { ShapeError } from "./errors.js";
import type { Layout, Shape, Storage, Tensor } from "./tensor.js";

/** One tensor that an op produces. */
export interface OutputSpec {
  readonly label: string;
  readonly shape: Shape;
  readonly layout: Layout;
}

/** How a dispatch uses a tensor: a read-only storage buffer, a read-write one, or a uniform buffer. */
export type Access = "read" | "write" | "uniform";

export interface Binding {
  readonly tensor: Tensor;
  readonly access: Access;
}

/** Positions in a dispatch's bindings: the output may take the place of the input where that is needed no more. */
export interface InPlace {
  readonly input: number;
  readonly output: number;
}

/** One kernel launch. Binding i of group 0 is `bindings[i]`. */
export interface Dispatch {
  readonly label: string;
  readonly wgsl: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
  /** In the order of preference; only inputs that each invocation reads at the elements it writes. */
  readonly inPlace?: readonly InPlace[];
  /** Where there is a choice of kernels: for which problem it was made, and the name of the variant that runs. */
  readonly choice?: { readonly problem: string; readonly variant: string };
  /** Arithmetic, in operations (two per multiply-add), where it is what the kernel is about. */
  readonly flops?: number;
}

/** What an op may ask while it turns itself into dispatches. */
export interface Lowering {
  /** What the adapter is good at; ops choose kernel variants by it. */
  readonly target: KernelTarget;
  /** Temporary memory of the op: alive from its first dispatch that uses it to the last. */
  readonly scratch: (label: string, words: number) => Tensor;
  readonly emit: (dispatch: Dispatch) => void;
}

/** The kernel family and limits that suit an adapter. */
export interface KernelTarget {
  /** `register`: no workgroup memory or barriers (software adapters); `tiled`: workgroup-memory tiles (GPUs). */
  readonly family: "register" | "tiled";
  /** Lanes of a subgroup where its size is fixed and subgroups are offered, else 0. */
  readonly subgroup: number;
  /** How kernels access tensors of f16, where the adapter has f16. */
  readonly half: HalfAccess | undefined;
  /** Whether products of 16×16×16 f16 matrices with f32 results are to be had: by the adapter, or emulated (tests). */
  readonly matrices?: "native" | "emulated" | undefined;
  /** About how many workgroups the adapter works on at a time; decides tile sizes and how far reductions are split. */
  readonly parallelism: number;
  /** Most workgroup memory and invocations that a workgroup may have. */
  readonly limits: {
    readonly workgroupBytes: number;
    readonly invocations: number;
  };
  /** Variants by problem, as the tuner measured them or a record has them; the others are chosen by rule. */
  readonly kernels?: ReadonlyMap<string, string>;
}

/** An op: shape rule, lowering to kernels, and gradient. `A` is its attributes' type. */
export interface OpDefinition<A> {
  readonly name: string;
  /** Whether its activations stay f32 in mixed precision. */
  readonly exact?: boolean;
  /** Shape rule. Throws ShapeError for inputs that do not fit. */
  infer(inputs: readonly Tensor[], attributes: A): readonly OutputSpec[];
  lower(node: Node<A>, lowering: Lowering): void;
  /** Names of the kernel variants that are worth measuring for a node, where there is a choice. */
  variants?(node: Node<A>, target: KernelTarget): readonly string[];
  /**
   * Appends the backward ops and returns the gradient of each input (undefined where none flows).
   * `needed[i]` says whether the gradient of input i is wanted at all.
   */
  backward?(
    graph: Graph,
    node: Node<A>,
    gradOutputs: readonly (Tensor | undefined)[],
    needed: readonly boolean[],
  ): readonly (Tensor | undefined)[];
  /**
   * A cheap node that gives a training node's output 0 again, to the bit, from tensors that the backward pass keeps anyway
   * (its inputs and other outputs).
   */
  recompute?(node: Node<A>): NodeSpec;
}

/** A node that is yet to be placed. */
export interface NodeSpec<A = unknown> {
  readonly op: OpDefinition<A>;
  readonly inputs: readonly Tensor[];
  readonly attributes: A;
}

export interface Node<A = unknown> {
  readonly op: OpDefinition<A>;
  inputs: Tensor[];
  outputs: Tensor[];
  attributes: A;
}

export class Graph {
  nodes: Node[] = [];
  #nextId = 0;

  /** A tensor that no node computes: a parameter, BN state or a resource bound at run time. */
  external(
    label: string,
    shape: Shape,
    layout: Layout,
    storage: Storage,
  ): Tensor {
    return { id: this.#nextId++, label, shape, layout, type: "f32", storage };
  }

  /** A planned tensor without a producer; only lowering uses it, for scratch memory. */
  temporary(label: string, words: number): Tensor {
    return this.external(label, [1, 1, 1, words], "words", { kind: "planned" });
  }

  /** Appends a node and returns its outputs. */
  add<A>(
    op: OpDefinition<A>,
    inputs: readonly Tensor[],
    attributes: A,
  ): Tensor[] {
    const outputs = op
      .infer(inputs, attributes)
      .map(({ label, shape, layout }) =>
        this.external(label, checked(op.name, shape), layout, {
          kind: "planned",
        }),
      );
    this.nodes.push({ op, inputs: [...inputs], outputs, attributes });
    return outputs;
  }

  /** Places a node without outputs right behind another. */
  insertAfter<A>(
    node: Node,
    op: OpDefinition<A>,
    inputs: readonly Tensor[],
    attributes: A,
  ): void {
    this.add(op, inputs, attributes);
    const added = this.nodes.pop()!;
    this.nodes.splice(this.nodes.indexOf(node) + 1, 0, added);
  }

  /** Appends a node that has exactly one output and returns it. */
  apply<A>(
    op: OpDefinition<A>,
    inputs: readonly Tensor[],
    attributes: A,
  ): Tensor {
    return this.add(op, inputs, attributes)[0]!;
  }

  /** How many node inputs refer to each tensor. */
  uses(): Map<Tensor, number> {
    const uses = new Map<Tensor, number>();
    for (const node of this.nodes)
      for (const tensor of node.inputs)
        uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
    return uses;
  }

  /** The node that computes each tensor. */
  producers(): Map<Tensor, Node> {
    const producers = new Map<Tensor, Node>();
    for (const node of this.nodes)
      for (const tensor of node.outputs) producers.set(tensor, node);
    return producers;
  }
}

function checked(op: string, shape: Shape): Shape {
  if (!shape.every((size) => Number.isInteger(size) && size > 0)) {
    throw new ShapeError(
      `${op}: output would have shape [${shape.join(", ")}]; every size must be a positive integer`,
    );
  }
  return shape;
}
