/**
 * The half-precision form of a kernel: some of its tensors lie in memory as f16, and everything is still computed in f32.
 * It is the same text with the element types of those bindings changed, each read of them widened and each store rounded, so
 * that kernels are written once. Bindings of any other type than f32 are left alone.
 */

/**
 * How a kernel reads and writes vec4s of f16: as such, or as two words that it packs and unpacks. Software adapters gather and
 * scatter component by component, and gather 16 bits more slowly than 32. Single values are f16 in either.
 */
export type HalfAccess = "native" | "packed";

/** A type of tensor elements: in the kernel's text, in memory, and the functions between them. */
interface Conversion {
  readonly stored: string;
  readonly widen: string;
  readonly round: string;
}

const native = (element: string): Conversion => {
  const half = element.replace("f32", "f16");
  return { stored: half, widen: element, round: half };
};

const packed: Conversion = {
  stored: "vec2<u32>",
  widen: "widen_halves",
  round: "round_to_halves",
};

const packing = `
fn ${packed.widen}(v: vec2<u32>) -> vec4<f32> { return vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn ${packed.round}(v: vec4<f32>) -> vec2<u32> { return vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw)); }
`;

/** @param bindings binding numbers of the tensors that are stored as f16. */
export function halfStorageForm(
  wgsl: string,
  bindings: readonly number[],
  access: HalfAccess,
): string {
  let text = wgsl;
  let packs = false;
  for (const binding of bindings) {
    const declaration = new RegExp(
      String.raw`(@binding\(${binding}\) var<storage, \w+> (\w+): array<)(f32|vec4<f32>)>;`,
    );
    const [, , name, element] = declaration.exec(text) ?? [];
    if (!name || !element) continue;
    const inWords = access === "packed" && element !== "f32";
    packs ||= inWords;
    const conversion = inWords ? packed : native(element);
    text = text.replace(declaration, `$1${conversion.stored}>;`);
    text = convertAccesses(text, name, conversion);
  }
  if (text === wgsl) return wgsl;
  return `enable f16;\n${text}${packs ? packing : ""}`;
}

/** Widens `name[…]`, and rounds the value where it is assigned to. */
function convertAccesses(
  text: string,
  name: string,
  conversion: Conversion,
): string {
  const access = new RegExp(String.raw`(?<![\w.])${name}\[`, "g");
  let result = "";
  let from = 0;
  for (let match; (match = access.exec(text));) {
    const end = closing(text, access.lastIndex);
    const place = text.slice(match.index, end + 1);
    const assigned = /^\s*=(?!=)\s*/.exec(text.slice(end + 1));
    result += text.slice(from, match.index);
    if (assigned) {
      const begin = end + 1 + assigned[0].length;
      const stop = text.indexOf(";", begin);
      const value = convertAccesses(text.slice(begin, stop), name, conversion);
      result += `${place} = ${conversion.round}(${value})`;
      from = stop;
    } else {
      result += `${conversion.widen}(${place})`;
      from = end + 1;
    }
    access.lastIndex = from;
  }
  return result + text.slice(from);
}

/** Where the bracket that was opened before `from` closes. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let i = from; ; i++) {
    if (text[i] === "[") depth++;
    else if (text[i] === "]" && --depth === 0) return i;
  }
}
