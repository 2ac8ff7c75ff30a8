/* The floor: what answering costs when nothing is understood.
 *
 * A bare epoll loop on one thread. It is edge-triggered, keeps connections alive, looks for the empty line that ends a
 * request head and sends one fixed answer for each: one recv and one send per request, and a share of one epoll_wait.
 * No server that reads what it was asked can be cheaper, so the distance to it is the price of HTTP, WSGI and Python.
 *
 * Usage: floor PORT [close]     close: says so in the answer and closes after it
 *
 * Left out on purpose: request bodies, time-outs, partial sends (the answer is smaller than any socket buffer).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define HEAD_BYTES_MAX 8192
#define BACKLOG 2048

/* One client: the bytes of a request head that has not ended yet. */
struct connection {
    int fd;
    size_t held;
    char head[HEAD_BYTES_MAX];
};

static const char KEPT[] =
    "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
static const char CLOSED[] =
    "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\n"
    "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        fail("socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    /* Accepted sockets inherit it: no delay without a system call per connection. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("bind");
    if (listen(fd, BACKLOG) < 0)
        fail("listen");
    return fd;
}

static void accept_all(int poller, int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *client = malloc(sizeof *client);
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = client};

        if (client == NULL)
            fail("malloc");
        client->fd = fd;
        client->held = 0;
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
            fail("epoll_ctl");
    }
}

static void end(struct connection *client)
{
    close(client->fd);
    free(client);
}

/* Answers every whole request in the buffer and keeps the rest; returns 0 when the connection is to be closed. */
static int answer(struct connection *client, int closes)
{
    char *begin = client->head;
    char *stop = client->head + client->held;
    char *empty_line;

    while ((empty_line = memmem(begin, (size_t)(stop - begin), "\r\n\r\n", 4)) != NULL) {
        const char *text = closes ? CLOSED : KEPT;
        size_t length = (closes ? sizeof CLOSED : sizeof KEPT) - 1;

        if (send(client->fd, text, length, MSG_NOSIGNAL) != (ssize_t)length || closes)
            return 0;
        begin = empty_line + 4;
    }
    client->held = (size_t)(stop - begin);
    memmove(client->head, begin, client->held);
    return 1;
}

/* Edge-triggered: read until the socket is drained, and a short read says that it is (epoll(7)). */
static void serve(struct connection *client, int closes)
{
    for (;;) {
        size_t room = HEAD_BYTES_MAX - client->held;
        ssize_t got = recv(client->fd, client->head + client->held, room, 0);

        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            break;
        client->held += (size_t)got;
        if (!answer(client, closes) || client->held == HEAD_BYTES_MAX)
            break;
        if ((size_t)got < room)
            return;
    }
    end(client);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];
    struct epoll_event on_listener = {.events = EPOLLIN, .data.ptr = NULL};
    int closes = argc > 2 && strcmp(argv[2], "close") == 0;
    int listener, poller;

    if (argc < 2) {
        fprintf(stderr, "usage: %s PORT [close]\n", argv[0]);
        return 2;
    }
    listener = listen_on(atoi(argv[1]));
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &on_listener) < 0)
        fail("epoll");
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS_MAX, -1);

        for (int index = 0; index < ready; index++) {
            if (events[index].data.ptr == NULL)
                accept_all(poller, listener);
            else
                serve(events[index].data.ptr, closes);
        }
    }
}
