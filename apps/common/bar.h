/*
 * A progress bar on stderr: one line, redrawn at most ten times a second, only on a terminal, only
 * for work that lasts over a second, erased at the end.
 *
 * Invariant: between bar_init and bar_end only bar_show writes to the line; bar_end may come any
 * number of times, and leaves the cursor at the start of an empty line if anything had been drawn.
 */
#ifndef COMMON_BAR_H
#define COMMON_BAR_H

#include <stddef.h>

typedef struct bar {
    int on;             /* stderr is a terminal and nobody asked for quiet */
    int drawn;          /* something is on the line */
    double began, last; /* seconds, monotonic */
} bar;

void bar_init(bar *b, int quiet);

/*
 * Show label and done (0 to 1; below 0: unknown, the bar moves to and fro).  left: seconds still to
 * go, or below 0 to have them estimated from the time since bar_init and from done.
 */
void bar_show(bar *b, const char *label, double done, double left);
void bar_end(bar *b);

/* The pure part: the line for a terminal of `width` columns, without newline; its length. */
size_t bar_line(char *out, size_t size, int width, const char *label, double done, double elapsed,
                double left);

#endif
