/* SPDX-License-Identifier: ISC */
/*
 * unmodified.c - a kernel that knows nothing of Postern, as small as one can be: it talks to a PC's hardware, by ports,
 * CPUID and RDMSR, and sleeps in HLT until the serial port interrupts it. What it checks, it checks by itself, and says
 * what is wrong; then it obeys single letters:
 *   q  powers off    r  resets by 0xcf9    k  resets by the keyboard controller    a  resets by port A
 *   t  says the time    s  sleeps for five ticks of the timer    e  has two exceptions, which it catches
 *   u  executes an undefined instruction    anything else  is sent back, 'a' as 'A' and so on
 */
#include <stdbool.h>
#include <stdint.h>

enum {
	SERIAL = 0x3f8,
	IER = 1,
	FCR = 2,
	LCR = 3,
	MCR = 4,
	LSR = 5,
	PIC_1 = 0x20,
	PIC_2 = 0xa0,
	FIRST_VECTOR = 0x20,
	TIMER = 0x40,
	TIMER_LINE = 0,
	SERIAL_LINE = 4,
	END_OF_INTERRUPT = 0x20,
};

struct gate {
	uint16_t low, selector, kind, middle;
	uint32_t high, reserved;
};

static struct gate table[FIRST_VECTOR + 16];
static volatile unsigned ticks, faults;
static volatile uint8_t received[256];
static volatile uint8_t received_begin, received_end; /* they wrap where the array ends */

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static void send(char byte)
{
	while (!(in8(SERIAL + LSR) & 0x20))
		;
	out8(SERIAL, (uint8_t)byte);
}

static void say(const char *text)
{
	for (; *text; text++)
		send(*text);
}

static void say_number(unsigned number, unsigned digits)
{
	if (digits > 1)
		say_number(number / 10, digits - 1);
	send((char)('0' + number % 10));
}

/* ---- checks ---- */

static void expect(bool is_so, const char *what)
{
	if (is_so)
		return;
	say("wrong: ");
	say(what);
	say("\n");
}

static void check_processor(void)
{
	uint32_t a = 0, b, c = 0, d;
	uint32_t low, high;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	expect(a >= 1 && b && c && d, "CPUID has no leaves");
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0x1b));
	expect(low & 0x100, "IA32_APIC_BASE: not the first processor");
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080));
	expect(low & 0x400, "EFER: long mode is not active");
}

static void check_ports(void)
{
	expect(in8(0x1234) == 0xff && in32(0x1234) == 0xffffffff,
	       "a port without a device reads other than ones");
	out8(SERIAL + 7, 0x5a);
	expect(in8(SERIAL + 7) == 0x5a, "the scratch register does not keep its value");
	out8(SERIAL + MCR, 0x10);
	out8(SERIAL, 'x');
	expect((in8(SERIAL + LSR) & 1) && in8(SERIAL) == 'x', "nothing came back over the loop");
	out8(SERIAL + MCR, 0);
}

/* ---- interrupts ---- */

static __attribute__((interrupt)) void on_serial(void *frame)
{
	(void)frame;
	while ((in8(SERIAL + LSR) & 1) && (uint8_t)(received_end + 1) != received_begin)
		received[received_end++] = in8(SERIAL);
	if (in8(SERIAL + LSR) & 1)
		out8(SERIAL + IER, 0); /* no more before there is room */
	out8(PIC_1, END_OF_INTERRUPT);
}

static __attribute__((interrupt)) void on_timer(void *frame)
{
	(void)frame;
	ticks++;
	out8(PIC_1, END_OF_INTERRUPT);
}

/* What an exception leaves on the stack, above its error code. */
struct frame {
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Behind UD2, or a load of a byte from where rax points: both have two bytes. */
static __attribute__((interrupt)) void on_undefined(struct frame *frame)
{
	faults++;
	frame->rip += 2;
}

static __attribute__((interrupt)) void on_protection(struct frame *frame, uint64_t error)
{
	if (!error)
		faults++;
	frame->rip += 2;
}

static void set_gate(unsigned vector, uint64_t address)
{
	uint16_t selector;

	__asm__("mov %%cs, %0" : "=r"(selector));
	table[vector] = (struct gate){ (uint16_t)address,         selector, 0x8e00, (uint16_t)(address >> 16),
				       (uint32_t)(address >> 32), 0 };
}

static void set_up_interrupts(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) descriptor = { sizeof table - 1, (uint64_t)table };

	set_gate(FIRST_VECTOR + TIMER_LINE, (uint64_t)on_timer);
	set_gate(FIRST_VECTOR + SERIAL_LINE, (uint64_t)on_serial);
	__asm__ volatile("lidt %0" : : "m"(descriptor));
	out8(PIC_1, 0x11);
	out8(PIC_1 + 1, FIRST_VECTOR);
	out8(PIC_1 + 1, 4);
	out8(PIC_1 + 1, 1);
	out8(PIC_2, 0x11);
	out8(PIC_2 + 1, FIRST_VECTOR + 8);
	out8(PIC_2 + 1, 2);
	out8(PIC_2 + 1, 1);
	out8(PIC_1 + 1, (uint8_t) ~(1 << SERIAL_LINE));
	out8(PIC_2 + 1, 0xff);
	out8(SERIAL + FCR, 7);
	out8(SERIAL + IER, 1);
	out8(SERIAL + MCR, 0x0b);
}

/* Sleeps until a byte has come. */
static char receive(void)
{
	char byte;

	for (;;) {
		__asm__ volatile("cli" : : : "memory");
		if (received_begin != received_end)
			break;
		__asm__ volatile("sti; hlt" : : : "memory");
	}
	byte = (char)received[received_begin++];
	out8(SERIAL + IER, 1);
	__asm__ volatile("sti" : : : "memory");
	return byte;
}

/* ---- orders ---- */

static unsigned clock(uint8_t index)
{
	uint8_t value;

	out8(0x70, index);
	value = in8(0x71);
	return (value >> 4) * 10U + (value & 15U);
}

static void say_time(void)
{
	say_number(clock(0x32) * 100 + clock(9), 4);
	say("-");
	say_number(clock(8), 2);
	say("-");
	say_number(clock(7), 2);
	say("\n");
}

/* Of 10 ms each. The serial port may interrupt meanwhile. */
static void sleep_for_ticks(void)
{
	out8(TIMER + 3, 0x34);
	out8(TIMER, 11932 & 0xff);
	out8(TIMER, 11932 >> 8);
	ticks = 0;
	out8(PIC_1 + 1, (uint8_t) ~(1 << SERIAL_LINE | 1 << TIMER_LINE));
	while (ticks < 5)
		__asm__ volatile("hlt" : : : "memory");
	out8(PIC_1 + 1, (uint8_t) ~(1 << SERIAL_LINE));
	say("slept\n");
}

static void catch_exceptions(void)
{
	uint64_t rax = UINT64_C(1) << 63; /* no address at all */

	set_gate(6, (uint64_t)on_undefined);
	set_gate(13, (uint64_t)on_protection);
	__asm__ volatile("ud2" : : : "memory");
	__asm__ volatile(".byte 0x8a, 0x00" : "+a"(rax) : : "memory"); /* movb (%rax), %al */
	table[6].kind = table[13].kind = 0;
	say(faults == 2 ? "caught\n" : "wrong: exceptions\n");
}

static void obey(char order)
{
	if (order == 'q')
		out16(0x604, 5 << 10 | 1 << 13);
	else if (order == 'r')
		out8(0xcf9, 6);
	else if (order == 'k')
		out8(0x64, 0xfe);
	else if (order == 'a')
		out8(0x92, 1);
	else if (order == 't')
		say_time();
	else if (order == 'e')
		catch_exceptions();
	else if (order == 's')
		sleep_for_ticks();
	else if (order == 'u')
		__asm__ volatile("ud2");
	else
		send(order >= 'a' && order <= 'z' ? (char)(order - 'a' + 'A') : order);
}

__attribute__((used)) static void run(void)
{
	out8(SERIAL + LCR, 3);
	say("unmodified\n");
	check_processor();
	check_ports();
	set_up_interrupts();
	say("ready\n");
	for (;;)
		obey(receive());
}

static __attribute__((aligned(16), used)) uint8_t stack[16384];

__asm__(".globl _start\n"
	"_start:\n"
	"	leaq stack+16384(%rip), %rsp\n"
	"	xorl %ebp, %ebp\n"
	"	call run\n"
	"	ud2\n");
