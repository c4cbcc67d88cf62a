#define _XOPEN_SOURCE 700 /* realpath */
#include "outfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_temporary(const outfile *file)
{
    return file->path != file->name;
}

static void forget(outfile *file)
{
    if (is_temporary(file))
        free(file->path);
    free(file->name);
    memset(file, 0, sizeof *file);
}

/* A name for mkstemp() in the folder of `name`. */
static char *template_beside(const char *name)
{
    static const char last[] = ".nave-XXXXXX";
    const char *slash = strrchr(name, '/');
    size_t folder = slash != NULL ? (size_t)(slash - name) + 1 : 0;
    char *template = malloc(folder + sizeof last);

    if (template == NULL)
        return NULL;
    memcpy(template, name, folder);
    memcpy(template + folder, last, sizeof last);
    return template;
}

/* As if made by open(): what the umask leaves of 0666. */
static void set_mode(int descriptor)
{
    mode_t mask = umask(0);

    umask(mask);
    (void)fchmod(descriptor, 0666 & ~mask);
}

static int open_temporary(outfile *file)
{
    int descriptor;

    file->path = template_beside(file->name);
    if (file->path == NULL)
        return ENOMEM;
    descriptor = mkstemp(file->path);
    if (descriptor < 0)
        return errno;
    set_mode(descriptor);
    file->stream = fdopen(descriptor, "w");
    if (file->stream != NULL)
        return 0;
    close(descriptor);
    unlink(file->path);
    return ENOMEM;
}

static int open_directly(outfile *file)
{
    file->path = file->name;
    file->stream = fopen(file->name, "w");
    return file->stream != NULL ? 0 : errno;
}

int outfile_open(outfile *file, const char *name)
{
    struct stat status;
    int there = stat(name, &status) == 0, error;

    memset(file, 0, sizeof *file);
    if (*name == '\0')
        return ENOENT;
    if (there && S_ISDIR(status.st_mode))
        return EISDIR;
    if (there && access(name, W_OK) < 0)
        return errno;
    file->name = there ? realpath(name, NULL) : strdup(name);
    if (there && !S_ISREG(status.st_mode) && file->name == NULL)
        file->name = strdup(name); /* /dev/stdout, a pipe: no path leads there */
    if (file->name == NULL)
        return errno;
    error = there && !S_ISREG(status.st_mode) ? open_directly(file) : open_temporary(file);
    if (error != 0)
        forget(file);
    return error;
}

int outfile_check(const char *name)
{
    struct stat status;
    outfile file;
    int error;

    if (stat(name, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return access(name, W_OK) == 0 ? 0 : errno;
    error = outfile_open(&file, name);
    if (error == 0)
        outfile_discard(&file);
    return error;
}

/* On the disk before it has its name: a host that crashes must not leave neither the old nor the new.  Not all
 * file systems know how. */
static int reach_disk(FILE *stream)
{
    return fflush(stream) == 0 && (fsync(fileno(stream)) == 0 || errno == EINVAL) ? 0 : -1;
}

int outfile_commit(outfile *file)
{
    int bad = ferror(file->stream), error = 0;

    if (bad || (is_temporary(file) && reach_disk(file->stream) != 0))
        error = errno != 0 ? errno : EIO;
    if (fclose(file->stream) != 0 && error == 0)
        error = errno != 0 ? errno : EIO;
    if (error == 0 && is_temporary(file) && rename(file->path, file->name) < 0)
        error = errno;
    if (error != 0 && is_temporary(file))
        unlink(file->path);
    forget(file);
    return error;
}

void outfile_discard(outfile *file)
{
    fclose(file->stream);
    if (is_temporary(file))
        unlink(file->path);
    forget(file);
}
