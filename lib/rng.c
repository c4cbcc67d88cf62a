/* rng - Philox as a generator of GSL's, and streams by number.  The only file with GSL.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "nave_rng.h"
#include "engine.h"
#include "philox.h"
#include "rng.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

/* Invariant: `words` are those of block `next` - 1, of which `used` have been given out. */
struct stream {
    uint64_t seed, number, next;
    uint32_t words[4];
    int used;
};

static void begin(struct stream *stream, uint64_t seed, uint64_t number)
{
    *stream = (struct stream){.seed = seed, .number = number, .used = 4};
}

static void set(void *state, unsigned long seed)
{
    begin(state, seed, 0);
}

static unsigned long get(void *state)
{
    struct stream *stream = state;
    if (stream->used == 4) {
        nv_philox_plain.blocks(stream->seed, stream->number, stream->next++, stream->words, 1);
        stream->used = 0;
    }
    return stream->words[stream->used++];
}

static double get_double(void *state)
{
    unsigned long a = get(state) >> 5, b = get(state) >> 6;
    return ((double)a * 67108864.0 + (double)b) / 9007199254740992.0;
}

static const gsl_rng_type philox = {"philox4x32-10", UINT32_MAX, 0, sizeof(struct stream), set, get,
                                    get_double};

const gsl_rng_type *const nave_rng_philox4x32 = &philox;

int nave_rng_set(gsl_rng *rng, uint64_t seed, uint64_t stream)
{
    if (rng == NULL || rng->type != &philox)
        return NAVE_EINVAL;
    begin(rng->state, seed, stream);
    return NAVE_OK;
}

/* gsl_rng_alloc() would call GSL's error handler, which ends the program. */
static gsl_rng *make(void)
{
    gsl_rng *rng = malloc(sizeof *rng);
    struct stream *stream = malloc(sizeof *stream);
    if (rng == NULL || stream == NULL) {
        free(rng);
        free(stream);
        return NULL;
    }
    begin(stream, 0, 0);
    *rng = (gsl_rng){.type = &philox, .state = stream};
    return rng;
}

gsl_rng *nave_rng(nave_task *task, uint64_t seed)
{
    void **own = nv_engine_rng(task->engine);
    if (*own == NULL)
        *own = make();
    if (*own != NULL)
        nave_rng_set(*own, seed, nave_task_index(task));
    return *own;
}

void nv_rng_free(void *rng)
{
    if (rng != NULL)
        gsl_rng_free(rng);
}

/* ------------------------------------------------------------------------------------ many words */

static const struct nv_philox_path *fastest(void)
{
    const struct nv_philox_path *path = NULL;
    for (size_t i = 0; path == NULL || !path->supported(); i++)
        path = nv_philox_at(i);
    return path;
}

/* Words from place `from` on of one block; returns how many. */
static size_t fill_part(uint64_t seed, uint64_t stream, uint64_t block, size_t from,
                        uint32_t *words, size_t n)
{
    uint32_t all[4];
    size_t count = n < 4 - from ? n : 4 - from;
    nv_philox_plain.blocks(seed, stream, block, all, 1);
    memcpy(words, all + from, count * sizeof *words);
    return count;
}

void nave_rng_fill(uint64_t seed, uint64_t stream, uint64_t first, uint32_t *words, size_t n)
{
    uint64_t block = first / 4;
    size_t done = 0, whole;
    if (first % 4 != 0)
        done = fill_part(seed, stream, block++, first % 4, words, n);
    whole = (n - done) / 4;
    fastest()->blocks(seed, stream, block, words + done, whole);
    done += 4 * whole;
    if (done < n)
        fill_part(seed, stream, block + whole, 0, words + done, n - done);
}
