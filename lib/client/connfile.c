/* connfile - see connfile.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "connfile.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 16 * 1024 };

static const char *const roles[NV_ROLES] = {"control", "readonly"};

/* --------------------------------------------------------------------------------------- writing */

static char *print(const struct nv_connection *c)
{
    cJSON *object = cJSON_CreateObject();
    char *text;
    cJSON_AddStringToObject(object, "nave", c->version);
    cJSON_AddNumberToObject(object, "protocol", NV_PROTOCOL);
    cJSON_AddStringToObject(object, "job", c->job);
    cJSON_AddStringToObject(object, "role", roles[c->role]);
    cJSON_AddStringToObject(object, "url", c->url);
    cJSON_AddStringToObject(object, "location", c->location);
    cJSON_AddNumberToObject(object, "pid", (double)c->pid);
    cJSON_AddNumberToObject(object, "started", c->started);
    if (c->ssh[0] != '\0')
        cJSON_AddStringToObject(object, "ssh", c->ssh);
    cJSON_AddStringToObject(object, "server_key", c->server_key);
    cJSON_AddStringToObject(object, "public_key", c->keys.public_key);
    cJSON_AddStringToObject(object, "secret_key", c->keys.secret_key);
    text = cJSON_Print(object);
    cJSON_Delete(object);
    return text;
}

/* All bytes and a newline, on the disk. */
static bool write_text(int fd, const char *text)
{
    FILE *file = fdopen(fd, "w");
    bool good;
    if (file == NULL) {
        close(fd);
        return false;
    }
    good = fprintf(file, "%s\n", text) > 0 && fflush(file) == 0 && fsync(fd) == 0;
    return (fclose(file) == 0) && good;
}

int nv_connfile_write(const char *path, const struct nv_connection *connection, struct nv_why why)
{
    char temporary[NV_PATH_MAX];
    char *text;
    bool written;
    int fd, length = snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof temporary)
        return nv_why(why, NAVE_EDOOR, "%.100s...: the name is too long", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return nv_why(why, NAVE_EDOOR, "%s: %s", temporary, strerror(errno));
    text = print(connection);
    errno = 0;
    written = text != NULL ? write_text(fd, text) : (close(fd), false);
    free(text);
    if (written && rename(temporary, path) == 0)
        return NAVE_OK;
    nv_why(why, NAVE_EDOOR, "%s: %s", path, errno != 0 ? strerror(errno) : "out of memory");
    unlink(temporary);
    return NAVE_EDOOR;
}

/* --------------------------------------------------------------------------------------- reading */

/* The whole of a small file, with a zero behind it. */
static int read_text(const char *path, char *text, size_t room, struct nv_why why)
{
    FILE *file = fopen(path, "r");
    size_t size;
    int error;
    if (file == NULL)
        return nv_why(why, NAVE_ECONNECT, "%s: %s", path, strerror(errno));
    errno = 0;
    size = fread(text, 1, room, file);
    error = ferror(file) ? errno : 0;
    fclose(file);
    if (error != 0)
        return nv_why(why, NAVE_ECONNECT, "%s: %s", path, strerror(error));
    if (size == 0 || size >= room)
        return nv_why(why, NAVE_ECONNECT, "%s: %s", path,
                      size == 0 ? "it is empty" : "it is too large for a connection file");
    text[size] = '\0';
    return NAVE_OK;
}

static bool take_text(const cJSON *object, const char *name, char *out, size_t room)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    if (text == NULL || strlen(text) >= room)
        return false;
    strcpy(out, text);
    return true;
}

static double take_number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static bool take_key(const cJSON *object, const char *name, char *out)
{
    return take_text(object, name, out, NV_KEY_SIZE) && strlen(out) == NV_KEY_SIZE - 1;
}

static bool take_role(const cJSON *object, enum nv_role *role)
{
    char name[16];
    if (!take_text(object, "role", name, sizeof name))
        return false;
    for (int r = 0; r < NV_ROLES; r++)
        if (strcmp(name, roles[r]) == 0) {
            *role = (enum nv_role)r;
            return true;
        }
    return false;
}

static bool take_all(const cJSON *object, struct nv_connection *c)
{
    c->pid = lrint(take_number(object, "pid"));
    c->started = take_number(object, "started");
    take_text(object, "ssh", c->ssh, sizeof c->ssh);
    return take_text(object, "nave", c->version, sizeof c->version) &&
           take_text(object, "job", c->job, sizeof c->job) &&
           take_text(object, "url", c->url, sizeof c->url) &&
           take_text(object, "location", c->location, sizeof c->location) &&
           take_role(object, &c->role) && take_key(object, "server_key", c->server_key) &&
           take_key(object, "public_key", c->keys.public_key) &&
           take_key(object, "secret_key", c->keys.secret_key);
}

int nv_connfile_read(const char *path, struct nv_connection *out, struct nv_why why)
{
    char text[FILE_MAX];
    struct nv_connection c;
    cJSON *object;
    double protocol;
    bool good;
    int rc = read_text(path, text, sizeof text - 1, why);
    if (rc != NAVE_OK)
        return rc;
    memset(&c, 0, sizeof c);
    object = cJSON_Parse(text);
    protocol = take_number(object, "protocol");
    good = cJSON_IsObject(object) && take_all(object, &c);
    take_text(object, "nave", c.version, sizeof c.version);
    cJSON_Delete(object);
    if (protocol > 0 && protocol != NV_PROTOCOL)
        return nv_why(why, NAVE_EPROTOCOL,
                      "%s: the job speaks protocol %g (Nave %s), this is Nave " NAVE_VERSION
                      " with protocol %d",
                      path, protocol, c.version, NV_PROTOCOL);
    if (!good || protocol != NV_PROTOCOL)
        return nv_why(why, NAVE_ECONNECT, "%s: this is no connection file, or only a part of one",
                      path);
    *out = c;
    return NAVE_OK;
}

bool nv_connfile_is_stale(const struct nv_connection *connection)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    return strcmp(host, connection->location) == 0 && connection->pid > 0 &&
           kill((pid_t)connection->pid, 0) != 0 && errno == ESRCH;
}

/* ----------------------------------------------------------------------------------------- names */

static bool ends_in_json(const char *name)
{
    size_t length = strlen(name);
    return length > 5 && strcmp(name + length - 5, ".json") == 0;
}

bool nv_connfile_readonly(const char *path, char *out, size_t room)
{
    size_t length = strlen(path) - (ends_in_json(path) ? 5 : 0);
    int size = snprintf(out, room, "%.*s.readonly%s", (int)length, path, path + length);
    return size >= 0 && (size_t)size < room;
}

bool nv_connfile_folder(char *out, size_t room)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
    int size = -1;
    if (runtime != NULL && *runtime != '\0')
        size = snprintf(out, room, "%s/nave", runtime);
    else if (home != NULL && *home != '\0')
        size = snprintf(out, room, "%s/.nave/run", home);
    if (size >= 0 && (size_t)size < room)
        return true;
    *out = '\0';
    return false;
}

/* Which files of the folder lead to a job that may still be there: how many, and the last one.  Of a
 * control file and the readonly one beside it the former counts. */
static int count_files(const char *folder, char *out, size_t room)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    int count = 0;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[NV_PATH_MAX], reason[256] = "";
        struct nv_connection c = {0};
        if (!ends_in_json(entry->d_name) || strstr(entry->d_name, ".readonly.json") != NULL ||
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path ||
            nv_connfile_read(path, &c, (struct nv_why){reason, sizeof reason}) != NAVE_OK ||
            nv_connfile_is_stale(&c))
            continue;
        count++;
        snprintf(out, room, "%s", path);
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

static int find_only(char *out, size_t room, struct nv_why why)
{
    char folder[NV_PATH_MAX];
    int count = nv_connfile_folder(folder, sizeof folder) ? count_files(folder, out, room) : 0;
    if (count == 1)
        return NAVE_OK;
    if (count == 0)
        return nv_why(why, NAVE_ECONNECT,
                      "no job to be seen in %s: name its connection file (--connection FILE, or "
                      "NAVE_CONNECTION)",
                      folder[0] != '\0' ? folder : "any folder");
    return nv_why(why, NAVE_ECONNECT,
                  "%d jobs in %s: name the connection file of one (--connection)", count, folder);
}

int nv_connfile_find(const char *name, char *out, size_t room, struct nv_why why)
{
    char folder[NV_PATH_MAX];
    int size;
    if (name == NULL || *name == '\0')
        name = getenv("NAVE_CONNECTION");
    if (name == NULL || *name == '\0')
        return find_only(out, room, why);
    size = snprintf(out, room, "%s", name);
    if (size < 0 || (size_t)size >= room)
        return nv_why(why, NAVE_ECONNECT, "%.100s...: the name is too long", name);
    if (strchr(name, '/') != NULL || access(name, F_OK) == 0 ||
        !nv_connfile_folder(folder, sizeof folder))
        return NAVE_OK;
    size = snprintf(out, room, "%s/%s%s", folder, name, ends_in_json(name) ? "" : ".json");
    if (size >= 0 && (size_t)size < room && access(out, F_OK) == 0)
        return NAVE_OK;
    snprintf(out, room, "%s", name); /* and reading it will tell */
    return NAVE_OK;
}
