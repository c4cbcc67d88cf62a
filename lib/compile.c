/* compile - see compile.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "compile.h"
#include "plugin_text.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#ifndef NV_CC
#define NV_CC "cc"
#endif

/* What a source that is also part of a program may include. */
static const unsigned char nave_header[] = "#include \"nave_kernel.h\"\n";

static const char script[] =
    "cd \"$1\" && exec ${NAVE_CC:-" NV_CC "} -std=gnu11 -O2 -fPIC -shared -fvisibility=hidden "
    "-Wall -I. -o plugin.so \"$2\" glue.c -lm >messages 2>&1 </dev/null";

struct nv_compile {
    char folder[512];
    char file[128];
    pid_t pid; /* 0: it has ended */
    bool well;
};

static bool path_of(const struct nv_compile *compile, const char *name, char *out, size_t room)
{
    int size = snprintf(out, room, "%s/%s", compile->folder, name);
    return size >= 0 && (size_t)size < room;
}

static bool write_file(const struct nv_compile *compile, const char *name, const void *bytes,
                       size_t size)
{
    char path[700];
    FILE *file = path_of(compile, name, path, sizeof path) ? fopen(path, "wx") : NULL;
    bool good;
    if (file == NULL)
        return false;
    good = fwrite(bytes, 1, size, file) == size;
    return fclose(file) == 0 && good;
}

static bool write_files(const struct nv_compile *compile, const void *source, size_t size)
{
    return write_file(compile, "nave_kernel.h", nave_kernel_h, sizeof nave_kernel_h) &&
           write_file(compile, "calls.h", calls_h, sizeof calls_h) &&
           write_file(compile, "glue.c", glue_c, sizeof glue_c) &&
           write_file(compile, "nave.h", nave_header, sizeof nave_header - 1) &&
           write_file(compile, compile->file, source, size);
}

/* A plain name that ends in .c, and is none of ours. */
static void name_file(struct nv_compile *compile, const char *file)
{
    const char *slash = strrchr(file, '/');
    const char *name = slash != NULL ? slash + 1 : file;
    size_t length = strlen(name);
    bool good = length > 2 && length < sizeof compile->file && name[0] != '-' &&
                strcmp(name + length - 2, ".c") == 0 && strcmp(name, "glue.c") != 0;
    snprintf(compile->file, sizeof compile->file, "%s", good ? name : "plugin.c");
}

/* Signals are as a program expects them, whatever the hub's thread has. */
static int run(struct nv_compile *compile)
{
    char *argv[] = {(char[]){"sh"},
                    (char[]){"-c"},
                    (char *)(uintptr_t)script,
                    (char[]){"sh"},
                    compile->folder,
                    compile->file,
                    NULL};
    posix_spawnattr_t attributes;
    sigset_t none;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0)
        return error;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    error = posix_spawn(&compile->pid, "/bin/sh", NULL, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    return error;
}

int nv_compile_begin(const char *file, const void *source, size_t size, struct nv_why why,
                     struct nv_compile **out)
{
    const char *folder = getenv("TMPDIR");
    struct nv_compile *compile = calloc(1, sizeof *compile);
    int error = 0;
    if (compile == NULL)
        return nv_why(why, NAVE_ENOMEM, "no memory for the compiler");
    name_file(compile, file);
    snprintf(compile->folder, sizeof compile->folder, "%s/nave-cc.XXXXXX",
             folder != NULL ? folder : "/tmp");
    if (mkdtemp(compile->folder) == NULL) {
        nv_why(why, NAVE_ECOMPILE, "%s: %s", compile->folder, strerror(errno));
        free(compile);
        return NAVE_ECOMPILE;
    }
    if (!write_files(compile, source, size))
        error = errno;
    else
        error = run(compile);
    if (error != 0) {
        nv_why(why, NAVE_ECOMPILE, "%s: %s", compile->folder, strerror(error));
        nv_compile_free(compile);
        return NAVE_ECOMPILE;
    }
    *out = compile;
    return NAVE_OK;
}

bool nv_compile_ended(struct nv_compile *compile, bool *well)
{
    int status = 0;
    pid_t ended = compile->pid > 0 ? waitpid(compile->pid, &status, WNOHANG) : 0;
    if (compile->pid > 0 && (ended == compile->pid || (ended < 0 && errno != EINTR))) {
        compile->well = ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        compile->pid = 0;
    }
    *well = compile->well;
    return compile->pid == 0;
}

static char *read_file(const struct nv_compile *compile, const char *name, size_t *size)
{
    char path[700];
    struct stat status;
    FILE *file = path_of(compile, name, path, sizeof path) ? fopen(path, "r") : NULL;
    char *bytes = NULL;
    if (file != NULL && fstat(fileno(file), &status) == 0)
        bytes = malloc((size_t)status.st_size + 1);
    if (bytes != NULL) {
        *size = fread(bytes, 1, (size_t)status.st_size, file);
        bytes[*size] = '\0';
    }
    if (file != NULL)
        fclose(file);
    return bytes;
}

char *nv_compile_messages(const struct nv_compile *compile)
{
    size_t size;
    return read_file(compile, "messages", &size);
}

char *nv_compile_plugin(const struct nv_compile *compile, size_t *size)
{
    return read_file(compile, "plugin.so", size);
}

void nv_compile_free(struct nv_compile *compile)
{
    static const char *const names[] = {"nave_kernel.h", "calls.h",  "glue.c",
                                        "nave.h",        "messages", "plugin.so"};
    char path[700];
    if (compile == NULL)
        return;
    if (compile->pid > 0) {
        kill(-compile->pid, SIGKILL);
        waitpid(compile->pid, NULL, 0);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (path_of(compile, names[i], path, sizeof path))
            unlink(path);
    if (path_of(compile, compile->file, path, sizeof path))
        unlink(path);
    rmdir(compile->folder);
    free(compile);
}
