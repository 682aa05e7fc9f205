/** The per-channel constants published for CIFAR, used for any data in CIFAR's layouts (the sample included). */
import type { Dataset } from "./types.js";

/** Mean and standard deviation of the training pixels scaled to [0, 1], in the order R, G, B. */
export type Normalisation = Pick<Dataset, "mean" | "std">;

export const cifarNormalisation: Readonly<
  Record<"cifar10" | "cifar100", Normalisation>
> = {
  cifar10: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  cifar100: { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
};
