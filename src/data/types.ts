/** What a data set is once it is in memory, whatever it was read from. */

/** Images and their labels in the data set's own order. */
export interface ImageSplit {
  count: number;
  /** [count][3][imageSize][imageSize] bytes: per image the red, green and blue planes, each row-major. */
  images: Uint8Array;
  /** True labels, [count], each in [0, classNames.length). */
  labels: Int32Array;
  /** Labels to train on instead, [count], where a file names them (`--labels`). */
  given?: Int32Array;
  /** Where each image comes from, [count]: its path inside the image folder. */
  paths?: readonly string[];
}

export interface Dataset {
  name: string;
  layout: "cifar10" | "cifar100" | "folder";
  /** In label order; its length is the number of classes. */
  classNames: string[];
  /** Height and width of the square images, in pixels. */
  imageSize: number;
  /** Per-channel (R, G, B) mean and standard deviation of pixels scaled to [0, 1]: x ↦ (x/255 − mean)/std. */
  mean: [number, number, number];
  std: [number, number, number];
  train: ImageSplit;
  test: ImageSplit;
}

/** Told of a longer piece of work while a data set is loaded: bytes of a download or images of a folder. */
export type LoadProgress = (progress: {
  readonly task: "download" | "decode";
  /** The file or folder. */
  readonly what: string;
  readonly done: number;
  /** Unknown while a server does not say. */
  readonly total: number | undefined;
}) => void;
