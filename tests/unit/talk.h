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
    bool is_brisk;                    /* no dawdling store: the answer would be cut into other parts */
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
    talk.is_brisk = false;
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

/* How a talk is held. */
struct manner {
    size_t first;        /* bytes of the first piece */
    size_t piece;        /* bytes of each further piece */
    size_t output_piece; /* bytes of each piece of the answers */
    bool hangs_up;       /* the client ends its side right behind its last byte */
    bool dawdles;        /* the store says "later" whenever it may, and takes and gives little */
};

static inline void talk_begin(struct rig *rig, const struct talk *talk, const struct manner *manner)
{
    rig_begin(rig);
    rig->output_piece = manner->output_piece;
    if (talk->prepare != NULL) {
        talk->prepare(rig);
    }
    if (manner->dawdles) {
        rig->store->faults.later_every = 2;
        rig->store->faults.piece = 3;
        rig->store->faults.commit_polls = 5;
    }
}

/* Returns how many bytes the server took. */
static inline size_t talk_feed(struct rig *rig, const struct talk *talk, const struct manner *manner)
{
    const struct bytes *request = &talk->request;
    size_t at = 0;

    while (at < request->len) {
        size_t wanted = at < manner->first ? manner->first : manner->piece;
        size_t len = wanted < request->len - at ? wanted : request->len - at;
        size_t taken = rig_feed(rig, request->data + at, len);

        at += taken;
        if (taken < len) {
            assert_true(talk->closes);
            break;
        }
        if (at < request->len) {
            rig_settle(rig);
        }
    }
    return at;
}

static inline void talk_once(const struct talk *talk, const struct manner *manner)
{
    static struct rig rig;
    size_t taken;

    talk_begin(&rig, talk, manner);
    taken = talk_feed(&rig, talk, manner);
    if (manner->hangs_up && !talk->closes) {
        dory_session_end_input(&rig.session, rig.now_ms);
    }
    rig_settle(&rig);
    if (!manner->hangs_up || talk->closes) {
        assert_int_equal(rig_wants(&rig, DORY_WANTS_CLOSE), talk->closes);
        dory_session_end_input(&rig.session, rig.now_ms);
        rig_settle(&rig);
    }
    assert_true(rig_wants(&rig, DORY_WANTS_CLOSE));
    assert_true(talk->lets_go || taken == talk->request.len);
    assert_bytes_equal(&rig.output, &talk->answer);
    rig_end(&rig);
    if (talk->verify != NULL) {
        talk->verify(&rig);
    }
}

/* Holds the talk in every manner. */
static inline void hold(const struct talk *talk)
{
    static const size_t output_pieces[] = {SIZE_MAX, 7, 1};
    size_t len = talk->request.len;

    check_answers(&talk->answer);
    for (size_t i = 0; i < COUNT_OF(output_pieces); i++) {
        struct manner manner = {.first = len, .piece = len, .output_piece = output_pieces[i]};

        for (int j = 0; j < (talk->is_brisk ? 2 : 4); j++) {
            manner.hangs_up = (j & 1) != 0;
            manner.dawdles = (j & 2) != 0;
            manner.first = len;
            manner.piece = len;
            talk_once(talk, &manner);
            manner.first = 0;
            manner.piece = 1;
            talk_once(talk, &manner);
        }
        manner = (struct manner){.piece = len, .output_piece = output_pieces[i]};
        for (size_t split = 1; split < len; split++) {
            manner.first = split;
            talk_once(talk, &manner);
        }
    }
}

#endif
