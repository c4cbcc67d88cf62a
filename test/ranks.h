/* ranks - what the cmocka tests that run on several ranks have in common.
 *
 * Every rank runs the same tests.  A check that fails is noted and the rank goes on, so nobody is
 * left waiting in a collective; at its end a test calls ranks_agree(), and cmocka gets the same
 * verdict on all ranks.  Only rank 0 prints.
 */
#ifndef TEST_RANKS_H
#define TEST_RANKS_H

#include "nave.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct ranks {
    int rank, size;
    unsigned long failures;
    char first[480]; /* the first failure of this rank in this test */
    const nave *ctx; /* whose nave_error() a failed GIVES() shows; NULL: none */
};

static struct ranks ranks;

/* Notes a failure and goes on; tells whether all is well. */
#define CHECK(x) ranks_check((x), __FILE__, __LINE__, "%s", #x)
#define GIVES(code, call) ranks_gives((call), (code), __FILE__, __LINE__, #call)

/* The same, and returns from the (void) function. */
#define NEED(x)                                                                                    \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            ranks_check(false, __FILE__, __LINE__, "%s", #x);                                      \
            return;                                                                                \
        }                                                                                          \
    } while (0)
#define NEED_OK(call)                                                                              \
    do {                                                                                           \
        if (!GIVES(NAVE_OK, call))                                                                 \
            return;                                                                                \
    } while (0)

static inline bool ranks_check(bool ok, const char *file, int line, const char *format, ...)
    NAVE_PRINTF(4, 5);

static inline bool ranks_check(bool ok, const char *file, int line, const char *format, ...)
{
    va_list args;
    int used;
    if (ok || ranks.failures++ > 0)
        return ok;
    used = snprintf(ranks.first, sizeof ranks.first, "%s:%d: ", file, line);
    va_start(args, format);
    vsnprintf(ranks.first + used, sizeof ranks.first - (size_t)used, format, args);
    va_end(args);
    return ok;
}

static inline bool ranks_gives(int got, int expected, const char *file, int line, const char *call)
{
    return ranks_check(got == expected, file, line, "%s gave %s (%s), not %s", call,
                       nave_error_name(got), ranks.ctx != NULL ? nave_error(ranks.ctx) : "",
                       nave_error_name(expected));
}

/* Equal to the last bit. */
static inline bool ranks_same(double a, double b)
{
    uint64_t bits[2];
    memcpy(&bits[0], &a, sizeof a);
    memcpy(&bits[1], &b, sizeof b);
    return bits[0] == bits[1];
}

/* MPI is up. */
static inline void ranks_begin(void)
{
    MPI_Comm_rank(MPI_COMM_WORLD, &ranks.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks.size);
    if (ranks.rank == 0)
        return;
    cmocka_set_message_output(CM_OUTPUT_TAP); /* goes to standard output only */
    if (freopen("/dev/null", "w", stdout) == NULL)
        MPI_Abort(MPI_COMM_WORLD, 1);
}

static inline void ranks_init(int *argc, char ***argv)
{
    int level;
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level);
    ranks_begin();
}

/* One test's verdict, the same on all ranks; collective. */
static inline void ranks_agree(void)
{
    char *all = ranks.rank == 0 ? calloc((size_t)ranks.size, sizeof ranks.first) : NULL;
    unsigned long failures = 0;
    MPI_Allreduce(&ranks.failures, &failures, 1, MPI_UNSIGNED_LONG, MPI_SUM, MPI_COMM_WORLD);
    MPI_Gather(ranks.first, (int)sizeof ranks.first, MPI_CHAR, all, (int)sizeof ranks.first,
               MPI_CHAR, 0, MPI_COMM_WORLD);
    for (int r = 0, said = 0; all != NULL && r < ranks.size && said < 4; r++)
        if (all[(size_t)r * sizeof ranks.first] != '\0' && ++said)
            print_message("rank %d: %s\n", r, all + (size_t)r * sizeof ranks.first);
    free(all);
    ranks.failures = 0;
    memset(ranks.first, 0, sizeof ranks.first);
    ranks.ctx = NULL;
    assert_int_equal(failures, 0); /* on all: a test that goes on must go on everywhere */
}

/* A crash ends the job at once, instead of leaving the other ranks to the time limit. */
static inline void ranks_crash_openly(void)
{
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    signal(SIGFPE, SIG_DFL);
}

struct ranks_hub {
    void (*run)(nave *ctx);
};

static inline int ranks_hub(nave *ctx, void *arg)
{
    ranks.ctx = ctx;
    ((struct ranks_hub *)arg)->run(ctx);
    ranks.ctx = NULL;
    return 0;
}

/* Most tests: `hub` on rank 0 of a farm over all ranks, then the verdict. */
static inline void ranks_farm(const nave_options *opt, void (*hub)(nave *ctx))
{
    struct ranks_hub call = {hub};
    ranks_crash_openly();
    GIVES(NAVE_OK, nave_run(MPI_COMM_WORLD, opt, ranks_hub, &call));
    ranks_agree();
}

static inline int ranks_engines(void)
{
    return ranks.size;
}

/* The rank of engine number j. */
static inline int ranks_engine(int j)
{
    return j;
}

static inline void ranks_sleep(double seconds)
{
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* A row of numbers that looks random and is the same everywhere (Steele, Lea, Flood: Fast
 * splittable pseudorandom number generators, OOPSLA 2014). */
static inline uint64_t ranks_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
