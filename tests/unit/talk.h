/* SPDX-License-Identifier: MIT */
/*
 * A talk: what a client sends and what it must be answered, whatever the pieces in which the bytes travel. Each talk is
 * held whole, byte by byte, and split at every position; the answers leave in pieces of 1 byte, of 7 bytes, and whole.
 */
#ifndef TALK_H
#define TALK_H

#include "rig.h"

struct talk {
    struct bytes request;
    struct bytes answer;
    void (*prepare)(struct rig *rig); /* the store before; may be NULL */
    void (*verify)(struct rig *rig);  /* the store after the session has ended; may be NULL */
    bool closes;                      /* the server closes by itself; else the client does, in the end */
    bool lets_go;                     /* input may remain that the server doesn't take */
};

/* The one talk, empty. */
static inline struct talk *talk_new(void)
{
    static struct talk talk;

    talk.request.len = 0;
    talk.answer.len = 0;
    talk.prepare = NULL;
    talk.verify = NULL;
    talk.closes = false;
    talk.lets_go = false;
    return &talk;
}

/* The client sends a request; ' stands for ". */
static inline void ask(struct talk *talk, const char *json)
{
    add_header(&talk->request, json);
}

/* The client sends a request and its body. */
static inline void ask_with(struct talk *talk, const char *json, const char *body)
{
    add_header(&talk->request, json);
    add_text(&talk->request, body);
}

/* The server answers; ' stands for ". */
static inline void expect(struct talk *talk, const char *json)
{
    add_header(&talk->answer, json);
}

static inline void expect_with(struct talk *talk, const char *json, const char *body)
{
    add_header(&talk->answer, json);
    add_text(&talk->answer, body);
}

/* Every answer is one by the protocol, and the last is whole. */
static inline void check_answers(const struct bytes *stream)
{
    struct answer answer;
    size_t at = 0;

    while (answer_next(stream->data, stream->len, &at, &answer)) {
    }
    assert_int_equal(at, stream->len);
}

/* Holds the talk once: first `first` bytes, then pieces of `piece` bytes. */
static inline void talk_once(struct rig *rig, struct talk *talk, size_t first, size_t piece, size_t output_piece)
{
    const struct bytes *request = &talk->request;
    size_t at = 0;

    rig_begin(rig);
    rig->output_piece = output_piece;
    if (talk->prepare != NULL) {
        talk->prepare(rig);
    }
    while (at < request->len) {
        size_t wanted = at < first ? first : piece;
        size_t len = wanted < request->len - at ? wanted : request->len - at;
        size_t taken = rig_feed(rig, request->data + at, len);

        at += taken;
        if (taken < len) {
            assert_true(talk->closes);
            break;
        }
        if (piece < request->len) {
            rig_settle(rig);
        }
    }
    rig_settle(rig);
    assert_int_equal(rig_wants(rig, DORY_WANTS_CLOSE), talk->closes);
    assert_true(talk->lets_go || at == request->len);
    dory_session_end_input(&rig->session, rig->now_ms);
    rig_settle(rig);
    assert_true(rig_wants(rig, DORY_WANTS_CLOSE));
    assert_bytes_equal(&rig->output, &talk->answer);
    rig_end(rig);
    if (talk->verify != NULL) {
        talk->verify(rig);
    }
}

/* Holds the talk in every way. */
static inline void hold(struct talk *talk)
{
    static const size_t output_pieces[] = {SIZE_MAX, 7, 1};
    static struct rig rig;
    size_t len = talk->request.len;

    check_answers(&talk->answer);
    for (size_t i = 0; i < COUNT_OF(output_pieces); i++) {
        talk_once(&rig, talk, len, len, output_pieces[i]);
        talk_once(&rig, talk, 0, 1, output_pieces[i]);
        for (size_t split = 1; split < len; split++) {
            talk_once(&rig, talk, split, len, output_pieces[i]);
        }
    }
}

#endif
