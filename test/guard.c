/* guard - every way in which a task may end its process, and who is blamed for it.
 * timeout: 240
 * SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "clock.h"
#include "guard.h"
#include "scratch.h"
#include "ward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum deed {
    COUNT, /* nothing but what every task does: to count up its place */
    SEGV,
    ABORT,
    EXIT_NOW, /* _exit */
    EXIT,
    LOOP,
    EAT, /* memory */
    OVERFLOW_STACK,
    TERMINATE,
    KILL_ITSELF,
    STOP,      /* SIGSTOP */
    TELL,      /* stderr */
    TELL_MUCH, /* lines, then SEGV */
    SAY,       /* stdout and stderr */
    FLOOD,
    FILL, /* more than is kept */
    LARGE,
    LARGE_THEN_SEGV,
    DAMAGE,
    DAMAGE_ALL, /* then SEGV */
    START_PROGRAM,
    SLEEP,
    LOOK_AROUND,
};

enum { PLACES = NV_GUARD_ROW, LARGE_SIZE = 3 << 20 };

/* The room: what each task is to do, and what it has done. */
struct room {
    struct {
        enum deed deed;
        int number;
    } todo[PLACES];
    atomic_int runs[PLACES];
    atomic_int pid;   /* of who ran a task last */
    atomic_int other; /* of a program that it started */
    atomic_int begun;
    int seen;
};

static struct nv_error error;
static int told = 1; /* in the memory of the parent, to be seen by the child */

/* ---------------------------------------------------------------------------------- in the child */

/* Deeper than any stack. */
static int overflow_stack(volatile char *above, int depth)
{
    volatile char frame[4096];
    frame[0] = above[0];
    return depth > 0 ? overflow_stack(frame, depth - 1) + frame[0] : 0;
}

static void eat(void)
{
    for (int i = 0; i < 4096; i++) {
        char *volatile memory = malloc(1 << 20); /* not to be left out by the compiler */
        if (memory == NULL)
            _exit(42);
        memset(memory, 1, 1 << 20);
    }
}

static void flood(void)
{
    static const char line[1 << 16];
    for (int i = 0; i < 10 * NV_GUARD_FLOOD / (int)sizeof line; i++)
        if (write(STDERR_FILENO, line, sizeof line) < 0)
            return;
    for (;;)
        pause();
}

static void fill(int bytes)
{
    for (int i = 0; i < bytes; i++)
        putchar('a' + i % 26);
}

static void put_large(struct nv_guard *guard, uint32_t at, int number)
{
    unsigned char *large = malloc(LARGE_SIZE);
    if (large == NULL)
        _exit(43);
    memset(large, number, LARGE_SIZE);
    if (nv_guard_overflow(guard, at, large, LARGE_SIZE) != NAVE_OK)
        _exit(44);
    free(large);
}

static void start_program(struct room *room)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sleep", "sleep", "1000", (char *)NULL);
        _exit(1);
    }
    atomic_store(&room->other, pid);
    for (;;)
        pause();
}

/* What a task finds around it, a bit for each thing that is as it should be. */
static int look_around(void)
{
    struct sigaction action;
    sigset_t mask;
    char byte;
    int seen = 0;
    sigaction(SIGUSR1, NULL, &action);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen |= action.sa_handler == SIG_DFL ? 1 : 0;
    seen |= sigismember(&mask, SIGUSR2) == 0 ? 2 : 0;
    seen |= getenv("OMPI_COMM_WORLD_RANK") == NULL && getenv("PMIX_RANK") == NULL ? 4 : 0;
    seen |= getenv("NAVE_TEST") != NULL ? 8 : 0;
    seen |= read(STDIN_FILENO, &byte, 1) == 0 ? 16 : 0;
    seen |= getpgrp() == getpid() ? 32 : 0;
    sigaction(SIGPIPE, NULL, &action);
    seen |= action.sa_handler == SIG_IGN ? 64 : 0;
    return seen;
}

static void wait_for_ever(void)
{
    for (volatile int i = 0;; i++)
        continue;
}

/* Says that it has done what there is not to be done. */
static void damage(struct nv_guard *guard)
{
    atomic_store(&guard->page->done, PLACES + 1);
    wait_for_ever();
}

static void die(struct room *room, enum deed deed, int number)
{
    switch (deed) {
    case SEGV:
        raise(SIGSEGV);
        break;
    case ABORT:
        abort();
    case EXIT_NOW:
        _exit(number);
    case EXIT:
        printf("the last words");
        exit(number);
    case LOOP:
        wait_for_ever();
        break;
    case EAT:
        eat();
        break;
    case OVERFLOW_STACK:
        overflow_stack((volatile char *)room, 1 << 22);
        break;
    case TERMINATE:
        raise(SIGTERM);
        break;
    case KILL_ITSELF:
        raise(SIGKILL);
        break;
    case STOP:
        raise(SIGSTOP);
        wait_for_ever();
        break;
    default:
        break;
    }
}

static void run(struct nv_guard *guard, void *arg, uint32_t at)
{
    struct room *room = nv_guard_room(guard);
    enum deed deed = room->todo[at].deed;
    bool is_fatal = deed == LARGE_THEN_SEGV || deed == TELL_MUCH || deed == DAMAGE_ALL;
    int number = room->todo[at].number;
    (void)arg;
    atomic_store(&room->pid, getpid());
    atomic_fetch_add(&room->runs[at], 1);
    if (deed == TELL || deed == SAY)
        fprintf(stderr, "task %d complains\n", number);
    if (deed == SAY)
        printf("task %d talks\n", number);
    if (deed == TELL && number >= 100)
        raise(SIGSEGV);
    for (int i = 1; deed == TELL_MUCH && i <= number; i++)
        fprintf(stderr, "line %d\n", i);
    if (deed == FLOOD)
        flood();
    else if (deed == FILL)
        fill(number);
    else if (deed == LARGE || deed == LARGE_THEN_SEGV)
        put_large(guard, at, number);
    else if (deed == DAMAGE)
        damage(guard);
    else if (deed == DAMAGE_ALL)
        memset((void *)guard->page, 0x55, sizeof *guard->page);
    else if (deed == START_PROGRAM)
        start_program(room);
    else if (deed == SLEEP)
        nanosleep(&(struct timespec){.tv_nsec = number * 1000000L}, NULL);
    else if (deed == LOOK_AROUND)
        room->seen = look_around() | told << 8;
    die(room, is_fatal ? SEGV : deed, number);
}

static void begin(void *arg)
{
    struct room **room = arg;
    atomic_fetch_add(&(*room)->begun, 1);
}

static void begin_badly(void *arg)
{
    (void)arg;
    raise(SIGSEGV);
}

/* --------------------------------------------------------------------------------- in the parent */

static struct nv_guard *make(void)
{
    struct nv_guard_spec spec = {.run = run, .room = sizeof(struct room), .error = &error};
    struct nv_guard *guard = NULL;
    assert_int_equal(nv_guard_new(&spec, &guard), NAVE_OK);
    assert_int_equal((uintptr_t)nv_guard_room(guard) % 4096, 0);
    assert_true(nv_guard_size(guard) >= sizeof(struct room));
    return guard;
}

static void ask(struct nv_guard *guard, uint32_t at, enum deed deed, int number)
{
    struct room *room = nv_guard_room(guard);
    room->todo[at].deed = deed;
    room->todo[at].number = number;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static struct nv_guard_state wait_for(struct nv_guard *guard)
{
    struct nv_guard_state state;
    for (nv_guard_look(guard, &state); state.what == NV_GUARD_RUNNING;
         nv_guard_look(guard, &state)) {
        assert_true(nv_guard_due(guard) > 0);
        nap();
    }
    assert_true(nv_guard_due(guard) <= 0);
    return state;
}

static struct nv_guard_state run_row(struct nv_guard *guard, uint32_t count,
                                     const struct nv_guard_limits *limits)
{
    assert_int_equal(nv_guard_start(guard, count, limits), NAVE_OK);
    return wait_for(guard);
}

static int runs(const struct nv_guard *guard, uint32_t at)
{
    struct room *room = nv_guard_room(guard);
    return atomic_load(&room->runs[at]);
}

static void until_set(atomic_int *number)
{
    while (atomic_load(number) == 0)
        nap();
}

/* A row of `count` in which task `at` does a deed: blamed, those before done, those after not begun,
 * and these can be run then. */
static struct nv_guard_state blame(uint32_t at, uint32_t count, enum deed deed, int number,
                                   const struct nv_guard_limits *limits)
{
    struct nv_guard *guard = make();
    struct room *room = nv_guard_room(guard);
    struct nv_guard_state state;
    static char text[256], tail[NV_GUARD_TAIL + 1];
    ask(guard, at, deed, number);
    state = run_row(guard, count, limits);
    assert_int_equal(state.what, NV_GUARD_ENDED);
    assert_int_equal(state.done, at);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(runs(guard, i), i <= at);
    snprintf(text, sizeof text, "%s", state.text);
    snprintf(tail, sizeof tail, "%s", state.tail);
    ask(guard, at, COUNT, 0);
    if (count > at + 1) {
        struct nv_guard_state rest = run_row(guard, count - at - 1, NULL);
        assert_int_equal(rest.what, NV_GUARD_FINISHED);
        assert_int_equal(rest.done, count - at - 1);
    }
    assert_int_not_equal(atomic_load(&room->pid), 0);
    nv_guard_free(guard);
    state.text = text;
    state.tail = tail;
    return state;
}

static void blame_signal(enum deed deed, int number)
{
    char expected[16];
    struct nv_guard_state state = blame(3, 7, deed, 0, NULL);
    assert_int_equal(state.cause, NV_GUARD_SIGNAL);
    assert_int_equal(state.number, number);
    snprintf(expected, sizeof expected, "signal %d (", number);
    if (number != SIGKILL)
        assert_memory_equal(state.text, expected, strlen(expected));
}

/* ------------------------------------------------------------------------------------------ tests */

static void rows_are_run_in_order_and_timed(void **state)
{
    struct nv_guard *guard = make();
    double before = nv_clock(), started, ended;
    (void)state;
    for (int round = 1; round <= 20; round++) {
        struct nv_guard_state last = run_row(guard, PLACES, NULL);
        assert_int_equal(last.what, NV_GUARD_FINISHED);
        assert_int_equal(last.done, PLACES);
        for (uint32_t at = 0; at < PLACES; at++)
            assert_int_equal(runs(guard, at), round);
    }
    for (uint32_t at = 0; at < PLACES; at++) {
        nv_guard_times(guard, at, &started, &ended);
        assert_true(started >= before && ended >= started && ended <= nv_clock());
        before = ended;
    }
    nv_guard_free(guard);
    nv_guard_free(NULL);
}

static void nothing_is_said_before_the_first_row(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_state now;
    (void)state;
    nv_guard_look(guard, &now);
    assert_int_equal(now.what, NV_GUARD_IDLE);
    nv_guard_end(guard, NV_GUARD_CANCELLED);
    nv_guard_look(guard, &now);
    assert_int_equal(now.what, NV_GUARD_IDLE);
    nv_guard_free(guard);
}

static void signals_are_blamed_on_their_task(void **state)
{
    (void)state;
    blame_signal(SEGV, SIGSEGV);
    blame_signal(ABORT, SIGABRT);
    blame_signal(TERMINATE, SIGTERM);
    if (!SANITIZED)
        blame_signal(OVERFLOW_STACK, SIGSEGV);
    blame_signal(KILL_ITSELF, SIGKILL);
}

static void a_kill_from_nowhere_may_be_the_systems(void **state)
{
    struct nv_guard_state end = blame(0, 2, KILL_ITSELF, 0, NULL);
    (void)state;
    assert_string_equal(end.text, "killed by SIGKILL (out of memory?)");
}

static void exits_are_blamed_with_their_status(void **state)
{
    struct nv_guard_state end = blame(0, 1, EXIT_NOW, 3, NULL);
    (void)state;
    assert_int_equal(end.cause, NV_GUARD_EXIT);
    assert_int_equal(end.number, 3);
    assert_string_equal(end.text, "exit status 3");
    end = blame(5, 6, EXIT_NOW, 0, NULL);
    assert_int_equal(end.cause, NV_GUARD_EXIT);
    assert_int_equal(end.number, 0);
}

static void run_at_the_end(void)
{
    abort();
}

/* The functions for the end of the program are the parent's. */
static void exit_runs_nothing_of_the_parents(void **state)
{
    struct nv_guard_state end;
    int status = -1;
    pid_t pid = fork();
    (void)state;
    if (pid == 0) {
        atexit(run_at_the_end);
        end = blame(1, 3, EXIT, 7, &(struct nv_guard_limits){.capture = true});
        _exit(end.cause == NV_GUARD_EXIT && (end.number == 7 || end.number == -1) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void exit_leaves_what_was_said(void **state)
{
    struct nv_guard_state end = blame(1, 3, EXIT, 7, &(struct nv_guard_limits){.capture = true});
    (void)state;
    assert_string_equal(end.tail, "the last words");
}

static void time_is_limited(void **state)
{
    struct nv_guard_limits limits = {.seconds = 0.05};
    struct nv_guard_state end = blame(2, 4, LOOP, 0, &limits);
    (void)state;
    assert_int_equal(end.cause, NV_GUARD_TIME);
    assert_string_equal(end.text, "ran longer than 0.05 s");
    end = blame(0, 4, STOP, 0, &limits);
    assert_int_equal(end.cause, NV_GUARD_TIME);
}

/* Each task has the whole time. */
static void the_limit_is_the_tasks_not_the_rows(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_state end;
    (void)state;
    for (uint32_t at = 0; at < 10; at++)
        ask(guard, at, SLEEP, 30);
    end = run_row(guard, 10, &(struct nv_guard_limits){.seconds = 0.25});
    assert_int_equal(end.what, NV_GUARD_FINISHED);
    nv_guard_free(guard);
}

static void memory_is_limited(void **state)
{
    struct nv_guard_state end;
    (void)state;
    if (SANITIZED || access("/proc/self/statm", R_OK) != 0)
        skip();
    end = blame(1, 2, EAT, 0, &(struct nv_guard_limits){.bytes = 64 << 20});
    assert_int_equal(end.cause, NV_GUARD_EXIT);
    assert_int_equal(end.number, 42);
}

static void a_limit_of_memory_can_be_lifted(void **state)
{
    struct nv_guard_limits limits = {.bytes = 1 << 20};
    struct nv_guard *guard;
    struct nv_guard_state end;
    (void)state;
    if (SANITIZED || access("/proc/self/statm", R_OK) != 0)
        skip();
    guard = make();
    ask(guard, 0, LARGE, 1);
    assert_int_equal(run_row(guard, 1, NULL).what, NV_GUARD_FINISHED);
    end = run_row(guard, 1, &limits);
    assert_int_equal(end.what, NV_GUARD_ENDED);
    assert_int_equal(end.number, 43);
    assert_int_equal(run_row(guard, 1, NULL).what, NV_GUARD_FINISHED);
    nv_guard_free(guard);
}

static void a_cancelled_task_ends(void **state)
{
    struct nv_guard *guard = make();
    struct room *room = nv_guard_room(guard);
    struct nv_guard_state end;
    (void)state;
    ask(guard, 1, LOOP, 0);
    assert_int_equal(nv_guard_start(guard, 3, NULL), NAVE_OK);
    until_set(&room->runs[1]);
    nv_guard_end(guard, NV_GUARD_CANCELLED);
    nv_guard_end(guard, NV_GUARD_TIME); /* too late to be the cause */
    end = wait_for(guard);
    assert_int_equal(end.what, NV_GUARD_ENDED);
    assert_int_equal(end.cause, NV_GUARD_CANCELLED);
    assert_int_equal(end.done, 1);
    assert_string_equal(end.text, "cancelled");
    nv_guard_free(guard);
}

/* Whenever that is: between the hand-over and the end of the row, or just after it. */
static void a_row_can_be_cancelled_at_any_time(void **state)
{
    struct nv_guard *guard = make();
    int ended = 0, finished = 0;
    (void)state;
    for (int round = 0; round < 60; round++) {
        struct nv_guard_state end;
        struct room *room = nv_guard_room(guard);
        memset(room->runs, 0, sizeof room->runs);
        assert_int_equal(nv_guard_start(guard, PLACES, NULL), NAVE_OK);
        for (volatile int i = 0; i < round * 4000; i++)
            continue;
        nv_guard_end(guard, NV_GUARD_CANCELLED);
        end = wait_for(guard);
        ended += end.what == NV_GUARD_ENDED;
        finished += end.what == NV_GUARD_FINISHED;
        for (uint32_t at = 0; at < end.done; at++)
            assert_int_equal(runs(guard, at), 1);
        for (uint32_t at = end.done + 1; at < PLACES; at++)
            assert_int_equal(runs(guard, at), 0);
    }
    assert_int_equal(ended + finished, 60);
    nv_guard_free(guard);
}

static void a_task_killed_from_outside_is_blamed(void **state)
{
    struct nv_guard *guard = make();
    struct room *room = nv_guard_room(guard);
    struct nv_guard_state end;
    (void)state;
    ask(guard, 4, LOOP, 0);
    assert_int_equal(nv_guard_start(guard, 5, NULL), NAVE_OK);
    until_set(&room->runs[4]);
    kill(atomic_load(&room->pid), SIGKILL);
    end = wait_for(guard);
    assert_int_equal(end.what, NV_GUARD_ENDED);
    assert_int_equal(end.cause, NV_GUARD_SIGNAL);
    assert_int_equal(end.number, SIGKILL);
    assert_int_equal(end.done, 4);
    nv_guard_free(guard);
}

/* Who dies between two rows has nobody to blame, and the next row is run by another. */
static void a_death_while_idle_is_nobodys(void **state)
{
    struct nv_guard *guard = make();
    struct room *room = nv_guard_room(guard);
    (void)state;
    for (int round = 1; round <= 40; round++) {
        struct nv_guard_state end = run_row(guard, 3, NULL);
        int pid = atomic_load(&room->pid);
        assert_int_equal(end.what, NV_GUARD_FINISHED);
        assert_int_equal(runs(guard, 2), round);
        kill(pid, SIGKILL);
        for (int i = 0; round % 2 == 0 && i < 30; i++) {
            nv_guard_look(guard, &end);
            assert_int_equal(end.what, NV_GUARD_FINISHED);
            nap();
        }
    }
    nv_guard_free(guard);
}

static void who_dies_at_the_beginning_is_not_tried_for_ever(void **state)
{
    struct nv_guard_spec spec = {
        .run = run, .begin = begin_badly, .room = sizeof(struct room), .error = &error};
    struct nv_guard *guard = NULL;
    (void)state;
    assert_int_equal(nv_guard_new(&spec, &guard), NAVE_OK);
    for (int round = 0; round < 3; round++) {
        struct nv_guard_state end = run_row(guard, 2, NULL);
        assert_int_equal(end.what, NV_GUARD_ENDED);
        assert_int_equal(end.done, 0);
        assert_int_equal(end.number, SIGSEGV);
        assert_int_equal(runs(guard, 0), 0);
        for (int i = 0; i < 20; i++, nap())
            nv_guard_look(guard, &end);
    }
    nv_guard_free(guard);
}

static int open_files(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* -1: the system does not say. */
static int mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    int lines = 0;
    if (file == NULL)
        return -1;
    for (int c = getc(file); c != EOF; c = getc(file))
        lines += c == '\n';
    fclose(file);
    return lines;
}

static void hundreds_of_crashes_leave_nothing_behind(void **state)
{
    struct nv_guard *guard = make();
    int files = open_files(), maps = mappings();
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct nv_guard_state end;
        uint32_t at = (uint32_t)round * 7 % 5;
        ask(guard, at, round % 3 == 0 ? ABORT : round % 3 == 1 ? EXIT_NOW : SEGV, 1);
        end = run_row(guard, 5, NULL);
        assert_int_equal(end.what, NV_GUARD_ENDED);
        assert_int_equal(end.done, at);
        ask(guard, at, COUNT, 0);
    }
    assert_int_equal(open_files(), files);
    if (!SANITIZED)
        assert_true(mappings() <= maps + 3);
    nv_guard_free(guard);
    assert_int_equal(open_files(), files - 2);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Runs 200 tasks of which some crash, each time starting again after the one that did. */
static void each_task_runs_once_whatever_others_do(void **state)
{
    enum { ALL = 200 };
    struct nv_guard *guard = make();
    struct room *room = nv_guard_room(guard);
    uint32_t seed = 17, next = 0;
    int ran[ALL] = {0};
    (void)state;
    while (next < ALL) {
        uint32_t count = ALL - next < 16 ? ALL - next : 16, bad = 99;
        struct nv_guard_state end;
        memset(room->runs, 0, sizeof room->runs);
        for (uint32_t at = 0; at < count; at++) {
            seed = seed * 1664525 + 1013904223;
            ask(guard, at, seed >> 28 == 0 ? SEGV : COUNT, 0);
            bad = seed >> 28 == 0 && bad == 99 ? at : bad;
        }
        end = run_row(guard, count, NULL);
        assert_int_equal(end.done, bad < count ? bad : count);
        for (uint32_t at = 0; at < count; at++)
            ran[next + at] += runs(guard, at);
        next += end.done + (end.what == NV_GUARD_ENDED);
    }
    for (int i = 0; i < ALL; i++)
        assert_int_equal(ran[i], 1);
    nv_guard_free(guard);
}

/* ------------------------------------------------------------------------------- what is written */

/* Puts a file in the place of stderr; returns what it was. */
static int divert(int *file)
{
    int saved = dup(STDERR_FILENO);
    *file = nv_scratch_open(true);
    assert_true(saved >= 0 && *file >= 0);
    dup2(*file, STDERR_FILENO);
    return saved;
}

static void restore(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static void stderr_is_passed_on_and_the_blamed_tasks_is_kept(void **state)
{
    static const char all[] = "task 1 complains\ntask 2 complains\ntask 100 complains\n";
    char text[256] = "";
    int file, saved = divert(&file);
    struct nv_guard *guard = make();
    struct nv_guard_state end;
    uint64_t size;
    (void)state;
    ask(guard, 1, TELL, 1);
    assert_int_equal(run_row(guard, 2, NULL).what, NV_GUARD_FINISHED);
    ask(guard, 1, TELL, 2);
    ask(guard, 3, TELL, 100);
    end = run_row(guard, 4, NULL);
    restore(saved);
    size = nv_scratch_size(file);
    assert_int_equal(size, strlen(all));
    assert_true(nv_scratch_read(file, 0, text, size));
    close(file);
    assert_string_equal(text, all);
    assert_int_equal(end.done, 3);
    assert_string_equal(end.tail, "task 100 complains");
    nv_guard_free(guard);
}

static void the_tail_is_whole_lines(void **state)
{
    struct nv_guard_state end =
        blame(1, 3, TELL_MUCH, 1000, &(struct nv_guard_limits){.capture = true});
    size_t length = strlen(end.tail);
    (void)state;
    assert_true(length > NV_GUARD_TAIL - 12 && length <= NV_GUARD_TAIL);
    assert_memory_equal(end.tail, "line ", 5);
    assert_string_equal(end.tail + length - 18, "line 999\nline 1000");
    end = blame(0, 1, TELL_MUCH, 2, &(struct nv_guard_limits){.capture = true});
    assert_string_equal(end.tail, "line 1\nline 2");
}

static void expect_output(struct nv_guard *guard, uint32_t at, const char *text)
{
    const char *data;
    size_t size;
    assert_int_equal(nv_guard_output(guard, at, &data, &size), NAVE_OK);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(data, text, size);
}

static void captured_output_is_the_tasks_own(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_limits capture = {.capture = true};
    (void)state;
    for (int round = 0; round < 2; round++) {
        ask(guard, 0, SAY, 10);
        ask(guard, 2, SAY, 12);
        ask(guard, 3, FILL, 3);
        assert_int_equal(run_row(guard, 5, &capture).what, NV_GUARD_FINISHED);
        expect_output(guard, 0, "task 10 complains\ntask 10 talks\n");
        expect_output(guard, 1, "");
        expect_output(guard, 2, "task 12 complains\ntask 12 talks\n");
        expect_output(guard, 3, "abc");
        expect_output(guard, 4, "");
        ask(guard, 0, COUNT, 0);
        ask(guard, 2, COUNT, 0);
        ask(guard, 3, COUNT, 0);
        assert_int_equal(run_row(guard, 5, NULL).what, NV_GUARD_FINISHED);
        expect_output(guard, 0, "");
    }
    nv_guard_free(guard);
}

static void what_a_dead_task_wrote_is_there(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_state end;
    (void)state;
    ask(guard, 0, SAY, 1);
    ask(guard, 1, TELL, 100);
    end = run_row(guard, 3, &(struct nv_guard_limits){.capture = true});
    assert_int_equal(end.what, NV_GUARD_ENDED);
    expect_output(guard, 0, "task 1 complains\ntask 1 talks\n");
    expect_output(guard, 1, "task 100 complains\n");
    nv_guard_free(guard);
}

static void long_output_is_cut(void **state)
{
    static const char note[] = "\n[1000 more bytes were cut]\n";
    struct nv_guard *guard = make();
    const char *data;
    size_t size;
    (void)state;
    ask(guard, 0, FILL, NV_GUARD_KEPT + 1000);
    ask(guard, 1, FILL, NV_GUARD_KEPT);
    assert_int_equal(run_row(guard, 2, &(struct nv_guard_limits){.capture = true}).what,
                     NV_GUARD_FINISHED);
    assert_int_equal(nv_guard_output(guard, 0, &data, &size), NAVE_OK);
    assert_int_equal(size, NV_GUARD_KEPT + strlen(note));
    assert_memory_equal(data + NV_GUARD_KEPT, note, strlen(note));
    assert_memory_equal(data, "abcdef", 6);
    assert_int_equal(nv_guard_output(guard, 1, &data, &size), NAVE_OK);
    assert_int_equal(size, NV_GUARD_KEPT);
    nv_guard_free(guard);
}

static void a_flood_is_stopped(void **state)
{
    struct nv_guard_state end = blame(2, 3, FLOOD, 0, &(struct nv_guard_limits){.capture = true});
    (void)state;
    assert_int_equal(end.cause, NV_GUARD_OUTPUT);
    assert_string_equal(end.text, "wrote more than 64 MiB");
}

/* ------------------------------------------------------------------------------ what is around it */

static void take_signal(int number)
{
    (void)number;
}

static void a_task_finds_a_plain_process(void **state)
{
    struct sigaction action = {.sa_handler = take_signal}, ignore = {.sa_handler = SIG_IGN};
    struct sigaction old, old_pipe;
    sigset_t mask, before;
    struct nv_guard *guard;
    struct room *room;
    (void)state;
    sigaction(SIGUSR1, &action, &old);
    sigaction(SIGPIPE, &ignore, &old_pipe);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &mask, &before);
    setenv("OMPI_COMM_WORLD_RANK", "3", 1);
    setenv("PMIX_RANK", "3", 1);
    setenv("NAVE_TEST", "3", 1);
    guard = make();
    room = nv_guard_room(guard);
    unsetenv("OMPI_COMM_WORLD_RANK");
    unsetenv("PMIX_RANK");
    unsetenv("NAVE_TEST");
    ask(guard, 0, LOOK_AROUND, 0);
    assert_int_equal(run_row(guard, 1, NULL).what, NV_GUARD_FINISHED);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGUSR1, &old, NULL);
    sigaction(SIGPIPE, &old_pipe, NULL);
    assert_int_equal(room->seen & 255, 127);
    nv_guard_free(guard);
}

static void a_program_that_a_task_started_ends_with_it(void **state)
{
    struct nv_guard *guard = make();
    struct room *room = nv_guard_room(guard);
    struct nv_guard_state end;
    int both[2];
    char byte;
    (void)state;
    nv_guard_free(guard);
    assert_int_equal(pipe(both), 0); /* whose end all have who come after it */
    guard = make();
    room = nv_guard_room(guard);
    close(both[1]);
    ask(guard, 0, START_PROGRAM, 0);
    assert_int_equal(nv_guard_start(guard, 1, NULL), NAVE_OK);
    until_set(&room->other);
    fcntl(both[0], F_SETFL, O_NONBLOCK);
    assert_int_equal(read(both[0], &byte, 1), -1);
    nv_guard_end(guard, NV_GUARD_CANCELLED);
    end = wait_for(guard);
    assert_int_equal(end.cause, NV_GUARD_CANCELLED);
    fcntl(both[0], F_SETFL, 0);
    assert_int_equal(read(both[0], &byte, 1), 0); /* nobody has it any more */
    close(both[0]);
    nv_guard_free(guard);
}

static void it_works_where_children_are_not_waited_for(void **state)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    struct nv_guard_limits limits = {.seconds = 0.05};
    struct nv_guard_state end;
    (void)state;
    sigaction(SIGCHLD, &ignore, &old);
    end = blame(2, 4, SEGV, 0, NULL);
    assert_int_equal(end.cause, NV_GUARD_UNKNOWN);
    end = blame(2, 4, EXIT, 9, NULL);
    assert_int_equal(end.cause, NV_GUARD_EXIT);
    assert_true(end.number == 9 || end.number == -1);
    end = blame(2, 4, LOOP, 0, &limits);
    assert_int_equal(end.cause, NV_GUARD_TIME);
    sigaction(SIGCHLD, &old, NULL);
}

static void what_the_child_damages_is_noticed(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_state end;
    (void)state;
    for (int round = 0; round < 3; round++) {
        ask(guard, 1, DAMAGE, 0);
        end = run_row(guard, 3, NULL);
        assert_int_equal(end.what, NV_GUARD_ENDED);
        assert_int_equal(end.cause, NV_GUARD_DAMAGE);
        assert_true(end.done <= 1); /* as far as was seen */
        ask(guard, 1, DAMAGE_ALL, 0);
        end = run_row(guard, 3, &(struct nv_guard_limits){.capture = true});
        assert_int_equal(end.what, NV_GUARD_ENDED);
        ask(guard, 1, COUNT, 0);
        assert_int_equal(run_row(guard, 3, NULL).what, NV_GUARD_FINISHED);
    }
    nv_guard_free(guard);
}

/* Runs a task in a guard of a process of its own, which is killed then.  The pipe's other end tells
 * when all who had it are gone. */
static void orphan(enum deed deed)
{
    int both[2];
    char byte;
    pid_t pid;
    assert_int_equal(pipe(both), 0);
    pid = fork();
    if (pid == 0) {
        struct nv_guard *guard = make();
        struct room *room = nv_guard_room(guard);
        ask(guard, 0, deed, 0);
        nv_guard_start(guard, 1, NULL);
        until_set(&room->pid);
        raise(SIGKILL);
    }
    close(both[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(read(both[0], &byte, 1), 0);
    close(both[0]);
}

static void nobody_outlives_the_parent(void **state)
{
    (void)state;
    orphan(COUNT);
#ifdef __linux__
    orphan(LOOP);
#endif
}

/* ---------------------------------------------------------------------------------- larger things */

static void a_new_child_knows_what_the_parent_knows(void **state)
{
    struct nv_guard *guard = make();
    struct room *room = nv_guard_room(guard);
    (void)state;
    ask(guard, 0, LOOK_AROUND, 0);
    told = 1;
    assert_int_equal(nv_guard_renew(guard), NAVE_OK);
    run_row(guard, 1, NULL);
    assert_int_equal(room->seen >> 8, 1);
    told = 2;
    run_row(guard, 1, NULL);
    assert_int_equal(room->seen >> 8, 1);
    assert_int_equal(nv_guard_renew(guard), NAVE_OK);
    run_row(guard, 1, NULL);
    assert_int_equal(room->seen >> 8, 2);
    nv_guard_free(guard);
}

static void the_room_grows(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_state now;
    (void)state;
    run_row(guard, 2, NULL);
    for (size_t size = sizeof(struct room); size < 64 << 20; size *= 4) {
        unsigned char *room;
        assert_int_equal(nv_guard_grow(guard, size), NAVE_OK);
        assert_int_equal(nv_guard_size(guard), size);
        nv_guard_look(guard, &now);
        assert_int_equal(now.what, NV_GUARD_IDLE);
        room = nv_guard_room(guard);
        assert_int_equal(room[0] + room[size - 1], 0);
        room[size - 1] = 1;
        assert_int_equal(run_row(guard, 3, NULL).done, 3);
        assert_int_equal(runs(guard, 2), 1);
    }
    assert_int_equal(nv_guard_grow(guard, SIZE_MAX - 5), NAVE_ENOMEM);
    assert_true(strlen(error.text) > 0);
    assert_int_equal(run_row(guard, 3, NULL).done, 3);
    nv_guard_free(guard);
}

static void each_child_begins_once(void **state)
{
    struct room *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct nv_guard_spec spec = {.run = run,
                                 .begin = begin,
                                 .arg = &shared,
                                 .room = sizeof(struct room),
                                 .crowded = true,
                                 .error = &error};
    struct nv_guard *guard = NULL;
    (void)state;
    assert_true(shared != MAP_FAILED);
    assert_int_equal(nv_guard_new(&spec, &guard), NAVE_OK);
    for (int round = 0; round < 5; round++)
        run_row(guard, 2, NULL);
    assert_int_equal(atomic_load(&shared->begun), 1);
    ask(guard, 0, SEGV, 0);
    run_row(guard, 1, NULL);
    ask(guard, 0, COUNT, 0);
    run_row(guard, 1, NULL);
    assert_int_equal(atomic_load(&shared->begun), 2);
    nv_guard_free(guard);
    munmap(shared, sizeof *shared);
}

static void expect_large(const struct nv_guard *guard, uint32_t at, int byte)
{
    unsigned char *data;
    void *copy;
    size_t size;
    assert_int_equal(nv_guard_take(guard, at, &copy, &size), NAVE_OK);
    data = copy;
    if (byte == 0) {
        assert_null(data);
        assert_int_equal(size, 0);
        return;
    }
    assert_int_equal(size, LARGE_SIZE);
    assert_int_equal(data[0], byte);
    assert_memory_equal(data, data + 1, LARGE_SIZE - 1);
    free(data);
}

static void what_does_not_fit_comes_as_well(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_state end;
    (void)state;
    for (int round = 0; round < 2; round++) {
        ask(guard, 0, LARGE, 7);
        ask(guard, 1, COUNT, 0);
        ask(guard, 2, LARGE, 9);
        ask(guard, 3, LARGE_THEN_SEGV, 11);
        end = run_row(guard, 4, NULL);
        assert_int_equal(end.what, NV_GUARD_ENDED);
        assert_int_equal(end.done, 3);
        expect_large(guard, 0, 7);
        expect_large(guard, 1, 0);
        expect_large(guard, 2, 9);
        ask(guard, 0, COUNT, 0);
        ask(guard, 2, COUNT, 0);
        run_row(guard, 3, NULL);
        expect_large(guard, 0, 0);
        expect_large(guard, 2, 0);
    }
    nv_guard_free(guard);
}

/* The parent sleeps on its bell without a limit. */
static void the_end_of_a_row_rings(void **state)
{
    struct nv_guard_spec spec = {.run = run, .room = sizeof(struct room), .error = &error};
    size_t room = nv_bells_room(1);
    void *memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct nv_bells *bells;
    struct nv_guard *guard = NULL;
    (void)state;
    assert_true(memory != MAP_FAILED);
    bells = nv_bells_local(memory, 1, NV_BELL_FUTEX);
    assert_non_null(bells);
    spec.bell = nv_bells_at(bells, 0, NV_BELL_THREAD);
    if (spec.bell == NULL)
        skip();
    assert_int_equal(nv_guard_new(&spec, &guard), NAVE_OK);
    for (int round = 0; round < 500; round++) {
        struct nv_guard_state now;
        ask(guard, 1, SLEEP, round % 100 == 0);
        assert_int_equal(nv_guard_start(guard, 2, NULL), NAVE_OK);
        for (;;) {
            nv_bell_arm(spec.bell);
            nv_guard_look(guard, &now);
            if (now.what != NV_GUARD_RUNNING)
                break;
            assert_true(nv_bell_sleep(spec.bell, -1));
        }
        nv_bell_disarm(spec.bell);
        assert_int_equal(now.what, NV_GUARD_FINISHED);
    }
    nv_guard_free(guard);
    nv_bells_close(bells);
    munmap(memory, room);
}

/* A time limit that falls together with the ends of tasks: nobody is blamed who was within it, which
 * the tasks before the blamed one show by having run once, and the tasks after it by not at all. */
static void a_limit_that_comes_late_hits_nobody_else(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_limits limits = {.seconds = 1e-3};
    struct room *room = nv_guard_room(guard);
    (void)state;
    for (int round = 0; round < 60; round++) {
        struct nv_guard_state end;
        double started, ended;
        memset(room->runs, 0, sizeof room->runs);
        for (uint32_t at = 0; at < 8; at++)
            ask(guard, at, at % 2 == 1 ? SLEEP : COUNT, 1);
        end = run_row(guard, 8, &limits);
        if (end.what == NV_GUARD_FINISHED)
            continue;
        assert_int_equal(end.cause, NV_GUARD_TIME);
        nv_guard_times(guard, end.done, &started, &ended);
        assert_true(ended - started > 0);
        for (uint32_t at = end.done + 1; at < 8; at++)
            assert_int_equal(runs(guard, at), 0);
    }
    nv_guard_free(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_run_in_order_and_timed),
        cmocka_unit_test(nothing_is_said_before_the_first_row),
        cmocka_unit_test(signals_are_blamed_on_their_task),
        cmocka_unit_test(a_kill_from_nowhere_may_be_the_systems),
        cmocka_unit_test(exits_are_blamed_with_their_status),
        cmocka_unit_test(exit_runs_nothing_of_the_parents),
        cmocka_unit_test(exit_leaves_what_was_said),
        cmocka_unit_test(time_is_limited),
        cmocka_unit_test(the_limit_is_the_tasks_not_the_rows),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(a_limit_of_memory_can_be_lifted),
        cmocka_unit_test(a_cancelled_task_ends),
        cmocka_unit_test(a_row_can_be_cancelled_at_any_time),
        cmocka_unit_test(a_task_killed_from_outside_is_blamed),
        cmocka_unit_test(a_death_while_idle_is_nobodys),
        cmocka_unit_test(who_dies_at_the_beginning_is_not_tried_for_ever),
        cmocka_unit_test(hundreds_of_crashes_leave_nothing_behind),
        cmocka_unit_test(each_task_runs_once_whatever_others_do),
        cmocka_unit_test(stderr_is_passed_on_and_the_blamed_tasks_is_kept),
        cmocka_unit_test(the_tail_is_whole_lines),
        cmocka_unit_test(captured_output_is_the_tasks_own),
        cmocka_unit_test(what_a_dead_task_wrote_is_there),
        cmocka_unit_test(long_output_is_cut),
        cmocka_unit_test(a_flood_is_stopped),
        cmocka_unit_test(a_task_finds_a_plain_process),
        cmocka_unit_test(a_program_that_a_task_started_ends_with_it),
        cmocka_unit_test(it_works_where_children_are_not_waited_for),
        cmocka_unit_test(what_the_child_damages_is_noticed),
        cmocka_unit_test(nobody_outlives_the_parent),
        cmocka_unit_test(a_new_child_knows_what_the_parent_knows),
        cmocka_unit_test(the_room_grows),
        cmocka_unit_test(each_child_begins_once),
        cmocka_unit_test(what_does_not_fit_comes_as_well),
        cmocka_unit_test(the_end_of_a_row_rings),
        cmocka_unit_test(a_limit_that_comes_late_hits_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
