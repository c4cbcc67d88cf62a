/* connfile - see connfile.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "connfile.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 16 * 1024 };

static const char *const roles[NV_ROLES] = {"control", "readonly"};

const char *nv_byte_order(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1 ? "little" : "big";
}

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
    cJSON_AddStringToObject(object, "byte_order", nv_byte_order());
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

/* Whether the other order is named. */
static bool is_foreign(const cJSON *object)
{
    char order[8];
    return take_text(object, "byte_order", order, sizeof order) &&
           strcmp(order, nv_byte_order()) != 0;
}

static bool take_all(const cJSON *object, struct nv_connection *c)
{
    c->foreign = is_foreign(object);
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

/* The name of a job's file in a folder for them, not a path. */
static bool is_bare(const char *name)
{
    return strchr(name, '/') == NULL && strchr(name, '.') == NULL;
}

bool nv_connfile_readonly(const char *path, char *out, size_t room)
{
    size_t length = strlen(path) - (ends_in_json(path) ? 5 : 0);
    int size = snprintf(out, room, "%.*s.readonly%s", (int)length, path, path + length);
    return size >= 0 && (size_t)size < room;
}

/* Where connection files are: of jobs on this host; of those that may be anywhere, where homes are shared. */
enum folder { OF_HOST, SHARED, FOLDERS };

/* False: there is none. */
static bool folder_of(enum folder which, char *out, size_t room)
{
    static const struct {
        const char *variable, *below;
    } folders[FOLDERS] = {{"XDG_RUNTIME_DIR", "/nave"}, {"HOME", "/.nave/run"}};
    const char *base = getenv(folders[which].variable);
    int size = base != NULL && *base == '/' && access(base, F_OK) == 0
                   ? snprintf(out, room, "%s%s", base, folders[which].below)
                   : -1;
    return size >= 0 && (size_t)size < room;
}

/* --------------------------------------------------------------------------------------- placing */

/* Grid Engine has JOB_ID; others may have that, too. */
static bool is_batch_job(void)
{
    return getenv("SLURM_JOB_ID") != NULL || getenv("PBS_JOBID") != NULL ||
           (getenv("JOB_ID") != NULL && getenv("SGE_TASK_ID") != NULL);
}

/* The two last folders of a path are made when they are needed. */
static void make_folder(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return;
    *slash = '\0';
    mkdir(path, S_IRWXU);
    *slash = '/';
    mkdir(path, S_IRWXU);
}

int nv_connfile_place(const char *name, bool shared, char *out, size_t room, struct nv_why why)
{
    char folder[NV_PATH_MAX];
    bool bare = is_bare(name);
    enum folder first = shared || is_batch_job() ? SHARED : OF_HOST;
    int size;
    if (bare && !folder_of(first, folder, sizeof folder) &&
        !folder_of(first == SHARED ? OF_HOST : SHARED, folder, sizeof folder))
        return nv_why(why, NAVE_EDOOR,
                      "%.100s: there is neither XDG_RUNTIME_DIR nor HOME to put it in; name a file",
                      name);
    if (bare)
        make_folder(folder);
    size = bare ? snprintf(out, room, "%s/%s.json", folder, name) : snprintf(out, room, "%s", name);
    return size >= 0 && (size_t)size < room
               ? NAVE_OK
               : nv_why(why, NAVE_EDOOR, "%.100s...: the name is too long", name);
}

/* --------------------------------------------------------------------------------------- finding */

/* Jobs that are found, and may still be there. */
struct found {
    int count;
    char path[NV_PATH_MAX]; /* of the last one */
    char names[256];
};

/* `file` is FOLDER/NAME.json.  Names that find no room are left out. */
static void add_found(struct found *found, const char *file)
{
    const char *name = strrchr(file, '/') + 1;
    size_t used = strlen(found->names);
    int size = (int)strlen(name) - 5;
    found->count++;
    snprintf(found->path, sizeof found->path, "%s", file);
    if (used + (size_t)size + 3 < sizeof found->names)
        snprintf(found->names + used, sizeof found->names - used, "%s%.*s", used > 0 ? ", " : "",
                 size, name);
}

/* Of a control file and the readonly one beside it the former counts. */
static void look_into(const char *folder, struct found *found)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[NV_PATH_MAX], reason[256] = "";
        struct nv_connection c = {0};
        if (ends_in_json(entry->d_name) && strstr(entry->d_name, ".readonly.json") == NULL &&
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path &&
            nv_connfile_read(path, &c, (struct nv_why){reason, sizeof reason}) == NAVE_OK &&
            !nv_connfile_is_stale(&c))
            add_found(found, path);
    }
    if (dir != NULL)
        closedir(dir);
}

static int find_only(char *out, size_t room, struct nv_why why)
{
    char folders[FOLDERS][NV_PATH_MAX];
    struct found found = {0};
    bool known[FOLDERS];
    for (int i = 0; i < FOLDERS; i++)
        if ((known[i] = folder_of(i, folders[i], sizeof folders[i])))
            look_into(folders[i], &found);
    if (found.count == 1 && snprintf(out, room, "%s", found.path) < (int)room)
        return NAVE_OK;
    if (found.count > 1)
        return nv_why(why, NAVE_ECONNECT, "%d jobs are there (%s): name one (--connection NAME)",
                      found.count, found.names);
    return nv_why(why, NAVE_ECONNECT,
                  "no job to be seen in %s%s%s: name its connection file (--connection FILE, or "
                  "NAVE_CONNECTION)",
                  known[OF_HOST] ? folders[OF_HOST] : "",
                  known[OF_HOST] && known[SHARED] ? " or " : "",
                  known[SHARED]    ? folders[SHARED]
                  : known[OF_HOST] ? ""
                                   : "any folder");
}

/* Sets `out` and is true if there is such a file. */
static bool find_named(const char *name, char *out, size_t room)
{
    char folder[NV_PATH_MAX];
    for (int i = 0; i < FOLDERS; i++) {
        int size =
            folder_of(i, folder, sizeof folder)
                ? snprintf(out, room, "%s/%s%s", folder, name, ends_in_json(name) ? "" : ".json")
                : -1;
        if (size >= 0 && (size_t)size < room && access(out, F_OK) == 0)
            return true;
    }
    return false;
}

/* A name that is nowhere: says where it was looked for. */
static int not_found(const char *name, struct nv_why why)
{
    char folders[FOLDERS][NV_PATH_MAX] = {""};
    for (int i = 0; i < FOLDERS; i++)
        if (!folder_of(i, folders[i], sizeof folders[i]))
            folders[i][0] = '\0';
    return nv_why(why, NAVE_ECONNECT, "no job '%.200s' to be seen in %s%s%s%sthis folder", name,
                  folders[OF_HOST], folders[OF_HOST][0] != '\0' ? ", " : "", folders[SHARED],
                  folders[SHARED][0] != '\0' ? " or " : "");
}

/* A job puts a bare name into the folder, so a client looks there first: a program of that name may be here. */
int nv_connfile_find(const char *name, char *out, size_t room, struct nv_why why)
{
    bool here;
    if (name == NULL || *name == '\0')
        name = getenv("NAVE_CONNECTION");
    if (name == NULL || *name == '\0')
        return find_only(out, room, why);
    if (strlen(name) >= room)
        return nv_why(why, NAVE_ECONNECT, "%.100s...: the name is too long", name);
    here = strchr(name, '/') != NULL || (!is_bare(name) && access(name, F_OK) == 0);
    if (!here && find_named(name, out, room))
        return NAVE_OK;
    if (!here && access(name, F_OK) != 0)
        return not_found(name, why);
    strcpy(out, name); /* and reading it will tell */
    return NAVE_OK;
}
