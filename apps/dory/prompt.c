/* SPDX-License-Identifier: MIT */
/*
 * Reading of lines.
 *
 * Implementation notes
 *
 * libedit would catch signals itself, and hand them to the whole process group. So it reads its characters through
 * next_char(), which ends the line when a signal has come. What has to be done after the terminal has changed its size,
 * or after a pause (Ctrl-Z, fg), is done there, too: the shell that we come back from has changed its modes.
 */
#define _DEFAULT_SOURCE
#define _XOPEN_SOURCE 700

#include "prompt.h"

#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "link.h"

#define HISTORY_LINES 1000
#define PATH_SIZE 4096

struct prompt {
    bool interactive;
    char label[80];
    char *line;  /* the last one */
    size_t size; /* of its buffer, when it is a script's */
    EditLine *edit;
    History *history;
    char path[PATH_SIZE]; /* of the history's file; "": none */
};

/* ---- The history's file ---- */

/* $XDG_STATE_HOME/dory/history where that is set, else ~/.dory_history. */
static void find_history(char path[PATH_SIZE])
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int len = 0;

    if (state != NULL && state[0] == '/') {
        len = snprintf(path, PATH_SIZE, "%s/dory", state);
        if (len < PATH_SIZE && mkdir(path, 0700) != 0 && errno == ENOENT && mkdir(state, 0700) == 0) {
            (void)mkdir(path, 0700);
        }
        len = snprintf(path, PATH_SIZE, "%s/dory/history", state);
    } else if (home != NULL && home[0] == '/') {
        len = snprintf(path, PATH_SIZE, "%s/.dory_history", home);
    }
    if (len <= 0 || len >= PATH_SIZE) {
        path[0] = '\0';
    }
}

static void load_history(struct prompt *prompt)
{
    HistEvent event;

    history(prompt->history, &event, H_SETSIZE, HISTORY_LINES);
    history(prompt->history, &event, H_SETUNIQUE, 1);
    find_history(prompt->path);
    if (prompt->path[0] != '\0') {
        history(prompt->history, &event, H_LOAD, prompt->path);
    }
}

/* What a person has typed is nobody else's business. */
static void save_history(const struct prompt *prompt)
{
    HistEvent event;
    mode_t mask;

    if (prompt->path[0] != '\0') {
        mask = umask(077);
        history(prompt->history, &event, H_SAVE, prompt->path);
        umask(mask);
    }
}

/* ---- The terminal ---- */

static volatile sig_atomic_t terminal_changed;

static void on_terminal_changed(int number)
{
    (void)number;
    terminal_changed = 1;
}

static void watch_terminal(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_terminal_changed;
    sigaction(SIGWINCH, &action, NULL);
    sigaction(SIGCONT, &action, NULL);
}

static void adapt_to_terminal(EditLine *edit)
{
    terminal_changed = 0;
    el_set(edit, EL_PREP_TERM, 0);
    el_set(edit, EL_PREP_TERM, 1);
    el_resize(edit);
    el_set(edit, EL_REFRESH);
}

/* Waits for input. Signals come while it waits and at no other time, so none comes unseen just ahead of that. Returns
 * false when one wants us to end. */
static bool wait_for_input(EditLine *edit)
{
    static const int numbers[] = {SIGWINCH, SIGCONT, SIGINT, SIGTERM, SIGHUP};
    sigset_t ours;
    sigset_t before;
    int ready;

    sigemptyset(&ours);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaddset(&ours, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &ours, &before);
    do {
        fd_set input;

        FD_ZERO(&input);
        FD_SET(STDIN_FILENO, &input);
        if (terminal_changed) {
            adapt_to_terminal(edit);
        }
        ready = link_interrupted() ? 0 : pselect(STDIN_FILENO + 1, &input, NULL, NULL, NULL, &before);
    } while (ready < 0 && errno == EINTR);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ready != 0;
}

/* Reads a byte. Returns 1; 0 at the end; or -1, when a signal wants us to end, or there is nothing to read from. */
static int next_byte(EditLine *edit, char *byte)
{
    ssize_t got;

    do {
        got = wait_for_input(edit) ? read(STDIN_FILENO, byte, 1) : -1;
    } while (got < 0 && errno == EINTR && !link_interrupted());
    return (int)got;
}

/* As libedit's own: 1, 0 at the end, or -1. What is no character is passed over. */
static int next_char(EditLine *edit, wchar_t *c)
{
    mbstate_t state;

    memset(&state, 0, sizeof state);
    for (;;) {
        char byte;
        int got = next_byte(edit, &byte);
        size_t len;

        if (got <= 0) {
            return got;
        }
        len = mbrtowc(c, &byte, 1, &state);
        if (len <= 1) {
            return 1;
        }
        if (len == (size_t)-1) {
            memset(&state, 0, sizeof state);
        }
    }
}

static char *label_of(EditLine *edit)
{
    void *data = NULL;

    el_get(edit, EL_CLIENTDATA, &data);
    return ((struct prompt *)data)->label;
}

/* Lines are UTF-8, whatever the locale says. */
static void choose_characters(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        setlocale(LC_CTYPE, "C.UTF-8");
    }
}

static bool begin_editing(struct prompt *prompt)
{
    choose_characters();
    prompt->history = history_init();
    prompt->edit = el_init("dory", stdin, stdout, stderr);
    if (prompt->history == NULL || prompt->edit == NULL) {
        errno = ENOMEM;
        return false;
    }
    load_history(prompt);
    el_set(prompt->edit, EL_CLIENTDATA, prompt);
    el_set(prompt->edit, EL_PROMPT, label_of);
    el_set(prompt->edit, EL_EDITOR, "emacs");
    el_set(prompt->edit, EL_HIST, history, prompt->history);
    el_set(prompt->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(prompt->edit, EL_BIND, "\\e[3~", "ed-delete-next-char", NULL);
    el_set(prompt->edit, EL_GETCFN, next_char);
    el_source(prompt->edit, NULL); /* the user's ~/.editrc */
    watch_terminal();
    return true;
}

/* ---- Reading ---- */

/* Keeps a line, which libedit lends. Returns false when there is no memory. */
static bool keep(struct prompt *prompt, const char *line)
{
    free(prompt->line);
    prompt->line = strdup(line);
    return prompt->line != NULL;
}

/* Returns the bytes of a line; 0: that was the last one; -1: see errno, and link_interrupted(). */
static ssize_t read_edited(struct prompt *prompt)
{
    HistEvent event;
    const char *line;
    int count = 0;

    if (terminal_changed) {
        terminal_changed = 0;
        el_resize(prompt->edit);
    }
    /* el_gets() shows the prompt first: a Ctrl-D that is typed then would end nothing, and be lost. */
    el_set(prompt->edit, EL_PREP_TERM, 1);
    line = el_gets(prompt->edit, &count);
    if (line == NULL || count <= 0 || link_interrupted()) {
        putchar('\n');
        return 0;
    }
    if (line[strspn(line, " \t\n")] != '\0') {
        history(prompt->history, &event, H_ENTER, line);
    }
    return keep(prompt, line) ? (ssize_t)strlen(prompt->line) : -1;
}

enum prompt_result prompt_read(struct prompt *prompt, const char **line, size_t *len)
{
    ssize_t got;

    fflush(stdout); /* whoever reads our output may wait for it, to write the next line */
    if (prompt->interactive) {
        got = read_edited(prompt);
    } else {
        got = link_interrupted() ? 0 : getline(&prompt->line, &prompt->size, stdin);
    }
    if (link_interrupted()) {
        return PROMPT_INTERRUPTED;
    }
    if (got <= 0) {
        return PROMPT_END;
    }
    if (prompt->line[got - 1] == '\n') {
        prompt->line[--got] = '\0';
    }
    *line = prompt->line;
    *len = (size_t)got;
    return PROMPT_LINE;
}

struct prompt *prompt_begin(const char *label)
{
    struct prompt *prompt = calloc(1, sizeof *prompt);

    if (prompt == NULL) {
        return NULL;
    }
    snprintf(prompt->label, sizeof prompt->label, "%s", label);
    prompt->interactive = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
    if (prompt->interactive && !begin_editing(prompt)) {
        prompt_end(prompt);
        return NULL;
    }
    return prompt;
}

bool prompt_interactive(const struct prompt *prompt)
{
    return prompt->interactive;
}

void prompt_end(struct prompt *prompt)
{
    if (prompt->edit != NULL) {
        save_history(prompt);
        el_end(prompt->edit);
    }
    if (prompt->history != NULL) {
        history_end(prompt->history);
    }
    free(prompt->line);
    free(prompt);
}
