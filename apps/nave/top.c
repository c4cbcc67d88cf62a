/* top - nave top: how the job is getting on, live.
 *
 * Read in this order: top_model (what is known), top_read (from where), top_lines (as text), top_draw (on the
 * screen). */
#include "cli.h"
#include "interrupt.h"
#include "options.h"
#include "remote.h"
#include "top_draw.h"
#include "top_lines.h"
#include "top_read.h"
#include "program.h"

#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define VERB PROGRAM " top"
#define DELAY 0.5

/* A job is taken for gone when it cannot be reached twice. */
enum { FAILURES = 2, BATCH_COLUMNS = 80 };

/* Seconds after which a question is given up: a screen that waits for an answer hears no keys. */
enum { PATIENCE = 2 };

typedef struct top {
    remote *r;
    double delay;
    int batch;
    uint64_t count; /* screens in a batch; 0: until the job ends */
    top_model model;
    top_page page;
    size_t first;       /* the engine on top */
    int help, failures; /* polls that failed, in a row */
    char note[300];     /* at the foot, until the next key */
} top;

/* ------------------------------------------------------------------------------------- signals */

static void wake(int number)
{
    (void)number;
}

/* Makes the client give up, as the signals that end us do.  All of them before curses, which takes only those
 * that nobody has taken. */
static void catch_alarm(struct sigaction *before)
{
    struct sigaction action = {.sa_handler = wake};
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, before);
}

/* ------------------------------------------------------------------------------------- polling */

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* NAVE_OK as long as it makes sense to go on.  That it took too long (we were woken, or its door was open) is no
 * reason not to. */
static int poll_job(top *t)
{
    int there, rc = top_read(t->r, &t->model, &there);
    int late = (rc == NAVE_ECANCELED && interrupt_caught() == 0) || (rc == NAVE_ECONNECT && there);
    t->failures = rc == NAVE_OK || late ? 0 : t->failures + 1;
    return t->failures >= FAILURES ? rc : NAVE_OK;
}

/* The last words, when the terminal is as it was. */
static int end(const top *t, int rc)
{
    const top_counts *tasks = &t->model.now.tasks;
    if (rc == NAVE_OK)
        return CLI_OK;
    if (rc != NAVE_ECONNECT && rc != NAVE_ESTATE)
        return remote_failed(t->r, "top", rc);
    printf("the job%s%s has ended; when last seen %.0f tasks had succeeded, %.0f failed\n",
           t->model.job[0] != '\0' ? " " : "", t->model.job, tasks->succeeded, tasks->failed);
    return CLI_OK;
}

/* --------------------------------------------------------------------------------------- batch */

static void print_page(top *t)
{
    top_page_make(&t->page, &t->model, BATCH_COLUMNS);
    for (size_t i = 0; i < t->page.count; i++)
        puts(t->page.lines[i].text);
    fflush(stdout);
}

static void pause_for(double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
    nanosleep(&time, NULL); /* a signal may end it */
}

static int run_batch(top *t)
{
    int rc = NAVE_OK;
    for (uint64_t shown = 0; interrupt_caught() == 0 && rc == NAVE_OK;) {
        rc = poll_job(t);
        if (t->failures == 0) {
            if (shown > 0)
                putchar('\n');
            print_page(t);
            if (++shown == t->count)
                break;
        }
        if (rc == NAVE_OK && interrupt_caught() == 0)
            pause_for(t->delay);
    }
    return end(t, rc);
}

/* -------------------------------------------------------------------------------------- screen */

static void draw(top *t)
{
    const char *foot = t->note[0] != '\0' ? t->note
                       : t->help ? "q quit   p pause, go on   arrows, PgUp, PgDn, Home, End scroll"
                                 : "q quit   ? help";
    top_page_make(&t->page, &t->model, top_screen_columns());
    top_screen_draw(&t->page, &t->first, foot);
}

static void pause_job(top *t)
{
    nave_client *client = t->r->client;
    int paused = t->model.now.state[0] == 'p', rc;
    if (!nave_client_may_control(client)) {
        snprintf(t->note, sizeof t->note, "this connection may only look");
        return;
    }
    if (t->model.away) {
        snprintf(t->note, sizeof t->note, "not while the program is outside of Nave's calls");
        return;
    }
    alarm(PATIENCE);
    rc = paused ? nave_client_resume(client) : nave_client_pause(client);
    alarm(0);
    if (rc != NAVE_OK)
        top_text(t->note, sizeof t->note, nave_client_error(client));
}

/* Does what a key says; 1: leave. */
static int obey(top *t, enum top_key key)
{
    if (key == TOP_QUIT || key == TOP_GONE)
        return 1;
    if (key == TOP_NONE)
        return 0;
    t->note[0] = '\0';
    if (key == TOP_HELP)
        t->help = !t->help;
    if (key == TOP_PAUSE)
        pause_job(t);
    draw(t);
    return 0;
}

/* Until it is time for the next poll; what somebody did to the job is to be seen at once.  1: leave. */
static int watch_keys(top *t)
{
    double until = seconds_now() + t->delay, left = t->delay;
    while (left > 0 && interrupt_caught() == 0) {
        enum top_key key = top_screen_key(left, &t->first);
        if (obey(t, key))
            return 1;
        if (key == TOP_PAUSE)
            return 0;
        left = until - seconds_now();
    }
    return interrupt_caught() != 0;
}

static int run_screen(top *t)
{
    const char *why;
    int rc;
    if (top_screen_open(&why) != 0) {
        cli_error(VERB, "%s", why);
        return CLI_FAILURE;
    }
    do {
        alarm(PATIENCE);
        rc = poll_job(t);
        alarm(0);
        if (rc != NAVE_OK)
            break;
        draw(t);
    } while (!watch_keys(t));
    top_screen_close();
    return end(t, interrupt_caught() == 0 ? rc : NAVE_OK);
}

/* ------------------------------------------------------------------------------------- options */

static int read_options(top *t, int argc, char **argv)
{
    static const struct option known[] = {{"delay", required_argument, NULL, 'd'},
                                          {"batch", no_argument, NULL, 'b'},
                                          {"count", required_argument, NULL, 'n'},
                                          {NULL, 0, NULL, 0}};
    for (int name; (name = getopt_long(argc, argv, ":d:bn:", known, NULL)) != -1;)
        switch (name) {
        case 'd':
            if (cli_real(VERB, "-d", optarg, 0.05, 3600, &t->delay) != 0)
                return -1;
            break;
        case 'b':
            t->batch = 1;
            break;
        case 'n':
            if (cli_number(VERB, "-n", optarg, 1, INT_MAX, &t->count) != 0)
                return -1;
            break;
        default:
            options_wrong("top", name, argv);
            return -1;
        }
    if (t->count > 0 && !t->batch)
        return cli_error(VERB, "-n is for --batch"), -1;
    if (t->r->json)
        return cli_error(VERB, "--json is not for top; nave status has it"), -1;
    return options_end("top", argc, argv, optind);
}

int top_run(remote *r, int argc, char **argv)
{
    top t = {.r = r, .delay = DELAY};
    struct sigaction alarm_before;
    interrupt signals;
    int status;
    if (read_options(&t, argc, argv) != 0)
        return CLI_USAGE;
    interrupt_begin(&signals);
    catch_alarm(&alarm_before);
    status = t.batch ? run_batch(&t) : run_screen(&t);
    sigaction(SIGALRM, &alarm_before, NULL);
    top_model_release(&t.model);
    top_page_release(&t.page);
    return interrupt_end(&signals, status);
}
