#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* FOLDER/NAME if that is a program; the folder is `length` bytes long. */
static char *program_in(const char *folder, size_t length, const char *name)
{
    size_t size = length + strlen(name) + 2;
    char *path = malloc(size);
    struct stat status;

    if (path == NULL)
        return NULL;
    snprintf(path, size, "%.*s/%s", (int)length, folder, name);
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static char *program_beside(const char *name)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self);

    while (length > 0 && self[length - 1] != '/')
        length--;
    return length > 0 ? program_in(self, (size_t)length - 1, name) : NULL;
}

/* An empty part of PATH is the current folder. */
static char *program_in_path(const char *name)
{
    const char *part = getenv("PATH");
    char *path = NULL;

    while (part != NULL && path == NULL) {
        size_t length = strcspn(part, ":");
        path = length > 0 ? program_in(part, length, name) : program_in(".", 1, name);
        part = part[length] == ':' ? part + length + 1 : NULL;
    }
    return path;
}

char *spawn_find(const char *name, int beside)
{
    char *path = beside ? program_beside(name) : NULL;

    return path != NULL ? path : program_in_path(name);
}

static int of_launcher(const char *variable)
{
    return strncmp(variable, "OMPI_", 5) == 0 || strncmp(variable, "PMIX_", 5) == 0 ||
           strncmp(variable, "PMI_", 4) == 0;
}

/* Our environment without the launcher's variables; for free(). */
static char **clean_environment(void)
{
    size_t n = 0;
    char **clean;

    while (environ[n] != NULL)
        n++;
    clean = malloc((n + 1) * sizeof *clean);
    if (clean == NULL)
        return NULL;
    n = 0;
    for (char **variable = environ; *variable != NULL; variable++)
        if (!of_launcher(*variable))
            clean[n++] = *variable;
    clean[n] = NULL;
    return clean;
}

static int wait_for(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Starts a program with these descriptors, -1: ours; -1 with errno: it could not be. */
static pid_t start(const char *path, const char *const *argv, int input, int output)
{
    char **environment = clean_environment();
    pid_t child;

    if (environment == NULL)
        return -1;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        if ((input < 0 || dup2(input, STDIN_FILENO) >= 0) &&
            (output < 0 || dup2(output, STDOUT_FILENO) >= 0))
            execve(path, (char *const *)argv, environment);
        _exit(127);
    }
    free(environment);
    return child;
}

int spawn_run(const char *path, const char *const *argv, int input)
{
    pid_t child = start(path, argv, input, -1);

    return child < 0 ? -1 : wait_for(child);
}

/* All that can be read from the descriptor, as text; NULL with errno. */
static char *read_all(int from)
{
    char *text = NULL, part[4096];
    size_t size;
    ssize_t n;
    FILE *out = open_memstream(&text, &size);

    while (out != NULL && ((n = read(from, part, sizeof part)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            fwrite(part, 1, (size_t)n, out);
    if (out != NULL && fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

int spawn_read(const char *path, const char *const *argv, int input, char **output)
{
    int ends[2], status;
    char *text = NULL;
    pid_t child;

    if (pipe(ends) != 0)
        return -1;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    child = start(path, argv, input, ends[1]);
    close(ends[1]);
    if (child >= 0)
        text = read_all(ends[0]);
    close(ends[0]);
    status = child < 0 ? -1 : wait_for(child);
    if (status < 0 || text == NULL) {
        free(text);
        return -1;
    }
    *output = text;
    return status;
}
