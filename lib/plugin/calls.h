/* calls - the library's functions for kernels, as a table that a plug-in gets when it is loaded.
 *
 * Invariant: the table only grows at its end; NAVE_PLUGIN_CALLS goes up when it is changed otherwise.
 */
#ifndef NAVE_PLUGIN_CALLS_H
#define NAVE_PLUGIN_CALLS_H

#include "nave_kernel.h"

enum { NAVE_PLUGIN_CALLS = 1 };

struct nave_plugin_calls {
    int (*fail)(nave_task *task, const char *format, ...);
    void *(*output)(nave_task *task, size_t size);
    size_t (*task_index)(const nave_task *task);
    int (*task_engine)(const nave_task *task);
    void *(*task_user)(const nave_task *task);
    int (*spawn)(nave_task *task, const char *kernel, const void *in, size_t in_size);
    int (*cancelled)(nave_task *task);
    void *(*object)(nave_task *task, const char *name, size_t *size);
    int (*object_set)(nave_task *task, const char *name, const void *data, size_t size);
    int (*object_drop)(nave_task *task, const char *name);
};

/* What a plug-in has besides its table of kernels: returns the version that it was made for. */
typedef int nave_plugin_link_fn(const struct nave_plugin_calls *calls);

#endif
