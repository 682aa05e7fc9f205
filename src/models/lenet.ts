/** LeNet-5 as PyTorch's tutorial writes it (LeCun et al. 1998, with ReLU and max pooling). Biases everywhere. */
import type { Model } from "../engine/index.js";

export function lenet(classes: number): Model {
  return (net, x) => {
    x = net.maxPool(net.relu(net.conv2d("conv1", x, { out: 6, kernel: 5 })), {
      kernel: 2,
    });
    x = net.maxPool(net.relu(net.conv2d("conv2", x, { out: 16, kernel: 5 })), {
      kernel: 2,
    });
    x = net.relu(net.linear("fc1", x, { out: 120 }));
    x = net.relu(net.linear("fc2", x, { out: 84 }));
    return net.linear("fc3", x, { out: classes });
  };
}
