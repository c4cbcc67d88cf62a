/* drain - when a farm has to come to its end before its job is ended: signals, and the job's time.
 *
 * Signals belong to the process, so this is the one part of the library with state of the process:
 * which signal came, and the handlers that were there before.  It is touched only for contexts that
 * asked for it.
 */
#ifndef NV_DRAIN_H
#define NV_DRAIN_H

/* SIGUSR1, SIGUSR2, SIGTERM and SIGXCPU are noted from now on, instead of what they did before, until
 * as many nv_drain_ignore() as calls of this. */
void nv_drain_listen(void);
void nv_drain_ignore(void);

/* The signal that has come since the first nv_drain_listen(), or 0; its name. */
int nv_drain_signal(void);
const char *nv_drain_name(int signal);

/* Seconds that the job has left, by its environment: NAVE_DEADLINE (seconds since the epoch),
 * NAVE_WALLTIME (how long it may take from now on, as seconds, MM:SS, HH:MM:SS or D-HH:MM:SS),
 * SLURM_JOB_END_TIME.  Negative: nothing is known.  NULL in *bad, or the variable that cannot be
 * read. */
double nv_drain_left(const char **bad);

#endif
