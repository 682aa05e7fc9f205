/**
 * The text of docs/models.md: every model's layers, parameters and multiply-adds, from its traced graph.
 * `npm run docs:models` writes the page; test/models/page.test.ts compares it.
 */
import { format } from "prettier";
import {
  describeModel,
  type LayerDescription,
} from "../../src/models/describe.js";
import type { Stem } from "../../src/models/options.js";
import {
  buildModel,
  type ModelEntry,
  models,
} from "../../src/models/registry.js";

const introduction = `# Models

This page is made by \`npm run docs:models\` from the models' graphs.

All models take images of 32×32×3. \`--width\` scales the channels, rounded half up to multiples of 8, at least 8; the numbers
here are for width 1. \`--stem\` is the residual nets' alone: \`cifar\` (the default) begins with a 3×3 convolution of stride 1,
\`imagenet\` with a 7×7 convolution of stride 2 and a 3×3 max pool of stride 2. Layers start from PyTorch's default
initialisation.

Multiply-adds are those of one image's forward pass in convolutions and linear layers; a training step takes about three
times as many, and a multiply-add is two floating-point operations. In the tables, \`layer3.1…35\` stands for the blocks
\`layer3.1\` to \`layer3.35\`, which are alike: the numbers are those of one, and \`times\` says how many there are.
`;

const files = `## Files of weights

\`.safetensors\` files hold PyTorch's names and layouts; for the residual nets these are torchvision's. Under the names of the
tables below:

- a convolution has \`.weight\` \`[out, in, kernel, kernel]\` and, in lenet alone, \`.bias\` \`[out]\`;
- a linear layer has \`.weight\` \`[out, in]\` and \`.bias\` \`[out]\`; where its input is an image, \`in\` counts channel, row, column;
- batch norm has \`.weight\`, \`.bias\`, \`.running_mean\` and \`.running_var\`, all \`[out]\`.

\`num_batches_tracked\`, which PyTorch's batch norm counts and never uses at a fixed momentum, is ignored in files that are read
(\`--init\`, \`eval --weights\`), and \`tarnish export\` writes it, so that \`load_state_dict(strict=True)\` finds all it asks for. A file
with a tensor too many, too few or of another shape is refused, and every such tensor is named.
[tools/pytorch](../tools/pytorch/README.md) loads weights on either side and compares what they predict.
`;

/** The whole page, as prettier writes it. */
export async function modelsPage(): Promise<string> {
  const sections = models.map(modelSection);
  return format([introduction, overview(), files, ...sections].join("\n"), {
    parser: "markdown",
    proseWrap: "preserve",
  });
}

const count = (value: number) => value.toLocaleString("en-US");
const code = (text: string) => `\`${text}\``;

function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  // Numbers are to the right.
  const numeric = header.map((_, i) =>
    rows.every((row) => /^[*\d,]*$/.test(row[i]!)),
  );
  return [header, numeric.map((n) => (n ? "--:" : "---")), ...rows]
    .map(line)
    .join("\n");
}

function describe(entry: ModelEntry, classes: number, stem?: Stem) {
  return describeModel(buildModel(entry.name, classes, { stem }));
}

function overview(): string {
  const rows = models.flatMap((entry) => {
    const stems: readonly (Stem | undefined)[] = entry.options.includes("stem")
      ? ["cifar", "imagenet"]
      : [undefined];
    return stems.map((stem) => {
      const [ten, hundred] = [10, 100].map((classes) =>
        describe(entry, classes, stem),
      );
      return [
        code(entry.name),
        stem ?? "",
        String(entry.learningRate),
        count(ten!.parameters),
        count(hundred!.parameters),
        count(ten!.multiplyAdds),
        count(hundred!.multiplyAdds),
      ];
    });
  });
  const header = [
    "model",
    "stem",
    "default `--lr`",
    "parameters, 10 classes",
    "100 classes",
    "multiply-adds, 10 classes",
    "100 classes",
  ];
  return `${table(header, rows)}\n`;
}

function modelSection(entry: ModelEntry): string {
  const { layers, parameters, multiplyAdds } = describe(entry, 10);
  const rows = repeats(rowsOf(layers)).map((row) => [
    row.names.map(code).join(", "),
    row.what,
    row.output,
    row.times > 1 ? String(row.times) : "",
    count(row.parameters),
    count(row.multiplyAdds),
  ]);
  const sum = [
    "all, 10 classes",
    "",
    "",
    "",
    count(parameters),
    count(multiplyAdds),
  ];
  const header = ["layers", "what", "output", "times", "parameters", "multiply-adds"]; // prettier-ignore
  return `## ${entry.name}\n\n${entry.summary[0]!.toUpperCase()}${entry.summary.slice(1)}.\n\n${table(header, [...rows, sum])}\n`;
}

/** A layer and, where there is one, the batch norm after it. */
interface Row {
  readonly names: readonly string[];
  readonly what: string;
  readonly output: string;
  readonly parameters: number;
  readonly multiplyAdds: number;
}

function rowsOf(layers: readonly LayerDescription[]): Row[] {
  const rows: Row[] = [];
  for (const {
    name,
    tensors,
    stride,
    output,
    parameters,
    multiplyAdds,
  } of layers) {
    const weight = tensors.get("weight")!;
    const [out, into, kernel] = weight;
    const before = rows.at(-1);
    if (weight.length === 1 && before) {
      rows[rows.length - 1] = {
        ...before,
        names: [...before.names, name],
        what: `${before.what}; batch norm`,
        parameters: before.parameters + parameters,
      };
      continue;
    }
    const what =
      weight.length === 4
        ? `${kernel!}×${kernel!} convolution, ${into!} → ${out!}${stride > 1 ? `, stride ${stride}` : ""}`
        : `linear, ${into!} → ${out!}`;
    rows.push({
      names: [name],
      what,
      output: output.join("×"),
      parameters,
      multiplyAdds,
    });
  }
  return rows;
}

/** A numbered block of a residual net: `layer3.5.conv1` in the stage `layer3`. */
const inBlock = /^(layer\d+\.)(\d+)/;

/** Equal rows of a stage's blocks as one: `layer3.1…35.conv1`, with how many they are. */
function repeats(rows: readonly Row[]): (Row & { readonly times: number })[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify({
      ...row,
      names: row.names.map((name) => name.replace(inBlock, "$1")),
    });
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [Row];
    const last = inBlock.exec(group.at(-1)!.names[0]!)?.[2];
    const names = first.names.map((name) =>
      name.replace(inBlock, group.length > 1 ? `$1$2…${last!}` : "$&"),
    );
    return { ...first, names, times: group.length };
  });
}
