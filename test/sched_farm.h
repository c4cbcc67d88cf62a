/* sched_farm - a small farm for the scheduler's unit tests: eight engines, and short words for what
 * happens in it. */
#ifndef TEST_SCHED_FARM_H
#define TEST_SCHED_FARM_H

#include "sched.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { ENGINES = 8, DROPS = 64 };

static struct nv_sched *sched;
static struct nv_set *all;
static int someone; /* an owner */

static inline int open_farm(void **state)
{
    (void)state;
    sched = nv_sched_new(ENGINES);
    all = nv_set_new(ENGINES);
    for (int i = 0; i < ENGINES; i++) {
        nv_set_add(all, (size_t)i);
        nv_sched_engine_add(sched, i, 1);
    }
    return 0;
}

static inline int close_farm(void **state)
{
    (void)state;
    nv_sched_free(sched);
    free(all);
    return 0;
}

static inline struct nv_set *set_of(const int *engines, size_t count)
{
    struct nv_set *set = nv_set_new(ENGINES);
    assert_non_null(set);
    for (size_t i = 0; i < count; i++)
        nv_set_add(set, (size_t)engines[i]);
    return set;
}

#define SET(...)                                                                                   \
    set_of((const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
#define NAMED(...)                                                                                 \
    .named = (const int[]){__VA_ARGS__},                                                           \
    .named_count = sizeof((const int[]){__VA_ARGS__}) / sizeof(int)

#define ADD(...) add(&(struct nv_job_spec){.owner = &someone, .max_chunk = 1000, __VA_ARGS__})

static inline uint64_t add(const struct nv_job_spec *spec)
{
    uint64_t job = nv_sched_add(sched, spec);
    assert_true(job != 0);
    return job;
}

static inline struct nv_send next(void)
{
    struct nv_send send;
    assert_true(nv_sched_next(sched, &send));
    assert_true(send.count > 0);
    return send;
}

static inline void assert_nothing_next(void)
{
    struct nv_send send;
    assert_false(nv_sched_next(sched, &send));
}

static inline void assert_send(const struct nv_send *send, uint64_t job, int engine, uint64_t first,
                               uint64_t count)
{
    assert_int_equal(send->job, job);
    assert_int_equal(send->engine, engine);
    assert_int_equal(send->first, first);
    assert_int_equal(send->count, count);
}

static inline void answer(const struct nv_send *send, double each)
{
    assert_true(nv_sched_done(sched, send->engine, send->job, send->first, send->count,
                              each * (double)send->count));
}

/* Runs one task of a kernel, so that its time is known. */
static inline void teach(uint32_t kernel, double each)
{
    uint64_t job = ADD(.kernel = kernel, .count = 1, .engines = all);
    struct nv_send send = next();
    answer(&send, each);
    nv_sched_remove(sched, job);
}

/* Answers everything, oldest first, and counts how often each task was sent. */
static inline void run_out(unsigned char *seen, double each)
{
    static struct nv_send sent[1 << 16];
    size_t first = 0, end = 0;
    for (;;) {
        while (end < sizeof sent / sizeof *sent && nv_sched_next(sched, &sent[end])) {
            for (uint64_t i = 0; i < sent[end].count; i++)
                seen[sent[end].first + i]++;
            end++;
        }
        if (first == end)
            return;
        answer(&sent[first++], each);
    }
}

/* The rows that a cancelled job dropped. */
struct drops {
    uint64_t first[DROPS], count[DROPS];
    size_t n;
};

static inline void dropped(void *arg, uint64_t first, uint64_t count)
{
    struct drops *drops = arg;
    assert_true(drops->n < DROPS);
    drops->first[drops->n] = first;
    drops->count[drops->n++] = count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_farm, close_farm)

#endif
