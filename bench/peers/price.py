"""One cell of mcpricer's grid by numpy, as the original study wrote it, beside bench/price.

    python3 bench/peers/price.py [--bench build/bench/price] [--paths N] [--rounds N]

Prints nanoseconds for a path-step, median (smallest to largest): numpy's, then what bench/price
prints in the same minute.  Needs python3-numpy.
"""
import argparse
import statistics
import subprocess
import time

import numpy as np


def price(rng, paths, days, spot=100.0, strike=100.0, sigma=0.25, rate=0.05):
    h = 1.0 / days
    factor = np.exp((rate - 0.5 * sigma**2) * h)
    price, total = np.full(paths, spot), np.zeros(paths)
    for _ in range(days):
        price *= factor * np.exp(sigma * np.sqrt(h) * rng.standard_normal(paths))
        total += price
    discount, mean = np.exp(-rate), total / days
    return [discount * np.mean(np.maximum(0, x)) for x in (price - strike, strike - price, mean - strike, strike - mean)]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bench", default="build/bench/price")
    options.add_argument("--paths", type=int, default=20000)
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    rng, days, figures = np.random.default_rng(0), 260, []
    for _ in range(options.rounds):
        begun = time.perf_counter()
        call = price(rng, options.paths, days)[0]
        figures.append(1e9 * (time.perf_counter() - begun) / (options.paths * days))
        assert abs(call - 12.336) < 1, call  # Black and Scholes
    print(f"price      one cell, numpy {statistics.median(figures):21.4g} ns "
          f"({min(figures):.4g} to {max(figures):.4g})", flush=True)
    text = subprocess.run([options.bench, "--rounds", str(options.rounds)], check=True, capture_output=True, text=True)
    print(*(line for line in text.stdout.splitlines() if not line.startswith("{")), sep="\n")


if __name__ == "__main__":
    main()
