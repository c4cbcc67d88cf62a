/* guard - a child process that runs tasks which may crash, hang, exit or eat memory.
 *
 * The child is forked once and lives long.  It gets tasks by the row, through memory that it shares
 * with its parent, and tells after each one that it is done.  If it dies, the task that it was in is
 * to blame; those before are done and their results are there; a new child is forked by the look
 * that notices.  The rest of the row is not done: the caller starts again with it.
 *
 * Invariant: there is one child at most.  A new one is forked only when the old one has ended and
 * was reaped, so nobody but the parent and the one child ever writes to what they share.
 *
 * The parent is one thread, which never waits but where it says so.  The child rings its bell at the
 * end of a row; a death rings nothing, so whoever sleeps meanwhile must not sleep past
 * nv_guard_due().
 *
 * Design notes.
 *
 * - What runs after a fork is the child's one thread.  Of the C library it may use everything where
 *   malloc and stdio get along with a fork in a threaded program (glibc, musl, the BSDs).  A lock
 *   that another thread of the parent held at that moment stays locked in the child; and pools of
 *   threads that were started before (OpenMP's) do not exist there.  MPI must not be called.  Memory
 *   that is pinned for a network is copied at the fork by Linux 5.12 or later, and by older ones if
 *   MPI was told to care for it.
 * - The child dies with its parent: on Linux at once (PR_SET_PDEATHSIG), elsewhere when it waits for
 *   the next row.  The former looks at the thread that forked, so let one that lives as long as the
 *   farm do it.
 * - It has a process group of its own, so that programs which a task has started, by system() for
 *   one, end when the task is ended or dies.  The terminal's ^C and a batch system's signals to the
 *   group of the parent do not reach it, but end it by ending the parent.  What its tasks have
 *   started and its parent's death leaves behind is the batch system's to clean up.
 * - Signals have their default action there, but those that the program ignores; none is blocked.
 *   MPI's functions for the end of the program are not run, even if a task calls exit().  The
 *   variables by which MPI knows a rank are not in its environment, so a task may call mpirun.
 *   When memory runs out the system is asked to take it before its parent.
 * - stderr is a file without a name, since a pipe would make either side wait for the other.
 */
#ifndef NV_GUARD_H
#define NV_GUARD_H

#include "bell.h"

struct nv_guard;

enum {
    NV_GUARD_ROW = 1024,       /* tasks of a row, at most */
    NV_GUARD_KEPT = 64 << 10,  /* bytes of a task's output that nv_guard_output() gives */
    NV_GUARD_FLOOD = 64 << 20, /* bytes: whoever writes more is ended */
    NV_GUARD_TAIL = 900        /* bytes of stderr in a report */
};

struct nv_guard_spec {
    /* In the child: task `at` of the row.  What comes in and goes out lies in nv_guard_room(). */
    void (*run)(struct nv_guard *guard, void *arg, uint32_t at);
    void (*begin)(void *arg); /* in each new child, before all else; may be NULL */
    void *arg;
    size_t room;          /* bytes that are shared */
    struct nv_bell *bell; /* of the parent, rung at the end of a row; may be NULL */
    bool crowded;         /* more processes than cores: the child sleeps at once */
    struct nv_error *error;
};

struct nv_guard_limits {
    double seconds; /* that a task may run; 0: any */
    uint64_t
        bytes;    /* that the child may have in addition to what it has at its beginning; 0: any */
    bool capture; /* keep stdout and stderr, in order, for nv_guard_output() */
};

enum nv_guard_what {
    NV_GUARD_IDLE,     /* no row yet */
    NV_GUARD_RUNNING,  /* still at it */
    NV_GUARD_FINISHED, /* all tasks of the row are done */
    NV_GUARD_ENDED     /* the child ended in task `done`; the tasks after it were not begun */
};

enum nv_guard_cause {
    NV_GUARD_SIGNAL,    /* `number`: which */
    NV_GUARD_EXIT,      /* `number`: the status, -1: not known */
    NV_GUARD_TIME,      /* it was over the limit */
    NV_GUARD_CANCELLED, /* nv_guard_end() */
    NV_GUARD_OUTPUT,    /* it wrote too much */
    NV_GUARD_DAMAGE,    /* it wrote over the memory by which parent and child speak */
    NV_GUARD_UNKNOWN    /* somebody else has reaped it, or SIGCHLD is ignored */
};

struct nv_guard_state {
    enum nv_guard_what what;
    uint32_t done; /* tasks of the row */
    /* NV_GUARD_ENDED only: */
    enum nv_guard_cause cause;
    int number;
    const char *text; /* "signal 11 (Segmentation fault)", "ran longer than 2 s" */
    const char *tail; /* the last lines that the task wrote to stderr, "": none.  Both are valid
                         until the next start */
};

/* Shares memory and forks the first child.  NAVE_OK, NAVE_ENOMEM. */
int nv_guard_new(const struct nv_guard_spec *spec, struct nv_guard **guard);

/* Ends the child, whatever it does, and waits for that.  NULL is fine. */
void nv_guard_free(struct nv_guard *guard);

/* The shared memory, on 4096 bytes, zero at first; how large it is.  In both processes. */
void *nv_guard_room(const struct nv_guard *guard);
size_t nv_guard_size(const struct nv_guard *guard);

/* While no row runs: room for `room` bytes, zero again, and a new child.  Waits for the end of the
 * old one, which is near, and for the fork.  NAVE_OK; NAVE_ENOMEM: all is as it was. */
int nv_guard_grow(struct nv_guard *guard, size_t room);

/* While no row runs: a new child, that knows what the parent knows now.  Waits as above.  NAVE_OK,
 * NAVE_ENOMEM: there is none, the next start tries again. */
int nv_guard_renew(struct nv_guard *guard);

/* While no row runs: hands over tasks 0 to `count` - 1, NV_GUARD_ROW at most.  limits may be NULL.
 * The limit of memory counts address space (RLIMIT_AS), including what is reserved and not used; it
 * does nothing where /proc does not say how much there is, and is of no use with sanitizers, which
 * reserve terabytes.  NAVE_OK; NAVE_ENOMEM: there was no child and none can be forked. */
int nv_guard_start(struct nv_guard *guard, uint32_t count, const struct nv_guard_limits *limits);

/* What has come of it.  Looks now and then whether the child lives and is within its limits, passes
 * on what it wrote to stderr, and forks when it has died.  Cheap enough for every turn of a loop. */
void nv_guard_look(struct nv_guard *guard, struct nv_guard_state *state);

/* When a look is due though no bell rings, by nv_clock(), for nv_idle.until; 0: never. */
double nv_guard_due(const struct nv_guard *guard);

/* Ends the task that runs, and what it has started; a later look reports it with this cause, or that
 * the row was finished just before.  Does nothing when no row runs. */
void nv_guard_end(struct nv_guard *guard, enum nv_guard_cause cause);

/* Of a task that is done, until the next start: when it began and ended, by nv_clock().  Of the one
 * in which the child ended: when it began, and when that was noticed. */
void nv_guard_times(const struct nv_guard *guard, uint32_t at, double *started, double *ended);

/* What such a task wrote, with `capture` to stdout and stderr, else to stderr.  Cut after
 * NV_GUARD_KEPT bytes, then a line says how much was cut.  The guard's, until the next call; not
 * terminated.  NAVE_OK, NAVE_ENOMEM. */
int nv_guard_output(struct nv_guard *guard, uint32_t at, const char **data, size_t *size);

/* In the child, in its task `at`: bytes for which there is no room, once for each task (the last
 * call counts).  NAVE_OK, NAVE_ENOMEM, without words. */
int nv_guard_overflow(struct nv_guard *guard, uint32_t at, const void *data, size_t size);

/* In the parent: a copy of these bytes, to be freed by free(); NULL and 0 if there are none.  Of
 * tasks that are done, until the next start.  NAVE_OK, NAVE_ENOMEM. */
int nv_guard_take(const struct nv_guard *guard, uint32_t at, void **data, size_t *size);

#endif
