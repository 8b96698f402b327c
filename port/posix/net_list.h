/* SPDX-License-Identifier: MIT */
/*
 * A doubly linked list through its elements: no allocation, and an element
 * leaves in constant time whatever list it is on. A list is a link of its own
 * that joins the last element to the first.
 */
#ifndef DORY_NET_LIST_H
#define DORY_NET_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* As an element: all zero while on no list. */
struct net_link {
    struct net_link *prev;
    struct net_link *next;
};

/* The object of `type` whose `member` the link is. */
#define net_object(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void net_list_init(struct net_link *list)
{
    list->prev = list;
    list->next = list;
}

static inline bool net_list_empty(const struct net_link *list)
{
    return list->next == list;
}

static inline bool net_link_listed(const struct net_link *link)
{
    return link->next != NULL;
}

/* Does nothing to a link that is on no list. */
static inline void net_link_remove(struct net_link *link)
{
    if (!net_link_listed(link))
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = NULL;
    link->next = NULL;
}

static inline void net_list_append(struct net_link *list, struct net_link *link)
{
    net_link_remove(link);
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

/* Moves all elements of `from` to the empty list `to`. */
static inline void net_list_take(struct net_link *to, struct net_link *from)
{
    if (net_list_empty(from))
        return;
    *to = *from;
    to->prev->next = to;
    to->next->prev = to;
    net_list_init(from);
}

#endif
