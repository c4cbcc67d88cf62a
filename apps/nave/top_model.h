/* top_model - what `nave top` knows of a job: what the last poll said, and the rates since those before.
 * Pure: no connection, no screen, no clock.
 *
 * Invariant: engines are in ascending order of rank.  Numbers are doubles, as JSON has them; times are seconds
 * of the job's own clock, since it was opened. */
#ifndef NAVE_TOP_MODEL_H
#define NAVE_TOP_MODEL_H

#include <stddef.h>

enum { TOP_NAME = 64, TOP_WORD = 16, TOP_DIGEST = 256 };

typedef struct top_counts {
    double waiting, running, succeeded, failed, cancelled;
} top_counts;

typedef struct top_engine {
    int rank;
    char host[TOP_NAME], state[TOP_WORD];
    double tasks, done, seconds; /* that it has; that it did; that its kernels ran */
    double rate, use; /* tasks a second, smoothed; part of the time since the last poll, 0 to 1 */
} top_engine;

typedef struct top_call {
    double number;
    char kernel[TOP_NAME], from[TOP_WORD], digest[TOP_DIGEST];
    int open;
    top_counts tasks;
} top_call;

typedef struct top_value {
    char name[TOP_NAME], value[TOP_NAME];
} top_value;

/* One look at the job; the lists are its own, in memory of malloc(). */
typedef struct top_poll {
    double time, clients, calls; /* calls: that are open */
    char state[TOP_WORD];
    top_counts tasks;
    top_engine *engines;
    top_call *list; /* the latest first */
    top_value *values;
    size_t engine_count, list_count, value_count;
} top_poll;

/* All zero: nothing is known yet. */
typedef struct top_model {
    char job[TOP_NAME], host[TOP_NAME];
    int away;      /* the last question had no answer */
    int silent;    /* nor had the job's door one */
    double heard;  /* when it had, by a clock of the reader's */
    double absent; /* seconds since the program was last seen to answer some */
    double rate;   /* tasks a second, smoothed */
    top_poll now;
} top_model;

void top_poll_release(top_poll *poll);

/* Takes a poll over (its lists too), and makes rates and use of what has changed.  The first one is compared
 * with the beginning of the job. */
void top_model_take(top_model *model, top_poll *poll);
void top_model_release(top_model *model);

/* A rate, `now` being what it was for the last `seconds`: over a few seconds, or as many as a few tasks
 * take. */
double top_smooth(double rate, double now, double seconds);

/* Seconds until all tasks that are known are done, if it goes on like this; negative: nobody knows. */
double top_left(const top_model *model);

/* The part that is done, 0 to 1; 0: there are none. */
double top_done(const top_counts *tasks);

/* Copies as many whole characters (UTF-8) as there is room for; what is not printable becomes '?'. */
void top_text(char *to, size_t room, const char *from);

#endif
