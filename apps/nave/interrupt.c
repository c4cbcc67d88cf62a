#include "interrupt.h"

#include <stddef.h>

static const int signals[INTERRUPTS] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static volatile sig_atomic_t caught;

static void note(int number)
{
    caught = number;
}

void interrupt_begin(interrupt *i)
{
    struct sigaction action = {.sa_handler = note};
    caught = 0;
    sigemptyset(&action.sa_mask);
    for (int n = 0; n < INTERRUPTS; n++) {
        sigaction(signals[n], NULL, &i->before[n]);
        if (i->before[n].sa_handler != SIG_IGN)
            sigaction(signals[n], &action, NULL);
    }
}

int interrupt_caught(void)
{
    return caught;
}

int interrupt_end(const interrupt *i, int status)
{
    for (int n = 0; n < INTERRUPTS; n++)
        sigaction(signals[n], &i->before[n], NULL);
    status = caught != 0 ? 128 + caught : status;
    caught = 0;
    return status;
}
