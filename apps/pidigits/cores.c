#define _GNU_SOURCE /* sched_getaffinity */
#include "cores.h"

#include <sched.h>
#include <unistd.h>

int cores_allowed(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return CPU_COUNT(&set);
    }
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

/* A launcher that binds processes to single cores does not know of threads; the user who names a
 * number does. */
void cores_widen(int wanted)
{
#ifdef __linux__
    if (wanted > cores_allowed()) {
        cpu_set_t all;
        CPU_ZERO(&all);
        for (int i = 0; i < CPU_SETSIZE; i++) {
            CPU_SET(i, &all);
        }
        /* The kernel leaves out what is offline or beyond the cpuset; on refusal nothing has
         * changed. */
        (void)sched_setaffinity(0, sizeof all, &all);
    }
#else
    (void)wanted;
#endif
}
