/* bell - see bell.h.  SPDX-License-Identifier: BSD-3-Clause */
#define _DEFAULT_SOURCE /* syscall */
#include "bell.h"
#include "clock.h"
#include "error_mpi.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Where time_t is not a long, the kernel and the C library may disagree on the size of a timespec. */
#if defined __linux__ && defined __LP64__ && !defined NV_NO_FUTEX
#include <linux/futex.h>
#include <sys/syscall.h>
#define HAVE_FUTEX 1
#else
#define HAVE_FUTEX 0
#endif

/* Sleeps end by the monotonic clock or not at all: somebody may set the other one. */
#if defined _POSIX_CLOCK_SELECTION && _POSIX_CLOCK_SELECTION > 0
#define HAVE_CONDITION 1
#else
#define HAVE_CONDITION 0
#endif

enum { LINE = 128 /* two lines of 64: processors fetch them in pairs */ };

/* Values of a bell's word.  The owner goes from AWAKE to ARMED to ASLEEP; whoever makes it AWAKE
 * again out of ASLEEP wakes the owner. */
enum { AWAKE, ARMED, ASLEEP };

struct nv_bell {
    _Alignas(LINE) atomic_uint word;
    enum nv_bell_kind kind;
    /* NV_BELL_CONDITION only: */
    pthread_mutex_t mutex;
    pthread_cond_t rung;
};

_Static_assert(sizeof(unsigned) == 4, "a futex has 32 bits");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "processes share no locks of the compiler's");

struct nv_bells {
    enum nv_bell_kind kind;
    int size;            /* ranks of the communicator */
    int near;            /* ranks with a place */
    int *places;         /* by rank: its place in the row of bells, or -1 */
    struct nv_bell *row; /* NV_BELL_OWNERS for each place */
    int built;           /* bells that this rank has made, and ends */
    void *heap;          /* the row's memory if it is our own */
    MPI_Comm node;       /* MPI_COMM_NULL: no window either */
    MPI_Win window;
};

/* ------------------------------------------------------------------------------------- one bell */

/* What was written before is seen by others before what comes next is read.  The thread sanitizer
 * does not know fences; there, a change of nothing to the word that both sides look at does it. */
static void fence(struct nv_bell *bell)
{
#ifdef __SANITIZE_THREAD__
    atomic_fetch_or(&bell->word, 0);
#else
    (void)bell;
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

static bool fall_asleep(struct nv_bell *bell)
{
    unsigned word = ARMED;
    return atomic_compare_exchange_strong(&bell->word, &word, ASLEEP);
}

#if HAVE_FUTEX
/* Not the private kind, which knows one process only. */
static long futex(struct nv_bell *bell, int call, unsigned value, const struct timespec *until)
{
    return syscall(SYS_futex, &bell->word, call, value, until, NULL, FUTEX_BITSET_MATCH_ANY);
}

static bool have_futex(void)
{
    unsigned word = 0;
    return syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0;
}

static void wake_by_futex(struct nv_bell *bell)
{
    futex(bell, FUTEX_WAKE, 1, NULL);
}

/* A wake may be one that was meant for an earlier sleep: hence the loop.  (A wait with a bit set has
 * an absolute time as its limit, by the monotonic clock.) */
static void sleep_on_futex(struct nv_bell *bell, const struct timespec *until)
{
    if (!fall_asleep(bell))
        return;
    while (atomic_load(&bell->word) == ASLEEP)
        if (futex(bell, FUTEX_WAIT_BITSET, ASLEEP, until) != 0 && errno == ETIMEDOUT)
            return;
}
#else
static bool have_futex(void)
{
    return false;
}

static void wake_by_futex(struct nv_bell *bell)
{
    (void)bell;
}

static void sleep_on_futex(struct nv_bell *bell, const struct timespec *until)
{
    (void)bell, (void)until;
}
#endif

/* The owner falls asleep with the mutex held, so whoever holds it finds the owner in its wait. */
static void wake_by_condition(struct nv_bell *bell)
{
    pthread_mutex_lock(&bell->mutex);
    pthread_cond_signal(&bell->rung);
    pthread_mutex_unlock(&bell->mutex);
}

static void sleep_on_condition(struct nv_bell *bell, const struct timespec *until)
{
    int rc = 0;
    pthread_mutex_lock(&bell->mutex);
    if (fall_asleep(bell))
        while (rc == 0 && atomic_load(&bell->word) == ASLEEP)
            rc = until != NULL ? pthread_cond_timedwait(&bell->rung, &bell->mutex, until)
                               : pthread_cond_wait(&bell->rung, &bell->mutex);
    pthread_mutex_unlock(&bell->mutex);
}

void nv_bell_ring(struct nv_bell *bell)
{
    if (bell == NULL)
        return;
    fence(bell);
    nv_bell_nudge(bell);
}

void nv_bell_nudge(struct nv_bell *bell)
{
    if (bell == NULL)
        return;
    if (atomic_load_explicit(&bell->word, memory_order_relaxed) == AWAKE ||
        atomic_exchange(&bell->word, AWAKE) != ASLEEP)
        return;
    if (bell->kind == NV_BELL_FUTEX)
        wake_by_futex(bell);
    else
        wake_by_condition(bell);
}

void nv_bell_arm(struct nv_bell *bell)
{
    atomic_store(&bell->word, ARMED);
    fence(bell);
}

void nv_bell_disarm(struct nv_bell *bell)
{
    atomic_store(&bell->word, AWAKE);
}

/* The time at which a sleep ends; false: never. */
static bool limit(double seconds, struct timespec *until)
{
    double end;
    if (seconds < 0 || seconds > 1e9)
        return false;
    end = nv_clock() + seconds;
    until->tv_sec = (time_t)end;
    until->tv_nsec = (long)((end - (double)until->tv_sec) * 1e9);
    return true;
}

bool nv_bell_sleep(struct nv_bell *bell, double seconds)
{
    struct timespec time;
    const struct timespec *until = limit(seconds, &time) ? &time : NULL;
    if (bell->kind == NV_BELL_FUTEX)
        sleep_on_futex(bell, until);
    else
        sleep_on_condition(bell, until);
    return atomic_exchange(&bell->word, AWAKE) == AWAKE;
}

static bool init_condition(pthread_cond_t *condition)
{
    bool ok = false;
#if HAVE_CONDITION
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return false;
    ok = pthread_condattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0 &&
         pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
         pthread_cond_init(condition, &attr) == 0;
    pthread_condattr_destroy(&attr);
#else
    (void)condition;
#endif
    return ok;
}

static bool init_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;
    bool ok;
    if (pthread_mutexattr_init(&attr) != 0)
        return false;
    ok = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0 &&
         pthread_mutex_init(mutex, &attr) == 0;
    pthread_mutexattr_destroy(&attr);
    return ok;
}

static bool bell_init(struct nv_bell *bell, enum nv_bell_kind kind)
{
    atomic_init(&bell->word, AWAKE);
    bell->kind = kind;
    if (kind == NV_BELL_FUTEX)
        return true;
    if (!init_mutex(&bell->mutex))
        return false;
    if (init_condition(&bell->rung))
        return true;
    pthread_mutex_destroy(&bell->mutex);
    return false;
}

static void bell_release(struct nv_bell *bell)
{
    if (bell->kind != NV_BELL_CONDITION)
        return;
    pthread_cond_destroy(&bell->rung);
    pthread_mutex_destroy(&bell->mutex);
}

/* ------------------------------------------------------------------------------------ all bells */

/* The best kind there is, `kind` at most. */
static enum nv_bell_kind available(enum nv_bell_kind kind)
{
    if (kind == NV_BELL_FUTEX && have_futex())
        return NV_BELL_FUTEX;
    return kind != NV_BELL_NONE && HAVE_CONDITION ? NV_BELL_CONDITION : NV_BELL_NONE;
}

size_t nv_bells_room(int count)
{
    return (size_t)count * NV_BELL_OWNERS * sizeof(struct nv_bell) + LINE;
}

/* Where the row begins in memory of nv_bells_room(). */
static size_t padding(const void *memory)
{
    return (LINE - (uintptr_t)memory % LINE) % LINE;
}

/* Makes the row's bells. */
static bool build(struct nv_bells *bells)
{
    while (bells->built < bells->near * NV_BELL_OWNERS) {
        if (!bell_init(&bells->row[bells->built], bells->kind))
            return false;
        bells->built++;
    }
    return true;
}

static void release_row(struct nv_bells *bells)
{
    while (bells->built > 0)
        bell_release(&bells->row[--bells->built]);
    bells->row = NULL;
}

/* A row of our own, in `memory` or on the heap. */
static bool build_alone(struct nv_bells *bells, void *memory, enum nv_bell_kind kind)
{
    bells->kind = available(kind);
    if (bells->kind == NV_BELL_NONE)
        return true;
    if (memory == NULL)
        memory = bells->heap = malloc(nv_bells_room(bells->near));
    if (memory == NULL)
        return false;
    bells->row = (struct nv_bell *)((char *)memory + padding(memory));
    return build(bells);
}

/* Without bells; all ranks are far. */
static struct nv_bells *bells_new(int size)
{
    struct nv_bells *bells = calloc(1, sizeof *bells);
    if (bells == NULL)
        return NULL;
    bells->places = malloc((size_t)size * sizeof *bells->places);
    if (bells->places == NULL) {
        free(bells);
        return NULL;
    }
    for (int rank = 0; rank < size; rank++)
        bells->places[rank] = -1;
    bells->size = size;
    bells->node = MPI_COMM_NULL;
    return bells;
}

struct nv_bells *nv_bells_local(void *memory, int count, enum nv_bell_kind kind)
{
    struct nv_bells *bells = bells_new(count);
    if (bells == NULL)
        return NULL;
    bells->near = count;
    for (int rank = 0; rank < count; rank++)
        bells->places[rank] = rank;
    if (build_alone(bells, memory, kind))
        return bells;
    nv_bells_close(bells);
    return NULL;
}

void nv_bells_close(struct nv_bells *bells)
{
    if (bells == NULL)
        return;
    if (bells->node != MPI_COMM_NULL)
        MPI_Barrier(bells->node);
    release_row(bells);
    if (bells->node != MPI_COMM_NULL) {
        MPI_Win_free(&bells->window);
        MPI_Comm_free(&bells->node);
    }
    free(bells->heap);
    free(bells->places);
    free(bells);
}

/* To end a condition variable would mean to wait for those who still wait for it. */
void nv_bells_abandon(struct nv_bells *bells)
{
    if (bells != NULL)
        bells->built = 0;
    nv_bells_close(bells);
}

enum nv_bell_kind nv_bells_kind(const struct nv_bells *bells)
{
    return bells->kind;
}

int nv_bells_near(const struct nv_bells *bells)
{
    return bells->near;
}

bool nv_bells_all_near(const struct nv_bells *bells)
{
    return bells->near == bells->size;
}

struct nv_bell *nv_bells_at(const struct nv_bells *bells, int rank, enum nv_bell_owner owner)
{
    if (bells->row == NULL || bells->places[rank] < 0)
        return NULL;
    return &bells->row[bells->places[rank] * NV_BELL_OWNERS + (int)owner];
}

/* ------------------------------------------------------------------------- the ranks of one node */

/* The least of what the ranks of a node say. */
static int agree(MPI_Comm node, int mine)
{
    int least;
    return MPI_Allreduce(&mine, &least, 1, MPI_INT, MPI_MIN, node) == MPI_SUCCESS ? least : 0;
}

/* Which rank has which place: its rank on the node. */
static bool find_places(struct nv_bells *bells, MPI_Comm mpi, MPI_Comm node)
{
    MPI_Group all, near;
    int *ranks = malloc((size_t)bells->size * sizeof *ranks);
    bool ok = ranks != NULL;
    MPI_Comm_group(mpi, &all);
    MPI_Comm_group(node, &near);
    for (int rank = 0; ok && rank < bells->size; rank++)
        ranks[rank] = rank;
    ok = ok &&
         MPI_Group_translate_ranks(all, bells->size, ranks, near, bells->places) == MPI_SUCCESS;
    for (int rank = 0; rank < bells->size; rank++)
        if (!ok || bells->places[rank] == MPI_UNDEFINED)
            bells->places[rank] = -1;
    MPI_Group_free(&all);
    MPI_Group_free(&near);
    free(ranks);
    return ok;
}

/* Finds the row in the window; place 0 makes the bells.  All of the memory belongs to place 0, and
 * it says where the row begins: the others may see the same memory at other addresses. */
static bool build_shared(struct nv_bells *bells, MPI_Comm node, int place)
{
    MPI_Aint room;
    int unit;
    unsigned char *memory = NULL;
    unsigned long shift;
    bool ok = MPI_Win_shared_query(bells->window, 0, &room, &unit, &memory) == MPI_SUCCESS;
    shift = ok ? padding(memory) : 0;
    ok = MPI_Bcast(&shift, 1, MPI_UNSIGNED_LONG, 0, node) == MPI_SUCCESS && ok;
    bells->row = (struct nv_bell *)(memory + shift);
    if (ok && place == 0)
        ok = build(bells);
    return ok;
}

/* One row in memory that the node's ranks share.  Where some of them have no window, the others
 * keep theirs until MPI ends, since to free it would be to wait for those that have none. */
static bool share(struct nv_bells *bells, MPI_Comm node, enum nv_bell_kind kind)
{
    int place, rc;
    void *memory;
    MPI_Aint room;
    MPI_Comm_rank(node, &place);
    MPI_Comm_size(node, &bells->near);
    room = place == 0 ? (MPI_Aint)nv_bells_room(bells->near) : 0;
    rc = MPI_Win_allocate_shared(room, 1, MPI_INFO_NULL, node, &memory, &bells->window);
    if (agree(node, rc == MPI_SUCCESS) == 0)
        return false;
    bells->kind = kind;
    if (agree(node, build_shared(bells, node, place)) == 0) {
        release_row(bells);
        MPI_Win_free(&bells->window);
        return false;
    }
    bells->node = node;
    return true;
}

/* Bells of this rank's threads only. */
static bool alone(struct nv_bells *bells, int rank, enum nv_bell_kind kind)
{
    for (int other = 0; other < bells->size; other++)
        bells->places[other] = -1;
    bells->places[rank] = 0;
    bells->near = 1;
    return build_alone(bells, NULL, kind);
}

int nv_bells_open(MPI_Comm mpi, enum nv_bell_kind kind, struct nv_error *error,
                  struct nv_bells **out)
{
    struct nv_bells *bells;
    MPI_Comm node;
    int rank, size, rc;
    bool ok;
    MPI_Comm_rank(mpi, &rank);
    MPI_Comm_size(mpi, &size);
    rc = MPI_Comm_split_type(mpi, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
    if (rc != MPI_SUCCESS)
        return nv_error_mpi(error, rc, "finding the ranks of this node");
    MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN);
    bells = bells_new(size);
    ok = bells != NULL && find_places(bells, mpi, node);
    kind = available(kind);
    rc = agree(node, ok ? (int)kind : NV_BELL_NONE);
    if (!ok || rc == NV_BELL_NONE || !share(bells, node, (enum nv_bell_kind)rc)) {
        MPI_Comm_free(&node);
        ok = ok && alone(bells, rank, kind);
    }
    if (!ok) {
        nv_bells_close(bells);
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the bells");
    }
    *out = bells;
    return NAVE_OK;
}
