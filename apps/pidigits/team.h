/*
 * A team of threads for one piece of work: calls are numbered 0 .. n-1 and taken in order by
 * whoever is free.  Invariant: when team_run returns, every call has been made and every thread has
 * ended.
 */
#ifndef PIDIGITS_TEAM_H
#define PIDIGITS_TEAM_H

typedef void team_call(void *arg, int i);

/* Make calls 0 .. n-1 on at most `threads` threads, the caller's among them. */
void team_run(int threads, int n, team_call *call, void *arg);

#endif
