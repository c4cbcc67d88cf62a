/* glue - compiled into each plug-in: the library's functions for kernels, by way of the table that comes
 * when it is loaded.  SPDX-License-Identifier: BSD-3-Clause */
#include "calls.h"

#include <stdarg.h>
#include <stdio.h>

static const struct nave_plugin_calls *calls;

NAVE_API int nave_plugin_link(const struct nave_plugin_calls *table);

int nave_plugin_link(const struct nave_plugin_calls *table)
{
    calls = table;
    return NAVE_PLUGIN_CALLS;
}

int nave_fail(nave_task *task, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return calls->fail(task, "%s", text);
}

void *nave_output(nave_task *task, size_t size)
{
    return calls->output(task, size);
}

size_t nave_task_index(const nave_task *task)
{
    return calls->task_index(task);
}

int nave_task_engine(const nave_task *task)
{
    return calls->task_engine(task);
}

void *nave_task_user(const nave_task *task)
{
    return calls->task_user(task);
}

int nave_spawn(nave_task *task, const char *kernel, const void *in, size_t in_size)
{
    return calls->spawn(task, kernel, in, in_size);
}

int nave_cancelled(nave_task *task)
{
    return calls->cancelled(task);
}

void *nave_object(nave_task *task, const char *name, size_t *size)
{
    return calls->object(task, name, size);
}

int nave_object_set(nave_task *task, const char *name, const void *data, size_t size)
{
    return calls->object_set(task, name, data, size);
}

int nave_object_drop(nave_task *task, const char *name)
{
    return calls->object_drop(task, name);
}
