/* interrupt - signals that end a program, while a verb has something to put in order first: a file that is half
 * written, a terminal.
 *
 * They are noted, and make a client that waits give up (NAVE_ECANCELED).  What was ignored stays ignored. */
#ifndef NAVE_INTERRUPT_H
#define NAVE_INTERRUPT_H

#include <signal.h>

enum { INTERRUPTS = 4 }; /* SIGINT, SIGTERM, SIGHUP, SIGQUIT */

typedef struct interrupt {
    struct sigaction before[INTERRUPTS];
} interrupt;

void interrupt_begin(interrupt *i);

/* The last signal since then; 0: none, or this is over. */
int interrupt_caught(void);

/* All as it was.  The exit status: 128 and the signal's number, or `status` if none came. */
int interrupt_end(const interrupt *i, int status);

#endif
