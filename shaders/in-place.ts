/**
 * The in-place form of a kernel: the output takes the place of an input, which is then bound once, for reading and writing.
 * (One buffer bound for reading and again for writing in a dispatch is refused.) It is the same text without that input's
 * declaration and with the output's name for its own, so it computes the same bits. Right only where each invocation reads
 * that input at the elements that it writes itself, and before it writes them.
 */

/** @param input and `output` are binding numbers; the bindings behind the input move up by one. */
export function inPlaceForm(
  wgsl: string,
  input: number,
  output: number,
): string {
  const nameOf = (binding: number) => {
    const declared = new RegExp(
      String.raw`@binding\(${binding}\) var<storage, \w+> (\w+):`,
    ).exec(wgsl);
    if (!declared)
      throw new Error(`binding ${binding} is no storage buffer of this kernel`);
    return declared[1]!;
  };
  const from = nameOf(input);
  const to = nameOf(output);
  return wgsl
    .replace(
      new RegExp(
        String.raw`@group\(0\) @binding\(${input}\) var<storage, read> ${from}: [^;]*;\n?`,
      ),
      "",
    )
    .replaceAll(/@binding\((\d+)\)/g, (_, text: string) => {
      const binding = Number(text);
      return `@binding(${binding > input ? binding - 1 : binding})`;
    })
    .replaceAll(new RegExp(String.raw`(?<![.\w])${from}(?=\[)`, "g"), to);
}
