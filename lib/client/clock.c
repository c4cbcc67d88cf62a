/* clock - see clock.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"

#include <time.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static double read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double nv_clock(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double nv_clock_epoch(void)
{
    return read_clock(CLOCK_REALTIME);
}

#ifdef __linux__
unsigned long nv_clock_sharpen(void)
{
    int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    return slack > 1 && prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) == 0 ? (unsigned long)slack : 0;
}

void nv_clock_slack(unsigned long slack)
{
    if (slack > 0)
        prctl(PR_SET_TIMERSLACK, slack, 0, 0, 0);
}
#else
unsigned long nv_clock_sharpen(void)
{
    return 0;
}

void nv_clock_slack(unsigned long slack)
{
    (void)slack;
}
#endif
