/** Residual networks (He et al. 2016) under torchvision's module names, with the CIFAR stem. */
import type { Model, Network, Tensor } from "../engine/index.js";
import { scaleChannels } from "./width.js";

/** Two 3×3 convolutions and a shortcut, which is a 1×1 convolution where the shape changes. */
function basicBlock(
  net: Network,
  name: string,
  x: Tensor,
  out: number,
  stride: number,
): Tensor {
  const convolve = (
    part: string,
    input: Tensor,
    kernel: number,
    step: number,
  ) =>
    net.conv2d(`${name}.${part}`, input, {
      out,
      kernel,
      stride: step,
      padding: (kernel - 1) / 2,
      bias: false,
    });
  let y = net.relu(
    net.batchNorm(`${name}.bn1`, convolve("conv1", x, 3, stride)),
  );
  y = net.batchNorm(`${name}.bn2`, convolve("conv2", y, 3, 1));
  const changes = stride !== 1 || x.shape[3] !== out;
  const shortcut = changes
    ? net.batchNorm(
        `${name}.downsample.1`,
        convolve("downsample.0", x, 1, stride),
      )
    : x;
  return net.relu(net.add(y, shortcut));
}

/** The benchmark's small net: a 3×3 stem and one basic block each of 16, 32 and 64 channels. */
export function resnet8(classes: number, width: number): Model {
  return (net, x) => {
    const stem = net.conv2d("conv1", x, {
      out: scaleChannels(16, width),
      kernel: 3,
      padding: 1,
      bias: false,
    });
    x = net.relu(net.batchNorm("bn1", stem));
    [16, 32, 64].forEach((channels, i) => {
      x = basicBlock(
        net,
        `layer${i + 1}.0`,
        x,
        scaleChannels(channels, width),
        i === 0 ? 1 : 2,
      );
    });
    return net.linear("fc", net.globalAveragePool(x), { out: classes });
  };
}
