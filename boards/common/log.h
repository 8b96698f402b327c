/* SPDX-License-Identifier: MIT */
/* What a person reads on the UART. Each function waits until it is written; keep lines short. */
#ifndef LOG_H
#define LOG_H

#include <stdint.h>

/* Writes `text`; each newline gets its carriage return. */
void log_text(const char *text);

void log_decimal(uint32_t value);

/* Writes eight hexadecimal digits. */
void log_hex(uint32_t value);

/* Writes an IPv4 address. `address` is in network order, as lwIP holds it. */
void log_ip4(uint32_t address);

#endif
