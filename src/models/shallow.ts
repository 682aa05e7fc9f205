/** The shallow custom CNN of the Impact Index study: three blocks of convolution, batch norm, ReLU and max pooling. */
import type { Model } from "../engine/index.js";
import { scaleChannels } from "./width.js";

export function shallow(classes: number, width: number): Model {
  return (net, x) => {
    [32, 64, 128].forEach((channels, i) => {
      const out = scaleChannels(channels, width);
      x = net.conv2d(`conv${i + 1}`, x, {
        out,
        kernel: 3,
        padding: 1,
        bias: false,
      });
      x = net.maxPool(net.relu(net.batchNorm(`bn${i + 1}`, x)), { kernel: 2 });
    });
    x = net.relu(net.linear("fc1", x, { out: scaleChannels(256, width) }));
    return net.linear("fc2", x, { out: classes });
  };
}
