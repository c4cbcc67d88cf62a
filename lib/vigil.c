/* vigil - see vigil.h.  SPDX-License-Identifier: BSD-3-Clause */
#define _DEFAULT_SOURCE /* syscall(), IFF_UP */
#include "vigil.h"
#include "clock.h"
#include "error_mpi.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONNECT_SECONDS 5.0 /* for all connections, while the farm is opened */

enum {
    ADDRESSES = 8, /* of rank 0, that others may try */
    KEEP_IDLE = 1, /* seconds without a word, then a probe */
    KEEP_EACH = 1, /*   each second, */
    KEEP_COUNT = 4 /*   until so many were not answered */
};

/* Which process a rank is. */
struct whose {
    int64_t pid;
    char host[64];
    char space[64]; /* of process numbers: they mean nothing in another */
};

/* Where rank 0 listens; `token` tells its own ranks from strangers. */
struct door {
    uint64_t token;
    int32_t count;
    struct sockaddr_storage at[ADDRESSES];
};

struct hello {
    uint64_t token;
    int32_t rank;
};

/* A rank that is watched. */
struct watched {
    int rank;
    pid_t pid; /* on this host; 0: behind a connection */
    bool gone;
};

struct nv_vigil {
    MPI_Comm mpi;
    int rank, size;
    struct nv_error *error;
    struct whose mine, *all; /* all: on others than rank 0 that one only */
    struct watched *watched;
    struct pollfd *fds; /* beside them; fd -1: asked by the process number */
    int count, next;
};

/* -------------------------------------------------------------------------------------- who is who */

static void introduce(struct whose *mine)
{
    ssize_t got;
    memset(mine, 0, sizeof *mine);
    mine->pid = getpid();
    gethostname(mine->host, sizeof mine->host - 1);
    got = readlink("/proc/self/ns/pid", mine->space, sizeof mine->space - 1);
    if (got < 0)
        mine->space[0] = '\0';
}

static bool is_near(const struct whose *one, const struct whose *other)
{
    return strcmp(one->host, other->host) == 0 && strcmp(one->space, other->space) == 0;
}

static int open_process(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0u);
#else
    (void)pid;
    return -1;
#endif
}

static void watch_process(struct nv_vigil *vigil, int rank, pid_t pid)
{
    vigil->fds[vigil->count] = (struct pollfd){.fd = open_process(pid), .events = POLLIN};
    vigil->watched[vigil->count++] = (struct watched){.rank = rank, .pid = pid};
}

static void watch_connection(struct nv_vigil *vigil, int rank, int fd)
{
    vigil->fds[vigil->count] = (struct pollfd){.fd = fd, .events = POLLIN};
    vigil->watched[vigil->count++] = (struct watched){.rank = rank};
}

/* ------------------------------------------------------------------------------- between hosts */

static bool set_up(int fd)
{
    int on = 1, idle = KEEP_IDLE, each = KEEP_EACH, count = KEEP_COUNT;
    bool ok = setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0;
#ifdef TCP_KEEPIDLE
    ok = ok && setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) == 0 &&
         setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof each) == 0 &&
         setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) == 0;
#else
    (void)idle, (void)each, (void)count;
#endif
    return ok && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static socklen_t length_of(const struct sockaddr *address)
{
    return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

static bool is_useful(const struct ifaddrs *one, bool six)
{
    const struct sockaddr *address = one->ifa_addr;
    if (address == NULL || !(one->ifa_flags & IFF_UP) || one->ifa_flags & IFF_LOOPBACK)
        return false;
    if (address->sa_family == AF_INET6)
        return six && !IN6_IS_ADDR_LINKLOCAL(
                          &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return address->sa_family == AF_INET;
}

/* The addresses of this host, with the port. */
static void list_addresses(struct door *door, in_port_t port, bool six)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0)
        return;
    for (struct ifaddrs *one = list; one != NULL && door->count < ADDRESSES; one = one->ifa_next) {
        struct sockaddr_storage *to = &door->at[door->count];
        if (!is_useful(one, six))
            continue;
        memcpy(to, one->ifa_addr, length_of(one->ifa_addr));
        if (to->ss_family == AF_INET6)
            ((struct sockaddr_in6 *)(void *)to)->sin6_port = port;
        else
            ((struct sockaddr_in *)(void *)to)->sin_port = port;
        door->count++;
    }
    freeifaddrs(list);
}

/* A socket that listens on any port, for both families where there are two; -1: there is none. */
static int listen_on(bool six, int backlog, in_port_t *port)
{
    struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT};
    struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    struct sockaddr *any =
        six ? (struct sockaddr *)(void *)&any6 : (struct sockaddr *)(void *)&any4;
    socklen_t size = six ? sizeof any6 : sizeof any4;
    int off = 0, fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    if ((six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) || !set_up(fd) ||
        bind(fd, any, size) != 0 || listen(fd, backlog) != 0 || getsockname(fd, any, &size) != 0) {
        close(fd);
        return -1;
    }
    *port = six ? any6.sin6_port : any4.sin_port;
    return fd;
}

static uint64_t make_token(void)
{
    uint64_t token = 0;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &token, sizeof token) != (ssize_t)sizeof token)
        token = (uint64_t)(nv_clock() * 1e9) ^ (uint64_t)getpid() << 40;
    if (fd >= 0)
        close(fd);
    return token;
}

/* A descriptor for each rank, if we may. */
static void allow_descriptors(int more)
{
    struct rlimit limit;
    rlim_t want;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    want = limit.rlim_cur + (rlim_t)more;
    if (limit.rlim_max != RLIM_INFINITY && want > limit.rlim_max)
        want = limit.rlim_max;
    limit.rlim_cur = want;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static bool wait_for(int fd, short events, double until)
{
    double left = until - nv_clock();
    struct pollfd one = {.fd = fd, .events = events};
    return left > 0 && poll(&one, 1, (int)(left * 1e3) + 1) == 1;
}

static bool connect_to(int fd, const struct sockaddr *address, double until)
{
    int failed = 0;
    socklen_t size = sizeof failed;
    if (connect(fd, address, length_of(address)) == 0)
        return true;
    return errno == EINPROGRESS && wait_for(fd, POLLOUT, until) &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0;
}

/* Through the first address that works; -1: none does. */
static int call(const struct door *door, int rank)
{
    struct hello hello = {.token = door->token, .rank = rank};
    for (int i = 0; i < door->count; i++) {
        const struct sockaddr *address = (const struct sockaddr *)(const void *)&door->at[i];
        int fd = socket(address->sa_family, SOCK_STREAM, 0);
        double until = nv_clock() + CONNECT_SECONDS / (door->count + 1);
        if (fd >= 0 && set_up(fd) && connect_to(fd, address, until) &&
            send(fd, &hello, sizeof hello, MSG_NOSIGNAL) == (ssize_t)sizeof hello)
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

/* One caller, if it is a rank of ours. */
static bool answer(struct nv_vigil *vigil, int listener, uint64_t token, double until)
{
    struct hello hello = {0};
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        return false;
    if (set_up(fd) && wait_for(fd, POLLIN, until) &&
        recv(fd, &hello, sizeof hello, MSG_WAITALL) == (ssize_t)sizeof hello &&
        hello.token == token && hello.rank > 0 && hello.rank < vigil->size) {
        vigil->all[hello.rank].pid = 0; /* it has come */
        watch_connection(vigil, hello.rank, fd);
        return true;
    }
    close(fd);
    return false;
}

/* Takes the calls of so many ranks. */
static void take_calls(struct nv_vigil *vigil, int listener, uint64_t token, int far)
{
    double until = nv_clock() + CONNECT_SECONDS;
    while (far > 0 && wait_for(listener, POLLIN, until))
        far -= answer(vigil, listener, token, until);
}

static void say_unwatched(const struct nv_vigil *vigil)
{
    for (int rank = 1; rank < vigil->size; rank++)
        if (!is_near(&vigil->mine, &vigil->all[rank]) && vigil->all[rank].pid != 0)
            nv_error_warn(
                vigil->error,
                "rank %d on %s cannot connect to %s by TCP: should it die nobody will notice", rank,
                vigil->all[rank].host, vigil->mine.host);
}

/* ----------------------------------------------------------------------------------- open, close */

static int meet_far(struct nv_vigil *vigil, int far)
{
    struct door door = {.token = vigil->rank == 0 ? make_token() : 0};
    in_port_t port = 0;
    bool six = true;
    int fd = -1, rc;
    if (vigil->rank == 0) {
        fd = listen_on(six, far, &port);
        if (fd < 0)
            fd = listen_on(six = false, far, &port);
        if (fd >= 0)
            list_addresses(&door, port, six);
    }
    rc = MPI_Bcast(&door, (int)sizeof door, MPI_BYTE, 0, vigil->mpi);
    if (rc == MPI_SUCCESS && vigil->rank > 0 && vigil->count == 0) {
        fd = call(&door, vigil->rank);
        if (fd >= 0)
            watch_connection(vigil, 0, fd);
    } else if (rc == MPI_SUCCESS && fd >= 0) {
        take_calls(vigil, fd, door.token, far);
    }
    if (vigil->rank == 0 && fd >= 0)
        close(fd);
    if (vigil->rank == 0)
        say_unwatched(vigil);
    return rc;
}

static int watch_all(struct nv_vigil *vigil)
{
    struct whose first = vigil->mine;
    int far = 0;
    int rc = MPI_Gather(&vigil->mine, (int)sizeof vigil->mine, MPI_BYTE, vigil->all,
                        (int)sizeof vigil->mine, MPI_BYTE, 0, vigil->mpi);
    if (rc == MPI_SUCCESS)
        rc = MPI_Bcast(&first, (int)sizeof first, MPI_BYTE, 0, vigil->mpi);
    if (rc != MPI_SUCCESS)
        return rc;
    if (vigil->rank > 0)
        vigil->all[0] = first;
    if (vigil->rank > 0 && is_near(&vigil->mine, &first))
        watch_process(vigil, 0, (pid_t)first.pid);
    if (vigil->rank == 0)
        allow_descriptors(vigil->size);
    for (int rank = 1; rank < vigil->size && vigil->rank == 0; rank++)
        if (is_near(&vigil->mine, &vigil->all[rank]))
            watch_process(vigil, rank, (pid_t)vigil->all[rank].pid);
        else
            far++;
    rc = MPI_Bcast(&far, 1, MPI_INT, 0, vigil->mpi);
    return rc == MPI_SUCCESS && far > 0 ? meet_far(vigil, far) : rc;
}

static struct nv_vigil *vigil_new(MPI_Comm mpi, struct nv_error *error)
{
    struct nv_vigil *vigil = calloc(1, sizeof *vigil);
    size_t most;
    if (vigil == NULL)
        return NULL;
    vigil->mpi = mpi;
    vigil->error = error;
    MPI_Comm_rank(mpi, &vigil->rank);
    MPI_Comm_size(mpi, &vigil->size);
    introduce(&vigil->mine);
    most = vigil->rank == 0 ? (size_t)vigil->size : 1;
    vigil->all = calloc(most, sizeof *vigil->all);
    vigil->watched = calloc(most, sizeof *vigil->watched);
    vigil->fds = calloc(most, sizeof *vigil->fds);
    if (vigil->all != NULL && vigil->watched != NULL && vigil->fds != NULL)
        return vigil;
    nv_vigil_close(vigil);
    return NULL;
}

int nv_vigil_open(MPI_Comm mpi, struct nv_error *error, struct nv_vigil **out)
{
    struct nv_vigil *vigil = vigil_new(mpi, error);
    int here = vigil != NULL, everywhere;
    int rc = MPI_Allreduce(&here, &everywhere, 1, MPI_INT, MPI_MIN, mpi);
    if (rc == MPI_SUCCESS && everywhere)
        rc = watch_all(vigil);
    if (rc == MPI_SUCCESS && everywhere) {
        *out = vigil;
        return NAVE_OK;
    }
    nv_vigil_close(vigil);
    return rc != MPI_SUCCESS ? nv_error_mpi(error, rc, "learning who is who")
                             : nv_error_set(error, NAVE_ENOMEM, "no memory to watch the ranks");
}

void nv_vigil_farewell(const struct nv_vigil *vigil)
{
    for (int i = 0; vigil != NULL && i < vigil->count; i++)
        if (vigil->watched[i].pid == 0 && vigil->fds[i].fd >= 0)
            (void)!send(vigil->fds[i].fd, "", 1, MSG_NOSIGNAL);
}

void nv_vigil_close(struct nv_vigil *vigil)
{
    if (vigil == NULL)
        return;
    for (int i = 0; vigil->fds != NULL && i < vigil->count; i++)
        if (vigil->fds[i].fd >= 0)
            close(vigil->fds[i].fd);
    free(vigil->all);
    free(vigil->watched);
    free(vigil->fds);
    free(vigil);
}

/* --------------------------------------------------------------------------------------- looking */

/* What a connection says that has something to say; NULL: nothing of weight.  A byte is a farewell. */
static const char *listen_to(struct watched *watched, int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
    watched->gone = got > 0;
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return NULL;
    return got == 0 || errno == ECONNRESET || errno == EPIPE ? "has died" : "cannot be reached";
}

static const char *look_at(struct watched *watched, const struct pollfd *poll)
{
    if (watched->gone)
        return NULL;
    if (watched->pid == 0)
        return poll->revents != 0 ? listen_to(watched, poll->fd) : NULL;
    if (poll->fd >= 0)
        return poll->revents != 0 ? "has died" : NULL;
    return kill(watched->pid, 0) != 0 && errno == ESRCH ? "has died" : NULL;
}

void nv_vigil_end(const struct nv_vigil *vigil, int rank)
{
    for (int i = 0; i < vigil->count; i++)
        if (vigil->watched[i].rank == rank && vigil->watched[i].pid > 0 && !vigil->watched[i].gone)
            kill(vigil->watched[i].pid, SIGKILL);
}

/* An error of a connection stays there for the look that tells it. */
static const char *peek_at(const struct watched *watched, const struct pollfd *poll)
{
    char byte;
    struct watched copy = *watched;
    if (watched->pid > 0)
        return look_at(&copy, poll);
    if (poll->revents & (POLLERR | POLLNVAL))
        return "cannot be reached";
    return poll->revents & POLLIN && recv(poll->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0
               ? "has died"
               : NULL;
}

int nv_vigil_peek(struct nv_vigil *vigil, const char **how)
{
    if (poll(vigil->fds, (nfds_t)vigil->count, 0) < 0)
        return -1;
    for (int i = 0; i < vigil->count; i++) {
        *how = peek_at(&vigil->watched[i], &vigil->fds[i]);
        if (*how != NULL)
            return vigil->watched[i].rank;
    }
    return -1;
}

const char *nv_vigil_host(const struct nv_vigil *vigil, int rank)
{
    return vigil->rank == 0 || rank == 0 ? vigil->all[rank].host : "?";
}

int nv_vigil_look(struct nv_vigil *vigil, const char **how)
{
    if (vigil->next == 0 && poll(vigil->fds, (nfds_t)vigil->count, 0) < 0)
        return -1;
    while (vigil->next < vigil->count) {
        int i = vigil->next++;
        *how = look_at(&vigil->watched[i], &vigil->fds[i]);
        if (*how == NULL)
            continue;
        vigil->watched[i].gone = true;
        if (vigil->fds[i].fd >= 0)
            close(vigil->fds[i].fd);
        vigil->fds[i].fd = -1;
        return vigil->watched[i].rank;
    }
    vigil->next = 0;
    return -1;
}
