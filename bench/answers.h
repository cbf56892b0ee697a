/* What the mock upstream says: the shapes and sizes of OpenAI's answers. */
#ifndef HOMEPORT_BENCH_ANSWERS_H
#define HOMEPORT_BENCH_ANSWERS_H

#include <stddef.h>
#include <stdio.h>

static char whole[2048], embedding[1024];
static size_t whole_size, embedding_size;

#define CHUNK_HEAD \
    "data: {\"id\":\"chatcmpl-Benchmark00000000000000000001\",\"object\":\"chat.completion.chunk\"," \
    "\"created\":1750000000,\"model\":\"gpt-4.1-mini\",\"system_fingerprint\":\"fp_0123456789\",\"choices\":["
#define USAGE "\"usage\":{\"prompt_tokens\":230,\"completion_tokens\":%ld,\"total_tokens\":%ld}"

static void prepare_answers(void) {
    char filler[641];
    for (size_t i = 0; i < sizeof filler - 1; i++) filler[i] = i % 6 == 5 ? ' ' : (char)('a' + i % 26);
    filler[sizeof filler - 1] = 0;
    whole_size = (size_t)snprintf(
        whole, sizeof whole,
        "{\"id\":\"chatcmpl-Benchmark00000000000000000001\",\"object\":\"chat.completion\",\"created\":1750000000,"
        "\"model\":\"gpt-4.1-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\","
        "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}]," USAGE ",\"system_fingerprint\":\"fp_01\"}",
        filler, 160L, 390L);
    embedding_size = (size_t)snprintf(
        embedding, sizeof embedding,
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.125,-0.5,0.25,0.0625,"
        "0.5,-0.25,0.75,0.375]}],\"model\":\"embedding\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
}

#endif
