/*
 * A thread beside the work: draws the progress bar, and waits for the signals that end the program.
 *
 * Invariant: between watch_start and watch_stop SIGINT, SIGTERM and SIGHUP (unless they were
 * ignored before) end the process with status 128 + signal, after the temporary files are gone.
 * They are taken by this thread and not by a handler, so it may call anything.
 */
#ifndef PIDIGITS_WATCH_H
#define PIDIGITS_WATCH_H

#include "progress.h"
#include "store.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>

typedef struct watch {
    const store *store;
    const progress *progress;
    uint64_t digits;
    int threads;
    int quiet;
    sigset_t signals;
    atomic_int on; /* draw */
    atomic_int stop;
    int running;
    pthread_t thread;
} watch;

/* Before any other thread is started: they inherit the signal mask.  0, or an errno value. */
int watch_start(watch *w, const store *s, const progress *p, int quiet);
void watch_draw(watch *w, uint64_t digits, int threads); /* the computation begins */
void watch_stop(watch *w);                               /* the bar is gone; any number of times */

#endif
