/* clock - seconds on the host's monotonic clock, the only place where time is read. */
#ifndef NV_CLOCK_H
#define NV_CLOCK_H

double nv_clock(void);

#endif
