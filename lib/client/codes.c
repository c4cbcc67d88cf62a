/* codes - results as names and texts, and messages of one line: what needs no MPI.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "codes.h"
#include "signature_parts.h"

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

void nv_error_line(char *text, size_t room, const char *format, va_list args)
{
    vsnprintf(text, room, format, args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = ' ';
    nv_signature_plain(text);
}

int nv_why(struct nv_why why, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nv_error_line(why.text, why.room, format, args);
    va_end(args);
    return code;
}
