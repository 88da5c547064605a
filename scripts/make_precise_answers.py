#!/usr/bin/env python3
"""A thousand small problems with answers of fifty digits: writes crates/partwise/tests/data/precise.csv.

    pip install mpmath==1.3.0
    python scripts/make_precise_answers.py

The file is checked in, so that the tests need no Python; it takes some minutes. Nothing here is shared with
the engine but the definitions: every number of a problem is a fraction with few bits, drawn by splitmix64, so
that both sides begin with the very same ones, and every answer is rounded once, to the double nearest to it.

The columns:

kind     `value`: the objective at the factors drawn. `step`: the same after three iterations of `solver` from
         them. `held`: the least objective over W while H is held. `least`: the least over both factors.
solver   of a step
beta     the divergence
seed     of the draws: W, H, and then V, each row after row
m, n, k  V is m x n, W m x k, H k x n
near     whether V is W H but for some units of 2^-20, or drawn by itself
zeros    whether about a quarter of the entries drawn are zero
shift    V and W are multiplied by 2^shift
alpha_w, alpha_h, l1_ratio
         the penalties, in scikit-learn's terms
answer
"""

import csv
import itertools
import random
from fractions import Fraction
from pathlib import Path

from mpmath import mp, mpf

mp.dps = 50
MASK = (1 << 64) - 1


class Draws:
    """splitmix64."""

    def __init__(self, seed):
        self.state = seed

    def bits(self, count):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) >> (64 - count)

    def matrix(self, rows, cols, digits, zeros):
        """Fractions above 0 up to 1 with so many binary digits; some of them 0 if `zeros`."""

        def entry():
            value = Fraction(self.bits(digits) + 1, 1 << digits)
            return Fraction(0) if zeros and self.bits(2) == 0 else value

        return [[entry() for _ in range(cols)] for _ in range(rows)]


def product(a, b):
    return [[sum(x * y for x, y in zip(row, col, strict=True)) for col in zip(*b, strict=False)] for row in a]


def transposed(a):
    return [list(col) for col in zip(*a, strict=True)]


def drawn(p):
    """V, W and H of a problem."""
    draws = Draws(p["seed"])
    w = draws.matrix(p["m"], p["k"], 10, p["zeros"])
    h = draws.matrix(p["k"], p["n"], 10, p["zeros"])
    if p["near"]:
        unit = Fraction(1, 1 << 20)

        def moved(x):
            return max(x + (draws.bits(2) - 1) * unit, Fraction(0))

        v = [[moved(x) for x in row] for row in product(w, h)]
    else:
        v = draws.matrix(p["m"], p["n"], 20, p["zeros"])
    scale = Fraction(2) ** p["shift"]
    return [[x * scale for x in row] for row in v], [[x * scale for x in row] for row in w], h


def real(a):
    """Fractions as numbers of fifty digits."""

    def number(x):
        return mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else x

    return [[number(x) for x in row] for row in a]


def divergence(beta, v, y):
    """D(v, y) of one entry."""
    if beta == 2:
        return (v - y) ** 2 / 2
    if v == 0:
        return y**beta / beta
    if beta == 1:
        return v * mp.log(v / y) - v + y
    if beta == 0:
        return v / y - mp.log(v / y) - 1
    return (v**beta + (beta - 1) * y**beta - beta * v * y ** (beta - 1)) / (beta * (beta - 1))


def weights(p):
    """(l1, l2) of W and of H."""

    def both(alpha, length):
        return length * alpha * p["l1_ratio"], length * alpha * (1 - p["l1_ratio"])

    return both(p["alpha_w"], p["n"]), both(p["alpha_h"], p["m"])


def objective(p, v, w, h):
    beta = mpf(p["beta"])
    v, w, h = real(v), real(w), real(h)
    pairs = [pair for rows in zip(v, product(w, h), strict=True) for pair in zip(*rows, strict=False)]
    total = sum(divergence(beta, x, y) for x, y in pairs)
    for (l1, l2), factor in zip(weights(p), (w, h), strict=True):
        entries = [x for row in factor for x in row]
        total += mpf(l1) * sum(entries) + mpf(l2) * sum(x * x for x in entries) / 2
    return total


def multiplied(beta, v, w, h, l1, l2):
    """W after a multiplicative step."""
    gamma = 1 / (2 - beta) if beta < 1 else 1 / (beta - 1) if beta > 2 else mpf(1)
    y = product(w, h)
    if beta == 2:
        up, down = v, y
    else:
        up = [[a * b ** (beta - 2) for a, b in zip(*rows, strict=True)] for rows in zip(v, y, strict=False)]
        down = [[b ** (beta - 1) for b in row] for row in y]
    up, down = product(up, transposed(h)), product(down, transposed(h))

    def step(x, a, b):
        return x * (a / (b + l1 + l2 * x)) ** gamma if x else x

    return [[step(*each) for each in zip(*rows, strict=True)] for rows in zip(w, up, down, strict=False)]


def swept(v, w, h, l1, l2):
    """W after a sweep of coordinate descent on the squared loss."""
    gram, sides = product(h, transposed(h)), product(v, transposed(h))
    out = []
    for x, b in zip(w, sides, strict=True):
        x = list(x)
        for t in range(len(x)):
            curvature = gram[t][t] + l2
            slope = sum(g * a for g, a in zip(gram[t], x, strict=True)) + l2 * x[t] + l1 - b[t]
            if curvature:
                x[t] = max(x[t] - slope / curvature, mpf(0))
        out.append(x)
    return out


def stepped(p, v, w, h):
    """The factors after three iterations."""
    v, w, h = real(v), real(w), real(h)
    of_w, of_h = [tuple(mpf(x) for x in pair) for pair in weights(p)]

    def step(*given):
        return swept(*given) if p["solver"] == "cd" else multiplied(mpf(p["beta"]), *given)

    for _ in range(3):
        w = step(v, w, h, *of_w)
        h = transposed(step(transposed(v), transposed(h), transposed(w), *of_h))
    return w, h


def solved(a, b):
    """x of A x = b in fractions, or None where A is singular."""
    rows = [list(row) + [right] for row, right in zip(a, b, strict=True)]
    for i in range(len(rows)):
        pivot = next((r for r in range(i, len(rows)) if rows[r][i]), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r in range(len(rows)):
            if r != i and rows[r][i]:
                rows[r] = [x - rows[r][i] * y for x, y in zip(rows[r], rows[i], strict=True)]
    return [row[-1] for row in rows]


def supports(k):
    """Every set of components, the largest first."""
    sizes = (itertools.combinations(range(k), size) for size in range(k, -1, -1))
    return itertools.chain.from_iterable(sizes)


def best_quadratic(row, h, l1, l2):
    """The exact minimum of a row: of all supports one meets the conditions of Karush, Kuhn and Tucker."""
    k = len(h)
    gram, b = product(h, transposed(h)), [x - l1 for x in product([row], transposed(h))[0]]
    for t in range(k):
        gram[t][t] += l2
    for support in supports(k):
        part = solved([[gram[s][t] for t in support] for s in support], [b[s] for s in support])
        if part is None or any(x < 0 for x in part):
            continue
        x = [Fraction(0)] * k
        for t, value in zip(support, part, strict=True):
            x[t] = value
        if all(sum(g * a for g, a in zip(gram[t], x, strict=True)) >= b[t] for t in range(k)):
            return x
    raise AssertionError("no support meets the conditions")


def best_kullback(row, h, l1):
    """The same for the Kullback-Leibler divergence, by Newton's method on each support, to forty digits."""
    k, columns = len(h), range(len(row))

    def slope(x, t):
        y = product([x], h)[0]
        return sum(h[t][j] * (1 - row[j] / y[j]) for j in columns) + l1

    def cost(x):
        return sum(divergence(mpf(1), v, y) for v, y in zip(row, product([x], h)[0], strict=True)) + l1 * sum(
            x
        )

    # Without any component the reconstruction would be zero.
    for support in filter(None, supports(k)):
        x = [mpf(0)] * k
        for t in support:
            x[t] = sum(row) / sum(sum(h[s]) for s in support)
        for _ in range(200):
            slopes = [slope(x, t) for t in support]
            y = product([x], h)[0]
            curve = [row[j] / y[j] ** 2 for j in columns]
            hessian = [[sum(h[s][j] * h[t][j] * curve[j] for j in columns) for t in support] for s in support]
            move = solved(hessian, slopes)
            if move is None or max(map(abs, slopes)) < mpf(10) ** -42:
                break
            share, before = mpf(1), cost(x)
            while True:
                to = list(x)
                for t, by in zip(support, move, strict=True):
                    to[t] -= share * by
                # Near the minimum the cost has no digits left to fall by, and a whole step is right.
                near = share == 1 and max(map(abs, slopes)) < mpf(10) ** -8
                if all(y > 0 for y in product([to], h)[0]) and (near or cost(to) <= before):
                    break
                share /= 2
                if share < mpf(2) ** -150:
                    to = x
                    break
            if to == x:
                break
            x = to
        small = -(mpf(10) ** -35)
        if all(a >= 0 for a in x) and all(slope(x, t) >= small for t in range(k)):
            assert max(abs(slope(x, t)) for t in support) < mpf(10) ** -35
            return x
    raise AssertionError("no support meets the conditions")


def best_held(p, v, h):
    l1, l2 = (Fraction(x) for x in weights(p)[0])
    if p["beta"] == 2:
        return [best_quadratic(row, h, l1, l2) for row in v]
    v, h, l1 = real(v), real(h), mpf(l1.numerator) / l1.denominator
    return [best_kullback(row, h, l1) for row in v]


def least(p, v):
    """The least objective of rank 1 or 2, or None where the best approximation of rank 2 is not positive.

    A positive matrix of rank 2 is a product of positive factors, so its distance is that of the truncated
    singular value decomposition. The best of rank 1 for the Kullback-Leibler divergence has the margins of V.
    """
    v = real(v)
    if p["beta"] == 1:
        rows, cols = [sum(row) for row in v], [sum(col) for col in zip(*v, strict=True)]
        approximation = [[r * c / sum(rows) for c in cols] for r in rows]
        pairs = [pair for rows in zip(v, approximation, strict=True) for pair in zip(*rows, strict=False)]
        return sum(divergence(mpf(1), x, y) for x, y in pairs)
    u, s, vt = mp.svd_r(mp.matrix(v), full_matrices=False)
    k = p["k"]
    places = itertools.product(range(p["m"]), range(p["n"]))
    if min(sum(u[i, t] * s[t] * vt[t, j] for t in range(k)) for i, j in places) <= 0:
        return None
    return sum(s[t] ** 2 for t in range(k, len(s))) / 2


def answer(p):
    v, w, h = drawn(p)
    match p["kind"]:
        case "value":
            return objective(p, v, w, h)
        case "step":
            return objective(p, v, *stepped(p, v, w, h))
        case "held":
            return objective({**p, "alpha_h": 0}, v, best_held(p, v, h), h)
        case "least":
            return least(p, v)


PLAIN = {"solver": "", "near": 0, "zeros": 0, "shift": 0, "alpha_w": 0, "alpha_h": 0, "l1_ratio": 0}
BETAS = [-2, -1, -0.0625, 0, 0.0625, 0.5, 0.9375, 1, 1.0625, 1.5, 1.9375, 2, 2.0625, 2.5, 3, 4]


def proposals(rng):
    """Problems of each kind without end."""
    size = rng.randint

    def penalty():
        return {"alpha_w": rng.choice([0, 1, 3]) / 64, "alpha_h": rng.choice([0, 1, 3]) / 64}

    def value():
        beta = rng.choice(BETAS)
        p = {"kind": "value", "beta": beta, "m": size(1, 12), "n": size(1, 12), "k": size(1, 7)}
        p |= {"near": size(0, 1), "shift": rng.choice([-200, -16, 0, 0, 0, 16, 200])}
        p["zeros"] = size(0, 1) if beta == 2 else 0
        if p["shift"] == 0:
            p |= penalty() | {"l1_ratio": size(0, 4) / 4}
        return p

    def step():
        beta = rng.choice([*BETAS, 1, 2, 2, 2, 2, 2])
        p = {"kind": "step", "beta": beta, "m": size(2, 9), "n": size(2, 9), "k": size(1, 4)}
        p["solver"] = rng.choice(["mu", "cd"]) if beta == 2 else "mu"
        p["near"] = size(0, 3) // 3
        # Below 2 a step on an L2 penalty is another one where it would overshoot.
        return p | penalty() | {"l1_ratio": size(0, 4) / 4 if beta >= 2 else 1}

    def held():
        quadratic = size(0, 3) > 0
        p = {"kind": "held", "beta": 2 if quadratic else 1, "m": size(1, 6), "n": size(4, 9)}
        p |= {"k": size(1, 4 if quadratic else 3), "zeros": size(0, 1) if quadratic else 0}
        return p | {"alpha_w": rng.choice([0, 1, 3]) / 64, "l1_ratio": size(0, 2) / 2 if quadratic else 1}

    def best():
        beta = rng.choice([1, 2, 2])
        near = size(0, 1) if beta == 2 else 0
        k = size(1, 2) if beta == 2 else 1
        return {"kind": "least", "beta": beta, "m": size(3, 9), "n": size(3, 9), "k": k, "near": near}

    for count, make in [(430, value), (270, step), (200, held), (100, best)]:
        for _ in range(count):
            yield make


def main():
    rng = random.Random(1)
    path = Path(__file__).parent.parent / "crates/partwise/tests/data/precise.csv"
    columns = ["kind", "solver", "beta", "seed", "m", "n", "k", "near", "zeros", "shift"]
    columns += ["alpha_w", "alpha_h", "l1_ratio", "answer"]
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, columns, lineterminator="\n")
        out.writeheader()
        for make in proposals(rng):
            found = None
            while found is None:
                problem = PLAIN | make() | {"seed": rng.getrandbits(32)}
                found = answer(problem)
                # An exact fit has no digits to compare.
                if found == 0:
                    found = None
            out.writerow(problem | {"answer": repr(float(found))})


if __name__ == "__main__":
    main()
