/* Reading one HTTP/1.1 response, and the server-sent events in it, in whatever pieces it comes. */
#ifndef HOMEPORT_BENCH_RESPONSE_H
#define HOMEPORT_BENCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_HEAD = 16384, MAX_LINE = 8192 };

struct response {
    void *owner;
    int status;
    bool head_read, chunked, has_length, closes, is_stream, done, whole;
    long left;          /* bytes of the body, or of the present piece of it, still to come */
    int framing;        /* 0: size line, 1: data, 2: line end after data, 3: trailer */
    size_t body_size;
    long chunks, error_events;
    size_t head_size, line_size, frame_size;
    char head[MAX_HEAD], line[MAX_LINE], frame[64];
};

/* The reader of a response is told of each chunk that carries the mock's time and stream number. */
void on_chunk(struct response *r, uint64_t written_at, uint32_t stream);

static inline void response_begin(struct response *r, void *owner) {
    size_t head = offsetof(struct response, head);
    memset(r, 0, head);
    r->owner = owner;
}

static inline void take_line(struct response *r) {
    r->line[r->line_size] = 0;
    if (!strncmp(r->line, "data:", 5)) {
        const char *stamp = strchr(r->line, '@');
        if (strstr(r->line, "[DONE]")) r->done = true;
        else if (strstr(r->line, "\"error\":")) r->error_events++;
        else if (stamp && strlen(stamp) > 26) {
            r->chunks++;
            on_chunk(r, strtoull(stamp + 1, NULL, 10), (uint32_t)strtoul(stamp + 18, NULL, 10));
        }
    }
    r->line_size = 0;
}

static inline void take_body(struct response *r, const char *data, size_t size) {
    r->body_size += size;
    if (!r->is_stream) return;
    while (size) {
        const char *end = memchr(data, '\n', size);
        size_t part = end ? (size_t)(end - data) : size;
        size_t fits = MAX_LINE - 1 - r->line_size;
        memcpy(r->line + r->line_size, data, part < fits ? part : fits);
        r->line_size += part < fits ? part : fits;
        if (!end) return;
        take_line(r);
        data += part + 1;
        size -= part + 1;
    }
}

/* How many bytes were part of the chunked body; -1 where its framing is broken. */
static inline long take_chunked(struct response *r, const char *data, size_t size) {
    size_t at = 0;
    while (at < size && !r->whole) {
        if (r->framing == 1) {
            size_t part = size - at < (size_t)r->left ? size - at : (size_t)r->left;
            take_body(r, data + at, part);
            at += part;
            r->left -= (long)part;
            if (!r->left) r->framing = 2;
            continue;
        }
        char byte = data[at++];
        if (byte != '\n') {
            if (r->frame_size < sizeof r->frame - 1 && byte != '\r') r->frame[r->frame_size++] = byte;
            continue;
        }
        r->frame[r->frame_size] = 0;
        if (r->framing == 0) {
            char *end;
            r->left = strtol(r->frame, &end, 16);
            if (end == r->frame || r->left < 0) return -1;
            r->framing = r->left ? 1 : 3;
        } else if (r->framing == 2) r->framing = 0;
        else if (!r->frame_size) r->whole = true;
        r->frame_size = 0;
    }
    return (long)at;
}

static inline const char *header(const struct response *r, const char *name) {
    for (const char *line = strstr(r->head, "\r\n"); line && line[2] && line[2] != '\r'; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, strlen(name))) {
            const char *value = line + 2 + strlen(name);
            return value + strspn(value, " ");
        }
    return NULL;
}

static inline void read_head(struct response *r) {
    r->head_read = true;
    r->status = atoi(r->head + 9);
    const char *length = header(r, "content-length:"), *coding = header(r, "transfer-encoding:");
    const char *type = header(r, "content-type:"), *connection = header(r, "connection:");
    r->chunked = coding && !strncasecmp(coding, "chunked", 7);
    r->has_length = length != NULL;
    r->left = length && !r->chunked ? atol(length) : 0;
    r->closes = connection && !strncasecmp(connection, "close", 5);
    r->is_stream = type && !strncasecmp(type, "text/event-stream", 17);
    r->whole = r->has_length && !r->chunked && r->left == 0;
}

/* Take what came; 0, or -1 where it is no HTTP response. */
static inline int response_read(struct response *r, const char *data, size_t size) {
    if (!r->head_read) {
        size_t before = r->head_size;
        size_t copied = before + size < MAX_HEAD ? size : MAX_HEAD - 1 - before;
        memcpy(r->head + before, data, copied);
        r->head_size += copied;
        r->head[r->head_size] = 0;
        char *end = strstr(r->head, "\r\n\r\n");
        if (!end) return r->head_size == MAX_HEAD - 1 ? -1 : 0;
        size_t head = (size_t)(end - r->head) + 4;
        end[2] = 0;
        if (strncmp(r->head, "HTTP/1.", 7)) return -1;
        read_head(r);
        data += head - before;
        size -= head - before;
    }
    if (!size || r->whole) return 0;
    if (r->chunked) return take_chunked(r, data, size) < 0 ? -1 : 0;
    size_t part = r->has_length && size > (size_t)r->left ? (size_t)r->left : size;
    take_body(r, data, part);
    r->left -= (long)part;
    if (r->has_length && !r->left) r->whole = true;
    return 0;
}

/* A body without length or chunks is whole when the connection ends. */
static inline bool response_ends_with_connection(const struct response *r) {
    return r->head_read && !r->chunked && !r->has_length;
}

#endif
