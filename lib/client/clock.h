/* clock - what time it is. */
#ifndef NV_CLOCK_H
#define NV_CLOCK_H

double nv_clock(void);

/* Seconds since the epoch, which may go back: for what people or other runs read. */
double nv_clock_epoch(void);

/* The system may let timed sleeps of a thread last longer, as a rule by 50 us, to save power.  This
 * makes those of the calling thread end on time, as far as the system can, and returns what was so
 * far, to be given back by nv_clock_slack(); 0: nothing was changed. */
unsigned long nv_clock_sharpen(void);
void nv_clock_slack(unsigned long slack);

#endif
