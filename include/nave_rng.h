/* nave_rng.h - random streams that do not depend on who runs what
 *
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A stream of random numbers is known by two numbers, a seed and the number of the stream; by
 * default the latter is the index of a task.  So a Monte Carlo kernel has the same numbers on any
 * rank, on any number of ranks, in any order, and when it is run again:
 *
 *     static int price(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
 *     {
 *         gsl_rng *rng = nave_rng(task, 42);
 *         *(double *)out = gsl_ran_gaussian_ziggurat(rng, 1.0);
 *         return rng == NULL;
 *     }
 *
 * The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as
 * 1, 2, 3, SC11, 2011), a function of a key and a counter.  The key is the seed, lower half first;
 * the counter's words 0 and 1 count blocks of four 32-bit words from 0, words 2 and 3 are the number
 * of the stream, lower half first.  So there are 2^64 seeds of 2^64 streams of 2^66 words.
 *
 * Calls here may be made on any rank, by any thread; a generator is used by one thread at a time.
 */
#ifndef NAVE_RNG_H
#define NAVE_RNG_H

#include "nave.h"

#include <gsl/gsl_rng.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The generator as a type of GSL's, "philox4x32-10", for gsl_rng_alloc() and all that works on a
 * gsl_rng.  gsl_rng_get() is the next word, from 0 to 2^32 - 1; gsl_rng_uniform() takes two words a
 * and b and is ((a >> 5) 2^26 + (b >> 6)) / 2^53.  gsl_rng_set() chooses stream 0 of its seed. */
NAVE_API extern const gsl_rng_type *const nave_rng_philox4x32;

/* For a kernel: a generator at the beginning of stream nave_task_index(task) of `seed`.  It belongs
 * to the engine and serves until the kernel returns; another call begins a stream anew.  NULL when
 * out of memory.  (Spawned tasks have the index of the task that they descend from: they choose
 * streams of their own by nave_rng_set().) */
NAVE_API gsl_rng *nave_rng(nave_task *task, uint64_t seed);

/* Puts a generator of the type above at the beginning of a stream.  NAVE_OK, or NAVE_EINVAL for
 * a generator of another type. */
NAVE_API int nave_rng_set(gsl_rng *rng, uint64_t seed, uint64_t stream);

/* Stores n words of a stream from word `first` on (a stream is taken as a ring of 2^64 words here):
 * what gsl_rng_get() gives after `first` calls, some ten times as fast where the processor has AVX2
 * or AVX-512.  Fastest where first and n are multiples of 64. */
NAVE_API void nave_rng_fill(uint64_t seed, uint64_t stream, uint64_t first, uint32_t *words,
                            size_t n);

#ifdef __cplusplus
}
#endif

#endif
