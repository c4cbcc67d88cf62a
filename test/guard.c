/* guard - every way in which a task may end its process, who is blamed for it, and what comes after.
 * timeout: 240
 * SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "guard_deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

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
    struct nv_guard_limits limits = {.seconds = 0.4};
    struct nv_guard_state end = blame(2, 4, LOOP, 0, &limits);
    (void)state;
    assert_int_equal(end.cause, NV_GUARD_TIME);
    assert_string_equal(end.text, "ran longer than 0.4 s");
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
        ask(guard, at, SLEEP, 250);
    end = run_row(guard, 10, &(struct nv_guard_limits){.seconds = 2});
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

static void begin_badly(void *arg)
{
    (void)arg;
    raise(SIGSEGV);
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

static void it_works_where_children_are_not_waited_for(void **state)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    struct nv_guard_limits limits = {.seconds = 0.4};
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

/* A time limit that falls together with the ends of tasks: nobody is blamed who was within it.  (The
 * time of the first task of a hand-over counts from there.) */
static void a_limit_that_comes_late_hits_nobody_else(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_limits limits = {.seconds = 1.1e-3};
    struct room *room = nv_guard_room(guard);
    (void)state;
    for (uint32_t at = 0; at < 8; at++)
        ask(guard, at, SLEEP, 1);
    for (int round = 0; round < 200; round++) {
        struct nv_guard_state end;
        double started, ended;
        memset(room->runs, 0, sizeof room->runs);
        end = run_row(guard, 8, &limits);
        for (uint32_t at = end.done + 1; at < 8; at++)
            assert_int_equal(runs(guard, at), 0);
        if (end.what == NV_GUARD_FINISHED)
            continue;
        assert_int_equal(end.cause, NV_GUARD_TIME);
        nv_guard_times(guard, end.done, &started, &ended);
        assert_true(ended - started > limits.seconds || end.done == guard->page->first);
    }
    nv_guard_free(guard);
}

/* ---------------------------------------------------------------------------------- new children */

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
        cmocka_unit_test(it_works_where_children_are_not_waited_for),
        cmocka_unit_test(what_the_child_damages_is_noticed),
        cmocka_unit_test(a_limit_that_comes_late_hits_nobody_else),
        cmocka_unit_test(a_new_child_knows_what_the_parent_knows),
        cmocka_unit_test(the_room_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
