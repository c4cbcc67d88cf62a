/* drain - see drain.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "drain.h"
#include "clock.h"

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}, {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"}};

enum { SIGNALS = sizeof signals / sizeof *signals };

static volatile sig_atomic_t came;
static struct sigaction before[SIGNALS];
static int listeners;

static void note(int number)
{
    came = number;
}

void nv_drain_listen(void)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    if (listeners++ > 0)
        return;
    came = 0;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i].number, &action, &before[i]);
}

void nv_drain_ignore(void)
{
    if (--listeners > 0)
        return;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i].number, &before[i], NULL);
}

int nv_drain_signal(void)
{
    return came;
}

const char *nv_drain_name(int number)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (signals[i].number == number)
            return signals[i].name;
    return "a signal";
}

/* Digits, as a number; false when there are none, or too many. */
static bool take_number(const char **text, double *number)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    *number = strtod(*text, &end);
    *text = end;
    return isfinite(*number);
}

/* Seconds, or [[D-]HH:]MM:SS. */
static bool take_time(const char *text, double *seconds)
{
    double part, days = 0;
    int colons = 0;
    if (!take_number(&text, seconds))
        return false;
    if (*text == '-') {
        text++;
        days = *seconds;
        if (!take_number(&text, seconds))
            return false;
    }
    for (; *text == ':' && colons < 2; colons++) {
        text++;
        if (!take_number(&text, &part))
            return false;
        *seconds = *seconds * 60 + part;
    }
    *seconds += days * 24 * 3600;
    return *text == '\0' && (days == 0 || colons == 2);
}

double nv_drain_left(const char **bad)
{
    static const char *const ends[] = {"NAVE_DEADLINE", "SLURM_JOB_END_TIME"};
    const char *text = getenv("NAVE_WALLTIME");
    double seconds = -1;
    *bad = NULL;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && seconds < 0; i++) {
        const char *end = getenv(ends[i]), *at = end;
        if (end == NULL || *end == '\0')
            continue;
        if (!take_number(&at, &seconds) || *at != '\0')
            *bad = ends[i];
        else
            seconds = fmax(0, seconds - nv_clock_epoch());
    }
    if (text == NULL || *text == '\0')
        return *bad != NULL ? -1 : seconds;
    if (!take_time(text, &seconds))
        *bad = "NAVE_WALLTIME";
    return *bad != NULL ? -1 : seconds;
}
