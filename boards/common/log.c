/* SPDX-License-Identifier: MIT */
/* Text and numbers to the UART, without printf(). */
#include "log.h"

#include "board.h"

void log_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            board_put_char('\r');
        }
        board_put_char(*text);
    }
}

void log_decimal(uint32_t value)
{
    char digits[11]; /* 2^32 - 1 has ten */
    char *first = &digits[10];
    *first = '\0';
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    log_text(first);
}

void log_hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        board_put_char("0123456789abcdef"[value >> shift & 15]);
    }
}

void log_ip4(uint32_t address)
{
    const uint8_t *bytes = (const uint8_t *)&address;
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            board_put_char('.');
        }
        log_decimal(bytes[i]);
    }
}
