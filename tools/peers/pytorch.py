#!/usr/bin/env python3
"""PyTorch as a contestant (README.md): eager mode on CUDA where there is a GPU, else on the CPU.

Options of a label, in any order: `channels-last`; `benchmark` (cudnn.benchmark); `tf32` (TF32 in convolutions and
products, off otherwise); `f16` or `bf16` (autocast, f16 with loss scaling). Talks to the runner by lines of JSON on
descriptor 3, as contestant-process.mjs does.
"""
import json
import socket
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
import models  # noqa: E402
import safetensors_io  # noqa: E402

HALF = {"f16": torch.float16, "bf16": torch.bfloat16}
# Results of half precision agree with f32's to this share.
HALF_TOLERANCE = 0.05


def read_problem(task):
    tensors, _, _ = safetensors_io.decode(Path(task["problem"]).read_bytes())
    return {name: torch.from_numpy(np.array(values)) for name, values in tensors.items()}


class Settings:
    """What a label's options say, and where it all runs."""

    def __init__(self, options):
        unknown = set(options) - {"channels-last", "benchmark", "tf32", *HALF}
        if unknown:
            raise ValueError(f"pytorch has no option {', '.join(sorted(unknown))}")
        self.options = options
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.format = torch.channels_last if "channels-last" in options else torch.contiguous_format
        self.half = next((dtype for name, dtype in HALF.items() if name in options), None)
        torch.backends.cudnn.benchmark = "benchmark" in options
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = "tf32" in options

    def place(self, tensor):
        tensor = tensor.to(self.device)
        return tensor.contiguous(memory_format=self.format) if tensor.dim() == 4 else tensor

    def autocast(self):
        return torch.autocast(self.device.type, dtype=self.half) if self.half else nullcontext()

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()


class Training:
    """SGD steps on one batch."""

    name = "training"

    def __init__(self, task, settings):
        self.settings = settings
        self.amount = task["batch"]
        tensors = read_problem(task)
        self.images = settings.place(tensors.pop("images"))
        self.labels = settings.place(tensors.pop("labels").long())
        model = models.MODELS[task["model"]](task["classes"], 1)
        missing, unexpected = model.load_state_dict(tensors, strict=False)
        missing = [name for name in missing if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
        if missing or unexpected:
            raise ValueError(f"parameters differ: {missing} missing, {unexpected} unexpected")
        self.model = model.to(settings.device, memory_format=settings.format).train()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=task["learningRate"], momentum=task["momentum"])
        # Only gradients of f16 need scaling; older versions know the scaler under another name.
        scaled = settings.half is torch.float16 and settings.device.type == "cuda"
        newer = hasattr(torch.amp, "GradScaler")
        self.scaler = torch.amp.GradScaler("cuda", enabled=scaled) if newer else torch.cuda.amp.GradScaler(enabled=scaled)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        with self.settings.autocast():
            loss = F.cross_entropy(self.model(self.images), self.labels)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.loss = loss

    def value(self):
        return self.loss.item()


class Convolution:
    """One pass over one convolution."""

    def __init__(self, task, settings, tensors, name):
        self.name = name
        shape = task["shape"]
        batch, height, width, channels = shape["x"]
        kernel, stride, out = shape["kernel"], shape["stride"], shape["out"]
        pixels = batch * -(-height // stride) * -(-width // stride)
        self.amount = 2 * pixels * kernel * kernel * channels * out
        self.x, self.weights, self.dy = (
            settings.place(tensors[key]).to(settings.half or torch.float32) for key in ("x", "weights", "dy")
        )
        self.geometry = ([stride] * 2, [(kernel - 1) // 2] * 2, [1, 1])

    def step(self):
        stride, padding, dilation = self.geometry
        if self.name == "forward":
            self.result = F.conv2d(self.x, self.weights, None, stride, padding, dilation)
            return
        wanted = [self.name == "dgrad", self.name == "wgrad", False]
        gradients = torch.ops.aten.convolution_backward(
            self.dy, self.x, self.weights, None, stride, padding, dilation, False, [0, 0], 1, wanted
        )
        self.result = gradients[wanted.index(True)]

    def value(self):
        return self.result.double().mean().item()


def setup(task):
    settings = Settings(task["options"])
    if task["kind"] == "training":
        tracks = [Training(task, settings)]
    else:
        tensors = read_problem(task)
        tracks = [Convolution(task, settings, tensors, name) for name in task["passes"]]
    return settings, tracks


def main():
    channel = socket.socket(fileno=3).makefile("rw")

    def send(message):
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    try:
        settings, tracks = setup(json.loads(sys.argv[1]))
        cuda = settings.device.type == "cuda"
        about = {
            "name": "PyTorch",
            "version": torch.__version__,
            "adapter": torch.cuda.get_device_name() if cuda else "CPU",
            "webgpu": False,
            "settings": " ".join(settings.options) or "f32",
            "tracks": [{"name": track.name, "amount": track.amount} for track in tracks],
        }
        if settings.half:
            about["tolerance"] = HALF_TOLERANCE
        send(about)
        for line in channel:
            request = json.loads(line)
            track = next(track for track in tracks if track.name == request["track"])
            start = time.perf_counter()
            for _ in range(request["steps"]):
                track.step()
            settings.wait()
            seconds = time.perf_counter() - start
            send({"seconds": seconds, "value": track.value()})
    except Exception as error:  # whatever it is, the runner says it and goes on without this contestant
        send({"failed": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
