"""Makes test/golden/metrics.json with scikit-learn: python3 tools/golden/metrics.py > test/golden/metrics.json

Logits are multiples of 1/4, 1/8 or 1/1024, so they are exact in f32 and short in JSON; the coarse ones tie often.
"""
import json
import sys
import warnings

import numpy as np
from sklearn import metrics as sk

warnings.filterwarnings("ignore")


def softmax(logits):
    """Rows of f64 probabilities; exponentials summed in sorted order, so that permuted rows tie exactly."""
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / np.cumsum(np.sort(e, 1), 1)[:, -1:]


def ece(probability, correct, bins=15):
    """Guo et al. 2017: bins (k/15, (k+1)/15] of the top probability."""
    k = np.digitize(probability, np.arange(1, bins) / bins, right=True)
    return sum(abs(correct[k == b].mean() - probability[k == b].mean()) * (k == b).mean() for b in range(bins) if (k == b).any())


def case(name, seed, n, classes, step, scale, without_support=(), never_predicted=(), curves=False):
    rng = np.random.default_rng(seed)
    labels = rng.choice([c for c in range(classes) if c not in without_support], n)
    logits = rng.normal(0, scale, (n, classes))
    logits[np.arange(n), labels] += scale * 0.8
    for c in never_predicted:
        logits[:, c] = logits.min() - 1 - rng.random(n)
    quarters = np.round(logits / step).astype(int)
    logits = quarters * step
    p = softmax(logits)
    predicted = logits.argmax(1)
    every = list(range(classes))
    confusion = sk.confusion_matrix(labels, predicted, labels=every)
    precision, recall, f1, support = sk.precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    true = labels[:, None] == np.arange(classes)[None]
    # Equal logits rank by index: lower first. scikit-learn's top_k_accuracy breaks ties the other way round.
    mine = logits[np.arange(n), labels][:, None]
    rank = ((logits > mine) | ((logits == mine) & (np.arange(classes)[None] < labels[:, None]))).sum(1)
    expected = {
        "loss": sk.log_loss(labels, p, labels=every, eps=1e-300),
        "top1": sk.accuracy_score(labels, predicted),
        "top5": None if classes < 6 else float((rank < 5).mean()),
        "ece": float(ece(p.max(1), predicted == labels)),
        "confusion": confusion.tolist(),
        "support": support.tolist(),
        "tpr": recall.tolist(),
        "precision": precision.tolist(),
        "f1": f1.tolist(),
        "ap": [abs(sk.average_precision_score(true[:, c], p[:, c])) for c in every],
        "microAp": sk.average_precision_score(true.ravel(), p.ravel()),
    }
    if curves:
        expected["curves"] = []
        for c in every:
            pr, rc, th = sk.precision_recall_curve(true[:, c], p[:, c])
            expected["curves"].append(
                {"thresholds": th[::-1].tolist(), "precision": pr[:-1][::-1].tolist(), "recall": rc[:-1][::-1].tolist()}
            )
    return {
        "name": name,
        "classes": classes,
        "step": step,
        "labels": labels.tolist(),
        "logits": quarters.ravel().tolist(),
        "expected": expected,
    }


cases = [
    case("3 classes, coarse logits with many ties", 1, 60, 3, 0.25, 0.5, curves=True),
    case("10 classes", 2, 150, 10, 1 / 1024, 1.5),
    case("10 classes, one without support, one never predicted", 3, 120, 10, 0.125, 1.0, (4,), (7,)),
    case("20 classes, confident", 4, 120, 20, 0.125, 6.0),
]
json.dump({"source": f"scikit-learn {__import__('sklearn').__version__}, tools/golden/metrics.py", "cases": cases}, sys.stdout, separators=(",", ":"))
print()
