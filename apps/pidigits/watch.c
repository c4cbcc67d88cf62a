#include "watch.h"

#include "bar.h"
#include "cli.h"
#include "digits.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/*
 * Thousandths of the whole time that the phases take, as measured with 10^7 to 1.5 * 10^8 digits.
 * FLINT does not tell how far it is: in these phases the bar goes by the clock, and says so.
 */
static const struct {
    const char *verb;
    int share;
    int by_clock;
} phases[DIGITS_PHASES] = {
    {"computing", 800, 1}, {"checking", 40, 0}, {"converting", 140, 1}, {"writing", 20, 0}};

/* What has been seen of the phases; the drawing thread's own. */
typedef struct pace {
    int phase;
    double began;   /* this phase */
    double seconds; /* that a thousandth takes */
} pace;

/* The first phase is timed by a guess about processors; when it is over, it is the measure. */
static void keep_pace(pace *t, const watch *w)
{
    int phase = atomic_load(&w->progress->phase);
    double now = digits_clock();
    if (t->began == 0 || phase < t->phase) {
        *t = (pace){0, now, digits_guess((double)w->digits, w->threads) / phases[0].share};
    } else if (phase > t->phase) {
        t->seconds = t->phase == 0 ? (now - t->began) / phases[0].share : t->seconds;
        t->phase = phase;
        t->began = now;
    }
}

/* Past four fifths of the time guessed it only comes nearer to the end. */
static double by_clock(const pace *t)
{
    double part = (digits_clock() - t->began) / (t->seconds * phases[t->phase].share);
    return part < 0.8 ? part : 1 - 0.2 * exp(4 - 5 * part);
}

static void draw(bar *b, pace *t, const watch *w)
{
    char label[80], digits[CLI_COMMAS];
    int thousandths = atomic_load(&w->progress->thousandths);
    keep_pace(t, w);
    double done = 0;
    for (int i = 0; i < t->phase; i++) {
        done += phases[i].share;
    }
    done += phases[t->phase].share *
            (phases[t->phase].by_clock ? by_clock(t) : fmin(thousandths / 1000.0, 1));
    snprintf(label, sizeof label, "%s %s digits%s", phases[t->phase].verb,
             cli_commas(w->digits, digits), phases[t->phase].by_clock ? " (a guess)" : "");
    bar_show(b, label, done / 1000, -1);
}

static void *run(void *p)
{
    watch *w = p;
    const struct timespec tick = {.tv_nsec = 100000000};
    pace t = {0};
    bar b;
    bar_init(&b, w->quiet);
    while (!atomic_load(&w->stop)) {
        int sig = sigtimedwait(&w->signals, NULL, &tick);
        if (sig == SIGUSR1) {
            continue; /* watch_stop */
        }
        if (sig > 0) {
            bar_end(&b);
            store_sweep(w->store);
            _exit(128 + sig);
        }
        if (atomic_load(&w->on)) {
            draw(&b, &t, w);
        }
    }
    bar_end(&b);
    return NULL;
}

int watch_start(watch *w, const store *s, const progress *p, int quiet)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    *w = (watch){.store = s, .progress = p, .quiet = quiet};
    sigemptyset(&w->signals);
    sigaddset(&w->signals, SIGUSR1);
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
        struct sigaction now;
        if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
            sigaddset(&w->signals, ending[i]);
        }
    }
    pthread_sigmask(SIG_BLOCK, &w->signals, NULL);
    int error = pthread_create(&w->thread, NULL, run, w);
    w->running = error == 0;
    return error;
}

void watch_draw(watch *w, uint64_t digits, int threads)
{
    w->digits = digits;
    w->threads = threads;
    atomic_store(&w->on, 1);
}

void watch_stop(watch *w)
{
    if (!w->running) {
        return;
    }
    w->running = 0;
    atomic_store(&w->stop, 1);
    pthread_kill(w->thread, SIGUSR1);
    pthread_join(w->thread, NULL);
}
