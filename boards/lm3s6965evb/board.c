/* SPDX-License-Identifier: MIT */
/*
 * Stellaris LM3S6965 Evaluation Board: clocks, UART, tick, interrupts, and an
 * SD card for files.
 */
#include "../common/board.h"

#include "../common/sd_card.h"
#include "ethernet.h"
#include "registers.h"

const char board_name[] = "lm3s6965evb";

/* Data sheet, chapter "System Control", section "Initialization and Configuration". */
#define RCC_BYPASS (1U << 11)                      /* run without the PLL */
#define RCC_XTAL_8_MHZ (14U << 6)                  /* the board's crystal; OSCSRC and MOSCDIS zero: use it */
#define RCC_PLL_200_MHZ_BY_4 (3U << 23 | 1U << 22) /* SYSDIV, USESYSDIV */
#define RIS_PLL_LOCKED (1U << 6)
#define PLL_PATIENCE 100000 /* looks; it takes 0.5 ms */

/* Chapter "UARTs". */
#define UART0(offset) REGISTER(0x4000C000 + (offset))
#define UARTDR UART0(0x000)
#define UARTFR UART0(0x018)
#define UARTIBRD UART0(0x024)
#define UARTFBRD UART0(0x028)
#define UARTLCRH UART0(0x02C)
#define UARTCTL UART0(0x030)
#define UARTFR_RXFE (1U << 4)
#define UARTFR_TXFF (1U << 5)
#define UARTLCRH_8_BITS (3U << 5)
#define UARTCTL_RX_TX_ON (3U << 8 | 1U << 0)
#define UART_DIVISOR ((CLOCK_HZ * 4 + 115200 / 2) / 115200) /* in 64ths of 16 clocks a bit */

static struct sd_card card;
static const struct flash_device *flash;

INTERRUPT_VECTORS static const interrupt_vector vectors[ETHERNET_INTERRUPT + 1] = {
    [ETHERNET_INTERRUPT] = ethernet_on_interrupt,
};

static void begin_clock(void)
{
    RCC = RCC_BYPASS | RCC_XTAL_8_MHZ;
    for (int i = 0; i < PLL_PATIENCE && (RIS & RIS_PLL_LOCKED) == 0; i++) {
    }
    RCC = RCC_BYPASS | RCC_XTAL_8_MHZ | RCC_PLL_200_MHZ_BY_4;
    RCC = RCC_XTAL_8_MHZ | RCC_PLL_200_MHZ_BY_4;
}

/* All that there is gets its clock, and its pins; the registers are as after a reset. */
static void begin_pins(void)
{
    RCGC1 = RCGC1_UART0 | RCGC1_SSI0;
    RCGC2 = RCGC2_GPIOA | RCGC2_GPIOD | RCGC2_ETHERNET;
    (void)RCGC2; /* a clock needs a few cycles to come */
    GPIODIR(GPIO_A) = PIN_DISPLAY;
    GPIODATA(GPIO_A, PIN_DISPLAY) = PIN_DISPLAY;
    GPIOAFSEL(GPIO_A) = PINS_UART | PINS_SSI;
    GPIOPUR(GPIO_A) = PIN_SSI_RECEIVE;
    GPIODEN(GPIO_A) = PINS_UART | PINS_SSI | PIN_DISPLAY;
    GPIODIR(GPIO_D) = PIN_CARD;
    GPIODATA(GPIO_D, PIN_CARD) = PIN_CARD;
    GPIODEN(GPIO_D) = PIN_CARD;
}

static void begin_uart(void)
{
    UARTIBRD = UART_DIVISOR / 64;
    UARTFBRD = UART_DIVISOR % 64;
    UARTLCRH = UARTLCRH_8_BITS;
    UARTCTL = UARTCTL_RX_TX_ON;
}

void board_begin(void)
{
    begin_clock();
    begin_pins();
    begin_uart();
    cortex_m_begin_tick(CLOCK_HZ);
    flash = sd_card_begin(&card);
}

const struct flash_device *board_flash(void)
{
    return flash;
}

/* The bits stay until they are cleared. A restart by software sets one, too, but then the log tells more. */
const char *board_reset_reason(void)
{
    static const char *const reasons[] = {"reset pin", "power-on", "brown-out", "watchdog", NULL, "LDO failure"};
    static uint32_t cause;

    cause |= RESC;
    RESC = 0;
    for (unsigned bit = 0; bit < sizeof reasons / sizeof reasons[0]; bit++) {
        if ((cause & 1U << bit) != 0) {
            return reasons[bit];
        }
    }
    return NULL;
}

void board_put_char(char c)
{
    while ((UARTFR & UARTFR_TXFF) != 0) {
    }
    UARTDR = (uint8_t)c;
}

int board_get_char(void)
{
    return (UARTFR & UARTFR_RXFE) == 0 ? (int)(UARTDR & 0xFF) : -1;
}

/* WFI ends at an interrupt that is pending, taken or not: none can slip in between the look and the sleep. */
void board_sleep(void)
{
    __asm volatile("cpsid i" ::: "memory");
    if (!ethernet_listen()) {
        __asm volatile("wfi");
    }
    __asm volatile("cpsie i" ::: "memory");
}
