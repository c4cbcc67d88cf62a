/* guard - see guard.h.  SPDX-License-Identifier: BSD-3-Clause */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "guard.h"
#include "clock.h"
#include "scratch.h"
#include "ward.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Looks at the child itself are as far apart as an eighth of the time that the row has taken, within
 * these bounds. */
#define LOOK_MIN 0.2e-3
#define LOOK_MAX 5e-3
#define LOOK_ENDING 50e-6 /* for the end of who was killed */

enum {
    PAGE = 4096,
    BARREN_MOST = 3, /* children that end before they begin anything: no more are tried then */
};

/* ----------------------------------------------------------------------------------- the mapping */

static size_t page_size(void)
{
    return (sizeof(struct nv_ward_page) + nv_bells_room(1) + PAGE - 1) / PAGE * PAGE;
}

/* The page, then the room.  A page of the system's is a multiple of PAGE, so both are aligned. */
static int map(struct nv_guard *guard, size_t room)
{
    size_t front = page_size();
    void *memory = MAP_FAILED;
    if (room <= SIZE_MAX - front)
        memory =
            mmap(NULL, front + room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return nv_error_set(guard->spec.error, NAVE_ENOMEM,
                            "no memory of %zu bytes to share with a guarded process", room);
    guard->page = memory;
    guard->room = (unsigned char *)memory + front;
    guard->mapped = front + room;
    guard->spec.room = room;
    atomic_init(&guard->page->order, guard->orders);
    atomic_init(&guard->page->taken, guard->orders);
    atomic_init(&guard->page->done, 0);
    atomic_init(&guard->page->left, 0);
    return NAVE_OK;
}

static void unmap(struct nv_guard *guard)
{
    nv_bells_abandon(guard->bells);
    guard->bells = NULL;
    if (guard->page != NULL)
        munmap(guard->page, guard->mapped);
    guard->page = NULL;
}

/* ------------------------------------------------------------------------------------- the child */

/* A new one for each child, since the old one may have died in the midst of its sleep. */
static bool hang_bell(struct nv_guard *guard)
{
    nv_bells_abandon(guard->bells);
    guard->bells = nv_bells_local(guard->page + 1, 1, NV_BELL_FUTEX);
    return guard->bells != NULL;
}

/* No signal reaches the child before it has other ways to take it than its parent's. */
static pid_t fork_quietly(struct nv_guard *guard)
{
    pid_t parent = getpid(), pid;
    sigset_t all, before;
    int code;
    fflush(stdout); /* or the child would write it again */
    fflush(stderr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        nv_ward_live(guard, parent);
    code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return pid;
}

static int make_child(struct nv_guard *guard)
{
    pid_t pid;
    if (!hang_bell(guard))
        return nv_error_set(guard->spec.error, NAVE_ENOMEM, "no memory for a guarded process");
    guard->born = guard->orders;
    atomic_store(&guard->page->order, guard->orders); /* whatever the old one did to it */
    atomic_store(&guard->page->taken, guard->orders);
    atomic_store(&guard->page->left, 0);
    pid = fork_quietly(guard);
    if (pid < 0)
        return nv_error_set(guard->spec.error, NAVE_ENOMEM, "no process for guarded kernels: %s",
                            strerror(errno));
    setpgid(pid, pid); /* the child does so too, but maybe later */
    guard->pid = pid;
    return NAVE_OK;
}

/* Whether the child has ended.  It is not reaped, so that its number remains its own. */
static bool has_ended(const struct nv_guard *guard, bool *known)
{
    siginfo_t info;
    info.si_pid = 0;
    *known = waitid(P_PID, (id_t)guard->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    return *known ? info.si_pid != 0 : errno == ECHILD;
}

static void kill_child(const struct nv_guard *guard)
{
    kill(-guard->pid, SIGKILL); /* what it has started as well */
    kill(guard->pid, SIGKILL);  /* even if it has left the group */
}

/* Waits for the child if it has not ended.  False: how it ended is not to be had. */
static bool reap(struct nv_guard *guard, int *status)
{
    pid_t got;
    do
        got = waitpid(guard->pid, status, 0);
    while (got < 0 && errno == EINTR);
    guard->pid = 0;
    return got > 0;
}

/* Ends the child, if there is one; waits for that. */
static void end_child(struct nv_guard *guard)
{
    bool known;
    int status;
    if (guard->pid == 0)
        return;
    if (!has_ended(guard, &known) || known)
        kill_child(guard);
    reap(guard, &status);
}

/* ---------------------------------------------------------------------------------------- the row */

/* False: a number that cannot be, written by whatever the child did. */
static bool note_done(struct nv_guard *guard)
{
    uint32_t done = atomic_load_explicit(&guard->page->done, memory_order_acquire);
    if (done < guard->state.done || done > guard->row.count)
        return false;
    guard->state.done = done;
    return true;
}

static bool row_is_done(const struct nv_guard *guard)
{
    return guard->state.done == guard->row.count;
}

static void hand_over(struct nv_guard *guard, uint32_t first)
{
    struct nv_ward_page *page = guard->page;
    struct nv_guard_row *row = &guard->row;
    row->running = true;
    row->ending = false;
    row->handed = nv_clock();
    guard->due = row->handed + LOOK_MIN;
    page->first = first;
    page->count = row->count;
    page->tasks[first].started = row->handed;
    page->tasks[first].text = row->size;
    atomic_store_explicit(&page->done, first, memory_order_relaxed);
    atomic_store_explicit(&page->order, ++guard->orders, memory_order_release);
    nv_bell_ring(nv_bells_at(guard->bells, 0, NV_BELL_LOOP));
}

static void finish(struct nv_guard *guard)
{
    guard->row.running = false;
    guard->state.what = NV_GUARD_FINISHED;
    guard->due = guard->row.handed + LOOK_MAX;
    nv_report_forward(guard);
}

/* Whether the task that the child was in is not to blame: it was not begun, or the one that should
 * be ended was done before the signal came. */
static bool is_innocent(const struct nv_guard *guard, bool begun)
{
    enum nv_guard_cause cause = guard->state.cause;
    if (!begun)
        return cause != NV_GUARD_CANCELLED && guard->barren < BARREN_MOST;
    return (cause == NV_GUARD_TIME || cause == NV_GUARD_OUTPUT) &&
           guard->state.done != guard->row.accused;
}

static void blame(struct nv_guard *guard)
{
    guard->row.running = false;
    nv_report_blame(guard);
}

/* The row of a child that was reaped.  Whether it is to be handed over once more. */
static bool settle(struct nv_guard *guard, bool begun, bool known, int status)
{
    note_done(guard);
    nv_report_classify(guard, known, status);
    nv_report_forward(guard);
    if (row_is_done(guard))
        finish(guard);
    else if (is_innocent(guard, begun))
        return true;
    else
        blame(guard);
    return false;
}

/* The child has ended: reaps it, finds who is to blame, makes another one. */
static void bury(struct nv_guard *guard, bool known)
{
    unsigned taken = atomic_load(&guard->page->taken);
    bool again = false;
    int status = 0;
    guard->barren = taken == guard->born ? guard->barren + 1 : 0;
    if (known)
        kill(-guard->pid, SIGKILL); /* what it has started */
    known = reap(guard, &status) && known;
    if (guard->row.running)
        again = settle(guard, taken != guard->orders - 1, known, status);
    if (guard->barren < BARREN_MOST && make_child(guard) == NAVE_OK && again)
        hand_over(guard, guard->state.done);
    else if (again)
        blame(guard);
}

/* When the task that runs did, or should have.  A time that cannot be is what the child wrote over
 * it. */
static double began(const struct nv_guard *guard, double now)
{
    bool begun = atomic_load(&guard->page->taken) == guard->orders;
    double started = begun ? guard->page->tasks[guard->state.done].started : 0;
    return started > guard->row.handed && started < now ? started : guard->row.handed;
}

static bool is_flooding(const struct nv_guard *guard)
{
    return guard->row.size > guard->page->tasks[guard->state.done].text + NV_GUARD_FLOOD;
}

/* When to look again. */
static double next_look(const struct nv_guard *guard, double now)
{
    const struct nv_guard_row *row = &guard->row;
    double pause = (now - row->handed) / 8, limit = began(guard, now) + row->seconds;
    if (row->ending)
        return now + LOOK_ENDING;
    pause = pause < LOOK_MIN ? LOOK_MIN : pause > LOOK_MAX ? LOOK_MAX : pause;
    return row->seconds > 0 && limit < now + pause ? limit : now + pause;
}

/* Looks at the child itself. */
static void examine(struct nv_guard *guard, double now)
{
    struct nv_guard_row *row = &guard->row;
    bool known;
    if (has_ended(guard, &known)) {
        bury(guard, known);
        return;
    }
    nv_report_forward(guard);
    if (row->seconds > 0 && now > began(guard, now) + row->seconds)
        nv_guard_end(guard, NV_GUARD_TIME);
    else if (is_flooding(guard))
        nv_guard_end(guard, NV_GUARD_OUTPUT);
    guard->due = next_look(guard, now);
}

static void look_at_row(struct nv_guard *guard)
{
    double now;
    if (!note_done(guard))
        nv_guard_end(guard, NV_GUARD_DAMAGE);
    if (row_is_done(guard) && !guard->row.ending) {
        finish(guard);
        return;
    }
    now = nv_clock();
    if (now >= guard->due || guard->row.ending)
        examine(guard, now);
}

static void look_at_child(struct nv_guard *guard)
{
    double now = nv_clock();
    bool known;
    if (guard->pid == 0 || now < guard->due)
        return;
    if (has_ended(guard, &known))
        bury(guard, known);
    guard->due = now + LOOK_MAX;
}

/* ------------------------------------------------------------------------------------ the interface */

int nv_guard_new(const struct nv_guard_spec *spec, struct nv_guard **out)
{
    struct nv_guard *guard = calloc(1, sizeof *guard);
    int rc;
    if (guard == NULL)
        return nv_error_set(spec->error, NAVE_ENOMEM, "no memory for a guarded process");
    guard->spec = *spec;
    guard->output = nv_scratch_open(true);
    guard->extra = nv_scratch_open(false);
    guard->state.text = guard->state.tail = "";
    if (guard->output < 0 || guard->extra < 0)
        rc = nv_error_set(spec->error, NAVE_ENOMEM, "no file for what guarded kernels write: %s",
                          strerror(errno));
    else
        rc = map(guard, spec->room);
    if (rc == NAVE_OK)
        rc = make_child(guard);
    if (rc != NAVE_OK) {
        nv_guard_free(guard);
        return rc;
    }
    *out = guard;
    return NAVE_OK;
}

void nv_guard_free(struct nv_guard *guard)
{
    if (guard == NULL)
        return;
    end_child(guard);
    if (guard->row.running)
        nv_report_forward(guard);
    unmap(guard);
    if (guard->output >= 0)
        close(guard->output);
    if (guard->extra >= 0)
        close(guard->extra);
    free(guard->kept);
    free(guard);
}

void *nv_guard_room(const struct nv_guard *guard)
{
    return guard->room;
}

size_t nv_guard_size(const struct nv_guard *guard)
{
    return guard->spec.room;
}

int nv_guard_grow(struct nv_guard *guard, size_t room)
{
    struct nv_guard old = *guard;
    int rc;
    assert(!guard->row.running);
    rc = map(guard, room);
    if (rc != NAVE_OK)
        return rc;
    end_child(guard);
    nv_bells_abandon(guard->bells);
    guard->bells = NULL;
    munmap(old.page, old.mapped);
    guard->state.what = NV_GUARD_IDLE;
    guard->state.done = 0;
    return make_child(guard);
}

int nv_guard_renew(struct nv_guard *guard)
{
    assert(!guard->row.running);
    end_child(guard);
    guard->barren = 0;
    return make_child(guard);
}

int nv_guard_start(struct nv_guard *guard, uint32_t count, const struct nv_guard_limits *limits)
{
    static const struct nv_guard_limits none;
    struct nv_ward_page *page = guard->page;
    assert(!guard->row.running && count > 0 && count <= NV_GUARD_ROW);
    guard->barren = 0;
    if (guard->pid == 0) {
        int rc = make_child(guard);
        if (rc != NAVE_OK)
            return rc;
    }
    if (limits == NULL)
        limits = &none;
    page->bytes = limits->bytes;
    page->capture = limits->capture;
    if (guard->row.size > 0)
        nv_scratch_empty(guard->output);
    if (page->extra_end > 0)
        nv_scratch_empty(guard->extra);
    page->extra_end = 0;
    guard->row = (struct nv_guard_row){
        .count = count, .seconds = limits->seconds, .capture = limits->capture};
    guard->state = (struct nv_guard_state){.what = NV_GUARD_RUNNING, .text = "", .tail = ""};
    hand_over(guard, 0);
    return NAVE_OK;
}

void nv_guard_look(struct nv_guard *guard, struct nv_guard_state *state)
{
    if (guard->row.running)
        look_at_row(guard);
    else
        look_at_child(guard);
    *state = guard->state;
}

double nv_guard_due(const struct nv_guard *guard)
{
    return guard->row.running ? guard->due : 0;
}

void nv_guard_end(struct nv_guard *guard, enum nv_guard_cause cause)
{
    struct nv_guard_row *row = &guard->row;
    bool known;
    if (!row->running || row->ending)
        return;
    row->ending = true;
    row->why = cause;
    row->accused = guard->state.done;
    guard->due = nv_clock();
    if (!has_ended(guard, &known))
        kill_child(guard);
}
