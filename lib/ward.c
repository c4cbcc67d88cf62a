/* ward - see ward.h.  SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* on_exit, environ */
#include "ward.h"
#include "clock.h"
#include "idle.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* No write to a file is as quick as this; so who took less has written nothing, and the file need
 * not be asked, which takes as long. */
#define WRITE_SECONDS 200e-9

#ifdef SIGRTMAX
#define LAST_SIGNAL SIGRTMAX
#else
#define LAST_SIGNAL 31
#endif

extern char **environ;

/* What the child knows for itself. */
struct ward {
    struct nv_guard *guard;
    struct nv_ward_page *page;
    pid_t parent;
    unsigned order; /* the last one taken */
    int out;        /* where stdout went before it was captured */
    bool capturing, buffered;
    uint64_t text;       /* how much is in the output */
    uint64_t base;       /* bytes of address space at the beginning; 0: not known */
    uint64_t bytes;      /* the limit that holds now */
    struct rlimit limit; /* what it was before */
};

/* ------------------------------------------------------------------------------- the beginning */

/* Handlers are the program's or MPI's, and would do there what is to be done here. */
static void reset_signals(void)
{
    struct sigaction now, normal = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number <= LAST_SIGNAL; number++)
        if (sigaction(number, NULL, &now) == 0 &&
            (now.sa_handler != SIG_IGN || number == SIGCHLD)) /* for system() */
            sigaction(number, &normal, NULL);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static bool is_orphan(const struct ward *ward)
{
    return getppid() != ward->parent;
}

static void die_with_parent(const struct ward *ward)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (is_orphan(ward))
        _exit(1);
}

/* Out of memory, the system ends whoever has the highest number, so better this process than its
 * parent. */
static void offer_oneself(void)
{
#ifdef __linux__
    static const char more[] = "500\n";
    char now[16] = "";
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, now, sizeof now - 1) > 0 && strtol(now, NULL, 10) < strtol(more, NULL, 10) &&
        pwrite(fd, more, strlen(more), 0) < 0)
        errno = 0; /* then it is not to be had */
    close(fd);
#endif
}

static void take_files(struct ward *ward)
{
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing > STDIN_FILENO) {
        dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
    ward->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    dup2(ward->guard->output, STDERR_FILENO);
}

static bool is_launchers(const char *variable)
{
    static const char *const prefixes[] = {"OMPI_", "ORTE_", "PRTE_", "PMIX_", "PMI_", "MPI_LOCAL"};
    static const char kept[] = "OMPI_ALLOW_RUN_AS_ROOT";
    if (strncmp(variable, kept, strlen(kept)) == 0)
        return false;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* An mpirun that a task starts must not take itself for a rank of this one.  unsetenv() has a lock,
 * which another thread may have held at the fork. */
static void clean_environment(void)
{
    char **kept;
    size_t count = 0, n = 0;
    while (environ != NULL && environ[count] != NULL)
        count++;
    kept = malloc((count + 1) * sizeof *kept);
    if (kept == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        if (!is_launchers(environ[i]))
            kept[n++] = environ[i];
    kept[n] = NULL;
    environ = kept;
}

/* The first of the functions for the end of the program to be run, and the last: what the others are
 * to end is the parent's.  A process that a task has forked is nobody's ward and just ends. */
static void leave(struct nv_guard *guard, unsigned left, int status)
{
    fflush(stdout);
    fflush(stderr);
    if (getpid() == guard->pid)
        atomic_store(&guard->page->left, left);
    _exit(status);
}

#ifdef __GLIBC__
static void at_exit(int status, void *arg)
{
    leave(arg, (unsigned)(status & 255) + 1, status);
}

static void catch_exit(struct nv_guard *guard)
{
    if (on_exit(at_exit, guard) != 0)
        _exit(1);
}
#else
/* The function has no argument.  This is the child's memory, where there is one guard to know. */
static struct nv_guard *own_guard;

static void at_exit(void)
{
    leave(own_guard, NV_WARD_LEFT, 1);
}

static void catch_exit(struct nv_guard *guard)
{
    own_guard = guard;
    if (atexit(at_exit) != 0)
        _exit(1);
}
#endif

/* ------------------------------------------------------------------------------------- limits */

/* Bytes of address space; 0: the system does not say. */
static uint64_t address_space(void)
{
    char text[32] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    return got > 0 ? strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void limit_memory(struct ward *ward, uint64_t bytes)
{
    struct rlimit limit = ward->limit;
    ward->bytes = bytes;
    if (ward->base == 0)
        return;
    if (bytes > 0 && bytes < UINT64_MAX - ward->base && ward->base + bytes < limit.rlim_cur)
        limit.rlim_cur = (rlim_t)(ward->base + bytes);
    setrlimit(RLIMIT_AS, &limit);
}

/* Where stdout and stderr are one file, lines must get there in the order in which they were
 * written. */
static void capture_output(struct ward *ward, bool capture)
{
    ward->capturing = capture;
    fflush(stdout);
    if (!ward->buffered)
        setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    ward->buffered = true;
    if (capture)
        dup2(ward->guard->output, STDOUT_FILENO);
    else if (ward->out >= 0)
        dup2(ward->out, STDOUT_FILENO);
    else
        close(STDOUT_FILENO);
}

/* ---------------------------------------------------------------------------------------- rows */

/* The next one to be handed over. */
static void await_order(struct ward *ward)
{
    struct nv_guard *guard = ward->guard;
    struct nv_idle idle = {.all_ring = true, .crowded = guard->spec.crowded};
    idle.bell = nv_bells_at(guard->bells, 0, NV_BELL_LOOP);
    for (;;) {
        unsigned order = atomic_load_explicit(&ward->page->order, memory_order_acquire);
        if (order != ward->order) {
            nv_idle_restart(&idle);
            ward->order = order;
            return;
        }
        if ((idle.looks > 0 || idle.bell == NULL) && is_orphan(ward))
            _exit(1);
        nv_idle(&idle, false);
    }
}

/* Task `at` has returned after so many seconds. */
static void note_output(struct ward *ward, uint32_t at, double seconds)
{
    struct nv_ward_task *tasks = ward->page->tasks;
    fflush(stdout);
    if (ward->capturing || seconds > WRITE_SECONDS)
        ward->text = nv_scratch_size(ward->guard->output);
    tasks[at].text_end = ward->text;
    if (at + 1 < ward->page->count)
        tasks[at + 1].text = ward->text;
}

static void run_row(struct ward *ward)
{
    struct nv_guard *guard = ward->guard;
    struct nv_ward_page *page = ward->page;
    struct nv_ward_task *tasks = page->tasks;
    double now = nv_clock();
    uint32_t at = page->first, count = page->count;
    tasks[at].started = now;
    ward->text = tasks[at].text;
    atomic_store_explicit(&page->taken, ward->order, memory_order_release);
    while (at < count) {
        tasks[at].extra_size = 0;
        guard->spec.run(guard, guard->spec.arg, at);
        tasks[at].ended = nv_clock();
        note_output(ward, at, tasks[at].ended - now);
        now = tasks[at].ended;
        at++;
        if (at < count)
            tasks[at].started = now;
        atomic_store_explicit(&page->done, at, memory_order_release);
    }
    nv_bell_ring(guard->spec.bell);
}

static void init(struct ward *ward)
{
    setpgid(0, 0);
    die_with_parent(ward);
    reset_signals();
    offer_oneself();
    take_files(ward);
    clean_environment();
    catch_exit(ward->guard);
    if (getrlimit(RLIMIT_AS, &ward->limit) != 0)
        ward->limit.rlim_cur = ward->limit.rlim_max = RLIM_INFINITY;
}

void nv_ward_live(struct nv_guard *guard, pid_t parent)
{
    struct ward ward = {.guard = guard, .page = guard->page, .parent = parent};
    ward.order = guard->orders;
    guard->pid = getpid();
    init(&ward);
    if (guard->spec.begin != NULL)
        guard->spec.begin(guard->spec.arg);
    ward.base = address_space();
    for (;;) {
        await_order(&ward);
        if (ward.page->bytes != ward.bytes)
            limit_memory(&ward, ward.page->bytes);
        if (ward.page->capture != ward.capturing)
            capture_output(&ward, ward.page->capture);
        run_row(&ward);
    }
}

int nv_guard_overflow(struct nv_guard *guard, uint32_t at, const void *data, size_t size)
{
    struct nv_ward_page *page = guard->page;
    struct nv_ward_task *task = &page->tasks[at];
    if (!nv_scratch_write(guard->extra, page->extra_end, data, size))
        return NAVE_ENOMEM;
    task->extra = page->extra_end;
    task->extra_size = size;
    page->extra_end += size;
    return NAVE_OK;
}
