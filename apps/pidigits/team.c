#include "team.h"

#include <pthread.h>
#include <stdatomic.h>

enum { TEAM_MAX = 64 };

typedef struct team {
    team_call *call;
    void *arg;
    atomic_int next;
    int n;
} team;

static void *work(void *p)
{
    team *t = p;
    for (int i = atomic_fetch_add(&t->next, 1); i < t->n; i = atomic_fetch_add(&t->next, 1)) {
        t->call(t->arg, i);
    }
    return NULL;
}

/* A thread that cannot be had is no failure: the ones that run make all the calls. */
void team_run(int threads, int n, team_call *call, void *arg)
{
    team t = {.call = call, .arg = arg, .n = n};
    pthread_t id[TEAM_MAX];
    int started = 0;
    int wanted = (threads < n ? threads : n) - 1;
    atomic_init(&t.next, 0);
    while (started < wanted && started < TEAM_MAX) {
        if (pthread_create(&id[started], NULL, work, &t) != 0) {
            break;
        }
        started++;
    }
    work(&t);
    for (int i = 0; i < started; i++) {
        pthread_join(id[i], NULL);
    }
}
