/* nave.h - task farming over MPI
 *
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A *context* (nave) is a farm opened over a communicator.  Rank 0 is its *hub*: it holds the
 * handles below and schedules.  Every rank is an *engine*: it runs *kernels*, C functions that were
 * registered by name; rank 0 does so on a thread beside the hub.
 *
 * A *task* is one call of one kernel on one input.  A *view* says which engines may run tasks and
 * how they are placed.  A call on a view returns a *future*: the tasks of that call (numbered from
 * 0), their states and their results.
 *
 *     static int square(nave_task *task, const void *in, size_t in_size,
 *                       void *out, size_t out_size)
 *     {
 *         *(double *)out = *(const double *)in * *(const double *)in;
 *         return 0;
 *     }
 *
 *     static int hub(nave *ctx, void *arg)              // runs on rank 0 only
 *     {
 *         nave_view *farm;
 *         double x[1000] = {1, 2, 3}, y[1000];
 *         nave_balanced(ctx, NULL, &farm);
 *         return nave_map(farm, "square", x, sizeof *x, y, sizeof *y, 1000);
 *     }
 *
 *     static const nave_kernel kernels[] = {NAVE_KERNEL(square)};
 *     nave_run(MPI_COMM_WORLD, &(nave_options){.kernels = kernels, .kernel_count = 1}, hub, NULL);
 *
 * RULES THAT HOLD EVERYWHERE
 *
 * Results.  Functions that can fail return NAVE_OK (0) or a negative code.  nave_error() gives one
 *     line of detail.  On error outputs are untouched unless the text says otherwise.
 * Roles.  Collective calls are marked so; every rank of the communicator makes them.  All others
 *     that take a context, a view or a future are for the hub and return NAVE_EROLE on an engine.
 * Threads.  One thread per process calls Nave, the one that may call MPI.  On rank 0, and on the
 *     sub-hubs of large farms, kernels run on a thread of the library's, which makes no MPI calls:
 *     MPI_THREAD_FUNNELED is the level to ask for (Open MPI and MPICH do the same under
 *     MPI_THREAD_SINGLE).  Contexts are independent; there are no globals.
 * Progress.  The hub works inside Nave calls (nave_wait and its kin, nave_turn) and, briefly, in
 *     each call that submits.  Between them engines go on with what they hold, no further.
 * Memory.  Sizes are bytes in size_t; 0 and more than 4 GiB are plain cases.  Inputs and outputs
 *     are raw bytes, copied between processes of one architecture.
 * Clean hands.  The library never initialises or finalises MPI, exits, aborts, prints, or installs
 *     a signal handler; but see Lost engines for one end, while a farm is opened.  It works on a
 *     duplicate of the communicator, with MPI_ERRORS_RETURN set.
 */
#ifndef NAVE_H
#define NAVE_H

#if defined(__cplusplus) && !defined(OMPI_SKIP_MPICXX)
#define OMPI_SKIP_MPICXX 1 /* MPI's withdrawn C++ classes are not wanted, nor their warnings */
#endif
#include "nave_kernel.h"

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nave nave;
typedef struct nave_view nave_view;
typedef struct nave_future nave_future;

/* One line on the last error of this context on this rank: what, where, and what to do.  Never
 * NULL.  Valid until the next call on the context.  Any rank. */
NAVE_API const char *nave_error(const nave *ctx);

/* -------------------------------------------------------------------------------------- context */

/* An operation of the caller's for nave_map_reduce(), known by name on every rank, since handles
 * mean nothing elsewhere.  All of MPI's own operations are known without this. */
typedef struct nave_op {
    const char *name; /* 1 to 127 bytes */
    MPI_Op op;        /* this rank's handle, made by MPI_Op_create; stays the caller's */
} nave_op;

/* Called on the hub about ten times a second while it waits for a future (nave_wait, nave_map,
 * nave_map_reduce), and once more when it is complete.  It must not call Nave. */
typedef struct nave_counts nave_counts;
typedef void nave_progress_fn(void *arg, const nave_counts *counts);

/* All zero is the default.  The struct and what it points to is read by nave_open() only, except
 * `user`, `log_arg`, `progress_arg` and the strings and functions of the kernel table, which must
 * stay. */
typedef struct nave_options {
    const nave_kernel *kernels; /* this rank's kernels; ranks may have different ones, and a hub */
    size_t kernel_count;        /*   with engines needs none */
    const nave_op *ops;         /* this rank's operations for nave_map_reduce() */
    size_t op_count;
    void *user;       /* for this rank's kernels, see nave_task_user() */
    nave_log_fn *log; /* gets errors and warnings as lines without a newline; NULL: silence */
    void *log_arg;
    nave_progress_fn *progress; /* on the hub; NULL: nobody asks */
    void *progress_arg;
    int ranks;    /* how many ranks there should be; another number is NAVE_ELAUNCH.  0: any */
    int idle_hub; /* 1: rank 0 only schedules.  0: it runs kernels too */
    int group;    /* engines to a sub-hub, see nave_open().  0: by itself; negative: no sub-hubs */
    int drain;    /* 1: the farm ends in good order before its job is ended, see nave_drain() */
    const char
        *journal;     /* on the hub: a file that remembers what is finished, see below; NULL: what
                          *   NAVE_JOURNAL in the environment says, or none */
    int retry_failed; /* 1: what failed in earlier runs is run again; 0: it has failed */
    const char *program; /* its name, for the journal; NULL: none */
    const void *basis; /* on the hub, for the journal: bytes on which results depend besides the */
    size_t basis_size; /*   inputs of their tasks, such as the options of the program */
    int recover; /* on the hub: go on without engines that are lost, see below.  0: where the launcher
                    *   lets the job live; 1: it should; negative: no, that ends the farm */
    size_t min_engines; /* on the hub: with fewer the farm ends, with NAVE_ELOST; 0: with none */
    double stall_limit; /* on the hub: seconds that an engine with tasks may be silent, more than
                         *   any task takes, see below; 0: any */
    const char *connection; /* on the hub: the connection file of the door, see below (a name
                             *   without a slash or a dot: see nave_connection_place()); NULL: what
                             *   NAVE_CONNECTION in the environment says, or no door */
    const char *listen; /* on the hub: "ADDRESS", "ADDRESS:PORT" or ":PORT" of the door; NULL: what
                         *   NAVE_LISTEN says, or 127.0.0.1 and any port */
    const char *job;    /* on the hub: the job's name for people; NULL: `program` */
    int allow_plugins;  /* on the hub: 1: kernels may be added from outside, see below; 0: what
                         *   NAVE_PLUGINS says ("1"), or none */
} nave_options;

/* Lost engines.  Where the launcher lets a job go on when one of its processes has died (Open MPI:
 * `mpirun --enable-recovery`, or OMPI_MCA_orte_enable_recovery=1), the hub watches the engines: those
 * on its own host by their processes (a fiftieth of a second), others by a TCP connection to rank 0,
 * which ends with the process, or some five seconds after the host or the network has gone.  Engines
 * watch rank 0 likewise.  One that is stopped or busy is not lost.
 *
 * What a lost engine had goes to others, and nave_options.log gets a line.  Tasks that it may have
 * begun run alone the next time, and not on rank 0 if another can; a task fails with NAVE_ECRASH
 * when three engines (nave_policy.crash_limit) have died of it.  So a task may be run, or begun,
 * more than once, and what it had spawned too; each is counted once.  Tasks of a direct view fail
 * with NAVE_ELOST if they were for that engine, as do those that no other engine has the kernel for.
 * Reductions are made without MPI_Reduce, by blocks, as with a journal; and there are no sub-hubs.
 *
 * One that is silent for longer than nave_options.stall_limit is taken for stalled: what it has goes to
 * others, its late answers are dropped, and when it has given them all it is an engine like others
 * again.  One that has not by nave_close() is ended if it is on rank 0's host.
 *
 * The hub goes on alone when it runs kernels itself.  With fewer than nave_options.min_engines, or
 * none, calls return NAVE_ELOST; what is finished is in the journal.
 *
 * All this holds once nave_open() has returned.  Until then every rank is needed: if one goes, the
 * others say so (nave_options.log, perhaps from another thread) and end their processes with exit
 * status 1, a few seconds later, for MPI would wait for ever.  One that dies even before, in
 * MPI_Init() or in the first calls of nave_open(), is not noticed.
 *
 * MPI itself cannot go on as it was: after nave_close() no collective call may be made over a
 * communicator with a lost rank, and MPI_Finalize() would wait for it.  See nave_finalize(). */

/* The door.  With nave_options.connection the hub listens on one TCP port, and clients (`nave status`,
 * nave_client.h) can look at the farm, submit tasks, fetch results, move objects, steer, and stop it.
 * All that passes is encrypted and only for those who have the keys (ZeroMQ, CURVE), which are in the
 * connection file: made with mode 0600 and removed by nave_close().  Beside FILE.json there is
 * FILE.readonly.json, for those who may look and fetch but not change anything.  doc/protocol.md has
 * what is said.
 *
 * Requests are served within Nave calls on the hub (see Progress above).  Tasks from outside go through
 * the same scheduler as the program's, but not into the journal, and what they return is kept until
 * it is asked to be forgotten, or the farm closes.  With nave_options.allow_plugins whoever has the
 * control file may also run code of his own on all engines (`nave cc`); there are no sub-hubs then. */

/* The journal.  The hub writes each finished task of balanced views to it: what it was, what became of
 * it, and its result; of reductions the sums of blocks, which then come to the hub one by one instead
 * of by MPI_Reduce (with the same bits; tasks of a reduction may not spawn then, and get NAVE_ETYPE).
 * What is finished is in the file, on the disk, a second later at most, whatever happens to the job.
 *
 * A program that opens its farm with the same journal again goes on where the last run was: tasks
 * that are finished there are answered at once, from the file, all others run; on any number of ranks.
 * A task is recognised by its kernel's name, the size of its result, its index, the bytes of its
 * input, all that was pushed or scattered before it, and nave_options.basis; what has changed is run
 * again, and nave_close() says (nave_options.log) how much of the journal was not asked for.  A kernel
 * must therefore compute its result from these, and from nothing that differs from run to run;
 * pointers in inputs are useless.  Results of
 * nave_policy.discard are remembered without their bytes.
 *
 * The file is an SQLite database, which `nave log` reads, also while it is written.  It must be on a
 * file system that the host of rank 0 can lock.  When it cannot be written, the call that waits
 * returns NAVE_EJOURNAL; what was written stays good. */

/* Opens a farm.  Collective over comm, any intracommunicator; it may be the whole world, a part of
 * it, or one rank, and several farms may be open at once.  opt may be NULL.  MPI must be
 * initialised.
 *
 * All ranks get the same code.  On failure *ctx is still set (NULL only when out of memory): to be
 * asked by nave_error() and closed by nave_close(), for nothing else.
 *
 * Large farms over several hosts (more than 64 engines, or opt->group) have two levels: the first
 * engine of each host, and of each `group` engines on it, is a sub-hub as well, which gets tasks of
 * balanced calls for all of them at a time.  Nothing else changes.  A rank that has a kernel with
 * NAVE_NOT_ON_HUB is no sub-hub; a group without one is served by the hub itself.
 *
 * Where the launcher has left the ranks unbound and each can have a core, they are bound to equal
 * shares of the cores until nave_close(); NAVE_BIND=none in the environment leaves them alone.
 *
 * NAVE_EDISAGREE    ranks with different versions of the library
 * NAVE_ELAUNCH      N single ranks where one job of N ranks was meant (the launcher of another
 *                   MPI), or not as many as opt->ranks says
 * NAVE_EJOURNAL     the journal cannot be opened: it is no journal, damaged, or used by another job
 * NAVE_EDOOR        the door cannot be opened: the port is taken, or the file another job's or no
 *                   connection file
 * NAVE_EINVAL       a bad table (empty, long or doubled name, no function, unknown flags), an
 *                   intercommunicator, no engine with any kernel (without a door) */
NAVE_API int nave_open(MPI_Comm comm, const nave_options *opt, nave **ctx);

/* Engines: runs tasks until the hub closes the context, then returns the status that the hub gave
 * to nave_close_with(), NAVE_OK otherwise.  The hub: returns NAVE_OK at once. */
NAVE_API int nave_serve(nave *ctx);

/* One turn of the loop without waiting, for programs that have a loop of their own, or engines that
 * serve several contexts.  NAVE_OK while the context is open, NAVE_END on an engine once the hub
 * has closed it.  Any rank. */
NAVE_API int nave_turn(nave *ctx);

/* Drains the farm: from now on no task begins; those that engines have are finished, and their
 * results are there.  Futures of which tasks were not run complete, these tasks as cancelled, with
 * NAVE_EDRAINED from nave_wait() and its kin; calls that submit return it at once.  On the hub.
 *
 * With nave_options.drain (the same on all ranks) this happens by itself: when SIGUSR1, SIGUSR2,
 * SIGTERM or SIGXCPU comes to rank 0 (until nave_close() they do nothing else; handlers that were
 * there before come back then), and, for each kernel by the times of its tasks so far, when what is
 * left of the job's time is not enough for one more.  That time is known from the environment:
 * NAVE_DEADLINE, in seconds since the epoch; NAVE_WALLTIME, how long the farm may be open, as seconds or
 * [[D-]HH:]MM:SS; SLURM_JOB_END_TIME.  The last two seconds are kept free for the end.
 * What cannot be read as such is a warning (nave_options.log). */
NAVE_API int nave_drain(nave *ctx);

/* Closes the farm and frees it, its views and its futures; *ctx becomes NULL.  Collective.  The hub
 * cancels what is not finished and waits for what is running.  An engine that has not served yet
 * serves first.  Every rank returns to the caller's program and may open again.  NULL is allowed.
 */
NAVE_API int nave_close(nave **ctx);

/* The same, and nave_serve() returns `status` on the engines. */
NAVE_API int nave_close_with(nave **ctx, int status);

/* In place of MPI_Finalize(), on every rank: does the same, unless a farm has lost a rank.  Then it
 * leaves MPI as it is and returns at once; the process should end soon.  (There MPI_Finalize() ends the
 * process, with exit status 0 if nave_close_with() was given NAVE_OK, or 1.)  NAVE_OK or NAVE_EMPI. */
NAVE_API int nave_finalize(void);

/* Ranks that the farm has lost so far; 0 on engines. */
NAVE_API size_t nave_lost(const nave *ctx);

/* Open, serve, close in one: `hub` is called on rank 0, the others serve.  Collective.  Returns
 * what `hub` returned, on all ranks; a failure to open likewise, and opt->log gets the reason. */
NAVE_API int nave_run(MPI_Comm comm, const nave_options *opt, int (*hub)(nave *ctx, void *arg),
                      void *arg);

/* This rank; number of ranks; whether this rank is the hub; number of engines.  Any rank. */
NAVE_API int nave_rank(const nave *ctx);
NAVE_API int nave_size(const nave *ctx);
NAVE_API int nave_is_hub(const nave *ctx);
NAVE_API int nave_engine_count(const nave *ctx);

/* Where a rank runs, see nave_topo(). */
typedef struct nave_place {
    int rank;
    int engine;          /* 1: runs kernels */
    int subhub;          /* the rank that passes tasks on to it, itself perhaps; 0: the hub does */
    const char *host;    /* its name */
    int node;            /* hosts are numbered from 0 in order of their first rank */
    int cores;           /* it may use */
    int bound;           /* 1: these are not all of the host's */
    const char *cpus;    /* processing units as a list, "0-3,8" */
    int package, numa;   /* of the first of them, as numbered by the machine; -1: not known */
    const char *machine; /* its units: PACKAGE/NUMA:CORE CORE|..., a core as a list, as in
                          *   "0/0:0,4 1,5|1/1:2,6 3,7"; "" when not known */
    long pid;
} nave_place;

/* Who runs where, by rank, on the hub.  Valid until nave_close().  `nave topo` prints it. */
NAVE_API int nave_topo(nave *ctx, const nave_place **places, size_t *n);

/* The host name of a rank, on the hub; NULL for a rank that is not there, and on engines. */
NAVE_API const char *nave_host(const nave *ctx, int rank);

/* Serves the door and works on what comes through it, until somebody outside stops the farm or
 * `seconds` are over (negative: without end).  For programs that have no work of their own.  On the
 * hub.  NAVE_EDRAINED: stopped; NAVE_ETIMEDOUT; NAVE_ESTATE: there is no door. */
NAVE_API int nave_attend(nave *ctx, double seconds);

/* ------------------------------------------------------------------------------------- steering */

/* For MPI programs with a loop of their own, which need not farm anything: all ranks open a context
 * (with a connection, and perhaps without kernels), declare what may be seen and changed from outside,
 * and call nave_poll() at a safe point of each step.  Engines need not serve.
 *
 *     nave_steer_double(ctx, "dt", &dt, 0, 0.1);
 *     nave_publish(ctx, "temperature", &(nave_array){.data = t, .type = NAVE_DOUBLE, ...});
 *     while (step < steps && nave_poll(ctx) == NAVE_OK)
 *         ...
 *
 * Every rank makes the same declarations in the same order; they are not collective and do not wait.
 * Before the first poll what is set changes rank 0's value only, commands are refused, and an array of which
 * rank 0 has only a part is fetched when polls begin.
 * Names: 1 to 127 bytes; a name that was declared before is declared anew.  NAVE_OK, NAVE_EINVAL,
 * NAVE_ENOMEM. */

/* Values that may be changed from outside, between min and max, at `value`, which stays the caller's
 * and holds the present value, between them too. */
NAVE_API int nave_steer_double(nave *ctx, const char *name, double *value, double min, double max);
NAVE_API int nave_steer_int64(nave *ctx, const char *name, int64_t *value, int64_t min,
                              int64_t max);
/* A switch: 0 or 1. */
NAVE_API int nave_steer_flag(nave *ctx, const char *name, int *value);
/* A text of at most size - 1 bytes and a zero. */
NAVE_API int nave_steer_text(nave *ctx, const char *name, char *value, size_t size);

enum { NAVE_DIMS = 4 };

/* This rank's block of an array that is spread over the ranks, in C order (the last index runs
 * fastest).  A value of its own on each rank has dims 0: a client sees an array with an element for
 * each rank. */
typedef struct nave_array {
    const void *data; /* of this rank, halos included */
    enum nave_type type;
    int dims;                /* 0 to NAVE_DIMS */
    size_t shape[NAVE_DIMS]; /* of the whole array */
    size_t start[NAVE_DIMS]; /* where this rank's block begins in it */
    size_t count[NAVE_DIMS]; /* the block's size; a rank may have none */
    size_t room[NAVE_DIMS];  /* of what lies at `data`, with halos; all 0: as `count` */
    size_t skip[NAVE_DIMS];  /* where the block begins in that */
} nave_array;

/* Lets clients fetch an array (elements that are in no rank's block are zero there): only when one asks, the ranks copy their blocks, all in the same
 * nave_poll(), and hand them over during the next ones.  `array` is copied; its data is the caller's,
 * read in nave_poll(), and must stay until nave_publish(ctx, name, NULL) or nave_close(). */
NAVE_API int nave_publish(nave *ctx, const char *name, const nave_array *array);

/* A command that may be given from outside, with a text: called on all ranks in the same nave_poll().
 * It may be collective over communicators of the program's.  What it returns on rank 0 is the client's
 * answer: 0, or a code of the program's. */
typedef int nave_command_fn(nave *ctx, const char *text, void *arg);
NAVE_API int nave_command(nave *ctx, const char *name, nave_command_fn *run, void *arg);

/* A safe point: values may change here, commands run, arrays are copied; and engines run tasks, if any
 * were submitted.  Collective; it may synchronise the ranks, but mostly does not: they agree once in
 * about ten milliseconds, or 256 calls, by a broadcast that was begun that long before (MPI_Ibcast over a communicator
 * of Nave's), so a change comes at the same step on all ranks, some twenty milliseconds after it was
 * asked for, or with the next step but one.  The first call does wait for all ranks, which are alike
 * from then on: what was set before is set on all of them.  All other calls cost a few nanoseconds.
 * While the job is paused from outside it does not return.
 *
 * All ranks make as many polls.  One that calls nave_serve() or nave_close() after fewer does not hold up the
 * others: they get NAVE_EDISAGREE, and nave_error() says which rank has left, at the end of the present
 * window, some ten milliseconds later at most.  So when a rank is lost: NAVE_ELOST; and when one has failed,
 * the code of its failure.  What clients ask for in the meantime is refused (NAVE_ESTATE), and what no
 * poll has taken up within a minute is given up (NAVE_ETIMEDOUT).
 *
 * NAVE_OK; NAVE_EDRAINED on all ranks alike, from then on, when the job was asked to stop; or an error,
 * from then on, after which nave_close() is what remains.  Without a door it does nothing. */
NAVE_API int nave_poll(nave *ctx);

/* ---------------------------------------------------------------------------------------- views */

/* A direct view: tasks go to named engines.  `engines` lists n different ranks in the view's
 * order; NULL and 0 mean all engines in order of rank (a list of none is NAVE_EINVAL).  apply
 * makes one task for each engine; map gives each a block of neighbouring tasks, engine j of m
 * those from j*n/m up to (j+1)*n/m.  NAVE_EENGINE: a rank that is no engine. */
NAVE_API int nave_direct(nave *ctx, const int *engines, size_t n, nave_view **view);

/* How a balanced view places tasks.  All zero is the default: sizes tuned by measured times.
 *
 * policy, the name of a rule (R: tasks left, P: engines of the view):
 *   "auto" (or NULL)  factoring with chunks of a millisecond at most; single tasks while times are
 *                     unknown, or long, or uneven; queued tasks are called back from slow engines
 *   "fifo"            one at a time, in order
 *   "guided"          R/P (Polychronopoulos, Kuck: Guided self-scheduling, IEEE Trans. Comp. 1987)
 *   "factoring"       R/2P, P times, and again (Flynn Hummel, Schonberg, Flynn: Factoring, a method
 *                     for scheduling parallel loops, CACM 35(8), 1992)
 *   "static-block"    engine j of P gets the tasks from j*n/P up to (j+1)*n/P
 *   "static-cyclic"   chunk c goes to engine c mod P
 *   "locality"        engines that hold the object `near` first, others when those have enough
 */
typedef struct nave_policy {
    size_t chunk;        /* tasks handed out at a time; 0: chosen while running.  In
                         *   nave_map_reduce() also the size of the blocks that are folded */
    size_t window;       /* chunks that may be with an engine at once; 0: chosen while running */
    const char *policy;  /* a name as above (copied); another one is NAVE_EINVAL */
    const char *near;    /* "locality": the name of an object (copied) */
    int priority;        /* calls of higher priority go first, those of one take turns */
    const double *costs; /* of task i of a map: how long it takes, in any unit (borrowed by each
                          *   call until it is finished).  The longest go first (Graham: Bounds on
                          *   multiprocessing timing anomalies, SIAM J. Appl. Math. 17, 1969) */
    size_t cost_count;   /* as many; a map of more tasks, or a cost that is negative or no number,
                          *   is NAVE_EINVAL */
    const int *engines;  /* these ranks only (copied); NULL: all engines */
    size_t engine_count;
    size_t backlog; /* nave_map_from(): results that may wait to be read; 0: 65536, or as many of
                     *   out_size as make 64 MiB, but two for each engine at least */
    int discard;    /* nave_map_from(): results are dropped as they come; of failures what
                     *   nave_failed() and nave_digest() say is kept */
    int retries;    /* how often a task that fails is run again (up to 2047): on another engine if
                     *   one may, on the same for a direct view or a static policy, a reduction or
                     *   spawned tasks.  What a failing attempt has spawned is dropped.  With a
                     *   source the inputs of tasks under way are kept on the hub */
    size_t max_failures; /* so many failed tasks cancel the rest of their call, which then ends as
                          *   NAVE_ETASK; 0: none do */
    int guard;           /* 1: kernels run in a guard, see below; so they do with the next four */
    double time_limit;   /* seconds that a task may run, then it is ended; 0: any */
    size_t memory_limit; /* bytes that a task may use in addition to what the engine has; 0: any */
    int capture;         /* 1: what a task writes to stdout and stderr is kept with its record */
    int crash_limit;     /* a task that has ended its guard so often (up to 15) is not run again,
                          *   whatever `retries` says; 0: as `retries` says */
} nave_policy;

/* The guard.  Kernels run in a child process of the engine's, forked before it is needed and again
 * after it has died, so that a kernel that crashes, calls exit() or abort(), runs for ever or eats
 * memory fails its task and nothing else: with NAVE_ECRASH (the message has the signal or the exit
 * status) or NAVE_ETIMEDOUT, and the last lines that it wrote to stderr.  Cancelling ends the task at
 * once.  Inputs and results go through shared memory, many short tasks at a time.
 *
 * The child is a copy of the engine as it was when it was forked.  It makes no MPI calls: a kernel in
 * a guard must not either.  It sees objects as they are when its tasks are handed over, but may only
 * read them; what it changes in other memory is seen by later tasks of the same child and by nobody
 * else.  nave_spawn(), nave_object_set() and nave_object_drop() give NAVE_ESTATE there.  Programs that
 * it starts end with it.  Its stderr is passed on to the engine's.
 *
 * A limit of memory counts address space, as setrlimit(RLIMIT_AS) does: past it malloc() gives NULL.
 */

/* A balanced view: each task goes to whichever engine is free and has the kernel.  policy may be
 * NULL. */
NAVE_API int nave_balanced(nave *ctx, const nave_policy *policy, nave_view **view);

/* Frees a view; its futures go on.  NULL is allowed. */
NAVE_API void nave_view_free(nave_view *view);

/* Views of both kinds may be used on the same engines at the same time: tasks for a named engine
 * go first, balanced calls take turns. */

/* ---------------------------------------------------------------------------------------- calls */

/* All calls name a kernel.  NAVE_EKERNEL: no engine of the view has it (or, direct: one of them has
 * not); nave_error() names the nearest known name.  in may be NULL when in_size is 0, and so on. */

/* Starts one task (balanced) or one on each engine (direct), on a copy of `in`. */
NAVE_API int nave_apply(nave_view *view, const char *kernel, const void *in, size_t in_size,
                        size_t out_size, nave_future **future);

/* n tasks, like a loop over arrays: task i reads the in_size bytes at in + i*in_size and its result
 * goes to out + i*out_size.  Blocks until all are finished.
 *
 * Returns NAVE_OK; or NAVE_ETASK: some failed, nave_error() has the digest (how many, why, which),
 * and the results of all others are in place.  Places of failed tasks are not written. */
NAVE_API int nave_map(nave_view *view, const char *kernel, const void *in, size_t in_size,
                      void *out, size_t out_size, size_t n);

/* The same without blocking.  in and out are borrowed until the future is complete.  With out NULL
 * the future keeps the results, of any sizes. */
NAVE_API int nave_map_start(nave_view *view, const char *kernel, const void *in, size_t in_size,
                            void *out, size_t out_size, size_t n, nave_future **future);

/* A lazy source of tasks: called on the hub, in order, when an engine has room for task `index`.
 * Points *in at the input, valid until the next call, and returns 1; or 0: there are no more; or
 * negative: stop with NAVE_ESOURCE and this code.  It must not call Nave. */
typedef int nave_source(void *arg, size_t index, const void **in, size_t *in_size);

/* Tasks from a source, which may be endless.  Only what engines have room for is drawn, and results
 * wait in the future until read: at most policy.backlog of them, then no more tasks are drawn.  So
 * read as they come, by nave_next(); or set policy.discard.  On a direct view, whichever of its
 * engines has room takes the next task. */
NAVE_API int nave_map_from(nave_view *view, const char *kernel, nave_source *next, void *arg,
                           size_t out_size, nave_future **future);

/* n tasks whose results, `count` elements of `type` each, are combined by `op` into acc on the hub.
 * Engines combine what they ran, and MPI_Reduce brings the sums home: no result visits the hub on
 * the way.  Blocks.  acc is overwritten, and untouched if n is 0 or any task failed (NAVE_ETASK).
 *
 * type: any datatype; the engines rebuild derived ones from its envelope.  `out` of the kernel is
 *     count elements as laid out in memory (extents).  op: MPI's, or the caller's out of
 *     nave_options.ops.  NAVE_ETYPE otherwise.
 *
 * The bits of the answer do not depend on the number of ranks or on timing: integers are exact
 * anyhow; other types, and operations of the caller's, are folded in order of the tasks, in blocks
 * that depend on n and the size of a result alone: blocks = n / ceil(n / max), rounded up, where
 * max is 64 MiB / (count * extent) but at least 16 and at most 16384 (or policy.chunk tasks a
 * block). So operations need not commute. */
NAVE_API int nave_map_reduce(nave_view *view, const char *kernel, const void *in, size_t in_size,
                             size_t n, void *acc, int count, MPI_Datatype type, MPI_Op op);

/* -------------------------------------------------------------------------------------- futures */

/* `seconds`: how long to wait at most; negative: without end; 0: just look. */

/* Waits until all tasks are finished.  NAVE_OK, all succeeded; NAVE_EDRAINED, some were not run;
 * NAVE_ETASK, NAVE_ECANCELED, NAVE_ESOURCE, finished otherwise (nave_error() has the digest); NAVE_ETIMEDOUT, not finished;
 * NAVE_EUNREAD, will not finish unless its results are read. */
NAVE_API int nave_wait(nave_future *future, double seconds);

/* Waits until one of n futures of one context is finished and stores its place.  NULL entries are
 * passed over; NAVE_EINVAL when all are.  Returns as nave_wait() would for that one. */
NAVE_API int nave_wait_any(nave_future *const *futures, size_t n, size_t *which, double seconds);

/* 1 when finished, 0 when not; gives the farm a turn. */
NAVE_API int nave_test(nave_future *future);

struct nave_counts {
    size_t total;     /* tasks; of a source: drawn so far */
    size_t running;   /* with an engine */
    size_t succeeded; /* finished, with a result */
    size_t failed;    /* finished, with a code and perhaps a message */
    size_t cancelled; /* never to be finished */
    int complete;     /* 1: nothing more will change */
};

/* How far a future has got.  Does not wait or turn the loop. */
NAVE_API void nave_count(const nave_future *future, nave_counts *counts);

/* The result of task i; waits for it.  Stores where it is and its size (either may be NULL); valid
 * until the future is freed, or nave_next() has gone past it.  NAVE_ETASK or NAVE_ECANCELED when
 * it has none; NAVE_EINVAL beyond the last, or already read by nave_next(). */
NAVE_API int nave_result(nave_future *future, size_t i, const void **data, size_t *size);

/* What is known of one task.  Times are seconds since nave_open(), on one clock for all ranks of a
 * host; across hosts they agree to the skew of an MPI_Barrier. */
typedef struct nave_record {
    size_t index;
    enum nave_task_state state;
    int code;            /* of a failed task: what the kernel returned, or a NAVE_E code */
    const char *message; /* of nave_fail(), or ""; valid until the future is freed.  Of more than
                          *   4096 different messages in one future the rest are not kept */
    int engine;          /* rank, or -1 */
    const char *host;    /* of the engine, or "" */
    int attempts;        /* how often it was handed to an engine */
    double submitted, started, ended;
    const void *data; /* the result; NULL where there is none */
    size_t size;
    const char *output; /* with nave_policy.capture: what the last attempt wrote, in order, cut at
                         *   16 KiB; "" otherwise.  Valid as `data` is */
    size_t output_size; /* without the zero byte behind it */
} nave_record;

/* The next result in order of arrival, failed and cancelled tasks included.  NAVE_END when all have
 * been read.  Waits.  The record's data is valid until the next nave_next() on this future, and is
 * then freed (results in the caller's own array stay). */
NAVE_API int nave_next(nave_future *future, double seconds, nave_record *record);

/* The record of task i as it stands.  NAVE_EINVAL as for nave_result(). */
NAVE_API int nave_task_record(const nave_future *future, size_t i, nave_record *record);

/* The failed tasks: stores the first `room` of their numbers, ascending, and returns how many there
 * are.  (Of a future with over a million failures, the first million are known by number.) */
NAVE_API size_t nave_failed(nave_future *future, size_t *indices, size_t room);

/* What went wrong, in one line: "37 of 1000 tasks failed: 30 x "no such file" (code 2; engines 1,
 * 3; first 17), 7 x ...; tasks 3, 17-19, ...".  "" when nothing did.  Valid until the next call on
 * this future. */
NAVE_API const char *nave_digest(nave_future *future);

/* Cancels what has not started; kernels that run go on (see nave_cancelled()), their results are
 * dropped.  Returns at once; the future completes when engines have answered.  NAVE_OK also when it
 * is complete already. */
NAVE_API int nave_cancel(nave_future *future);

/* Frees a future and its results.  One that is not complete is cancelled, and the call waits until
 * no engine uses the caller's buffers.  NULL is allowed. */
NAVE_API void nave_future_free(nave_future *future);

/* -------------------------------------------------------------------------------------- objects */

/* Objects are named buffers that live on engines until replaced, dropped, or the context is closed.
 * Kernels reach them by nave_object().  These calls act on every engine of the view (of either
 * kind) in the view's order, and block.  Names: 1 to 127 bytes. */

/* Puts a copy of the buffer on each engine.  Of 256 KiB and more the engines of one host share one
 * copy as long as nobody changes it (two engines on the hub's host: of 32 MiB and more): it goes to
 * each host once, and a page that a kernel writes to becomes its engine's own.  Where shared memory
 * is short each engine gets its own at once. */
NAVE_API int nave_push(nave_view *view, const char *name, const void *data, size_t size);

/* Fetches an object from each engine: the future's results, in the view's order.  Complete on
 * return.  NAVE_EOBJECT when an engine has none. */
NAVE_API int nave_pull(nave_view *view, const char *name, nave_future **future);

/* Deals out n elements of `size` bytes in contiguous blocks: engine j of m gets those from j*n/m up
 * to (j+1)*n/m.  nave_gather() is the inverse; NAVE_ESIZE when an engine's object is not of just
 * the size of its block. */
NAVE_API int nave_scatter(nave_view *view, const char *name, const void *base, size_t n,
                          size_t size);
NAVE_API int nave_gather(nave_view *view, const char *name, void *base, size_t n, size_t size);

/* Drops an object from each engine.  NAVE_EOBJECT when one has none (the others dropped it). */
NAVE_API int nave_drop(nave_view *view, const char *name);

#ifdef __cplusplus
}
#endif

#endif
