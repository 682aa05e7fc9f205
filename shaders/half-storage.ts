/**
 * The half-precision form of a kernel: some of its tensors lie in memory as f16, and everything is still computed in f32.
 * It is the same text with the element types of those bindings changed, each read of them widened and each store rounded, so
 * that kernels are written once. Bindings of any other type than f32 are left alone.
 */

/** @param bindings binding numbers of the tensors that are stored as f16. */
export function halfStorageForm(
  wgsl: string,
  bindings: readonly number[],
): string {
  let text = wgsl;
  for (const binding of bindings) {
    const declaration = new RegExp(
      String.raw`(@binding\(${binding}\) var<storage, \w+> (\w+): array<)(f32|vec4<f32>)>;`,
    );
    const [, , name, element] = declaration.exec(text) ?? [];
    if (!name || !element) continue;
    const half = element.replace("f32", "f16");
    text = text.replace(declaration, `$1${half}>;`);
    text = convertAccesses(text, name, element, half);
  }
  return text === wgsl ? wgsl : `enable f16;\n${text}`;
}

/** Wraps `name[…]` into the element type's conversion, and the value where it is assigned to. */
function convertAccesses(
  text: string,
  name: string,
  element: string,
  half: string,
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
      const value = convertAccesses(
        text.slice(begin, stop),
        name,
        element,
        half,
      );
      result += `${place} = ${half}(${value})`;
      from = stop;
    } else {
      result += `${element}(${place})`;
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
