/* tunnel - see tunnel.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct nv_tunnel {
    char folder[256];
    char socket[300];
    pid_t pid; /* of the shell that ssh runs below */
    int hold;  /* it lives as long as this end of a pipe is open */
};

/* Where the connection leads on the other side. */
struct target {
    char host[256], port[16];
    bool loopback; /* only the hub's own host can reach it */
};

static bool read_url(const char *url, struct target *target)
{
    const char *host = strncmp(url, "tcp://", 6) == 0 ? url + 6 : NULL;
    const char *colon = host != NULL ? strrchr(host, ':') : NULL;
    if (colon == NULL || (size_t)(colon - host) >= sizeof target->host ||
        strlen(colon + 1) >= sizeof target->port)
        return false;
    snprintf(target->host, sizeof target->host, "%.*s", (int)(colon - host), host);
    snprintf(target->port, sizeof target->port, "%s", colon + 1);
    target->loopback = strncmp(target->host, "127.", 4) == 0 ||
                       strcmp(target->host, "localhost") == 0 || strcmp(target->host, "[::1]") == 0;
    return true;
}

static bool same_host(const char *login, const char *location)
{
    const char *at = strrchr(login, '@');
    return strcmp(at != NULL ? at + 1 : login, location) == 0;
}

/* The account on the hub's host is the one on the login host. */
static void last_hop(const struct nv_connection *connection, const char *login, char *out,
                     size_t room)
{
    const char *at = strrchr(login, '@');
    snprintf(out, room, "%.*s%s", at != NULL ? (int)(at - login + 1) : 0, login,
             connection->location);
}

void nv_tunnel_line(const struct nv_connection *connection, const char *login, char *out,
                    size_t room)
{
    struct target target;
    char hop[600];
    if (!read_url(connection->url, &target)) {
        *out = '\0';
        return;
    }
    last_hop(connection, login, hop, sizeof hop);
    if (target.loopback && !same_host(login, connection->location))
        snprintf(out, room, "ssh -N -L %s:%s:%s -J %s %s", target.port, target.host, target.port,
                 login, hop);
    else
        snprintf(out, room, "ssh -N -L %s:%s:%s %s", target.port, target.host, target.port, login);
}

/* ssh runs below a shell that ends it, and takes the socket and its folder away, when standard input ends: so
 * it does when this process does, however.  An interrupt at the terminal is not for it.  NAVE_SSH may have
 * options, so it is the shell that takes it apart. */
static const char script[] =
    "trap '' INT HUP\n"
    "exec 3<&0 </dev/null\n"
    "folder=$1; shift\n"
    "${NAVE_SSH:-ssh} -N -T -o ExitOnForwardFailure=yes -o StreamLocalBindMask=0177 "
    "-o ControlMaster=no -o ControlPath=none \"$@\" >/dev/null 3<&- &\n"
    "ssh=$!\n"
    "exec 2>/dev/null\n"
    "{ cat >/dev/null; kill $ssh 2>/dev/null; } <&3 &\n"
    "wait $ssh; status=$?\n"
    "kill $! 2>/dev/null\n"
    "rm -f \"$folder/hub\"; rmdir \"$folder\" 2>/dev/null\n"
    "exit $status\n";

enum { ARGUMENTS = 12 };

/* Its standard input is the reading end of a pipe. */
static int spawn_shell(struct nv_tunnel *tunnel, char *const *argv)
{
    posix_spawn_file_actions_t actions;
    int ends[2], error;
    if (pipe(ends) != 0)
        return errno;
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        if (ends[0] != STDIN_FILENO) { /* it is, where that was closed */
            posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
            posix_spawn_file_actions_addclose(&actions, ends[0]);
        }
        error = posix_spawn(&tunnel->pid, "/bin/sh", &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[0]);
    if (error != 0)
        close(ends[1]);
    else
        tunnel->hold = ends[1];
    return error;
}

static int start(struct nv_tunnel *tunnel, const struct nv_connection *connection,
                 const char *login, const struct target *target)
{
    char forward[700], hop[600], gateway[256], listen[] = "-L", jump[] = "-J", sh[] = "sh",
                                               command[] = "-c";
    char *argv[ARGUMENTS] = {sh,     command, (char *)(uintptr_t)script, sh, tunnel->folder,
                             listen, forward};
    int n = 7;
    snprintf(forward, sizeof forward, "%s:%s:%s", tunnel->socket, target->host, target->port);
    snprintf(gateway, sizeof gateway, "%s", login);
    last_hop(connection, login, hop, sizeof hop);
    if (target->loopback && !same_host(login, connection->location)) {
        argv[n++] = jump;
        argv[n++] = gateway;
        argv[n++] = hop;
    } else {
        argv[n++] = gateway;
    }
    return spawn_shell(tunnel, argv);
}

/* Whether somebody listens at this end: the name alone is there a moment earlier. */
static bool listens(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;
    bool there;
    if (strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    there = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return there;
}

/* Until this end is there. */
static int wait_for_end(struct nv_tunnel *tunnel, const char *login, double seconds,
                        struct nv_why why)
{
    for (int left = (int)(seconds / 0.02) + 1; left > 0; left--) {
        int ended = 0;
        if (listens(tunnel->socket))
            return NAVE_OK;
        if (waitpid(tunnel->pid, &ended, WNOHANG) == tunnel->pid) {
            tunnel->pid = 0;
            return nv_why(why, NAVE_ECONNECT, "ssh to %s ended with status %d", login,
                          WIFEXITED(ended) ? WEXITSTATUS(ended) : -1);
        }
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    return nv_why(why, NAVE_ECONNECT, "ssh to %s has made no tunnel within %g s", login, seconds);
}

int nv_tunnel_open(const struct nv_connection *connection, const char *login, double seconds,
                   char *url, size_t room, struct nv_why why, struct nv_tunnel **out)
{
    const char *folder = getenv("TMPDIR");
    struct target target;
    struct nv_tunnel *tunnel = calloc(1, sizeof *tunnel);
    int error, rc;
    if (tunnel == NULL)
        return nv_why(why, NAVE_ENOMEM, "no memory for a tunnel");
    /* The name of a socket must be short. */
    snprintf(tunnel->folder, sizeof tunnel->folder, "%s/nave-ssh.XXXXXX",
             folder != NULL && strlen(folder) < 60 ? folder : "/tmp");
    if (!read_url(connection->url, &target) || login[0] == '-' || mkdtemp(tunnel->folder) == NULL) {
        free(tunnel);
        return nv_why(why, NAVE_ECONNECT, "no tunnel to %s by %s", connection->url, login);
    }
    snprintf(tunnel->socket, sizeof tunnel->socket, "%s/hub", tunnel->folder);
    tunnel->hold = -1;
    error = start(tunnel, connection, login, &target);
    rc = error == 0 ? wait_for_end(tunnel, login, seconds, why)
                    : nv_why(why, NAVE_ECONNECT, "ssh: %s", strerror(error));
    if (rc != NAVE_OK) {
        nv_tunnel_close(tunnel);
        return rc;
    }
    snprintf(url, room, "ipc://%s", tunnel->socket);
    *out = tunnel;
    return NAVE_OK;
}

void nv_tunnel_close(struct nv_tunnel *tunnel)
{
    if (tunnel == NULL)
        return;
    if (tunnel->hold >= 0)
        close(tunnel->hold);
    if (tunnel->pid > 0) {
        while (waitpid(tunnel->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    unlink(tunnel->socket); /* unless the shell has done so */
    rmdir(tunnel->folder);
    free(tunnel);
}
