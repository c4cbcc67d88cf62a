/* error - see error.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "error.h"

#include <stdio.h>

const char *nave_error_name(int code)
{
    switch (code) {
#define CASE(name, value, text)                                                                    \
    case value:                                                                                    \
        return #name;
        NAVE_ERRORS(CASE)
#undef CASE
    default:
        return "unknown";
    }
}

const char *nave_strerror(int code)
{
    switch (code) {
#define CASE(name, value, text)                                                                    \
    case value:                                                                                    \
        return text;
        NAVE_ERRORS(CASE)
#undef CASE
    default:
        return "unknown";
    }
}

const char *nave_version(void)
{
    return NAVE_VERSION;
}

void nave_log_stderr(void *arg, int level, const char *line)
{
    (void)arg;
    fprintf(stderr, "nave: %s%s\n", level == NAVE_LOG_WARNING ? "warning: " : "", line);
}

void nv_error_line(char *text, size_t room, const char *format, va_list args)
{
    vsnprintf(text, room, format, args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = ' ';
}

int nv_error_note(struct nv_error *error, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nv_error_line(error->text, sizeof error->text, format, args);
    va_end(args);
    return code;
}

int nv_error_set(struct nv_error *error, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nv_error_line(error->text, sizeof error->text, format, args);
    va_end(args);
    if (error->log != NULL)
        error->log(error->log_arg, NAVE_LOG_ERROR, error->text);
    return code;
}

void nv_error_warn(const struct nv_error *error, const char *format, ...)
{
    char line[1024];
    va_list args;
    if (error->log == NULL)
        return;
    va_start(args, format);
    nv_error_line(line, sizeof line, format, args);
    va_end(args);
    error->log(error->log_arg, NAVE_LOG_WARNING, line);
}

int nv_error_mpi(struct nv_error *error, int mpi_code, const char *what)
{
    char words[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (mpi_code == MPI_SUCCESS)
        return NAVE_OK;
    MPI_Error_string(mpi_code, words, &length);
    return nv_error_set(error, NAVE_EMPI, "%s: %s", what, words);
}

static void catch_on(MPI_Comm mpi, MPI_Errhandler *old)
{
    MPI_Comm_get_errhandler(mpi, old);
    MPI_Comm_set_errhandler(mpi, MPI_ERRORS_RETURN);
}

static void release_on(MPI_Comm mpi, MPI_Errhandler *old)
{
    MPI_Comm_set_errhandler(mpi, *old);
    MPI_Errhandler_free(old);
}

void nv_error_catch(struct nv_handlers *old)
{
    catch_on(MPI_COMM_WORLD, &old->world);
    catch_on(MPI_COMM_SELF, &old->self);
}

void nv_error_release(struct nv_handlers *old)
{
    release_on(MPI_COMM_WORLD, &old->world);
    release_on(MPI_COMM_SELF, &old->self);
}
