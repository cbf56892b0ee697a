/* Load generator: closed loop, open loop and streams held open together, over kept-alive HTTP/1.1.
 *
 * load --port N --mix FILE [--key TOKEN] [--connections N] [--rate PER_SECOND] [--ramp SECONDS]
 *      [--seconds S] [--requests N] [--credits PORT] [--seed N] [--timeout SECONDS]
 *
 * FILE has one line a kind of request: WEIGHT NAME END PATH BODY; END is `answer`, `leave_MS` (hang up
 * so many milliseconds after the request was sent) or `leave_at_chunk` (hang up after the first chunk).
 *   --connections alone   closed loop: each connection asks again when it was answered
 *   --rate                open loop: Poisson arrivals; latency counts from when a request was due,
 *                         so a slow server cannot hide by slowing the generator
 *   --ramp                each connection asks once, the starts spread over so many seconds
 * An answer counts as good only with status 200 and a whole body; a stream also needs `[DONE]` and no
 * error event. Prints one JSON object; times are microseconds, exact percentiles of all samples.
 */
#define _GNU_SOURCE
#include "response.h"
#include "timing.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { MAX_CONNECTIONS = 20000, MAX_KINDS = 16, TIMEOUT_EVERY_NS = 100000000 };
enum ended { GOOD, BAD_STATUS, SHORT_BODY, CUT, NO_DONE, ERROR_EVENT, REFUSED, TIMED_OUT, LEFT, WAYS };
static const char *WAYS_NAMES[WAYS] = {"good", "bad_status", "short_body", "cut", "no_done",
                                       "error_event", "refused", "timed_out", "left"};

struct kind {
    double weight;
    char name[32];
    long leave_after_ms; /* -1: stays */
    bool leave_at_chunk;
    char *request;
    size_t size;
    uint64_t ended[WAYS], statuses[600];
};

struct connection {
    struct due due; /* first, so that a due is its connection */
    int fd;
    bool busy, connecting, reused, is_open;
    struct kind *kind;
    uint64_t from, asked_at; /* when the request was due, and when it was sent */
    size_t written;
    struct response response;
};

struct samples {
    uint64_t *values;
    size_t size, room;
};

static struct connection *pool;
static int pool_size = 64;
static int *idle, idle_count;
static struct kind kinds[MAX_KINDS];
static int kind_count, poller, credits = -1;
static struct sockaddr_in server;
static struct heap timers;
static struct samples latency, first_chunk, chunk_delay;
static uint64_t seed = 11, started, arrivals_left = UINT64_MAX, in_flight, peak_open, open_streams, chunks, finished, resent;
static uint64_t stop_asking = NEVER, timeout_ns = 30000000000u;
static double rate, ramp = -1;
static uint32_t arrived[4096];
static size_t arrived_count;

static void ask(struct connection *c, uint64_t from);

static void note(struct samples *s, uint64_t value) {
    if (s->size == s->room) {
        s->room = s->room ? 2 * s->room : 65536;
        s->values = realloc(s->values, s->room * sizeof *s->values);
        if (!s->values) die("realloc");
    }
    s->values[s->size++] = value;
}

static void disconnect(struct connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

static void flush_credits(void) {
    if (credits >= 0 && arrived_count) send(credits, arrived, arrived_count * sizeof *arrived, 0);
    arrived_count = 0;
}

/* Called for each content chunk of a stream. */
void on_chunk(struct response *r, uint64_t written_at, uint32_t stream) {
    uint64_t now = now_ns();
    struct connection *c = r->owner;
    if (r->chunks == 1) note(&first_chunk, now - c->from);
    else note(&chunk_delay, now - written_at);
    chunks++;
    arrived[arrived_count++] = stream;
    if (arrived_count == sizeof arrived / sizeof *arrived) flush_credits();
}

static void end_request(struct connection *c, enum ended how) {
    uint64_t now = now_ns();
    c->kind->ended[how]++;
    if (c->response.status > 0 && c->response.status < 600) c->kind->statuses[c->response.status]++;
    if (how == GOOD) note(&latency, now - c->from);
    if (c->is_open) open_streams--;
    c->is_open = c->busy = false;
    heap_remove(&timers, &c->due);
    in_flight--;
    finished++;
    if (how != GOOD && how != BAD_STATUS) disconnect(c);
    if (c->response.closes) disconnect(c);
    if (rate == 0 && ramp < 0 && arrivals_left && now < stop_asking) ask(c, now);
    else idle[idle_count++] = (int)(c - pool);
}

static enum ended judge(const struct response *r) {
    if (r->status != 200) return BAD_STATUS;
    if (r->error_events) return ERROR_EVENT;
    if (r->is_stream && !r->done) return NO_DONE;
    return r->body_size < 64 ? SHORT_BODY : GOOD;
}

static void watch(struct connection *c, uint32_t events, int how) {
    struct epoll_event e = {.events = events, .data.u32 = (uint32_t)(c - pool)};
    if (epoll_ctl(poller, how, c->fd, &e) < 0) die("epoll_ctl");
}

static bool connect_it(struct connection *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->connecting = connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0;
    if (c->connecting && errno != EINPROGRESS) return false;
    watch(c, EPOLLIN | EPOLLRDHUP | (c->connecting ? EPOLLOUT : 0u), EPOLL_CTL_ADD);
    return true;
}

static void send_request(struct connection *c) {
    while (c->written < c->kind->size) {
        ssize_t n = send(c->fd, c->kind->request + c->written, c->kind->size - c->written, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return watch(c, EPOLLIN | EPOLLRDHUP | EPOLLOUT, EPOLL_CTL_MOD);
        if (n < 0) break; /* the server hung up: reading says so */
        c->written += (size_t)n;
    }
    if (c->kind->leave_after_ms >= 0)
        heap_set(&timers, &c->due, now_ns() + (uint64_t)c->kind->leave_after_ms * 1000000u);
}

static struct kind *choose(void) {
    if (kind_count == 1) return kinds;
    double total = 0, at;
    for (int i = 0; i < kind_count; i++) total += kinds[i].weight;
    at = random_unit(&seed) * total;
    for (int i = 0; i < kind_count; i++)
        if ((at -= kinds[i].weight) < 0) return kinds + i;
    return kinds + kind_count - 1;
}

static void ask(struct connection *c, uint64_t from) {
    if (!c->busy) {
        c->kind = choose();
        c->busy = true;
        c->from = from;
        in_flight++;
        arrivals_left--;
    }
    c->asked_at = now_ns();
    c->written = 0;
    response_begin(&c->response, c);
    c->reused = c->fd >= 0;
    if (c->fd < 0 && !connect_it(c)) return end_request(c, REFUSED);
    if (!c->connecting) send_request(c);
}

/* The connection ended. A kept-alive one that ends before its answer begins is stale, not a failure. */
static void lost(struct connection *c) {
    bool stale = c->reused && c->response.status == 0;
    bool refused = c->connecting;
    disconnect(c);
    if (!c->busy) return;
    if (stale) return resent++, ask(c, c->from);
    end_request(c, refused ? REFUSED : response_ends_with_connection(&c->response) ? judge(&c->response) : CUT);
}

static void read_some(struct connection *c) {
    static char buffer[262144];
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return lost(c);
    if (!c->busy) return disconnect(c); /* nobody asked */
    if (response_read(&c->response, buffer, (size_t)n) < 0) return end_request(c, CUT);
    if (c->response.chunks && !c->is_open && !c->response.whole) {
        c->is_open = true;
        if (++open_streams > peak_open) peak_open = open_streams;
    }
    if (c->response.chunks && c->kind->leave_at_chunk) return end_request(c, LEFT);
    if (c->response.whole) end_request(c, judge(&c->response));
}

static void dispatch(struct connection *c, uint32_t events) {
    if (c->fd < 0) return;
    if (events & (EPOLLERR | EPOLLHUP) && c->connecting) return lost(c);
    if (events & EPOLLOUT) {
        c->connecting = false;
        watch(c, EPOLLIN | EPOLLRDHUP, EPOLL_CTL_MOD);
        if (c->busy) send_request(c);
    }
    if (c->fd >= 0 && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) read_some(c);
}

static void run_timers(uint64_t now) {
    while (timers.size && timers.items[0]->at <= now) {
        struct connection *c = (struct connection *)timers.items[0];
        heap_remove(&timers, &c->due);
        if (c->busy) end_request(c, LEFT);
    }
    static uint64_t next_check;
    if (now < next_check) return;
    next_check = now + TIMEOUT_EVERY_NS;
    for (int i = 0; i < pool_size; i++)
        if (pool[i].busy && pool[i].asked_at + timeout_ns < now) end_request(pool + i, TIMED_OUT);
}

static uint64_t gap(void) {
    return (uint64_t)(-log(1 - random_unit(&seed)) / rate * 1e9);
}

/* Start what is due; the moment of the next arrival. */
static uint64_t run_arrivals(uint64_t next, uint64_t now) {
    while (next <= now && arrivals_left && next < stop_asking) {
        if (!idle_count) return now + 100000; /* every connection is busy: the wait counts as latency */
        ask(pool + idle[--idle_count], next);
        next += ramp >= 0 ? (uint64_t)(ramp * 1e9 / pool_size) : gap();
    }
    return arrivals_left && next < stop_asking ? next : NEVER;
}

static void run(void) {
    static struct epoll_event events[1024];
    int timer = make_timer();
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &e);
    uint64_t next = rate > 0 || ramp >= 0 ? started : NEVER;
    bool closed = next == NEVER;
    if (closed)
        while (idle_count && arrivals_left) ask(pool + idle[--idle_count], started);
    for (;;) {
        uint64_t now = now_ns(), wake = now + TIMEOUT_EVERY_NS;
        next = next == NEVER ? NEVER : run_arrivals(next, now);
        run_timers(now);
        flush_credits();
        if (!in_flight && (next == NEVER || now >= stop_asking)) return;
        if (next < wake) wake = next;
        if (timers.size && timers.items[0]->at < wake) wake = timers.items[0]->at;
        arm_timer(timer, wake);
        int n = epoll_wait(poller, events, 1024, -1);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == UINT32_MAX) {
                uint64_t expirations;
                if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) die("read");
            } else dispatch(pool + events[i].data.u32, events[i].events);
        }
    }
}

static void read_mix(const char *path, const char *key, int port) {
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    char *line = NULL, end[32], where[128];
    size_t room = 0;
    while (getline(&line, &room, file) > 0 && kind_count < MAX_KINDS) {
        struct kind *k = kinds + kind_count;
        int body = 0;
        if (sscanf(line, "%lf %31s %31s %127s %n", &k->weight, k->name, end, where, &body) < 4) continue;
        line[strcspn(line, "\n")] = 0;
        k->leave_after_ms = !strncmp(end, "leave_", 6) && end[6] >= '0' && end[6] <= '9' ? atol(end + 6) : -1;
        k->leave_at_chunk = !strcmp(end, "leave_at_chunk");
        int n = asprintf(&k->request,
                         "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
                         "authorization: Bearer %s\r\ncontent-length: %zu\r\n\r\n%s",
                         where, port, key, strlen(line + body), line + body);
        if (n < 0) die("asprintf");
        k->size = (size_t)n;
        kind_count++;
    }
    free(line);
    fclose(file);
    if (!kind_count) errno = EINVAL, die("no request in the mix");
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print_samples(const char *name, struct samples *s) {
    printf("\"%s\":", name);
    if (!s->size) {
        printf("null,");
        return;
    }
    qsort(s->values, s->size, sizeof *s->values, by_value);
    static const double shares[] = {0.5, 0.9, 0.95, 0.99, 0.999};
    static const char *names[] = {"p50", "p90", "p95", "p99", "p999"};
    double total = 0;
    for (size_t i = 0; i < s->size; i++) total += (double)s->values[i];
    printf("{\"samples\":%zu,\"mean\":%.1f,", s->size, total / (double)s->size / 1e3);
    for (int i = 0; i < 5; i++) /* nearest rank */
        printf("\"%s\":%.1f,", names[i], (double)s->values[(size_t)ceil(shares[i] * (double)s->size) - 1] / 1e3);
    printf("\"max\":%.1f},", (double)s->values[s->size - 1] / 1e3);
}

static void print_report(double seconds) {
    uint64_t total[WAYS] = {0};
    printf("{\"seconds\":%.6f,\"kinds\":{", seconds);
    for (int i = 0; i < kind_count; i++) {
        printf("%s\"%s\":{\"ended\":{", i ? "," : "", kinds[i].name);
        bool some = false;
        for (int way = 0; way < WAYS; way++) {
            total[way] += kinds[i].ended[way];
            if (kinds[i].ended[way]) printf("%s\"%s\":%lu", some ? "," : "", WAYS_NAMES[way], kinds[i].ended[way]), some = true;
        }
        printf("},\"statuses\":{");
        some = false;
        for (int status = 0; status < 600; status++)
            if (kinds[i].statuses[status]) printf("%s\"%d\":%lu", some ? "," : "", status, kinds[i].statuses[status]), some = true;
        printf("}}");
    }
    printf("},");
    print_samples("latency_us", &latency);
    print_samples("first_chunk_us", &first_chunk);
    print_samples("chunk_us", &chunk_delay);
    printf("\"requests\":%lu,\"good\":%lu,\"left\":%lu,\"errors\":%lu,\"chunks\":%lu,\"peak_open\":%lu,\"resent\":%lu}\n",
           finished, total[GOOD], total[LEFT], finished - total[GOOD] - total[LEFT], chunks, peak_open, resent);
}

int main(int argc, char **argv) {
    const char *key = "none", *mix = NULL;
    int port = 0, credit_port = 0;
    double seconds = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--mix")) mix = value;
        else if (!strcmp(name, "--key")) key = value;
        else if (!strcmp(name, "--connections")) pool_size = atoi(value);
        else if (!strcmp(name, "--rate")) rate = atof(value);
        else if (!strcmp(name, "--ramp")) ramp = atof(value);
        else if (!strcmp(name, "--seconds")) seconds = atof(value);
        else if (!strcmp(name, "--requests")) arrivals_left = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--credits")) credit_port = atoi(value);
        else if (!strcmp(name, "--seed")) seed = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--timeout")) timeout_ns = (uint64_t)(atof(value) * 1e9);
        else return fprintf(stderr, "unknown option %s\n", name), 2;
    }
    if (!port || !mix || pool_size < 1 || pool_size > MAX_CONNECTIONS) return fprintf(stderr, "--port and --mix, please\n"), 2;
    if (ramp >= 0) arrivals_left = (uint64_t)pool_size;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    read_mix(mix, key, port);
    poller = epoll_create1(EPOLL_CLOEXEC);
    pool = calloc((size_t)pool_size, sizeof *pool);
    idle = calloc((size_t)pool_size, sizeof *idle);
    if (poller < 0 || !pool || !idle) die("start");
    for (int i = pool_size - 1; i >= 0; i--) {
        pool[i].fd = pool[i].due.place = -1;
        idle[idle_count++] = i;
    }
    if (credit_port) {
        struct sockaddr_in to = server;
        to.sin_port = htons((uint16_t)credit_port);
        credits = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (credits < 0 || connect(credits, (struct sockaddr *)&to, sizeof to) < 0) die("credits");
    }
    started = now_ns();
    if (seconds > 0) stop_asking = started + (uint64_t)(seconds * 1e9);
    run();
    print_report((double)(now_ns() - started) / 1e9);
    return 0;
}
