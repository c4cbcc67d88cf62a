#include "store.h"

#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MANIFEST "pi200m.manifest"
#define LOCK ".pi200m.lock"
#define TEMPORARY ".pi200m.new." /* and the name to be */

enum { PIECE = 1 << 18, TEMPORARY_NAME = MANIFEST_NAME + sizeof TEMPORARY };

/* DIR/name: why */
static int failed(const store *s, const char *name, int error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", s->dir, *name != '\0' ? "/" : "", name);
    cli_file_error(s->program, path, error);
    return -1;
}

static void temporary_name(const char *name, char out[TEMPORARY_NAME])
{
    snprintf(out, TEMPORARY_NAME, "%s%.*s", TEMPORARY, MANIFEST_NAME - 1, name);
}

static char *joined(const char *a, const char *b)
{
    char *path = malloc(strlen(a) + strlen(b) + 1);
    if (path != NULL) {
        strcpy(path, a);
        strcat(path, b);
    }
    return path;
}

/* The XDG base directory specification ignores a cache folder that is not an absolute path. */
static char *default_dir(const char *program)
{
    const char *own = getenv("NAVE_PI_DIR"), *cache = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    if (own != NULL && *own != '\0') {
        return joined(own, "");
    }
    if (cache != NULL && *cache == '/') {
        return joined(cache, "/nave/pi");
    }
    if (home != NULL && *home != '\0') {
        return joined(home, "/.cache/nave/pi");
    }
    cli_error(program, "no folder for the files: set NAVE_PI_DIR or HOME, or give --dir");
    return NULL;
}

/* mkdir -p; 0, or an errno value with dir cut off behind the part that failed. */
static int make_folders(char *dir)
{
    for (char *p = dir + 1;; p++) {
        if (*p == '/' || *p == '\0') {
            char end = *p;
            *p = '\0';
            if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
                return errno;
            }
            if (end == '\0') {
                return 0;
            }
            *p = end;
        }
    }
}

int store_open(store *s, const char *program, const char *dir, int make)
{
    *s = (store){.program = program, .fd = -1, .lock = -1};
    if (dir != NULL && *dir == '\0') {
        cli_error(program, "--dir: the name is empty");
        return -1;
    }
    s->dir = dir != NULL ? joined(dir, "") : default_dir(program);
    if (s->dir == NULL) {
        return -1;
    }
    int error = make ? make_folders(s->dir) : 0;
    if (error == 0) {
        s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        error = s->fd < 0 ? errno : 0;
    }
    return error == 0 ? 0 : failed(s, "", error);
}

void store_close(store *s)
{
    if (s->lock >= 0) {
        close(s->lock);
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    free(s->dir);
    *s = (store){.fd = -1, .lock = -1};
}

void store_sweep(const store *s)
{
    if (!atomic_load(&s->locked)) {
        return;
    }
    int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        return;
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strncmp(e->d_name, TEMPORARY, sizeof TEMPORARY - 1) == 0) {
            unlinkat(s->fd, e->d_name, 0);
        }
    }
    closedir(dir);
}

/* The lock goes away with the process, so one that was killed blocks nobody. */
int store_lock(store *s, int quiet)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    s->lock = openat(s->fd, LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->lock < 0) {
        return failed(s, LOCK, errno);
    }
    if (fcntl(s->lock, F_SETLK, &whole) != 0) {
        if (errno != EACCES && errno != EAGAIN) {
            return failed(s, LOCK, errno);
        }
        if (!quiet) {
            cli_error(s->program, "%s: another pidigits is at work there; waiting for it", s->dir);
        }
        while (fcntl(s->lock, F_SETLKW, &whole) != 0) {
            if (errno != EINTR) {
                return failed(s, LOCK, errno);
            }
        }
    }
    atomic_store(&s->locked, 1);
    store_sweep(s);
    return 0;
}

int store_room(store *s, uint64_t bytes, const char *name)
{
    struct statvfs v;
    if (fstatvfs(s->fd, &v) != 0) {
        return 0; /* a file system that cannot tell will say so when it is full */
    }
    uint64_t left = (uint64_t)v.f_bavail * v.f_frsize;
    if (left >= bytes) {
        return 0;
    }
    char want[CLI_COMMAS], have[CLI_COMMAS];
    cli_error(s->program, "%s/%s: %s (%s bytes to write, %s free)", s->dir, name, strerror(ENOSPC),
              cli_commas(bytes, want), cli_commas(left, have));
    return -1;
}

int store_manifest(store *s, manifest *m, int *found)
{
    *found = 0;
    int fd = openat(s->fd, MANIFEST, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : failed(s, MANIFEST, errno);
    }
    FILE *in = fdopen(fd, "r");
    if (in == NULL) {
        close(fd);
        return failed(s, MANIFEST, errno);
    }
    int status = manifest_read(m, in);
    fclose(in);
    if (status < 0) {
        manifest_release(m);
        return failed(s, MANIFEST, ENOMEM);
    }
    if (status > 0) {
        manifest_release(m);
        cli_error(s->program, "%s/%s: line %d is not one of a manifest (--force starts anew)",
                  s->dir, MANIFEST, status);
        return -1;
    }
    *found = 1;
    return 0;
}

/* Give a flushed temporary file its name, so that the name survives a crash of the machine too. */
static int publish(store *s, const char *temporary, const char *name)
{
    if (renameat(s->fd, temporary, s->fd, name) != 0 || fsync(s->fd) != 0) {
        int error = errno;
        unlinkat(s->fd, temporary, 0);
        return failed(s, name, error);
    }
    return 0;
}

int store_put_manifest(store *s, const manifest *m)
{
    char temporary[TEMPORARY_NAME];
    temporary_name(MANIFEST, temporary);
    int fd = openat(s->fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out == NULL) {
        return failed(s, MANIFEST, errno);
    }
    int error = manifest_write(m, out) != 0 || fsync(fd) != 0 ? errno : 0;
    if (fclose(out) != 0 && error == 0) {
        error = errno;
    }
    if (error != 0) {
        unlinkat(s->fd, temporary, 0);
        return failed(s, MANIFEST, error);
    }
    return publish(s, temporary, MANIFEST);
}

store_state store_look(const store *s, const manifest *m, unsigned file)
{
    struct stat st;
    char name[MANIFEST_NAME];
    manifest_file_name(m, file, name);
    if (fstatat(s->fd, name, &st, 0) != 0) {
        return errno == ENOENT ? STORE_MISSING : STORE_OTHER;
    }
    const manifest_entry *e = &m->entry[file - 1];
    if (!e->listed || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != e->bytes) {
        return STORE_OTHER;
    }
    return st.st_mtim.tv_sec == e->seconds && st.st_mtim.tv_nsec == e->nanoseconds ? STORE_SAME
                                                                                   : STORE_TOUCHED;
}

void store_note_time(const store *s, manifest *m, unsigned file)
{
    struct stat st;
    char name[MANIFEST_NAME];
    manifest_file_name(m, file, name);
    if (fstatat(s->fd, name, &st, 0) == 0) {
        m->entry[file - 1].seconds = st.st_mtim.tv_sec;
        m->entry[file - 1].nanoseconds = st.st_mtim.tv_nsec;
    }
}

/* Read a whole file: its hash, its size, and the first place that is not of the layout. */
static int read_through(int fd, const manifest *m, char hex[DIGEST_HEX], uint64_t *size,
                        uint64_t *misfit)
{
    char *piece = malloc(PIECE);
    digest *d = digest_new();
    ssize_t n = -1;
    *size = 0;
    *misfit = UINT64_MAX;
    while (piece != NULL && d != NULL && (n = read(fd, piece, PIECE)) > 0) {
        size_t got = (size_t)n;
        size_t bad = sheet_misfit(m->layout, piece, *size, got, m->per_file);
        if (bad < got && *misfit == UINT64_MAX) {
            *misfit = *size + bad;
        }
        digest_add(d, piece, got);
        *size += got;
    }
    int error = piece == NULL || d == NULL ? ENOMEM : n < 0 ? errno : 0;
    if (d != NULL) {
        digest_end(d, hex);
    }
    free(piece);
    return error;
}

static const char *check_open_file(int fd, const manifest *m, const manifest_entry *e,
                                   char why[256])
{
    char hex[DIGEST_HEX];
    uint64_t size, misfit;
    int error = read_through(fd, m, hex, &size, &misfit);
    if (error != 0) {
        snprintf(why, 256, "%s", strerror(error));
    } else if (size != e->bytes) {
        snprintf(why, 256, "%llu bytes, must be %llu", (unsigned long long)size,
                 (unsigned long long)e->bytes);
    } else if (misfit != UINT64_MAX) {
        snprintf(why, 256, "the byte at offset %llu is not of layout %s",
                 (unsigned long long)misfit, sheet_layout_name(m->layout));
    } else if (strcmp(hex, e->sha256) != 0) {
        snprintf(why, 256, "SHA-256 differs from the manifest's");
    } else {
        return NULL;
    }
    return why;
}

const char *store_check(const store *s, const manifest *m, unsigned file, char why[256])
{
    char name[MANIFEST_NAME];
    manifest_file_name(m, file, name);
    int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(why, 256, "%s", strerror(errno));
        return why;
    }
    const char *wrong = check_open_file(fd, m, &m->entry[file - 1], why);
    close(fd);
    return wrong;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* The text of a file; its hash on the way.  0, or an errno value. */
static int write_sheet(int fd, const manifest *m, const char *digits, char hex[DIGEST_HEX])
{
    enum { DIGITS = 200000 };
    char *text = malloc(sheet_room(DIGITS));
    digest *d = digest_new();
    int error = text == NULL || d == NULL ? ENOMEM : 0;
    for (uint64_t at = 0; at < m->per_file && error == 0; at += DIGITS) {
        size_t n = m->per_file - at < DIGITS ? (size_t)(m->per_file - at) : DIGITS;
        size_t size = sheet_fill(m->layout, digits + at, at, n, m->per_file, text);
        digest_add(d, text, size);
        error = write_all(fd, text, size) != 0 ? errno : 0;
    }
    if (d != NULL) {
        digest_end(d, hex);
    }
    free(text);
    return error;
}

int store_prepare(store *s, const manifest *m, unsigned file, const char *digits,
                  manifest_entry *made)
{
    char name[MANIFEST_NAME], temporary[TEMPORARY_NAME], why[256];
    manifest_entry e = {.listed = 1, .bytes = sheet_size(m->layout, m->per_file)};
    struct stat st = {0};
    manifest_file_name(m, file, name);
    temporary_name(name, temporary);
    int fd = openat(s->fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return failed(s, name, errno);
    }
    int error = write_sheet(fd, m, digits, e.sha256);
    if (error == 0 && (fsync(fd) != 0 || lseek(fd, 0, SEEK_SET) != 0 || fstat(fd, &st) != 0)) {
        error = errno;
    }
    const char *wrong = error == 0 ? check_open_file(fd, m, &e, why) : NULL;
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && wrong == NULL) {
        e.seconds = st.st_mtim.tv_sec;
        e.nanoseconds = st.st_mtim.tv_nsec;
        *made = e;
        return 0;
    }
    unlinkat(s->fd, temporary, 0);
    if (error != 0) {
        return failed(s, name, error);
    }
    cli_error(s->program, "%s/%s: read back: %s", s->dir, name, wrong);
    return -1;
}

int store_publish(store *s, const manifest *m, unsigned file)
{
    char name[MANIFEST_NAME], temporary[TEMPORARY_NAME];
    manifest_file_name(m, file, name);
    temporary_name(name, temporary);
    return publish(s, temporary, name);
}

int store_remove(store *s, const manifest *m, unsigned file)
{
    char name[MANIFEST_NAME];
    manifest_file_name(m, file, name);
    return unlinkat(s->fd, name, 0) == 0 || errno == ENOENT ? 0 : failed(s, name, errno);
}
