/**
 * Parameters and batch-norm state of a model: their names and PyTorch layouts, their initial values, and the GPU memory
 * that outlives every plan. Parameters, gradients and momentum lie at the same offsets of three sets of arenas, so that
 * the optimiser updates a whole arena in one dispatch.
 */
import type { Device } from "./device.js";
import { ShapeError } from "./errors.js";
import { Purpose, RandomStream } from "./random.js";
import {
  bytesOf,
  formatShape,
  pad4,
  type Layout,
  type Shape,
} from "./tensor.js";

export interface ParameterSpec {
  /** PyTorch's name, e.g. `layer1.0.conv1.weight`. */
  readonly name: string;
  /** Trained, or batch-norm running statistics. */
  readonly role: "parameter" | "state";
  /** On the GPU: `weight` `[kh, kw, Cin, Cout]` or `vector`. */
  readonly shape: Shape;
  readonly layout: Extract<Layout, "weight" | "vector">;
  /** In files: OIHW for convolutions, `[out, in]` for linear layers (in = C·H·W flattened), `[n]` for vectors. */
  readonly torchShape: readonly number[];
  /** PyTorch's default initialisation of this kind of layer. */
  readonly initial:
    | { readonly kind: "constant"; readonly value: number }
    | { readonly kind: "uniform"; readonly bound: number };
}

/** Where something lies in GPU memory. */
export interface Slice {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** What a parameter has on the GPU; gradients and momentum where it is trained. */
type Role = "parameters" | "gradients" | "momentum";

/** One arena of parameters with its gradients and momentum, all of `size` bytes. */
export type Arena = { readonly [role in Role]?: GPUBuffer } & {
  readonly size: number;
};

/** Arenas stay below every adapter's binding limit and large enough that there are few of them. */
const arenaBytes = 64 * 2 ** 20;
/** WebGPU's default minStorageBufferOffsetAlignment. */
const alignment = 256;

/** A model's tensors by their PyTorch names, on the device; a session has one. */
export class ParameterStore {
  readonly #specs = new Map<string, ParameterSpec>();
  readonly #places = new Map<string, { arena: number; offset: number }>();
  #sizes: number[] | undefined;
  #stateSize = 0;
  #arenas: Arena[] = [];
  #allocated: Promise<void> | undefined;
  #state: GPUBuffer | undefined;

  /** @param trains whether there is to be memory for gradients and momentum */
  constructor(private readonly trains = true) {}

  get #roles(): readonly Role[] {
    return this.trains
      ? ["parameters", "gradients", "momentum"]
      : ["parameters"];
  }

  /**
   * Declares a tensor while a model is traced; a second trace of the same model finds its own declarations.
   *
   * @throws ShapeError where it is declared with another shape, or only after the memory was arranged
   */
  declare(spec: ParameterSpec): ParameterSpec {
    const known = this.#specs.get(spec.name);
    if (known) {
      if (formatShape(known.shape) !== formatShape(spec.shape)) {
        throw new ShapeError(
          `parameter ${spec.name} is declared as ${formatShape(known.shape)} and as ${formatShape(spec.shape)}`,
        );
      }
      return known;
    }
    if (this.#sizes)
      throw new ShapeError(
        `parameter ${spec.name} appears only in a later trace of the model`,
      );
    this.#specs.set(spec.name, spec);
    return spec;
  }

  /** All declared tensors in the order of declaration. */
  get specs(): readonly ParameterSpec[] {
    return [...this.#specs.values()];
  }

  /** Arenas, once allocated. */
  get arenas(): readonly Arena[] {
    return this.#arenas;
  }

  /** Bytes of each arena. Asking fixes the arrangement: nothing can be declared afterwards. */
  get arenaSizes(): readonly number[] {
    if (this.#sizes) return this.#sizes;
    const sizes: number[] = [];
    const align = (size: number) => Math.ceil(size / alignment) * alignment;
    for (const spec of this.#specs.values()) {
      const size = align(bytesOf(spec));
      if (spec.role === "state") {
        this.#places.set(spec.name, { arena: -1, offset: this.#stateSize });
        this.#stateSize += size;
        continue;
      }
      if (sizes.length === 0 || sizes.at(-1)! + size > arenaBytes)
        sizes.push(0);
      this.#places.set(spec.name, {
        arena: sizes.length - 1,
        offset: sizes.at(-1)!,
      });
      sizes[sizes.length - 1]! += size;
    }
    return (this.#sizes = sizes);
  }

  /** Bytes of parameters, gradients, momentum and state, allocated or not. */
  get bytes(): number {
    return (
      this.#roles.length *
        this.arenaSizes.reduce((sum, size) => sum + size, 0) +
      this.#stateSize
    );
  }

  /** Number of trained values, without padding. */
  get parameterCount(): number {
    return this.specs
      .filter(({ role }) => role === "parameter")
      .reduce(
        (sum, { torchShape }) => sum + torchShape.reduce((a, b) => a * b, 1),
        0,
      );
  }

  /** Creates the GPU memory (zeroed) for everything declared so far. Does nothing the second time. */
  allocate(device: Device): Promise<void> {
    return (this.#allocated ??= this.#allocate(device).catch(
      (error: unknown) => {
        this.#allocated = undefined;
        throw error;
      },
    ));
  }

  async #allocate(device: Device): Promise<void> {
    const sizes = this.arenaSizes;
    const usage =
      GPUBufferUsage.STORAGE |
      GPUBufferUsage.UNIFORM |
      GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST;
    const { arenas, state } = await device.scoped("parameters", () => ({
      arenas: sizes.map((size, i): Arena => ({
        size,
        ...Object.fromEntries(
          this.#roles.map((role) => [
            role,
            device.buffer(`${role} ${i}`, size, usage),
          ]),
        ),
      })),
      state:
        this.#stateSize > 0
          ? device.buffer("state", this.#stateSize, usage)
          : undefined,
    }));
    this.#arenas = arenas;
    this.#state = state;
  }

  /**
   * The memory of a declared tensor, its gradient or its momentum.
   *
   * @throws ShapeError where there is none: a name that was not declared, or memory that is not allocated
   */
  slice(name: string, what: Role | "state"): Slice {
    const place = this.#places.get(name);
    const spec = this.#specs.get(name);
    const buffer =
      place &&
      (what === "state" ? this.#state : this.#arenas[place.arena]?.[what]);
    if (!place || !spec || !buffer)
      throw new ShapeError(`no ${what} memory for ${name}`);
    return { buffer, offset: place.offset, size: bytesOf(spec) };
  }

  /** PyTorch's default initial values, in PyTorch's layouts, as a function of the seed alone. */
  initialValues(seed: number): Map<string, Float32Array> {
    const values = new Map<string, Float32Array>();
    for (const { name, torchShape, initial } of this.#specs.values()) {
      const data = new Float32Array(torchShape.reduce((a, b) => a * b, 1));
      if (initial.kind === "constant") {
        data.fill(initial.value);
      } else {
        const stream = new RandomStream(seed, Purpose.init, 0, hashName(name));
        for (let i = 0; i < data.length; i++)
          data[i] = (2 * stream.float() - 1) * initial.bound;
      }
      values.set(name, data);
    }
    return values;
  }

  /**
   * Writes values in PyTorch's layouts. `what` chooses weights (and state) or momentum.
   *
   * @throws ShapeError for a name that the model does not have, or another number of values than its tensor has
   */
  write(
    device: Device,
    values: ReadonlyMap<string, Float32Array>,
    what: "parameters" | "momentum" = "parameters",
  ): void {
    for (const [name, data] of values) {
      const spec = this.#specs.get(name);
      if (!spec) throw new ShapeError(`the model has no tensor named ${name}`);
      const { buffer, offset } = this.slice(
        name,
        spec.role === "state" ? "state" : what,
      );
      device.gpu.queue.writeBuffer(buffer, offset, toGpuLayout(spec, data));
    }
  }

  /**
   * Reads weights and state, gradients, or momentum, in PyTorch's layouts. Waits for all submitted work.
   *
   * @throws ShapeError for gradients or momentum of a model that only evaluates
   */
  async read(
    device: Device,
    what: Role = "parameters",
  ): Promise<Map<string, Float32Array>> {
    const arenas = await Promise.all(
      this.#arenas.map((arena) => {
        const buffer = arena[what];
        if (!buffer) throw new ShapeError(`there are no ${what} here`);
        return device.read(buffer);
      }),
    );
    const state =
      what === "parameters" && this.#state
        ? await device.read(this.#state)
        : undefined;
    const values = new Map<string, Float32Array>();
    for (const spec of this.#specs.values()) {
      const { arena, offset } = this.#places.get(spec.name)!;
      const bytes = spec.role === "state" ? state : arenas[arena];
      if (bytes)
        values.set(
          spec.name,
          fromGpuLayout(
            spec,
            new Float32Array(bytes, offset, bytesOf(spec) / 4),
          ),
        );
    }
    return values;
  }

  destroy(): void {
    for (const arena of this.#arenas)
      for (const role of this.#roles) arena[role]?.destroy();
    this.#state?.destroy();
  }
}

/** FNV-1a over UTF-16 code units: names the random stream of a parameter. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++)
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * For each value in PyTorch's order O,I,H,W its index in the padded GPU layout `[kh][kw][Cin][Cout]`. A checkpoint moves
 * every weight through here, so this is a plain loop.
 */
function forEachIndex(
  { shape: [kh, kw, cin, cout], layout }: ParameterSpec,
  visit: (torch: number, gpu: number) => void,
): void {
  let torch = 0;
  if (layout === "vector") {
    while (torch < cout) visit(torch, torch++);
    return;
  }
  const [cinPadded, coutPadded] = [pad4(cin), pad4(cout)];
  for (let o = 0; o < cout; o++)
    for (let i = 0; i < cin; i++)
      for (let y = 0; y < kh; y++)
        for (let x = 0; x < kw; x++)
          visit(torch++, ((y * kw + x) * cinPadded + i) * coutPadded + o);
}

/**
 * PyTorch's layout → the padded GPU layout.
 * @throws ShapeError where there are more or fewer values than the tensor has
 */
function toGpuLayout(
  spec: ParameterSpec,
  data: Float32Array,
): Float32Array<ArrayBuffer> {
  const count = spec.torchShape.reduce((a, b) => a * b, 1);
  if (data.length !== count) {
    throw new ShapeError(
      `${spec.name} has ${count} values ${formatShape(spec.torchShape)}, got ${data.length}`,
    );
  }
  const padded = new Float32Array(bytesOf(spec) / 4);
  forEachIndex(spec, (torch, gpu) => {
    padded[gpu] = data[torch]!;
  });
  return padded;
}

/** The padded GPU layout → PyTorch's layout. */
function fromGpuLayout(
  spec: ParameterSpec,
  padded: Float32Array,
): Float32Array {
  const data = new Float32Array(spec.torchShape.reduce((a, b) => a * b, 1));
  forEachIndex(spec, (torch, gpu) => {
    data[torch] = padded[gpu]!;
  });
  return data;
}
