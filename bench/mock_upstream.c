/* An OpenAI-shaped upstream that costs almost nothing, so that a benchmark measures the proxy before it.
 *
 * mock_upstream [--faults SHARE] [--seed N]
 *
 * Listens on a free port of 127.0.0.1 and prints it. POST answers a chat completion of 1 KB, or an
 * embedding below /embeddings; with "stream":true as many chunks as "max_tokens" says, one write
 * each. The request's "user" field steers one answer: "pace_us=1000;window=1;delay_us=0;fault=cut;".
 *   delay_us  time until the answer begins
 *   p50_us, p99_us          a log-normal time on top of that, drawn for each request
 *   stall_us, stall_permille  so much more, for that share of the requests
 *   pace_us   time between two chunks; 0: as fast as the reader takes them
 *   window=1  the next chunk leaves when the last one arrived: the load generator tells so in a
 *             datagram to the same port, so no two chunks of a stream ever share a read
 *   fault     500, close (no answer), cut, stall, garbage, stale (closes after a good answer)
 * --faults gives that share of all requests one of these faults. GET /stats counts what happened.
 */
#define _GNU_SOURCE
#include "answers.h"
#include "request.h"
#include "timing.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { MAX_FD = 65536, FIRST_ROOM = 16384, STREAMS = 65536 };
enum fault { NONE, STATUS_500, CLOSE, CUT, STALL, GARBAGE, STALE, FAULTS };
static const char *FAULT_NAMES[FAULTS] = {"none", "500", "close", "cut", "stall", "garbage", "stale"};

struct connection {
    struct due due; /* first, so that a due is its connection */
    int fd;
    char *in;
    size_t used, room;
    char out[1024]; /* what the socket did not take of the last write */
    size_t out_from, out_to;
    bool busy, streaming, windowed, credit, usage, watching_out;
    enum fault fault;
    uint32_t stream;
    long chunks, sent;
    uint64_t pace;
    bool embeds;
};

static struct connection *connections[MAX_FD];
static struct connection *streams[STREAMS];
static struct heap timers;
static int poller;
static uint32_t next_stream;
static uint64_t seed = 7;
static double fault_share;
static struct { uint64_t requests, streams, chunks, aborted, stalled, faults[FAULTS], open; } counts;

static void read_next(struct connection *c);
static void send_chunk(struct connection *c);

static void watch(struct connection *c, bool out) {
    if (c->watching_out == out) return;
    c->watching_out = out;
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | (out ? EPOLLOUT : 0u), .data.fd = c->fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static void hang_up(struct connection *c) {
    heap_remove(&timers, &c->due);
    if (c->streaming && streams[c->stream % STREAMS] == c) streams[c->stream % STREAMS] = NULL;
    connections[c->fd] = NULL;
    close(c->fd);
    counts.open--;
    free(c->in);
    free(c);
}

/* False where the connection is gone. */
static bool write_all(struct connection *c, const char *data, size_t size) {
    ssize_t n = c->out_to > c->out_from ? 0 : send(c->fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return hang_up(c), false;
    size_t rest = size - (size_t)(n < 0 ? 0 : n);
    if (rest) {
        if (c->out_from == c->out_to) c->out_from = c->out_to = 0;
        if (rest > sizeof c->out - c->out_to) return hang_up(c), false;
        memcpy(c->out + c->out_to, data + size - rest, rest);
        c->out_to += rest;
        watch(c, true);
    }
    return true;
}

static void finish(struct connection *c) {
    if (c->streaming && streams[c->stream % STREAMS] == c) streams[c->stream % STREAMS] = NULL;
    bool last = c->fault == STALE || c->fault == CUT;
    c->busy = c->streaming = false;
    c->fault = NONE;
    if (last) hang_up(c);
    else read_next(c);
}

static void answer(struct connection *c, int status, const char *body, size_t size, size_t announced) {
    char reply[4096];
    int head = snprintf(reply, sizeof reply,
                        "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\nx-request-id: req_benchmark\r\n"
                        "content-length: %zu\r\n\r\n", status, status == 200 ? "OK" : "Error", announced);
    memcpy(reply + head, body, size);
    if (write_all(c, reply, (size_t)head + size)) finish(c);
}

/* One event as one chunk of the transfer encoding, in one write. */
static bool send_event(struct connection *c, const char *event) {
    char framed[1100];
    size_t size = strlen(event);
    int total = snprintf(framed, sizeof framed, "%zx\r\n%s\r\n", size, event);
    return write_all(c, framed, (size_t)total);
}

static void end_stream(struct connection *c) {
    char usage[512], end[640];
    int size = snprintf(usage, sizeof usage, CHUNK_HEAD "]," USAGE "}\n\n", c->sent, 230 + c->sent);
    size = c->usage ? snprintf(end, sizeof end, "%x\r\n%s\r\n", (unsigned)size, usage) : 0;
    size += snprintf(end + size, sizeof end - (size_t)size, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    if (write_all(c, end, (size_t)size)) finish(c);
}

static void schedule_chunk(struct connection *c, uint64_t from) {
    if (c->pace) heap_set(&timers, &c->due, from + c->pace);
    else if (!c->windowed) watch(c, true);
    else if (c->credit) send_chunk(c);
}

static void send_chunk(struct connection *c) {
    if (c->out_to > c->out_from) return; /* written when the socket has room again */
    if (c->sent >= c->chunks) return end_stream(c);
    if (c->sent >= c->chunks / 2 && c->sent) {
        if (c->fault == CUT) return hang_up(c);
        if (c->fault == STALL) return watch(c, false);
        if (c->fault == GARBAGE && !send_event(c, "data: {\"choices\":[{\"del\n\n")) return;
        if (c->fault == GARBAGE) c->fault = NONE;
    }
    uint64_t now = now_ns();
    char event[512];
    snprintf(event, sizeof event, CHUNK_HEAD "{\"index\":0,\"delta\":{\"content\":\" @%016llu.%09u\"},\"logprobs\":null,"
                             "\"finish_reason\":%s}]%s}\n\n", (unsigned long long)now, c->stream,
                             c->sent + 1 == c->chunks ? "\"stop\"" : "null", c->usage ? ",\"usage\":null" : "");
    c->sent++;
    c->credit = false;
    counts.chunks++;
    if (send_event(c, event)) schedule_chunk(c, c->due.at && c->due.at > now - c->pace ? c->due.at : now);
}

static void start_stream(struct connection *c) {
    static const char head[] =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_benchmark\r\n"
        "transfer-encoding: chunked\r\n\r\n";
    counts.streams++;
    c->streaming = true;
    c->stream = ++next_stream % 1000000000u;
    streams[c->stream % STREAMS] = c;
    c->sent = 0;
    c->credit = true;
    c->due.at = 0;
    if (!write_all(c, head, sizeof head - 1)) return;
    if (c->pace) send_chunk(c);
    else schedule_chunk(c, 0);
}

static void start_answer(struct connection *c) {
    if (c->fault == CLOSE) return hang_up(c);
    if (c->fault == STATUS_500) {
        static const char error[] = "{\"error\":{\"message\":\"injected\",\"type\":\"server_error\",\"code\":null}}";
        c->fault = NONE;
        return answer(c, 500, error, sizeof error - 1, sizeof error - 1);
    }
    if (c->chunks) return start_stream(c);
    if (c->fault == STALL) return;
    const char *body = c->embeds ? embedding : whole;
    size_t size = c->embeds ? embedding_size : whole_size;
    if (c->fault == GARBAGE) c->fault = NONE, answer(c, 200, "<html>not JSON", 14, 14);
    else answer(c, 200, body, c->fault == CUT ? size / 2 : size, size);
}

static enum fault choose_fault(const char *steering) {
    const char *at = strstr(steering, "fault=");
    for (int kind = 1; at && kind < FAULTS; kind++)
        if (!strncmp(at + 6, FAULT_NAMES[kind], strlen(FAULT_NAMES[kind]))) return (enum fault)kind;
    if (fault_share == 0 || random_unit(&seed) >= fault_share) return NONE;
    return (enum fault)(1 + random_bits(&seed) % (FAULTS - 1));
}

/* Microseconds until the answer begins. Each request takes as many rolls, whatever it asks for. */
static uint64_t choose_delay(const char *steering) {
    double sigmas = sqrt(-2 * log(1 - random_unit(&seed))) * cos(2 * M_PI * random_unit(&seed)); /* Box and Muller */
    double stalls = random_unit(&seed), p50 = number(steering, "p50_us="), p99 = number(steering, "p99_us=");
    double delay = number(steering, "delay_us=");
    if (p50 > 0) delay += p99 > p50 ? p50 * exp(log(p99 / p50) / 2.3263478740 * sigmas) : p50;
    if (stalls * 1000 >= number(steering, "stall_permille=")) return (uint64_t)delay;
    counts.stalled++;
    return (uint64_t)(delay + number(steering, "stall_us="));
}

static void take_request(struct connection *c, const char *path, const char *body, size_t size) {
    char steering[128] = "";
    const char *user = find(body, size, "\"user\"");
    if (user && *user == '"') {
        size_t length = (size_t)(body + size - user - 1);
        if (length >= sizeof steering) length = sizeof steering - 1;
        memcpy(steering, user + 1, length);
        steering[strcspn(steering, "\"")] = 0;
    }
    const char *stream = find(body, size, "\"stream\""), *tokens = find(body, size, "\"max_tokens\"");
    const char *include = find(body, size, "\"include_usage\"");
    bool streams_it = stream && !strncmp(stream, "true", 4);
    counts.requests++;
    c->busy = true;
    c->chunks = streams_it ? (tokens ? atol(tokens) : 20) : 0;
    c->usage = include && !strncmp(include, "true", 4);
    c->pace = (uint64_t)number(steering, "pace_us=") * 1000u;
    c->windowed = number(steering, "window=") == 1;
    c->fault = choose_fault(steering);
    counts.faults[c->fault]++;
    c->embeds = strstr(path, "/embeddings") != NULL;
    uint64_t delay = choose_delay(steering);
    if (delay) heap_set(&timers, &c->due, now_ns() + delay * 1000u);
    else start_answer(c);
}

static void take_query(struct connection *c, const char *path) {
    c->busy = true;
    c->fault = NONE;
    char body[1024] = "{\"status\":\"ok\"}";
    if (!strncmp(path, "/stats", 6)) {
        int n = snprintf(body, sizeof body, "{\"requests\":%lu,\"streams\":%lu,\"chunks\":%lu,\"aborted\":%lu,"
                         "\"stalled\":%lu,\"open\":%lu",
                         counts.requests, counts.streams, counts.chunks, counts.aborted, counts.stalled, counts.open - 1);
        for (int kind = 0; kind < FAULTS; kind++)
            n += snprintf(body + n, sizeof body - (size_t)n, ",\"fault_%s\":%lu", FAULT_NAMES[kind], counts.faults[kind]);
        strcat(body, "}");
    }
    answer(c, 200, body, strlen(body), strlen(body));
}

/* Answer the next whole request in the buffer, if there is one. */
static void read_next(struct connection *c) {
    char *end = c->used ? memmem(c->in, c->used, "\r\n\r\n", 4) : NULL;
    if (!end) return;
    end[2] = 0; /* the head, as text that ends in one line end */
    long length = content_length(c->in);
    bool post = !strncmp(c->in, "POST ", 5);
    size_t head = (size_t)(end - c->in) + 4;
    end[2] = '\r';
    if (length < 0) return hang_up(c);
    if (c->used < head + (size_t)length) return;
    char path[256];
    char *from = strchr(c->in, ' ');
    size_t size = from ? strcspn(from + 1, " ?\r\n") : 0;
    if (size >= sizeof path) size = sizeof path - 1;
    memcpy(path, from ? from + 1 : "", size);
    path[size] = 0;
    /* The request leaves the buffer first: answering may free the connection or read the next one. */
    char *request = malloc((size_t)length + 1);
    if (!request) die("malloc");
    memcpy(request, c->in + head, (size_t)length);
    request[length] = 0;
    c->used -= head + (size_t)length;
    memmove(c->in, c->in + head + (size_t)length, c->used + 1);
    if (post) take_request(c, path, request, (size_t)length);
    else take_query(c, path);
    free(request);
}

static void read_some(struct connection *c) {
    if (c->room - c->used < 4096 && c->room < MAX_REQUEST + 65536u) {
        c->room *= 2;
        c->in = realloc(c->in, c->room);
        if (!c->in) die("realloc");
    }
    ssize_t n = recv(c->fd, c->in + c->used, c->room - c->used - 1, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        counts.aborted += c->busy;
        return hang_up(c);
    }
    c->used += (size_t)n;
    c->in[c->used] = 0;
    if (!c->busy) read_next(c);
}

static void write_rest(struct connection *c) {
    if (c->out_to > c->out_from) {
        ssize_t n = send(c->fd, c->out + c->out_from, c->out_to - c->out_from, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return hang_up(c);
        if (n > 0) c->out_from += (size_t)n;
        if (c->out_to > c->out_from) return;
    }
    bool eager = c->streaming && !c->pace && !c->windowed;
    if (!eager) watch(c, false);
    if (c->streaming && c->due.place < 0) send_chunk(c);
    else if (!c->streaming) watch(c, false);
}

static void accept_all(int listener) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct connection *c = fd < MAX_FD ? calloc(1, sizeof *c) : NULL;
        if (!c || !(c->in = malloc(FIRST_ROOM))) die("accept");
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->fd = fd;
        c->room = FIRST_ROOM;
        c->due.place = -1;
        connections[fd] = c;
        counts.open++;
        struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

static void take_credits(int credits) {
    uint32_t arrived[4096];
    for (ssize_t n; (n = recv(credits, arrived, sizeof arrived, MSG_DONTWAIT)) > 0;)
        for (size_t i = 0; i < (size_t)n / sizeof *arrived; i++) {
            struct connection *c = streams[arrived[i] % STREAMS];
            if (!c || c->stream != arrived[i] || !c->windowed) continue;
            c->credit = true;
            send_chunk(c);
        }
}

static void run_timers(void) {
    uint64_t now = now_ns();
    while (timers.size && timers.items[0]->at <= now) {
        struct connection *c = (struct connection *)timers.items[0];
        heap_remove(&timers, &c->due);
        if (c->streaming) send_chunk(c);
        else start_answer(c);
    }
}

static int bound(int kind, int port) {
    int fd = socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    return fd;
}

static int port_of(int fd) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

static void dispatch(int fd, uint32_t events) {
    struct connection *c = connections[fd];
    if (c && events & EPOLLOUT) write_rest(c);
    if (connections[fd] == c && c && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) read_some(c);
}

int main(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--faults")) fault_share = atof(argv[i + 1]);
        else if (!strcmp(argv[i], "--seed")) seed = strtoull(argv[i + 1], NULL, 10);
        else return fprintf(stderr, "unknown option %s\n", argv[i]), 2;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prepare_answers();
    int listener = bound(SOCK_STREAM, 0), credits = bound(SOCK_DGRAM, port_of(listener)), timer = make_timer();
    if (listen(listener, 4096) < 0) die("listen");
    poller = epoll_create1(EPOLL_CLOEXEC);
    int own[] = {listener, credits, timer};
    for (int i = 0; i < 3; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.fd = own[i]};
        epoll_ctl(poller, EPOLL_CTL_ADD, own[i], &e);
    }
    printf("%d\n", port_of(listener));
    fflush(stdout);
    static struct epoll_event events[512];
    for (;;) {
        arm_timer(timer, timers.size ? timers.items[0]->at : NEVER);
        int n = epoll_wait(poller, events, 512, -1);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) accept_all(listener);
            else if (fd == credits) take_credits(credits);
            else if (fd != timer) dispatch(fd, events[i].events);
        }
        run_timers();
    }
}
