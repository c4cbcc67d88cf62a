#include "manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LAYOUT " layout "

enum { FILES_MAX = 10000, LINE_SIZE = 256 };

int manifest_init(manifest *m, unsigned size)
{
    *m = (manifest){.of = 20, .size = size};
    m->entry = calloc(size > 0 ? size : 1, sizeof *m->entry);
    return m->entry != NULL ? 0 : -1;
}

void manifest_release(manifest *m)
{
    free(m->entry);
    m->entry = NULL;
    m->size = 0;
}

void manifest_file_name(const manifest *m, unsigned file, char name[MANIFEST_NAME])
{
    char of[16];
    int width = snprintf(of, sizeof of, "%02u", m->of);
    snprintf(name, MANIFEST_NAME, "pi200m.ascii.%0*uof%s", width, file, of);
}

/* The number behind `word`, which stands at *at; *at moves behind it.  0, or -1: something else is
 * there. */
static int number_after(const char **at, const char *word, uint64_t high, uint64_t *n)
{
    size_t size = strlen(word);
    char *end;
    if (strncmp(*at, word, size) != 0 || (*at)[size] < '0' || (*at)[size] > '9') {
        return -1;
    }
    errno = 0;
    *n = strtoull(*at + size, &end, 10);
    *at = end;
    return errno == 0 && *n <= high ? 0 : -1;
}

static int read_head(manifest *m, FILE *in)
{
    char line[LINE_SIZE];
    const char *at = line;
    uint64_t per_file, of, size;
    sheet_layout layout;
    if (fgets(line, sizeof line, in) == NULL) {
        return 1;
    }
    line[strcspn(line, "\n")] = '\0';
    if (number_after(&at, "# pidigits 1: per-file ", UINT64_MAX, &per_file) != 0 ||
        number_after(&at, " of ", FILES_MAX, &of) != 0 ||
        number_after(&at, " entries ", FILES_MAX, &size) != 0 ||
        strncmp(at, LAYOUT, sizeof LAYOUT - 1) != 0 ||
        sheet_layout_named(at + sizeof LAYOUT - 1, &layout) != 0 || per_file == 0) {
        return 1;
    }
    if (manifest_init(m, (unsigned)size) != 0) {
        return -1;
    }
    m->layout = layout;
    m->per_file = per_file;
    m->of = (unsigned)of;
    return 0;
}

/* Two lines: what sha256sum ignores, and what it reads. */
static int read_entry(manifest *m, const char *first, const char *second)
{
    manifest_entry e = {.listed = 1};
    uint64_t file, seconds, nanoseconds;
    char name[MANIFEST_NAME];
    if (number_after(&first, "# file ", m->size, &file) != 0 || file == 0 ||
        number_after(&first, " bytes ", UINT64_MAX, &e.bytes) != 0 ||
        number_after(&first, " modified ", INT64_MAX, &seconds) != 0 ||
        number_after(&first, ".", 999999999, &nanoseconds) != 0) {
        return -1;
    }
    e.seconds = (int64_t)seconds;
    e.nanoseconds = (int64_t)nanoseconds;
    manifest_file_name(m, (unsigned)file, name);
    size_t hex = strspn(second, "0123456789abcdef"), size = strlen(name);
    if (hex != DIGEST_HEX - 1 || strncmp(second + hex, "  ", 2) != 0 ||
        strncmp(second + hex + 2, name, size) != 0 || strcmp(second + hex + 2 + size, "\n") != 0) {
        return -1;
    }
    memcpy(e.sha256, second, hex);
    m->entry[file - 1] = e;
    return 0;
}

int manifest_read(manifest *m, FILE *in)
{
    char first[LINE_SIZE], second[LINE_SIZE];
    *m = (manifest){0};
    int status = read_head(m, in);
    for (int line = 2; status == 0 && fgets(first, sizeof first, in) != NULL; line += 2) {
        if (fgets(second, sizeof second, in) == NULL || read_entry(m, first, second) != 0) {
            status = line;
        }
    }
    return status;
}

int manifest_write(const manifest *m, FILE *out)
{
    fprintf(out, "# pidigits 1: per-file %" PRIu64 " of %u entries %u" LAYOUT "%s\n", m->per_file,
            m->of, m->size, sheet_layout_name(m->layout));
    for (unsigned i = 0; i < m->size; i++) {
        const manifest_entry *e = &m->entry[i];
        char name[MANIFEST_NAME];
        if (e->listed) {
            manifest_file_name(m, i + 1, name);
            fprintf(out,
                    "# file %u bytes %" PRIu64 " modified %" PRId64 ".%09" PRId64 " digits %" PRIu64
                    "-%" PRIu64 "\n%s  %s\n",
                    i + 1, e->bytes, e->seconds, e->nanoseconds, i * m->per_file + 1,
                    (i + 1) * m->per_file, e->sha256, name);
        }
    }
    return ferror(out) || fflush(out) != 0 ? -1 : 0;
}
