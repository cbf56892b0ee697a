/* Clock, random numbers and a heap of due times, for the two event loops of the benchmark. */
#ifndef HOMEPORT_BENCH_TIMING_H
#define HOMEPORT_BENCH_TIMING_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NEVER UINT64_MAX

static inline void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

/* Nanoseconds of CLOCK_MONOTONIC, which both programs share when they run on one machine. */
static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* splitmix64: seeded, so that every round sees the same arrivals and the same faults. */
static inline uint64_t random_bits(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline double random_unit(uint64_t *state) { return (double)(random_bits(state) >> 11) * 0x1p-53; }

/* What waits for a moment. `place` is its index in the heap, or -1. */
struct due {
    uint64_t at;
    int place;
};

struct heap {
    struct due **items;
    int size, room;
};

static inline void heap_put(struct heap *h, int place, struct due *item) {
    h->items[place] = item;
    item->place = place;
}

static inline void heap_up(struct heap *h, int place) {
    struct due *item = h->items[place];
    for (; place > 0 && h->items[(place - 1) / 2]->at > item->at; place = (place - 1) / 2)
        heap_put(h, place, h->items[(place - 1) / 2]);
    heap_put(h, place, item);
}

static inline void heap_down(struct heap *h, int place) {
    struct due *item = h->items[place];
    for (;;) {
        int child = 2 * place + 1;
        if (child >= h->size) break;
        if (child + 1 < h->size && h->items[child + 1]->at < h->items[child]->at) child++;
        if (h->items[child]->at >= item->at) break;
        heap_put(h, place, h->items[child]);
        place = child;
    }
    heap_put(h, place, item);
}

static inline void heap_remove(struct heap *h, struct due *item) {
    int place = item->place;
    if (place < 0) return;
    item->place = -1;
    struct due *last = h->items[--h->size];
    if (last == item) return;
    heap_put(h, place, last);
    heap_up(h, place);
    heap_down(h, last->place);
}

static inline void heap_set(struct heap *h, struct due *item, uint64_t at) {
    heap_remove(h, item);
    if (h->size == h->room) {
        h->room = h->room ? 2 * h->room : 1024;
        h->items = realloc(h->items, (size_t)h->room * sizeof *h->items);
        if (!h->items) die("realloc");
    }
    item->at = at;
    heap_put(h, h->size++, item);
    heap_up(h, item->place);
}

/* A timer as a descriptor: epoll_wait alone counts in milliseconds. */
static inline int make_timer(void) {
    prctl(PR_SET_TIMERSLACK, 1);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0) die("timerfd_create");
    return fd;
}

static inline void arm_timer(int fd, uint64_t at) {
    struct itimerspec spec = {0};
    if (at != NEVER) {
        spec.it_value.tv_sec = (time_t)(at / 1000000000u);
        spec.it_value.tv_nsec = (long)(at % 1000000000u) | 1; /* zero would switch it off */
    }
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

#endif
