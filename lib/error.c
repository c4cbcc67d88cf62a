/* error - see error.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "error.h"

#include <stdio.h>

void nave_log_stderr(void *arg, int level, const char *line)
{
    (void)arg;
    fprintf(stderr, "nave: %s%s\n", level == NAVE_LOG_WARNING ? "warning: " : "", line);
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
