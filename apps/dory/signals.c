/* SPDX-License-Identifier: MIT */
/* Signals. */
#define _DEFAULT_SOURCE

#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "link.h"

static volatile sig_atomic_t got;

static void on_signal(int number)
{
    got = number;
    link_interrupt();
}

/* Without SA_RESTART: what waits shall be woken. */
void signals_catch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;

        /* nohup, and shells that put us in the background, want them ignored. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

int signals_got(void)
{
    return got;
}

void signals_forget(void)
{
    got = 0;
    link_interrupt_over();
    signals_catch();
}
