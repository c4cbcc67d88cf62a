#include "farm.h"
#include "batch.h"
#include "cli.h"
#include "nave_client.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FARM "nave-farm"
#define VERB "nave start"

static char *find_farm(const char *who)
{
    char *path = spawn_find(FARM, 1);
    if (path == NULL)
        cli_error(who, FARM " is not there: it is built where there is MPI");
    return path;
}

/* Under mpirun, each rank becomes one of nave-farm's. */
int topo_run(int argc, char **argv)
{
    char *path = find_farm("nave topo");
    char **words = calloc((size_t)argc + 2, sizeof *words);
    if (path != NULL && words != NULL) {
        words[0] = path;
        for (int i = 0; i < argc; i++)
            words[i + 1] = argv[i];
        fflush(NULL);
        execv(path, words);
        cli_file_error("nave topo", path, errno);
    }
    free(path);
    free(words);
    return CLI_FAILURE;
}

/* ------------------------------------------------------------------------------------------- start */

typedef struct options {
    uint64_t ranks;
    double wait;
    const char *system, *time, *connection, *listen, *job;
    int no_plugins;
    char file[PATH_MAX];
} options;

enum { NAME_MAX_BYTES = 63 }; /* of a job */

enum { SYSTEM = 256, TIME, LISTEN, JOB, NO_PLUGINS, WAIT };

static void help(void)
{
    puts(
        "usage: nave start [OPTION...]\n"
        "Start a farm that has no work of its own and waits for what comes through its door (nave "
        "cc,\n"
        "nave submit), here or through a batch system; print its connection file.  nave stop ends "
        "it.\n"
        "\n"
        "  -n, --ranks N          MPI processes (one for each core)\n"
        "  -c, --connection FILE  the connection file (JOB in $XDG_RUNTIME_DIR/nave, or, "
        "with\n"
        "                         --system, in ~/.nave/run)\n"
        "      --job NAME         what the job is called (farm)\n"
        "      --listen ADDRESS[:PORT]  where to listen (127.0.0.1; with --system all addresses)\n"
        "      --no-plugins       no kernels from outside (nave cc)\n"
        "      --system NAME      sge, slurm or pbs: as a job of that (see nave batch)\n"
        "  -t, --time TIME        with --system: how long it may run, as [[D-]HH:]MM:SS (1:00:00)\n"
        "      --wait SECONDS     how long to wait for the farm (60; with --system: 0, not at "
        "all)\n"
        "  -h, --help             this text\n"
        "  -V, --version          the version");
}

static int option(options *o, int name, char **argv)
{
    switch (name) {
    case 'n':
        return cli_number(VERB, "-n", optarg, 1, 1u << 20, &o->ranks);
    case 'c':
        return o->connection = optarg, 0;
    case JOB:
        return o->job = optarg, 0;
    case LISTEN:
        return o->listen = optarg, 0;
    case NO_PLUGINS:
        return o->no_plugins = 1, 0;
    case SYSTEM:
        return o->system = optarg, 0;
    case 't':
        return o->time = optarg, 0;
    case WAIT:
        return cli_real(VERB, "--wait", optarg, 0, 1e6, &o->wait);
    case 'h':
        return help(), 1;
    case 'V':
        return puts(PROGRAM " (Nave) " NAVE_VERSION), 1;
    default:
        return cli_refuse(VERB, name, argv);
    }
}

/* A whole path: a batch system may start the farm in another folder.  0, or -1. */
static int place_file(options *o)
{
    const char *name = o->connection != NULL ? o->connection : o->job;
    char path[PATH_MAX], here[PATH_MAX] = "";
    int size;
    if (nave_connection_place(name, o->system != NULL, path, sizeof path) != NAVE_OK)
        return cli_error(VERB, "%.100s: no place for this file is known: name one (-c FILE)", name),
               -1;
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return cli_file_error(VERB, ".", errno), -1;
    size = snprintf(o->file, sizeof o->file, "%s%s%s", here, here[0] != '\0' ? "/" : "", path);
    if (size < 0 || (size_t)size >= sizeof o->file - 8)
        return cli_error(VERB, "%.100s...: the name is too long", name), -1;
    return 0;
}

/* Files are called so, and lines of many programs say it. */
static int is_name(const char *job)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
                                  "_"; /* these three not first */
    size_t length = strspn(job, letters);
    return length > 0 && length <= NAME_MAX_BYTES && job[length] == '\0' &&
           strchr("-._", job[0]) == NULL;
}

/* 0: go on; 1: all is said; -1: wrong. */
static int options_read(options *o, int argc, char **argv)
{
    static const struct option known[] = {{"ranks", required_argument, NULL, 'n'},
                                          {"connection", required_argument, NULL, 'c'},
                                          {"job", required_argument, NULL, JOB},
                                          {"listen", required_argument, NULL, LISTEN},
                                          {"no-plugins", no_argument, NULL, NO_PLUGINS},
                                          {"system", required_argument, NULL, SYSTEM},
                                          {"time", required_argument, NULL, 't'},
                                          {"wait", required_argument, NULL, WAIT},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    *o = (options){.job = "farm", .time = "1:00:00", .wait = -1};
    o->ranks = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    opterr = 0;
    for (int name, said; (name = getopt_long(argc, argv, ":n:c:t:hV", known, NULL)) != -1;)
        if ((said = option(o, name, argv)) != 0)
            return said;
    if (optind < argc)
        return cli_error(VERB, "%s: nothing is expected here", argv[optind]), -1;
    if (!is_name(o->job))
        return cli_error(VERB,
                         "--job '%.80s': must be letters, digits, '.', '_' and '-', %d at most, "
                         "and begin "
                         "with a letter or digit",
                         o->job, (int)NAME_MAX_BYTES),
               -1;
    return place_file(o);
}

enum { WORDS = 32 };

/* The words that make the farm: nave-farm hub ... */
static int farm_words(const options *o, char *farm, const char **words, int n)
{
    words[n++] = farm;
    words[n++] = "hub";
    words[n++] = "--connection";
    words[n++] = o->file;
    words[n++] = "--job";
    words[n++] = o->job;
    if (o->listen != NULL || o->system != NULL) {
        words[n++] = "--listen";
        words[n++] = o->listen != NULL ? o->listen : "0.0.0.0";
    }
    if (o->no_plugins)
        words[n++] = "--no-plugins";
    words[n] = NULL;
    return n;
}

/* NAVE_MPIRUN may have options. */
static void become_mpirun(const options *o, char *farm)
{
    char ranks[32];
    const char *words[WORDS] = {"sh", "-c",  "exec ${NAVE_MPIRUN:-mpirun} \"$@\"",
                                "sh", "-np", ranks};
    int n = 6;
    snprintf(ranks, sizeof ranks, "%" PRIu64, o->ranks);
    if (o->ranks > (uint64_t)sysconf(_SC_NPROCESSORS_ONLN))
        words[n++] = "--oversubscribe";
    farm_words(o, farm, words, n);
    execv("/bin/sh", (char *const *)(uintptr_t)words);
}

/* What Nave says of the reason; the launcher says more.  Whether there was anything. */
static int say_own_lines(const char *text)
{
    int said = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (strncmp(text, PROGRAM, sizeof PROGRAM - 1) == 0) {
            fprintf(stderr, "%.*s\n", (int)length, text);
            said = 1;
        }
        text += length + (text[length] == '\n');
    }
    return said;
}

/* The last lines of the log. */
static void say_log(const char *log)
{
    char text[2048] = "", *from = text;
    FILE *file = fopen(log, "r");
    size_t size;
    if (file == NULL)
        return;
    if (fseek(file, -(long)sizeof text + 1, SEEK_END) != 0)
        rewind(file);
    else
        from = NULL; /* amid a line */
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    if (from == NULL && (from = strchr(text, '\n')) != NULL)
        from++;
    if (!say_own_lines(from != NULL ? from : text))
        fputs(from != NULL ? from : text, stderr);
}

/* Which file it is that has the name; 0: none. */
static ino_t number_of(const char *file)
{
    struct stat status;
    return stat(file, &status) == 0 ? status.st_ino : 0;
}

/* Whether a new file is there, at the latest after these seconds, or before if the farm (pid > 0) has ended.
 * (An old one that a farm has left behind is replaced by the new farm, or is its reason to end.) */
static int wait_for_file(const options *o, double seconds, ino_t old, pid_t *pid)
{
    for (int left = (int)(seconds / 0.02); left >= 0; left--) {
        ino_t now = number_of(o->file);
        if (now != 0 && now != old)
            return puts(o->file) >= 0;
        if (*pid > 0 && waitpid(*pid, NULL, WNOHANG) == *pid) {
            *pid = -1;
            return 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    return 0;
}

/* In a session of its own, so that it outlives the terminal; Open MPI is asked to let it outlive an engine. */
static void live_on(const options *o, char *farm, int log)
{
    int null = open("/dev/null", O_RDONLY);
    setsid();
    setenv("OMPI_MCA_orte_enable_recovery", "1", 0);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    become_mpirun(o, farm);
    _exit(127);
}

static int is_running(const char *file)
{
    nave_client *client = NULL;
    int rc = access(file, F_OK) == 0 ? nave_connect(file, NULL, &client) : NAVE_ECONNECT;
    nave_disconnect(&client);
    return rc == NAVE_OK;
}

/* The launcher takes its ranks along; it is not waited for without end. */
static void end_launcher(pid_t pid)
{
    kill(pid, SIGTERM);
    for (int left = 250; left > 0 && waitpid(pid, NULL, WNOHANG) == 0; left--)
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
}

/* Waits for the farm that was started.  An exit status. */
static int await_farm(const options *o, double wait, const char *log, ino_t old, pid_t pid)
{
    if (wait == 0)
        return puts(o->file) >= 0 ? CLI_OK : CLI_FAILURE;
    if (wait_for_file(o, wait, old, &pid))
        return CLI_OK;
    if (pid > 0) {
        end_launcher(pid);
        return cli_error(VERB, "the farm was not there after %g s, and is ended; see %s", wait,
                         log),
               CLI_FAILURE;
    }
    say_log(log);
    return cli_error(VERB, "the farm has ended at once; see %s", log), CLI_FAILURE;
}

static int start_here(const options *o, char *farm)
{
    double wait = o->wait >= 0 ? o->wait : 60;
    char log[PATH_MAX + 8];
    ino_t old;
    int fd;
    pid_t pid;
    snprintf(log, sizeof log, "%s.log", o->file);
    if (is_running(o->file))
        return cli_error(VERB, "%s: that farm is running already (nave stop)", o->file),
               CLI_FAILURE;
    old = number_of(o->file);
    fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return cli_file_error(VERB, log, errno), CLI_FAILURE;
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        live_on(o, farm, fd);
    close(fd);
    if (pid < 0)
        return cli_error(VERB, "fork: %s", strerror(errno)), CLI_FAILURE;
    return await_farm(o, wait, log, old, pid);
}

/* A job script of `nave batch`, submitted. */
static int start_batch(const options *o, char *farm)
{
    char ranks[32];
    const char *words[WORDS] = {"batch", "--system",     o->system,  "-n",
                                ranks,   "--time",       o->time,    "--name",
                                o->job,  "--no-journal", "--submit", "--"};
    ino_t old = number_of(o->file);
    pid_t none = 0;
    int n = 12, status;
    snprintf(ranks, sizeof ranks, "%" PRIu64, o->ranks);
    n = farm_words(o, farm, words, n);
    optind = 0;
    status = batch_run(n, (char **)(uintptr_t)words);
    if (status != CLI_OK || o->wait <= 0)
        return status == CLI_OK && puts(o->file) < 0 ? CLI_FAILURE : status;
    fflush(stdout);
    if (wait_for_file(o, o->wait, old, &none))
        return CLI_OK;
    return cli_error(VERB, "the farm is not there after %g s: the job may be waiting in its queue",
                     o->wait),
           CLI_FAILURE;
}

int start_run(int argc, char **argv)
{
    options o;
    int said = options_read(&o, argc, argv), status = CLI_FAILURE;
    char *farm;
    if (said != 0)
        return said > 0 ? CLI_OK : CLI_USAGE;
    farm = find_farm(VERB);
    if (farm != NULL)
        status = o.system != NULL ? start_batch(&o, farm) : start_here(&o, farm);
    free(farm);
    return status;
}
