"""The tasks of bench/farm and bench/latency by mpi4py.futures, for the table of bench/peers/run.

    mpirun -np P python3 futures.py [--tasks N] [--usec D | --sleep-file FILE] [--chunksize N]
    mpirun -np P python3 futures.py --latency N

Rank 0 hands out, the others work.  Prints a line of JSON.
"""
import argparse
import json
import resource
import statistics
import sys
import time

from mpi4py import MPI
from mpi4py.futures import MPICommExecutor


def compute(usec):
    until = time.perf_counter() + usec * 1e-6 if usec > 0 else 0
    while usec > 0 and time.perf_counter() < until:
        pass
    return usec


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def farm(executor, options, durations):
    """The seconds that all tasks took, and checks what came back."""
    work = sleep if options.sleep_file else compute
    began = time.perf_counter()
    results = list(executor.map(work, durations, chunksize=options.chunksize))
    took = time.perf_counter() - began
    if results != durations:
        raise RuntimeError("a result is wrong")
    return took


def latency(executor, trips):
    """The median of the seconds from submit to result, one task at a time."""
    took = []
    for _ in range(trips):
        began = time.perf_counter()
        executor.submit(compute, 0).result()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def read_options():
    parser = argparse.ArgumentParser(prog="futures.py", description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=10000)
    parser.add_argument("--usec", type=float, default=0.0)
    parser.add_argument("--sleep-file")
    parser.add_argument("--chunksize", type=int, default=1)
    parser.add_argument("--latency", type=int, metavar="N", help="N single tasks, one after another")
    return parser.parse_args()


def read_durations(options):
    if not options.sleep_file:
        return [options.usec] * options.tasks
    with open(options.sleep_file, encoding="ascii") as file:
        return [float(line) for line in file if line.strip()]


def describe(options, durations, seconds, burned):
    work = sum(durations) * (1 if options.sleep_file else 1e-6)
    return {
        "bench": "futures",
        "way": f"mpi4py.futures, chunks of {options.chunksize}",
        "tasks": len(durations),
        "ranks": MPI.COMM_WORLD.size,
        "engines": MPI.COMM_WORLD.size - 1,
        "sum_seconds": work,
        "makespan_seconds": seconds,
        "speedup": work / seconds,
        "cpu_seconds": burned,
        "tasks_per_second": len(durations) / seconds,
    }


def main():
    options = read_options()
    durations = read_durations(options)
    seconds = 0.0
    before = cpu()
    with MPICommExecutor(MPI.COMM_WORLD, root=0) as executor:
        if executor is not None:
            # Not counted: every worker imports what it needs.
            list(executor.map(compute, [0] * 4 * MPI.COMM_WORLD.size))
            if options.latency:
                seconds = latency(executor, options.latency)
            else:
                seconds = farm(executor, options, durations)
    burned = MPI.COMM_WORLD.reduce(cpu() - before, root=0)
    if MPI.COMM_WORLD.rank != 0:
        return 0
    if options.latency:
        print(json.dumps({"bench": "futures", "task_us": seconds * 1e6}))
    else:
        print(json.dumps(describe(options, durations, seconds, burned), separators=(",", ":")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
