#include "watch.h"

#include "bar.h"
#include "cli.h"
#include "digits.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Thousandths of the whole time that the phases take, as measured with 10^7 to 1.5 * 10^8 digits.
 */
static const int share[DIGITS_PHASES] = {820, 40, 120, 20};
static const char *const verb[DIGITS_PHASES] = {"computing", "checking", "converting", "writing"};

static void draw(bar *b, const watch *w)
{
    char label[80], digits[CLI_COMMAS];
    int phase = atomic_load(&w->progress->phase);
    int thousandths = atomic_load(&w->progress->thousandths);
    double done = 0;
    for (int i = 0; i < phase; i++) {
        done += share[i];
    }
    done += share[phase] * (thousandths < 1000 ? thousandths : 1000) / 1000.0;
    snprintf(label, sizeof label, "%s %s digits", verb[phase], cli_commas(w->digits, digits));
    bar_show(b, label, done / 1000, -1);
}

static void *run(void *p)
{
    watch *w = p;
    const struct timespec tick = {.tv_nsec = 100000000};
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
            draw(&b, w);
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

void watch_draw(watch *w, uint64_t digits)
{
    w->digits = digits;
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
