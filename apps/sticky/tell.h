/* SPDX-License-Identifier: MIT */
/* What is printed on stdout: text and hex for people, or a JSON object a line. */
#ifndef STICKY_TELL_H
#define STICKY_TELL_H

#include <stdbool.h>
#include <stddef.h>

/* The most bytes of anything that is told. */
#define TELL_MAX 1024

struct teller {
    const char *mode; /* "raw" or "framed" */
    bool json;
};

/* Prints a text, formatted as by printf(), unless it's JSON that is asked for. */
void tell_text(const struct teller *teller, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells what is sent; in JSON this is left out. */
void tell_send(const struct teller *teller, const void *data, size_t len);

/* Tells what one recv() of at most `asked` bytes gave. All that is sent here is ASCII, and so is any piece of it: JSON
 * gets it as text and in hex. */
void tell_receive(const struct teller *teller, size_t asked, const void *data, size_t len);

/* Tells a message that has been found in what was received. */
void tell_message(const struct teller *teller, const void *data, size_t len);

#endif
