/* SPDX-License-Identifier: MIT */
/*
 * The check of a firmware image in MCUboot's format: of its header before
 * anything is erased, of its hash and what is signed with it when all has
 * arrived, and of its signature.
 *
 *     header (32 bytes, and padding up to header_size)
 *     image
 *     protected TLVs, if any   u16 0x6908, u16 bytes with these four; entries
 *     TLVs                     u16 0x6907, u16 bytes with these four; entries
 *
 * An entry is u16 type, u16 bytes, and so many bytes. All numbers are
 * little-endian. Source: docs/design.md, "Image format", and
 * boot/bootutil/include/bootutil/image.h of MCUboot.
 *
 * Beyond that format, the image must end where its TLVs do, and hold exactly
 * one SHA-256, one hash of the key and one ECDSA P-256 signature. What the
 * signature does not cover is refused where it would matter: a security counter
 * or a board's name that is not among the protected TLVs.
 *
 * Shared rules
 *  - Bytes come in, in pieces of any size; nothing is read or kept elsewhere, so
 *    they may come from the network or from flash.
 *  - The caller owns struct dory_image, and may copy it. It reads the members
 *    that are told to be readable, and writes none.
 *  - The rules, and what they point to, are the caller's; they stay as they are
 *    until the image has been judged.
 *  - The first fault sticks: every later call returns the same failure.
 */
#ifndef DORY_IMAGE_H
#define DORY_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dory_config.h"
#include "status.h"

#define DORY_IMAGE_MAGIC 0x96f3b83dU
#define DORY_IMAGE_HEADER 32U          /* bytes that tell what the header has to tell */
#define DORY_IMAGE_HASH 32U            /* bytes of a SHA-256 */
#define DORY_IMAGE_SIGNATURE 72U       /* bytes of the longest signature: DER, ECDSA P-256 */
#define DORY_IMAGE_BOARD 32U           /* bytes of the longest name of a board */
#define DORY_IMAGE_VERSION_TEXT 25U    /* bytes of the longest version as text, with its NUL */
#define DORY_IMAGE_ANY_SIZE UINT64_MAX /* for dory_image_begin() */

/* Where the TLVs begin. */
#define DORY_IMAGE_TLVS 0x6907U
#define DORY_IMAGE_PROTECTED_TLVS 0x6908U
#define DORY_IMAGE_TLV_HEAD 4U /* bytes of such a beginning, and of an entry's */

/* Types of TLV. Others are passed over. */
enum dory_image_tlv {
    DORY_IMAGE_TLV_KEY_HASH = 0x01,  /* SHA-256 of the public key as SubjectPublicKeyInfo */
    DORY_IMAGE_TLV_HASH = 0x10,      /* SHA-256 of header, image and protected TLVs */
    DORY_IMAGE_TLV_SIGNATURE = 0x22, /* ECDSA P-256 of that hash, DER (RFC 3279 section 2.2.3) */
    DORY_IMAGE_TLV_COUNTER = 0x50,   /* security counter, u32; protected */
    /* dory's own, of those that MCUboot leaves to vendors (xxA0 to xxFF): the board's name, 1 to DORY_IMAGE_BOARD bytes
     * of text without NUL; protected. `imgtool sign --custom-tlv 0xd0 NAME` writes it. */
    DORY_IMAGE_TLV_BOARD = 0xd0,
};

/* Flags of a header. An image with any other (encrypted, compressed, not to be booted) is not for us. */
#define DORY_IMAGE_FLAG_PIC 0x00000001U       /* position-independent code */
#define DORY_IMAGE_FLAG_RAM_LOAD 0x00000020U  /* to be copied to load_addr */
#define DORY_IMAGE_FLAG_ROM_FIXED 0x00000100U /* load_addr is where its slot must be */

/* A public key as SubjectPublicKeyInfo (RFC 5480), of which the last 65 bytes are the point (SEC 1 section 2.3.3,
 * uncompressed). `dorysign pubkey` and `imgtool getpub` write it as a C array. */
#define DORY_IMAGE_KEY 91U
#define DORY_IMAGE_POINT 65U

/* Faults, for people: what each makes of the status, and a sentence. */
#define DORY_IMAGE_FAULTS(X) \
    X(NONE, DORY_OK, "There is nothing wrong with it.") \
    X(NO_IMAGE, DORY_BAD_IMAGE, "It does not begin as an image of MCUboot's format does.") \
    X(SIZES, DORY_BAD_IMAGE, "The sizes in its header are impossible.") \
    X(TOO_LARGE, DORY_BAD_IMAGE, "It is larger than the slot.") \
    X(SHORT, DORY_BAD_IMAGE, "Its end is missing.") \
    X(TRAILING, DORY_BAD_IMAGE, "There is something behind its end.") \
    X(FLAGS, DORY_BAD_IMAGE, "It is encrypted, compressed, or for another loader.") \
    X(OLD_VERSION, DORY_BAD_IMAGE, "Its version is older than the oldest one allowed.") \
    X(TLV, DORY_BAD_IMAGE, "A TLV is malformed, or longer than the room for it.") \
    X(TWICE, DORY_BAD_IMAGE, "A TLV is there twice.") \
    X(UNPROTECTED, DORY_BAD_IMAGE, "A TLV that must be protected is not, or the other way round.") \
    X(OLD_COUNTER, DORY_BAD_IMAGE, "Its security counter is lower than the lowest one allowed.") \
    X(OTHER_BOARD, DORY_BAD_IMAGE, "It is for another board, or does not say for which.") \
    X(NO_HASH, DORY_BAD_IMAGE, "It has no SHA-256.") \
    X(HASH, DORY_BAD_IMAGE, "Its SHA-256 is wrong: it has been damaged or changed.") \
    X(NO_SIGNATURE, DORY_BAD_SIGNATURE, "It is not signed with ECDSA P-256.") \
    X(OTHER_KEY, DORY_BAD_SIGNATURE, "It is signed with another key.") \
    X(SIGNATURE, DORY_BAD_SIGNATURE, "Its signature is wrong.")

enum dory_image_fault {
#define DORY_IMAGE_FAULT_ENUM(symbol, status, sentence) DORY_IMAGE_FAULT_##symbol,
    DORY_IMAGE_FAULTS(DORY_IMAGE_FAULT_ENUM)
#undef DORY_IMAGE_FAULT_ENUM
};

struct dory_image_version {
    uint8_t major;
    uint8_t minor;
    uint16_t revision;
    uint32_t build;
};

/* A SHA-256 under way: memory, and what is in it is the functions' own. */
struct dory_sha256 {
    uint64_t state[DORY_SHA256_STATE / 8];
};

/* What a product's library or hardware does. Each call blocks until it is done. */
struct dory_image_crypto {
    void (*sha256_begin)(struct dory_sha256 *sha256);
    void (*sha256_add)(struct dory_sha256 *sha256, const uint8_t *data, size_t len);

    /* Writes the hash of all that was added; then begin() must be next. */
    void (*sha256_end)(struct dory_sha256 *sha256, uint8_t hash[DORY_IMAGE_HASH]);

    /* Returns whether `signature`, `len` bytes that should be DER, is one by the key whose point that is, over `hash`:
     * ECDSA on P-256 (FIPS 186-4). A point that is none makes it false. */
    bool (*verify)(const uint8_t point[DORY_IMAGE_POINT], const uint8_t hash[DORY_IMAGE_HASH], const uint8_t *signature,
                   size_t len);
};

/* What an image must be like. Zeros allow everything but a size. */
struct dory_image_rules {
    const struct dory_image_crypto *crypto;
    const uint8_t *key;   /* DORY_IMAGE_KEY bytes; NULL: no signature is good */
    const char *board;    /* that the image must name, 1 to DORY_IMAGE_BOARD bytes; NULL: any, or none */
    uint64_t max_size;    /* bytes that the slot has for it */
    uint32_t min_counter; /* of an image without a security counter it is 0 */
    struct dory_image_version min_version; /* all four numbers count */
};

struct dory_image {
    /* Readable when the header has been judged. */
    struct dory_image_version version;
    uint16_t header_size;    /* bytes: where the image begins */
    uint16_t protected_size; /* bytes of the protected TLVs, 0 for none */
    uint32_t image_size;     /* bytes, without header and TLVs */
    uint32_t load_addr;      /* meaningful with one of its flags */
    uint32_t flags;

    /* Readable when feeding has returned DORY_OK. */
    uint64_t size;                    /* bytes, all included */
    uint8_t hash[DORY_IMAGE_HASH];    /* the SHA-256 that is signed: it identifies an image */
    uint32_t counter;                 /* security counter, 0 when there is none */
    char board[DORY_IMAGE_BOARD + 1]; /* name of the board, "" when there is none */

    /* Readable always. */
    uint8_t fault; /* enum dory_image_fault */

    /* Its own. */
    uint8_t part; /* enum part, in image.c */
    bool in_protected;
    uint8_t have;          /* bytes of the part in hand that are kept */
    uint8_t seen;          /* a bit for each type of TLV that there may be once */
    uint8_t signature_len; /* bytes */
    uint16_t type;         /* of the entry in hand */
    uint16_t value_len;    /* bytes of it */
    uint16_t area_left;    /* bytes of the TLVs that no entry has taken yet */
    uint64_t left;         /* bytes of the part that are still to come */
    uint64_t announced;    /* bytes, or DORY_IMAGE_ANY_SIZE */
    const struct dory_image_rules *rules;
    struct dory_sha256 sha256;
    uint8_t buf[DORY_IMAGE_HEADER]; /* the part in hand, but for values that have a place of their own */
    uint8_t key_hash[DORY_IMAGE_HASH];
    uint8_t signature[DORY_IMAGE_SIGNATURE];
};

/* Begins with an image of `size` bytes, as a put announces it; or of DORY_IMAGE_ANY_SIZE: the image tells, and
 * dory_image_wants() has to be asked so that nothing behind it is fed. */
void dory_image_begin(struct dory_image *image, const struct dory_image_rules *rules, uint64_t size);

/*
 * Takes the next `len` bytes; `data` is lent for the call. The header is judged with the DORY_IMAGE_HEADER-th byte: when
 * no call has failed by then, magic, sizes, flags and version are right. The other rules are judged when what they are
 * about has arrived, the hash with the last byte.
 *
 * Returns DORY_MORE; DORY_OK when the image is whole and only its signature remains to be judged; or DORY_BAD_IMAGE,
 * see `fault`.
 */
int dory_image_feed(struct dory_image *image, const uint8_t *data, size_t len) __attribute__((warn_unused_result));

/* Returns how many bytes are certain to follow: above 0 until the image is whole, then 0, and 0 after a fault. */
uint64_t dory_image_wants(const struct dory_image *image);

/*
 * Judges the signature, which takes time and stack (port/README.md). DORY_OK: all rules are kept. DORY_BAD_SIGNATURE:
 * there is none, or it is wrong, or by another key than that of the rules. DORY_BAD_IMAGE: feeding has not come to
 * DORY_OK.
 */
int dory_image_finish(struct dory_image *image) __attribute__((warn_unused_result));

/* Returns the sentence for `fault`: static text, never NULL. It stands in an object file of its own, as those of the
 * statuses. */
const char *dory_image_fault_sentence(enum dory_image_fault fault);

/* Returns a number below, at or above 0, as `a` is older than `b`, the same or newer. */
int dory_image_version_compare(const struct dory_image_version *a, const struct dory_image_version *b);

/* Writes `version` to `text` as "1.2.3", or "1.2.3+4" when its build isn't 0, with a NUL. */
void dory_image_version_write(const struct dory_image_version *version, char text[DORY_IMAGE_VERSION_TEXT]);

/* Reads MAJOR[.MINOR[.REVISION]][+BUILD], as imgtool does: what is missing is 0. Returns false, with `*version` undefined, when
 * `text` is something else or a number doesn't fit. */
bool dory_image_version_read(const char *text, struct dory_image_version *version);

#endif
