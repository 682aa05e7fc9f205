"""Values made by PyTorch (f64, CPU) against which test/reference is checked.

Writes test/golden/reference.json. Inputs are random numbers with at most three decimals, so that the file stays small
and both sides read the same f64; results are written with full precision. Arrays are `{"shape": [...], "data": [...]}`
in tarnish's layouts: activations NHWC, convolution weights [kh][kw][Cin][Cout].

    python3 tools/golden/reference.py
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

OUTPUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "reference.json"

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(20190814)


def randoms(*shape, decimals=3):
    """Normal random numbers with few decimals; one decimal makes ties."""
    scale = 10.0**decimals
    return torch.round(torch.randn(*shape, generator=generator) * scale) / scale


def leaf(x):
    return x.clone().requires_grad_(True)


def array(x):
    """JSON of a tensor in its present layout; -0 becomes 0."""
    x = x.detach().contiguous()
    return {"shape": list(x.shape), "data": [v + 0.0 for v in x.reshape(-1).tolist()]}


def nhwc(x):
    return array(x.permute(0, 2, 3, 1))


def hwio(w):
    return array(w.permute(2, 3, 1, 0))


def conv_case(n, h, w, cin, cout, kernel, stride, padding, bias):
    kh, kw = kernel
    x, weight = leaf(randoms(n, cin, h, w)), leaf(randoms(cout, cin, kh, kw))
    b = leaf(randoms(cout)) if bias else None
    y = F.conv2d(x, weight, b, stride=stride, padding=padding)
    dy = randoms(*y.shape)
    y.backward(dy)
    case = {"stride": stride, "padding": padding, "x": nhwc(x), "w": hwio(weight), "dy": nhwc(dy)}
    case |= {"bias": array(b) if bias else None, "y": nhwc(y), "dx": nhwc(x.grad), "dw": hwio(weight.grad)}
    return case | {"dbias": array(b.grad) if bias else None}


def linear_case(n, h, w, cin, cout):
    """A linear layer on NHWC input: the weights of the covering kernel, given to F.linear in the same order."""
    x, weight, b = leaf(randoms(n, h, w, cin)), leaf(randoms(h, w, cin, cout)), leaf(randoms(cout))
    y = F.linear(x.reshape(n, -1), weight.reshape(-1, cout).T, b).reshape(n, 1, 1, cout)
    dy = randoms(*y.shape)
    y.backward(dy)
    case = {"stride": 1, "padding": 0, "x": array(x), "w": array(weight), "dy": array(dy), "bias": array(b)}
    return case | {"y": array(y), "dx": array(x.grad), "dw": array(weight.grad), "dbias": array(b.grad)}


def batch_norm_case(n, h, w, c, residual, relu, offset=0.0):
    x, gamma, beta = leaf(randoms(n, c, h, w) + offset), leaf(randoms(c)), leaf(randoms(c))
    r = leaf(randoms(n, c, h, w)) if residual else None
    mean, variance = randoms(c), randoms(c).abs() + 0.5
    running_mean, running_variance = mean.clone(), variance.clone()

    def forward(running, training):
        z = F.batch_norm(x, *running, gamma, beta, training, 0.1, 1e-5)
        z = z + r if residual else z
        return F.relu(z) if relu else z

    evaluated = forward((mean, variance), False)
    y = forward((running_mean, running_variance), True)
    dy = randoms(*y.shape)
    y.backward(dy)
    frozen = torch.autograd.grad(evaluated, (x, gamma, beta), dy)
    case = {"relu": relu, "x": nhwc(x), "gamma": array(gamma), "beta": array(beta), "dy": nhwc(dy)}
    case |= {"residual": nhwc(r) if residual else None, "mean": array(mean), "variance": array(variance)}
    case |= {"evaluated": nhwc(evaluated), "y": nhwc(y), "dx": nhwc(x.grad), "dgamma": array(gamma.grad)}
    case |= {"dbeta": array(beta.grad), "dresidual": nhwc(r.grad) if residual else None}
    case |= {"frozenDx": nhwc(frozen[0]), "frozenDgamma": array(frozen[1]), "frozenDbeta": array(frozen[2])}
    return case | {"runningMean": array(running_mean), "runningVariance": array(running_variance)}


def pool_case(kind, n, h, w, c, kernel, stride, padding):
    x = leaf(randoms(n, c, h, w, decimals=0 if kind == "max" else 3))
    pool = {"max": F.max_pool2d, "avg": F.avg_pool2d}.get(kind)
    y = pool(x, kernel, stride, padding) if pool else F.adaptive_avg_pool2d(x, 1)
    dy = randoms(*y.shape)
    y.backward(dy)
    case = {"kind": kind, "kernel": kernel, "stride": stride, "padding": padding}
    return case | {"x": nhwc(x), "dy": nhwc(dy), "y": nhwc(y), "dx": nhwc(x.grad)}


def cross_entropy_case(n, classes, smoothing, scale=1.0):
    logits = leaf(randoms(n, classes) * scale)
    labels = torch.randint(classes, (n,), generator=generator)
    loss = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    loss.mean().backward()
    case = {"smoothing": smoothing, "logits": array(logits), "labels": labels.tolist()}
    return case | {"loss": array(loss), "mean": loss.mean().item(), "gradient": array(logits.grad)}


def sgd_case(momentum, nesterov, weight_decay, steps=3):
    w = leaf(randoms(5))
    case = {"momentum": momentum, "nesterov": nesterov, "weightDecay": weight_decay, "lr": 0.1}
    case |= {"w": array(w), "grads": [], "weights": []}
    optimiser = torch.optim.SGD([w], 0.1, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
    for _ in range(steps):
        w.grad = randoms(5)
        case["grads"].append(array(w.grad))
        optimiser.step()
        case["weights"].append(array(w))
    return case


def cosine(steps, lr):
    """The learning rates of CosineAnnealingLR, which has no warm-up."""
    optimiser = torch.optim.SGD([leaf(torch.zeros(1))], lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return {"steps": steps, "lr": lr, "rates": rates}


golden = {
    "torch": torch.__version__,
    "conv": [
        conv_case(1, 5, 7, 3, 5, (3, 3), 1, 1, False),
        conv_case(3, 5, 5, 3, 6, (3, 3), 2, 1, True),
        conv_case(3, 4, 3, 5, 7, (1, 1), 1, 0, True),
        conv_case(1, 7, 6, 5, 3, (1, 1), 2, 0, False),
        conv_case(1, 9, 7, 3, 6, (5, 5), 1, 0, True),
        conv_case(3, 7, 5, 2, 5, (5, 5), 2, 2, False),
        conv_case(1, 9, 8, 3, 5, (7, 7), 2, 2, False),
        conv_case(1, 6, 6, 2, 3, (7, 7), 1, 2, True),
        conv_case(1, 6, 5, 3, 2, (3, 5), 1, 2, False),
        linear_case(3, 3, 2, 5, 7),
    ],
    "batchNorm": [
        batch_norm_case(3, 3, 5, 5, False, False),
        batch_norm_case(1, 5, 3, 6, False, True),
        batch_norm_case(3, 3, 3, 7, True, True),
        batch_norm_case(2, 2, 3, 3, True, False, offset=10.0),
    ],
    "pool": [
        pool_case("max", 3, 5, 7, 3, 3, 2, 1),
        pool_case("max", 1, 6, 5, 5, 2, 2, 0),
        pool_case("max", 1, 5, 5, 3, 3, 1, 1),
        pool_case("avg", 3, 5, 7, 3, 3, 2, 1),
        pool_case("avg", 1, 6, 5, 5, 2, 2, 0),
        pool_case("avg", 1, 5, 4, 3, 3, 1, 1),
        pool_case("global", 3, 5, 3, 7, 0, 0, 0),
    ],
    "crossEntropy": [
        cross_entropy_case(3, 10, 0.0),
        cross_entropy_case(3, 7, 0.1),
        cross_entropy_case(1, 5, 0.25, scale=700.0),
    ],
    "sgd": [
        sgd_case(0.9, False, 5e-4),
        sgd_case(0.9, True, 5e-4),
        sgd_case(0.0, False, 0.01),
    ],
    "cosine": [cosine(7, 0.1), cosine(1, 0.02)],
}
OUTPUT.parent.mkdir(parents=True, exist_ok=True)
OUTPUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes")
