/* thread - the library's own threads, which leave signals to the program's. */
#ifndef NV_THREAD_H
#define NV_THREAD_H

#include <pthread.h>

/* As pthread_create(), with all signals blocked. */
int nv_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
