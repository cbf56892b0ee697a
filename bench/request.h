/* Reading what the mock upstream needs of a request. */
#ifndef HOMEPORT_BENCH_REQUEST_H
#define HOMEPORT_BENCH_REQUEST_H

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_REQUEST = 16 << 20 };

/* The value of a field, wherever it is; NULL where there is none. Text that only looks like its name has no colon. */
static inline const char *find(const char *body, size_t size, const char *name) {
    const char *at = body, *end = body + size;
    while ((at = memmem(at, (size_t)(end - at), name, strlen(name)))) {
        at += strlen(name);
        while (at < end && isspace((unsigned char)*at)) at++;
        if (at == end || *at != ':') continue;
        do at++;
        while (at < end && isspace((unsigned char)*at));
        return at < end ? at : NULL;
    }
    return NULL;
}

static inline long number(const char *steering, const char *name) {
    const char *at = strstr(steering, name);
    return at ? atol(at + strlen(name)) : 0;
}

/* Length of the body that a head announces; -1 for what this server does not read. */
static inline long content_length(const char *head) {
    long length = 0;
    for (const char *line = strstr(head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        if (!strncasecmp(line + 2, "content-length:", 15)) length = atol(line + 17);
        if (!strncasecmp(line + 2, "transfer-encoding:", 18)) return -1;
    }
    return length >= 0 && length <= MAX_REQUEST ? length : -1;
}

#endif
