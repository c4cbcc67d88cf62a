/* plugin - see plugin.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "plugin.h"
#include "engine.h"
#include "plugin/calls.h"
#include "task.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct nave_plugin_calls calls = {
    .fail = nave_fail,
    .output = nave_output,
    .task_index = nave_task_index,
    .task_engine = nave_task_engine,
    .task_user = nave_task_user,
    .spawn = nave_spawn,
    .cancelled = nave_cancelled,
    .object = nave_object,
    .object_set = nave_object_set,
    .object_drop = nave_object_drop,
};

/* Closes the file as well. */
static bool write_all(int fd, const void *bytes, size_t size)
{
    FILE *file = fdopen(fd, "wb");
    bool good;
    if (file == NULL) {
        close(fd);
        return false;
    }
    good = fwrite(bytes, 1, size, file) == size;
    return fclose(file) == 0 && good;
}

/* The loader wants a file; it needs a name for as long as it loads. */
static void *load_bytes(const void *bytes, size_t size, struct nv_why why)
{
    const char *folder = getenv("TMPDIR");
    char path[512];
    void *handle = NULL;
    int fd;
    snprintf(path, sizeof path, "%s/nave-plugin.XXXXXX", folder != NULL ? folder : "/tmp");
    fd = mkstemp(path);
    if (fd < 0) {
        nv_why(why, NAVE_ECOMPILE, "%s: %s", path, strerror(errno));
        return NULL;
    }
    if (!write_all(fd, bytes, size))
        nv_why(why, NAVE_ECOMPILE, "%s: %s", path, strerror(errno));
    else if ((handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)) == NULL)
        nv_why(why, NAVE_ECOMPILE, "%s", dlerror());
    unlink(path);
    return handle;
}

int nv_plugin_load(const void *bytes, size_t size, const nave_kernel **kernels, size_t *out,
                   struct nv_why why)
{
    union {
        void *symbol;
        nave_plugin_link_fn *call;
    } link;
    const nave_kernel *table;
    size_t count = 0;
    int rc = NAVE_OK;
    void *handle = load_bytes(bytes, size, why);
    if (handle == NULL)
        return NAVE_ECOMPILE;
    link.symbol = dlsym(handle, "nave_plugin_link");
    table = dlsym(handle, "nave_plugin");
    if (link.symbol == NULL || table == NULL)
        rc = nv_why(why, NAVE_ECOMPILE,
                    "it names no kernels: NAVE_PLUGIN(NAVE_KERNEL(function)) is missing");
    else if (link.call(&calls) != NAVE_PLUGIN_CALLS)
        rc = nv_why(why, NAVE_ECOMPILE, "it was made for another version of Nave");
    if (rc != NAVE_OK || table == NULL) {
        dlclose(handle);
        return rc;
    }
    while (table[count].name != NULL)
        count++;
    *kernels = table;
    *out = count;
    return NAVE_OK;
}

int nv_task_plugin(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    char reason[512];
    const nave_kernel *kernels = NULL;
    const uint64_t *head = in;
    size_t count = 0, offset;
    int rc;
    (void)out, (void)out_size;
    if (in_size < sizeof *head || head[0] > NV_PLUGIN_KERNELS ||
        in_size < (size_t)(1 + head[0]) * sizeof *head)
        return NAVE_EINVAL;
    offset = (size_t)(1 + head[0]) * sizeof *head;
    rc = nv_plugin_load((const char *)in + offset, in_size - offset, &kernels, &count,
                        (struct nv_why){reason, sizeof reason});
    if (rc == NAVE_OK && count != head[0])
        rc = nv_why((struct nv_why){reason, sizeof reason}, NAVE_ECOMPILE, "not all of it arrived");
    if (rc != NAVE_OK) {
        nave_fail(task, "%s", reason);
        return rc;
    }
    task->objects->version++; /* a guard's child has to be made anew, so that it knows them */
    return nv_engine_adopt(task->engine, kernels, head + 1, count);
}
