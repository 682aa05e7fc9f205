/** The shallow custom CNN of the Impact Index study: three blocks of convolution, batch norm, ReLU and max pooling. */
import type { Model } from "../engine/index.js";
import { convBatchNorm } from "./layers.js";
import { type ModelOptions, scaleChannels } from "./options.js";

export function shallow(classes: number, { width }: ModelOptions): Model {
  return (net, x) => {
    [32, 64, 128].forEach((channels, i) => {
      x = convBatchNorm(net, x, {
        conv: `conv${i + 1}`,
        bn: `bn${i + 1}`,
        out: scaleChannels(channels, width),
        kernel: 3,
      });
      x = net.maxPool(net.relu(x), { kernel: 2 });
    });
    x = net.relu(net.linear("fc1", x, { out: scaleChannels(256, width) }));
    return net.linear("fc2", x, { out: classes });
  };
}
