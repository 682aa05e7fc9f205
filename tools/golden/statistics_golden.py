"""Makes test/golden/statistics.json with SciPy and scikit-learn: python3 tools/golden/statistics_golden.py > test/golden/statistics.json"""
import json
import sys

import numpy as np
import scipy
import sklearn
from scipy import optimize, stats
from sklearn.feature_selection import SelectFdr
from sklearn.isotonic import IsotonicRegression

rng = np.random.default_rng(5)


def tails():
    rows = []
    for df in [1, 2, 3, 4, 5, 9, 30, 200, 10_000]:
        for t in [0, 1e-6, 0.1, 0.5, 1, 2, 4.3, 12, 60]:
            rows.append([t, df, 2 * stats.t.sf(t, df)])
    return rows


def quantile(a, df):
    """SciPy's own t.isf is good to 1e-9 only (its t.sf says so): refined."""
    return optimize.brentq(lambda t: 2 * stats.t.sf(t, df) / a - 1, 0, 1e6, xtol=1e-14, rtol=1e-14, maxiter=1000)


def quantiles():
    return [[a, df, quantile(a, df)] for df in [1, 2, 3, 4, 9, 29, 500] for a in [0.9, 0.5, 0.1, 0.05, 0.01, 1e-4]]


def paired(n):
    a, b = rng.normal(0.6, 0.05, n), rng.normal(0.55, 0.05, n)
    reach = quantile(0.05, n - 1) * stats.sem(a - b)
    return {
        "differences": (a - b).tolist(),
        "low": (a - b).mean() - reach,
        "high": (a - b).mean() + reach,
        "p": stats.ttest_rel(a, b).pvalue,
    }


def fdr(p, q):
    select = SelectFdr(lambda X, y: (np.zeros(len(p)), np.array(p)), alpha=q).fit(np.zeros((2, len(p))), [0, 1])
    return {"p": list(p), "q": q, "rejected": select.get_support().tolist()}


def concordance(scores):
    scores = np.array(scores, float)
    raters, items = scores.shape
    chi2 = stats.friedmanchisquare(*scores.T).statistic
    return {"scores": scores.tolist(), "ranks": [stats.rankdata(row).tolist() for row in scores], "w": chi2 / (raters * (items - 1))}


def spearman(raters, items):
    """Orders without ties: W and the mean correlation of all pairs."""
    scores = np.array([rng.permutation(items) for _ in range(raters)], float)
    pairs = [stats.spearmanr(a, b).statistic for i, a in enumerate(scores) for b in scores[:i]]
    return {**concordance(scores), "mean": float(np.mean(pairs))}


def sign_flip(differences):
    """All sign patterns counted (permutation_test); of differences in -1…1 McNemar's exact test, a binomial one."""
    d = np.array(differences)
    if np.abs(d).max() <= 1:
        p = stats.binomtest(int((d > 0).sum()), int((d != 0).sum())).pvalue
    else:
        kept = d[d != 0]
        p = stats.permutation_test((kept,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    return {"differences": d.tolist(), "p": float(p)}


def isotonic(y):
    return {"y": list(y), "fit": IsotonicRegression(increasing=False).fit_transform(np.arange(len(y)), y).tolist()}


grid = np.sort(rng.normal(size=11))
json.dump(
    {
        "source": f"SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}, tools/golden/statistics_golden.py",
        "tails": tails(),
        "quantiles": quantiles(),
        "paired": [paired(n) for n in (2, 3, 5, 12)],
        "fdr": [
            fdr([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216], 0.05),
            fdr([0.06, 0.9, 0.5], 0.05),
            fdr([0.04, 0.04, 0.04, 0.05], 0.05),
            fdr([0.012, 0.024, 0.9, 0.0001], 0.05),
            fdr(np.round(rng.random(60) ** 3, 5).tolist(), 0.05),
            fdr(np.round(rng.random(60) ** 3, 5).tolist(), 0.2),
        ],
        "concordance": [
            concordance([[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]),
            concordance([[1, 2, 3], [3, 2, 1], [2, 1, 3]]),
            concordance([[0.2, 0.2, 0.5, 0.1], [0.3, 0.1, 0.1, 0.1], [0.9, 0.4, 0.4, 0.2]]),
            concordance(np.round(rng.normal(size=(5, 10)), 1).tolist()),
            concordance(np.round(rng.normal(size=(7, 25)), 1).tolist()),
        ],
        "isotonic": [
            isotonic([0.6, 0.61, 0.55, 0.57, 0.5, 0.5, 0.3]),
            isotonic([0.1, 0.2, 0.3]),
            isotonic([3, 2, 1]),
            isotonic(np.round(rng.normal(size=40), 3).tolist()),
            isotonic(np.round(rng.normal(size=40) - np.arange(40) / 10, 3).tolist()),
        ],
        "quantile": [[q, float(np.quantile(grid, q))] for q in (0, 0.025, 0.31, 0.5, 0.975, 1)],
        "quantileOf": grid.tolist(),
        "spearman": [spearman(2, 5), spearman(3, 10), spearman(5, 10), spearman(4, 7)],
        "signFlip": [
            sign_flip([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]),
            sign_flip([1] * 9 + [-1] * 2 + [0] * 5),
            sign_flip([1] * 130 + [-1] * 95),
            sign_flip([1] * 700 + [-1] * 800),
            sign_flip([2, 2, 1, -1, 1, 0]),
            sign_flip([2, -2, 2, 1, 1, 1, -1, 2, 0, 1]),
            sign_flip([2, 2, 2, 2, 2, -1, 1, 1]),
        ],
    },
    sys.stdout,
    separators=(",", ":"),
)
print()
