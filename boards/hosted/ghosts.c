/* SPDX-License-Identifier: MIT */
/*
 * Ghosts, made of single frames: ARP (RFC 826), IPv4 (RFC 791), TCP (RFC 9293).
 * They speak to the device alone, and only until they are connected.
 */
#include "ghosts.h"

#include <arpa/inet.h>
#include <string.h>

#include "host.h"
#include "hosted.h"

#define ETHERNET_LEN 14U
#define ARP_LEN 28U
#define IP_LEN 20U
#define TCP_LEN 20U
#define SYN 0x02
#define ACK 0x10
#define FIRST_PORT 20000U
#define FIRST_SEQUENCE 1000U

/* All ghosts share one host, which libslirp does not know: 10.0.2.99. */
static const uint8_t ghost_mac[6] = {0x02, 0, 0, 0, 0, 0x99};
static const uint8_t ghost_ip[4] = {10, 0, 2, 99};

static enum ghost_silence ghost_silence;

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

static void put16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void put32(uint8_t *bytes, uint32_t value)
{
    put16(bytes, value >> 16);
    put16(bytes + 2, value);
}

/* RFC 1071. `len` is even. */
static uint32_t sum16(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 2) {
        sum += get16(bytes + i);
    }
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return sum;
}

static void begin_frame(uint8_t *frame, uint16_t type)
{
    memcpy(frame, hosted.device->netif.hwaddr, 6);
    memcpy(frame + 6, ghost_mac, 6);
    put16(frame + 12, type);
}

static void send_tcp(struct wire *wire, uint16_t port, uint8_t flags, uint32_t sequence, uint32_t acknowledged)
{
    uint8_t frame[ETHERNET_LEN + IP_LEN + TCP_LEN] = {0};
    uint8_t *ip = frame + ETHERNET_LEN;
    uint8_t *tcp = ip + IP_LEN;

    begin_frame(frame, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, IP_LEN + TCP_LEN);
    ip[8] = 64;
    ip[9] = IPPROTO_TCP;
    memcpy(ip + 12, ghost_ip, 4);
    memcpy(ip + 16, &netif_ip4_addr(&hosted.device->netif)->addr, 4);
    put16(ip + 10, ~sum16(0, ip, IP_LEN));
    put16(tcp, port);
    put16(tcp + 2, 9002);
    put32(tcp + 4, sequence);
    put32(tcp + 8, acknowledged);
    tcp[12] = TCP_LEN / 4 << 4;
    tcp[13] = flags;
    put16(tcp + 14, 8192);
    put16(tcp + 16, ~sum16(sum16(IPPROTO_TCP + TCP_LEN, ip + 12, 8), tcp, TCP_LEN));
    wire_send(wire, TO_DEVICE, frame, sizeof frame, host_now_ms());
}

static void answer_arp(struct wire *wire, const uint8_t *request)
{
    uint8_t frame[ETHERNET_LEN + ARP_LEN];
    uint8_t *arp = frame + ETHERNET_LEN;

    begin_frame(frame, 0x0806);
    memcpy(arp, request, 6);
    put16(arp + 6, 2);
    memcpy(arp + 8, ghost_mac, 6);
    memcpy(arp + 14, ghost_ip, 4);
    memcpy(arp + 18, request + 8, 10);
    wire_send(wire, TO_DEVICE, frame, sizeof frame, host_now_ms());
}

void ghosts_connect(struct wire *wire, unsigned count, enum ghost_silence silence)
{
    static uint32_t next;

    ghost_silence = silence;
    for (unsigned i = 0; i < count; i++) {
        send_tcp(wire, (uint16_t)(FIRST_PORT + next++ % 40000U), SYN, FIRST_SEQUENCE, 0);
    }
}

bool ghosts_receive(struct wire *wire, const uint8_t *frame, size_t len)
{
    const uint8_t *packet = frame + ETHERNET_LEN;
    const uint8_t *tcp = packet + IP_LEN;

    if (len >= ETHERNET_LEN + ARP_LEN && get16(frame + 12) == 0x0806 && get16(packet + 6) == 1 &&
        memcmp(packet + 24, ghost_ip, 4) == 0) {
        answer_arp(wire, packet);
        return true;
    }
    if (len < ETHERNET_LEN + IP_LEN + TCP_LEN || get16(frame + 12) != 0x0800 || memcmp(packet + 16, ghost_ip, 4) != 0) {
        return false;
    }
    if (ghost_silence == AFTER_ACK && tcp[13] == (SYN | ACK)) {
        send_tcp(wire, get16(tcp + 2), ACK, FIRST_SEQUENCE + 1, get32(tcp + 4) + 1);
    }
    return true;
}
